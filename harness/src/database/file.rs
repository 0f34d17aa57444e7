//! A database that is nothing but its `database.toml`: spoken to by a driver, or by a program of
//! the user's in any language.

use super::definition::{ClientKind, Setting};
use super::template::Scope;
use super::{Database, Definition, NodeFacts, Template, TomlError, nearest};
use crate::client::SharedConnect;
use crate::client::external::{self, ExternalConnector};
use crate::{BoxFuture, Driver, DriverSettings, Node, Options, Registry};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use toml::Spanned;

/// A `database.toml` of a user's, as a plan keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionText {
    /// Where it was read, for errors and for what is beside it.
    pub file: PathBuf,
    pub text: String,
}

impl DefinitionText {
    /// The folder that its paths are relative to.
    pub fn folder(&self) -> Option<PathBuf> {
        self.file.parent().map(PathBuf::from)
    }
}

/// A database made of its definition.
pub struct FileDatabase {
    definition: Definition,
    text: String,
    folder: Option<PathBuf>,
    workloads: Vec<&'static str>,
    speaker: Speaker,
}

/// Who speaks to it.
enum Speaker {
    Driver { driver: Arc<dyn Driver>, port: u16, settings: BTreeMap<String, Setting> },
    Command(Vec<Template>),
}

impl FileDatabase {
    /// The database that `text`, called `file` in errors, describes; its driver and its workloads
    /// are those of `registry`. Paths in it are relative to `folder`.
    ///
    /// # Errors
    /// Point at the line.
    pub fn new(
        text: &str,
        file: &str,
        folder: Option<PathBuf>,
        registry: &Registry,
    ) -> Result<Self, Box<TomlError>> {
        let definition = Definition::parse(text, file)?;
        let at = |span, message: String| TomlError::new(file, text, Some(span), message);
        let Some(client) = &definition.client else {
            let message = "there is no [client]: nobody knows how to speak to this database";
            let error = TomlError::new(file, text, None, message);
            return Err(Box::new(error.help("add [client] with `driver` or `command`")));
        };
        let speaker = match &client.kind {
            ClientKind::Command(argv) => Speaker::Command(argv.clone()),
            ClientKind::Driver { name, port, settings } => {
                let driver = find_driver(registry, name, &at)?;
                let known: Vec<&str> = driver.settings().iter().map(|(name, _)| *name).collect();
                for (name, setting) in settings {
                    if !known.contains(&name.as_str()) {
                        let text = format!("driver `{}` has no setting `{name}`", driver.name());
                        return Err(hinted(at(setting.span.clone(), text), name, &known));
                    }
                }
                Speaker::Driver { driver, port: *port, settings: settings.clone() }
            }
        };
        let possible: Vec<&'static str> = match &speaker {
            Speaker::Driver { driver, .. } => driver.workloads().to_vec(),
            Speaker::Command(_) => registry.workloads.iter().map(|known| known.name()).collect(),
        };
        let workloads = if client.workloads.is_empty() {
            possible
        } else {
            let pick = |name: &Spanned<String>| {
                let known = possible.iter().find(|known| **known == name.get_ref());
                known.copied().ok_or_else(|| {
                    let text = format!("there is no workload `{}` here", name.get_ref());
                    hinted(at(name.span(), text), name.get_ref(), &possible)
                })
            };
            client.workloads.iter().map(pick).collect::<Result<_, _>>()?
        };
        Ok(Self { definition, text: text.to_owned(), folder, workloads, speaker })
    }

    /// What it was made of.
    pub fn parsed(&self) -> &Definition {
        &self.definition
    }

    fn values(&self, options: &Options) -> Result<BTreeMap<String, String>, String> {
        self.definition.values(|name| options.get(name).map(str::to_owned))
    }

    /// The driver's settings; those whose option has no value are left out.
    fn filled(
        &self,
        port: u16,
        settings: &BTreeMap<String, Setting>,
        options: &Options,
    ) -> Result<DriverSettings, String> {
        let values = self.values(options)?;
        let anywhere = [NodeFacts {
            name: String::new(),
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            role: String::new(),
        }];
        let scope = Scope {
            nodes: &anywhere,
            here: 0,
            perjury: "",
            ports: &self.definition.ports,
            options: &values,
        };
        let given = settings.iter().filter_map(|(name, setting)| {
            let value = setting.value.render(&scope).ok()?;
            Some((name.clone(), value))
        });
        Ok(DriverSettings { port, values: given.collect() })
    }
}

fn find_driver(
    registry: &Registry,
    name: &Spanned<String>,
    at: &dyn Fn(std::ops::Range<usize>, String) -> TomlError,
) -> Result<Arc<dyn Driver>, Box<TomlError>> {
    let found = registry.drivers.iter().find(|driver| driver.name() == name.get_ref());
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = registry.drivers.iter().map(|driver| driver.name()).collect();
        let text = format!("there is no driver `{}`", name.get_ref());
        hinted(at(name.span(), text), name.get_ref(), &known)
    })
}

fn hinted(error: TomlError, word: &str, known: &[&str]) -> Box<TomlError> {
    Box::new(match nearest(word, known.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("known here: {}", known.join(", "))),
    })
}

impl Database for FileDatabase {
    fn name(&self) -> &str {
        &self.definition.name
    }

    fn about(&self) -> &str {
        &self.definition.about
    }

    fn definition(&self) -> &str {
        &self.text
    }

    fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    fn workloads(&self) -> &[&'static str] {
        &self.workloads
    }

    fn connect(&self, workload: &str, options: &Options) -> Result<SharedConnect, String> {
        match &self.speaker {
            Speaker::Driver { driver, port, settings } => {
                driver.connect(workload, &self.filled(*port, settings, options)?, options)
            }
            Speaker::Command(argv) => {
                let values = self.values(options)?;
                let words = external::Words {
                    argv: argv.clone(),
                    ports: self.definition.ports.clone(),
                    options: values,
                    roles: (0..options.nodes.len())
                        .map(|at| self.definition.role(at).to_owned())
                        .collect(),
                };
                let asked =
                    external::Asked { workload: workload.to_owned(), set: options.set.clone() };
                Ok(Arc::new(ExternalConnector::new(words, asked, self.folder.clone())))
            }
        }
    }

    fn primaries<'a>(
        &'a self,
        options: &'a Options,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            match &self.speaker {
                Speaker::Driver { driver, port, settings } => {
                    let Ok(settings) = self.filled(*port, settings, options) else {
                        return Vec::new();
                    };
                    driver.primaries(&settings, nodes).await
                }
                Speaker::Command(_) => Vec::new(),
            }
        })
    }
}

#[cfg(test)]
mod tests;
