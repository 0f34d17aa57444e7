//! The check of a `database.toml`: turns what was written into what is meant, and says where it
//! cannot.

use super::raw::{Raw, RawClient, RawFile, RawInstall, RawReady, RawSetup, RawStart, RawWhen};
use super::{
    Archive, ClientDefinition, ClientKind, Condition, Definition, FileDefinition, LIST_LIMIT,
    OptionDefinition, Probe, Ready, Setting, Setup, Start, TomlError, When,
};
use crate::database::paths;
use crate::database::template::{Names, Template};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// How long a database may be given to become ready.
const READY_LIMIT: Duration = Duration::from_secs(3600);
pub(super) const TIME_DEFAULT: Duration = Duration::from_secs(60);
/// The port for clients, unless another is named.
const CLIENT_PORT: &str = "client";

/// What `raw`, read from `text`, means.
pub(super) fn definition(file: &str, text: &str, raw: Raw) -> Checked<Definition> {
    Checker::new(file, text, &raw).definition(raw)
}

/// Turns what was written into what is meant, and says where it cannot.
pub(super) struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    ports: BTreeMap<String, u16>,
    options: Vec<String>,
    values: BTreeMap<String, Vec<String>>,
    roles: Vec<String>,
}

pub(super) type Checked<T> = Result<T, Box<TomlError>>;

impl<'a> Checker<'a> {
    fn new(file: &'a str, text: &'a str, raw: &Raw) -> Self {
        let ports = raw.ports.iter().map(|(name, port)| (name.clone(), *port.get_ref())).collect();
        let values = raw
            .options
            .iter()
            .map(|(name, option)| (name.clone(), option.get_ref().values.clone()))
            .collect();
        let mut roles: Vec<String> = raw.roles.iter().map(|role| role.get_ref().clone()).collect();
        roles.dedup();
        let options = raw.options.keys().cloned().collect();
        Self { file, text, ports, options, values, roles }
    }

    fn definition(self, raw: Raw) -> Checked<Definition> {
        self.name(&raw.name)?;
        self.lengths(&raw)?;
        self.role_names(&raw.roles)?;
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
        let claims = self.claims(&raw)?;
        Ok(Definition {
            data: self.paths(&raw.data)?,
            logs,
            archive: self.archive(&raw.install)?,
            packages: raw.install.packages.into_iter().map(Spanned::into_inner).collect(),
            program: raw.install.program.map(|program| self.template(&program)).transpose()?,
            start: self.start(raw.start)?,
            setup: raw.setup.iter().map(|setup| self.setup(setup)).collect::<Checked<_>>()?,
            ready: self.ready(&raw.ready)?,
            files: raw.files.iter().map(|file| self.file(file)).collect::<Checked<_>>()?,
            client: raw.client.as_ref().map(|client| self.client(client)).transpose()?,
            claims,
            crashes: raw.crashes,
            options: raw
                .options
                .into_iter()
                .map(|(name, option)| (name, option.into_inner()))
                .collect(),
            roles: raw.roles.into_iter().map(Spanned::into_inner).collect(),
            name: raw.name.into_inner(),
            about: raw.about,
            ports: self.ports,
        })
    }

    fn lengths(&self, raw: &Raw) -> Checked<()> {
        let lists = [
            ("roles", raw.roles.len()),
            ("setup", raw.setup.len()),
            ("data", raw.data.len()),
            ("logs", raw.logs.len()),
            ("install.packages", raw.install.packages.len()),
            ("start.command", raw.start.command.get_ref().len()),
            ("start.when", raw.start.when.len()),
            ("start.env", raw.start.env.len()),
            ("ports", raw.ports.len()),
            ("options", raw.options.len()),
            ("files", raw.files.len()),
            ("sometimes", raw.sometimes.len()),
            ("never", raw.never.len()),
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

    /// Roles are names in templates, beside others.
    fn role_names(&self, roles: &[Spanned<String>]) -> Checked<()> {
        const TAKEN: [&str; 8] =
            ["nodes", "others", "name", "address", "host", "index", "perjury", "role"];
        for role in roles {
            let text = role.get_ref();
            let plain =
                |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
            if text.is_empty() || !text.chars().all(plain) {
                let message = "a role's name is of small letters, digits and dashes";
                return self.refuse(role.span(), message);
            }
            if TAKEN.contains(&text.as_str()) {
                let message =
                    format!("`{text}` means something else in templates: take another name");
                return self.refuse(role.span(), message);
            }
        }
        Ok(())
    }

    fn archive(&self, raw: &RawInstall) -> Checked<Option<Archive>> {
        let (Some(source), Some(into)) = (&raw.archive, &raw.into) else {
            let lone = raw.archive.as_ref().or(raw.into.as_ref()).or(raw.sha256.as_ref());
            return match lone {
                None => Ok(None),
                Some(lone) => {
                    let error = self.error(lone.span(), "`archive` and `into` go together");
                    Err(Box::new(
                        error.help("archive = \"example.tar.gz\", into = \"/opt/example\""),
                    ))
                }
            };
        };
        let hexadecimal =
            |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(sha256) = raw.sha256.as_ref().filter(|sha256| !hexadecimal(sha256.get_ref())) {
            return self.refuse(sha256.span(), "a SHA-256 has 64 hexadecimal digits");
        }
        if source.get_ref().contains("://") && raw.sha256.is_none() {
            let error = self.error(source.span(), "what comes from elsewhere needs its `sha256`");
            return Err(Box::new(error.help("`sha256sum FILE` prints it")));
        }
        Ok(Some(Archive {
            source: source.get_ref().clone(),
            sha256: raw.sha256.as_ref().map(|sha256| sha256.get_ref().to_ascii_lowercase()),
            into: self.path(into)?,
        }))
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
        if let Some(user) = &raw.user {
            self.user(user)?;
        }
        let when = raw.when.iter().map(|when| self.when(when)).collect::<Checked<_>>()?;
        Ok(Start {
            command: self.templates(raw.command.get_ref())?,
            when,
            env,
            directory: raw.directory.map(Spanned::into_inner),
            user: raw.user.map(Spanned::into_inner),
            order: raw.order,
        })
    }

    fn user(&self, user: &Spanned<String>) -> Checked<()> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let text = user.get_ref();
        if text.is_empty() || text.starts_with('-') || !text.bytes().all(plain) {
            return self.refuse(user.span(), format!("`{text}` cannot be the name of a user"));
        }
        Ok(())
    }

    fn when(&self, raw: &RawWhen) -> Checked<When> {
        let condition = self.condition(&raw.option, &raw.is, &raw.role)?;
        let condition = Condition { fresh: raw.fresh, ..condition };
        if condition == Condition::default() {
            let place = raw.arguments.first().map_or(0..0, Spanned::span);
            let message = "say when: `option` (and `is`), `role` or `fresh`";
            return self.refuse(place, message);
        }
        Ok(When { condition, arguments: self.templates(&raw.arguments)? })
    }

    fn condition(
        &self,
        option: &Option<Spanned<String>>,
        is: &Option<Spanned<String>>,
        role: &Option<Spanned<String>>,
    ) -> Checked<Condition> {
        if let Some(option) = option {
            self.known_option(option, is.as_ref())?;
        } else if let Some(is) = is {
            return self.refuse(is.span(), "`is` goes with `option`");
        }
        if let Some(role) = role
            && !self.roles.contains(role.get_ref())
        {
            let text = role.get_ref();
            let error = self.error(role.span(), format!("there is no role `{text}`"));
            return Err(Box::new(error.help("roles are named at the top: roles = [\"…\"]")));
        }
        let plain =
            |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.get_ref().clone());
        Ok(Condition { option: plain(option), is: plain(is), role: plain(role), fresh: None })
    }

    fn known_option(&self, option: &Spanned<String>, is: Option<&Spanned<String>>) -> Checked<()> {
        let name = option.get_ref();
        let Some(values) = self.values.get(name) else {
            let error = self.error(option.span(), format!("there is no option `{name}`"));
            return Err(Box::new(error.help(format!("describe it under [options.{name}]"))));
        };
        match is {
            Some(is) if !values.is_empty() && !values.contains(is.get_ref()) => {
                let (is_text, values) = (is.get_ref(), values.join(", "));
                let message =
                    format!("option `{name}` can never be `{is_text}`: its values are {values}");
                self.refuse(is.span(), message)
            }
            _ => Ok(()),
        }
    }

    fn setup(&self, raw: &RawSetup) -> Checked<Setup> {
        if raw.command.get_ref().is_empty() {
            return self.refuse(raw.command.span(), "the command needs a program");
        }
        if let Some(user) = &raw.user {
            self.user(user)?;
        }
        Ok(Setup {
            command: self.templates(raw.command.get_ref())?,
            at: raw.at,
            once: raw.once,
            condition: self.condition(&raw.option, &raw.is, &raw.role)?,
            user: raw.user.as_ref().map(|user| user.get_ref().clone()),
            timeout: self.time(&raw.timeout)?,
        })
    }

    fn client(&self, raw: &Spanned<RawClient>) -> Checked<ClientDefinition> {
        let client = raw.get_ref();
        let kind = match (&client.driver, &client.command) {
            (Some(driver), None) => self.driver(driver, client)?,
            (None, Some(command)) if !command.get_ref().is_empty() => {
                if let Some(port) = &client.port {
                    let message =
                        "`port` goes with `driver`; a command gets {port.NAME} as an argument";
                    return self.refuse(port.span(), message);
                }
                if let Some(setting) = client.settings.values().next() {
                    let message =
                        "`settings` go with `driver`; a command gets arguments and options";
                    return self.refuse(setting.span(), message);
                }
                if client.workloads.is_empty() {
                    let error =
                        self.error(command.span(), "say which `workloads` the command can run");
                    return Err(Box::new(error.help("workloads = [\"register\", \"bank\"]")));
                }
                ClientKind::Command(self.templates(command.get_ref())?)
            }
            _ => {
                let message = "say in exactly one way who speaks to the database";
                return Err(Box::new(self.error(raw.span(), message).help(CLIENT_HELP)));
            }
        };
        Ok(ClientDefinition { kind, workloads: client.workloads.clone(), span: raw.span() })
    }

    fn driver(&self, name: &Spanned<String>, raw: &RawClient) -> Checked<ClientKind> {
        let port = raw.port.as_ref().map_or(CLIENT_PORT, |port| port.get_ref());
        let Some(port) = self.ports.get(port).copied() else {
            let place = raw.port.as_ref().unwrap_or(name);
            let error =
                self.error(place.span(), format!("there is no port `{port}` under [ports]"));
            return Err(Box::new(
                error.help("a driver connects to the port called `client`, or as `port` says"),
            ));
        };
        let mut settings = BTreeMap::new();
        for (key, text) in &raw.settings {
            let value = self.template(text)?;
            if value.is_of_a_node() {
                let message =
                    "settings are the same for all nodes: use {port.NAME} and {option.NAME} only";
                return self.refuse(text.span(), message);
            }
            settings.insert(key.clone(), Setting { value, span: text.span() });
        }
        Ok(ClientKind::Driver { name: name.clone(), port, settings })
    }

    fn time(&self, text: &Option<Spanned<String>>) -> Checked<Duration> {
        text.as_ref().map_or(Ok(TIME_DEFAULT), |text| self.duration(text))
    }

    fn ready(&self, raw: &Spanned<RawReady>) -> Checked<Ready> {
        let ready = raw.get_ref();
        let timeout = self.time(&ready.timeout)?;
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
            condition: self.condition(&raw.option, &raw.is, &raw.role)?,
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
        let names = Names { ports: &self.ports, options: &self.options, roles: &self.roles };
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

    pub(super) fn refuse<T>(&self, span: Range<usize>, message: impl Into<String>) -> Checked<T> {
        Err(Box::new(self.error(span, message)))
    }
}

const READY_HELP: &str = "http = \"http://{host}:{port.client}/health\" (and contains = \"…\"), \
     or tcp = \"{host}:{port.client}\", or command = [\"program\", \"argument\"]";

const CLIENT_HELP: &str = "driver = \"NAME\", one of `perjury drivers`, or command = [\"program\", \
     \"argument\"] with workloads = [\"…\"]";
