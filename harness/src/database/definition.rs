//! Definitions: what a `database.toml` says, checked, with its templates parsed.

use super::diagnostic::TomlError;
use super::paths;
use super::template::{Names, Template};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// Bytes that a `database.toml` may have.
const FILE_LIMIT: usize = 256 << 10;
/// Entries that any list or table in it may have.
const LIST_LIMIT: usize = 256;
/// How long a database may be given to become ready.
const READY_LIMIT: Duration = Duration::from_secs(3600);
const READY_DEFAULT: Duration = Duration::from_secs(60);

/// A database as its `database.toml` describes it. See docs/databases.md for the format.
#[derive(Clone, Debug)]
pub struct Definition {
    pub name: String,
    pub about: String,
    /// Debian packages to install where `program` is absent.
    pub packages: Vec<String>,
    /// What must be there afterwards: a name to be found on PATH, or a path.
    pub program: Option<Template>,
    pub start: Start,
    pub ready: Ready,
    /// Directories that are emptied before a run.
    pub data: Vec<String>,
    /// Log files, the first of them what the process writes to its output.
    pub logs: Vec<String>,
    /// Ports that it listens on, all on the node's address.
    pub ports: BTreeMap<String, u16>,
    pub options: BTreeMap<String, OptionDefinition>,
    /// Files that are written before each start.
    pub files: Vec<FileDefinition>,
}

/// How the process is started: argv lists, no shell.
#[derive(Clone, Debug)]
pub struct Start {
    pub command: Vec<Template>,
    /// Arguments appended when an option has a value (or a certain one).
    pub when: Vec<When>,
    pub env: BTreeMap<String, Template>,
    /// Working directory.
    pub directory: Option<String>,
    /// Runs as this user; the data directories are then theirs.
    pub user: Option<String>,
}

/// Arguments that depend on an option.
#[derive(Clone, Debug)]
pub struct When {
    pub option: String,
    /// Only when the option has this value; any value when absent.
    pub is: Option<String>,
    pub arguments: Vec<Template>,
}

/// How to tell that a node answers.
#[derive(Clone, Debug)]
pub struct Ready {
    pub probe: Probe,
    pub timeout: Duration,
}

/// One question, asked until it is answered well.
#[derive(Clone, Debug)]
pub enum Probe {
    /// From the controller: GET answers 200 and the body contains a text.
    Http { url: Template, contains: Option<Template> },
    /// From the controller: a connection to `HOST:PORT` is accepted.
    Tcp(Template),
    /// On the node: the command exits with code 0.
    Command(Vec<Template>),
}

/// An option that templates may use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionDefinition {
    /// One line for the help.
    pub about: String,
    /// The values allowed; any when empty.
    #[serde(default)]
    pub values: Vec<String>,
    pub default: Option<String>,
}

/// A file written on each node before each start.
#[derive(Clone, Debug)]
pub struct FileDefinition {
    pub path: String,
    pub text: Template,
    pub mode: u32,
}

const TOP: &[&str] =
    &["name", "about", "data", "logs", "install", "start", "ready", "ports", "options", "files"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Spanned<String>,
    about: String,
    #[serde(default)]
    data: Vec<Spanned<String>>,
    #[serde(default)]
    logs: Vec<Spanned<String>>,
    #[serde(default)]
    install: RawInstall,
    start: RawStart,
    ready: Spanned<RawReady>,
    #[serde(default)]
    ports: BTreeMap<String, Spanned<u16>>,
    #[serde(default)]
    options: BTreeMap<String, Spanned<OptionDefinition>>,
    #[serde(default)]
    files: Vec<RawFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInstall {
    #[serde(default)]
    packages: Vec<Spanned<String>>,
    program: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStart {
    command: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    when: Vec<RawWhen>,
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    directory: Option<Spanned<String>>,
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWhen {
    option: Spanned<String>,
    is: Option<Spanned<String>>,
    arguments: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReady {
    http: Option<Spanned<String>>,
    contains: Option<Spanned<String>>,
    tcp: Option<Spanned<String>>,
    command: Option<Vec<Spanned<String>>>,
    timeout: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: Spanned<String>,
    text: Spanned<String>,
    mode: Option<Spanned<String>>,
}

impl Definition {
    /// Parses and checks the text of a `database.toml`; `file` is its name in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, Box<TomlError>> {
        if text.len() > FILE_LIMIT {
            let message = format!("the file has more than {FILE_LIMIT} bytes");
            return Err(Box::new(TomlError::new(file, "", None, message)));
        }
        let raw: Raw = toml::from_str(text)
            .map_err(|error| Box::new(TomlError::from_toml(file, text, &error, TOP)))?;
        Checker::new(file, text, &raw).definition(raw)
    }
}

/// Turns what was written into what is meant, and says where it cannot.
struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    ports: BTreeMap<String, u16>,
    options: Vec<String>,
    values: BTreeMap<String, Vec<String>>,
}

type Checked<T> = Result<T, Box<TomlError>>;

impl<'a> Checker<'a> {
    fn new(file: &'a str, text: &'a str, raw: &Raw) -> Self {
        let ports = raw.ports.iter().map(|(name, port)| (name.clone(), *port.get_ref())).collect();
        let values = raw
            .options
            .iter()
            .map(|(name, option)| (name.clone(), option.get_ref().values.clone()))
            .collect();
        Self { file, text, ports, options: raw.options.keys().cloned().collect(), values }
    }

    fn definition(self, raw: Raw) -> Checked<Definition> {
        self.name(&raw.name)?;
        self.lengths(&raw)?;
        self.ports(&raw.ports)?;
        for option in raw.options.values() {
            self.option(option)?;
        }
        let own_log = format!("/var/log/perjury-{}.log", raw.name.get_ref());
        let mut logs = self.paths(&raw.logs)?;
        if logs.is_empty() {
            logs.push(own_log);
        }
        for package in &raw.install.packages {
            self.package(package)?;
        }
        Ok(Definition {
            data: self.paths(&raw.data)?,
            logs,
            packages: raw.install.packages.into_iter().map(Spanned::into_inner).collect(),
            program: raw.install.program.map(|program| self.template(&program)).transpose()?,
            start: self.start(raw.start)?,
            ready: self.ready(&raw.ready)?,
            files: raw.files.iter().map(|file| self.file(file)).collect::<Checked<_>>()?,
            options: raw
                .options
                .into_iter()
                .map(|(name, option)| (name, option.into_inner()))
                .collect(),
            name: raw.name.into_inner(),
            about: raw.about,
            ports: self.ports,
        })
    }

    fn lengths(&self, raw: &Raw) -> Checked<()> {
        let lists = [
            ("data", raw.data.len()),
            ("logs", raw.logs.len()),
            ("install.packages", raw.install.packages.len()),
            ("start.command", raw.start.command.get_ref().len()),
            ("start.when", raw.start.when.len()),
            ("start.env", raw.start.env.len()),
            ("ports", raw.ports.len()),
            ("options", raw.options.len()),
            ("files", raw.files.len()),
        ];
        match lists.into_iter().find(|(_, length)| *length > LIST_LIMIT) {
            None => Ok(()),
            Some((name, length)) => Err(Box::new(TomlError::new(
                self.file,
                self.text,
                None,
                format!("`{name}` has {length} entries, more than {LIST_LIMIT}"),
            ))),
        }
    }

    fn name(&self, name: &Spanned<String>) -> Checked<()> {
        let text = name.get_ref();
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
            let message = "a database's name is 1 to 64 small letters, digits and dashes";
            return self.refuse(name.span(), message);
        }
        Ok(())
    }

    fn package(&self, package: &Spanned<String>) -> Checked<()> {
        let text = package.get_ref();
        let plain = |char: char| char.is_ascii_alphanumeric() || "+-.:~=".contains(char);
        // A leading dash would be read as an option of apt-get.
        if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
            let message = format!("`{text}` cannot be the name of a Debian package");
            return self.refuse(package.span(), message);
        }
        Ok(())
    }

    fn ports(&self, ports: &BTreeMap<String, Spanned<u16>>) -> Checked<()> {
        let mut seen: BTreeMap<u16, &str> = BTreeMap::new();
        for (name, port) in ports {
            let number = *port.get_ref();
            if number == 0 {
                return self.refuse(port.span(), "port 0 cannot be listened on");
            }
            if let Some(other) = seen.insert(number, name) {
                let message = format!("ports `{other}` and `{name}` have the same number");
                return self.refuse(port.span(), message);
            }
        }
        Ok(())
    }

    fn option(&self, option: &Spanned<OptionDefinition>) -> Checked<()> {
        let OptionDefinition { values, default, .. } = option.get_ref();
        match default {
            Some(default) if !values.is_empty() && !values.contains(default) => self.refuse(
                option.span(),
                format!("the default `{default}` is not among the values {}", values.join(", ")),
            ),
            _ => Ok(()),
        }
    }

    fn start(&self, raw: RawStart) -> Checked<Start> {
        if raw.command.get_ref().is_empty() {
            return self.refuse(raw.command.span(), "the command needs a program");
        }
        if let Some(directory) = &raw.directory {
            self.path(directory)?;
        }
        let mut env = BTreeMap::new();
        for (name, value) in &raw.env {
            env.insert(name.clone(), self.template(value)?);
        }
        let when = raw.when.iter().map(|when| self.when(when)).collect::<Checked<_>>()?;
        Ok(Start {
            command: self.templates(raw.command.get_ref())?,
            when,
            env,
            directory: raw.directory.map(Spanned::into_inner),
            user: raw.user,
        })
    }

    fn when(&self, raw: &RawWhen) -> Checked<When> {
        let option = raw.option.get_ref();
        if !self.options.contains(option) {
            let error = self.error(raw.option.span(), format!("there is no option `{option}`"));
            return Err(Box::new(error.help(format!("describe it under [options.{option}]"))));
        }
        let values = &self.values[option];
        if let Some(is) = &raw.is
            && !values.is_empty()
            && !values.contains(is.get_ref())
        {
            let (is_text, values) = (is.get_ref(), values.join(", "));
            let message =
                format!("option `{option}` can never be `{is_text}`: its values are {values}");
            return self.refuse(is.span(), message);
        }
        Ok(When {
            option: option.clone(),
            is: raw.is.as_ref().map(|is| is.get_ref().clone()),
            arguments: self.templates(&raw.arguments)?,
        })
    }

    fn ready(&self, raw: &Spanned<RawReady>) -> Checked<Ready> {
        let ready = raw.get_ref();
        let timeout = match &ready.timeout {
            None => READY_DEFAULT,
            Some(text) => self.duration(text)?,
        };
        if let (Some(contains), None) = (&ready.contains, &ready.http) {
            return self.refuse(contains.span(), "`contains` goes with `http` only");
        }
        let probe = match (&ready.http, &ready.tcp, &ready.command) {
            (Some(url), None, None) => {
                if !url.get_ref().starts_with("http://") {
                    return self.refuse(url.span(), "the address to ask begins with http://");
                }
                let contains = ready.contains.as_ref();
                let contains = contains.map(|text| self.template(text)).transpose()?;
                Probe::Http { url: self.template(url)?, contains }
            }
            (None, Some(address), None) => Probe::Tcp(self.template(address)?),
            (None, None, Some(command)) if !command.is_empty() => {
                Probe::Command(self.templates(command)?)
            }
            _ => {
                let message = "say in exactly one way how to tell that a node is ready";
                let error = self.error(raw.span(), message);
                return Err(Box::new(error.help(READY_HELP)));
            }
        };
        Ok(Ready { probe, timeout })
    }

    fn duration(&self, text: &Spanned<String>) -> Checked<Duration> {
        let parsed = text.get_ref().parse::<jiff::SignedDuration>().ok();
        match parsed.and_then(|duration| Duration::try_from(duration).ok()) {
            Some(duration) if duration > Duration::ZERO && duration <= READY_LIMIT => Ok(duration),
            _ => {
                let message = "this has to be a time between 1ms and 1h, such as \"30s\"";
                self.refuse(text.span(), message)
            }
        }
    }

    fn file(&self, raw: &RawFile) -> Checked<FileDefinition> {
        self.path(&raw.path)?;
        let mode = match &raw.mode {
            None => 0o644,
            Some(mode) => match u32::from_str_radix(mode.get_ref(), 8) {
                Ok(number) if number <= 0o777 => number,
                _ => return self.refuse(mode.span(), "a mode is written in octal, like \"0644\""),
            },
        };
        Ok(FileDefinition {
            path: raw.path.get_ref().clone(),
            text: self.template(&raw.text)?,
            mode,
        })
    }

    fn paths(&self, raw: &[Spanned<String>]) -> Checked<Vec<String>> {
        raw.iter().map(|path| self.path(path)).collect()
    }

    fn path(&self, path: &Spanned<String>) -> Checked<String> {
        match paths::ours(path.get_ref()) {
            Ok(()) => Ok(path.get_ref().clone()),
            Err(message) => self.refuse(path.span(), message),
        }
    }

    fn templates(&self, texts: &[Spanned<String>]) -> Checked<Vec<Template>> {
        texts.iter().map(|text| self.template(text)).collect()
    }

    fn template(&self, text: &Spanned<String>) -> Checked<Template> {
        let names = Names { ports: &self.ports, options: &self.options };
        Template::parse(text.get_ref(), &names).map_err(|error| {
            let span = self.within(text, &error.span);
            Box::new(self.error(span, error.message))
        })
    }

    /// Where bytes `inner` of a string are in the file. Where escapes make that unclear, all of
    /// the string.
    fn within(&self, string: &Spanned<String>, inner: &Range<usize>) -> Range<usize> {
        let outer = string.span();
        let written = self.text.get(outer.clone()).unwrap_or_default();
        match written.find(string.get_ref().as_str()) {
            Some(quotes) => {
                let start = outer.start + quotes;
                start + inner.start..start + inner.end
            }
            None => outer,
        }
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> TomlError {
        TomlError::new(self.file, self.text, Some(span), message)
    }

    fn refuse<T>(&self, span: Range<usize>, message: impl Into<String>) -> Checked<T> {
        Err(Box::new(self.error(span, message)))
    }
}

const READY_HELP: &str = "http = \"http://{host}:{port.client}/health\" (and contains = \"…\"), \
     or tcp = \"{host}:{port.client}\", or command = [\"program\", \"argument\"]";

#[cfg(test)]
mod tests;
