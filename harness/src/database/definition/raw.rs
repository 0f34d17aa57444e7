//! What may be written in a `database.toml`: the keys, as serde reads them and as the JSON schema
//! tells editors. The comments are the schema's descriptions.

use super::{OptionDefinition, Order};
use crate::assertion::Crashes;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// Keys of the top level, for the classic slip of writing one below a table.
pub(super) const TOP: &[&str] = &[
    "name",
    "about",
    "roles",
    "data",
    "logs",
    "install",
    "start",
    "setup",
    "ready",
    "ports",
    "options",
    "files",
    "client",
    "sometimes",
    "never",
    "crashes",
];

/// A database under test: how it is installed, started, found ready, wiped and spoken to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "database.toml")]
pub(crate) struct Raw {
    /// Small letters, digits and dashes.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub(super) name: Spanned<String>,
    /// One line.
    pub(super) about: String,
    /// The role of the first node, the second and so on; the last is that of all further nodes.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) roles: Vec<Spanned<String>>,
    /// Directories that are emptied before a run.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) data: Vec<Spanned<String>>,
    /// Log files; the first takes what the process prints. /var/log/perjury-NAME.log when left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) logs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) install: RawInstall,
    pub(super) start: RawStart,
    /// Commands that are run once a run, in order.
    #[serde(default)]
    pub(super) setup: Vec<RawSetup>,
    #[schemars(with = "RawReady")]
    pub(super) ready: Spanned<RawReady>,
    /// All ports that it listens on, by name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, u16>")]
    pub(super) ports: BTreeMap<String, Spanned<u16>>,
    /// Options that templates may use as {option.NAME}, set by --set NAME=VALUE.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, OptionDefinition>")]
    pub(super) options: BTreeMap<String, Spanned<OptionDefinition>>,
    /// Files that are written on each node before each start.
    #[serde(default)]
    pub(super) files: Vec<RawFile>,
    #[schemars(with = "Option<RawClient>")]
    pub(super) client: Option<Spanned<RawClient>>,
    /// What has to come about at least once, or the run is unknown.
    #[serde(default)]
    pub(super) sometimes: Vec<RawClaim>,
    /// What must never be seen, or the run has an anomaly.
    #[serde(default)]
    pub(super) never: Vec<RawClaim>,
    /// What it means that the process ends without having been told to. `undisturbed`, when left
    /// out: an anomaly if a signal of a crash ended it while nothing was broken. `never`: always
    /// an anomaly. `told`: none, and the report tells it.
    #[serde(default)]
    pub(super) crashes: Crashes,
}

/// Something that can be seen of a run: exactly one of log and fault.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawClaim {
    /// What it is, for people: completes "it came about that ...".
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// A regular expression: a line of a node's logs matches.
    #[schemars(with = "Option<String>")]
    pub(super) log: Option<Spanned<String>>,
    /// With log: lines that match this as well do not count.
    #[schemars(with = "Option<String>")]
    pub(super) except: Option<Spanned<String>>,
    /// With sometimes: this fault was observed.
    #[schemars(with = "Option<String>")]
    pub(super) fault: Option<Spanned<String>>,
    /// With fault: it was to hit primaries, and one was known.
    #[serde(default)]
    pub(super) primary: bool,
    /// With fault: a call of this function was open when it hit.
    #[schemars(with = "Option<String>")]
    pub(super) open: Option<Spanned<String>>,
    /// It only counts in runs with all of these faults.
    #[serde(default)]
    pub(super) needs: Vec<String>,
}

/// What has to be on the nodes. Left out: everything is there already.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawInstall {
    /// Debian packages, installed where `program` is absent.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) packages: Vec<Spanned<String>>,
    /// What has to be there: a name to be found on PATH, or an absolute path. A template.
    #[schemars(with = "Option<String>")]
    pub(super) program: Option<Spanned<String>>,
    /// A tar archive, or a single program: a path beside this file, or a URL.
    #[schemars(with = "Option<String>")]
    pub(super) archive: Option<Spanned<String>>,
    /// The archive's SHA-256, in hexadecimal; needed for a URL.
    #[schemars(with = "Option<String>")]
    pub(super) sha256: Option<Spanned<String>>,
    /// The directory on the nodes that the archive is unpacked into.
    #[schemars(with = "Option<String>")]
    pub(super) into: Option<Spanned<String>>,
}

/// How the process is started. It must stay in the foreground.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStart {
    /// Program and arguments, each a template; no shell.
    #[schemars(with = "Vec<String>")]
    pub(super) command: Spanned<Vec<Spanned<String>>>,
    /// Arguments that are appended under conditions.
    #[serde(default)]
    pub(super) when: Vec<RawWhen>,
    /// Environment variables, each a template; those of `setup` commands too.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) env: BTreeMap<String, Spanned<String>>,
    /// Working directory; / when left out.
    #[schemars(with = "Option<String>")]
    pub(super) directory: Option<Spanned<String>>,
    /// Runs as this user, who then owns `data` and `files`.
    #[schemars(with = "Option<String>")]
    pub(super) user: Option<Spanned<String>>,
    /// In which order nodes are set up and started.
    #[serde(default)]
    pub(super) order: Order,
}

/// Arguments that are appended when all that is said here holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWhen {
    /// This option has a value.
    #[schemars(with = "Option<String>")]
    pub(super) option: Option<Spanned<String>>,
    /// The option has this value.
    #[schemars(with = "Option<String>")]
    pub(super) is: Option<Spanned<String>>,
    /// The node has this role.
    #[schemars(with = "Option<String>")]
    pub(super) role: Option<Spanned<String>>,
    /// It is (or is not) the node's first start since its data was emptied.
    pub(super) fresh: Option<bool>,
    #[schemars(with = "Vec<String>")]
    pub(super) arguments: Vec<Spanned<String>>,
}

/// A command that makes a node, or the cluster, what it has to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSetup {
    /// Program and arguments, each a template; no shell.
    #[schemars(with = "Vec<String>")]
    pub(super) command: Spanned<Vec<Spanned<String>>>,
    /// Before a node's first start, or after all nodes are ready.
    #[serde(default)]
    pub(super) at: super::Moment,
    /// On the first node (of the role) only.
    #[serde(default)]
    pub(super) once: bool,
    /// Only when this option has a value.
    #[schemars(with = "Option<String>")]
    pub(super) option: Option<Spanned<String>>,
    /// Only when the option has this value.
    #[schemars(with = "Option<String>")]
    pub(super) is: Option<Spanned<String>>,
    /// Only on nodes of this role.
    #[schemars(with = "Option<String>")]
    pub(super) role: Option<Spanned<String>>,
    /// As this user; root when left out.
    #[schemars(with = "Option<String>")]
    pub(super) user: Option<Spanned<String>>,
    /// 60s when left out.
    #[schemars(with = "Option<String>")]
    pub(super) timeout: Option<Spanned<String>>,
}

/// How to tell that a node answers: exactly one of http, tcp and command.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReady {
    /// Asked by the controller: GET answers 200. A template.
    #[schemars(with = "Option<String>")]
    pub(super) http: Option<Spanned<String>>,
    /// Goes with http: what the body has to contain. A template.
    #[schemars(with = "Option<String>")]
    pub(super) contains: Option<Spanned<String>>,
    /// Asked by the controller: the connection to HOST:PORT is accepted. A template.
    #[schemars(with = "Option<String>")]
    pub(super) tcp: Option<Spanned<String>>,
    /// Run on the node: ends with code 0. Each argument is a template.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) command: Option<Vec<Spanned<String>>>,
    /// 60s when left out.
    #[schemars(with = "Option<String>")]
    pub(super) timeout: Option<Spanned<String>>,
}

/// A file that is written on nodes before each start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    #[schemars(with = "String")]
    pub(super) path: Spanned<String>,
    /// A template.
    #[schemars(with = "String")]
    pub(super) text: Spanned<String>,
    /// In octal; 0644 when left out.
    #[schemars(with = "Option<String>")]
    pub(super) mode: Option<Spanned<String>>,
    /// Only when this option has a value.
    #[schemars(with = "Option<String>")]
    pub(super) option: Option<Spanned<String>>,
    /// Only when the option has this value.
    #[schemars(with = "Option<String>")]
    pub(super) is: Option<Spanned<String>>,
    /// Only on nodes of this role.
    #[schemars(with = "Option<String>")]
    pub(super) role: Option<Spanned<String>>,
}

/// How operations reach the database: exactly one of driver and command.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawClient {
    /// A built-in client of a wire protocol; `perjury drivers` lists them.
    #[schemars(with = "Option<String>")]
    pub(super) driver: Option<Spanned<String>>,
    /// With a driver: the name, under [ports], of the port for clients; `client` when left out.
    #[schemars(with = "Option<String>")]
    pub(super) port: Option<Spanned<String>>,
    /// With a driver: its settings, each a template of ports and options.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) settings: BTreeMap<String, Spanned<String>>,
    /// A program that speaks JSON lines, run on the controller in this file's folder, once for each
    /// client: program and arguments, each a template that speaks of the client's node.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) command: Option<Spanned<Vec<Spanned<String>>>>,
    /// Workloads that it can express: needed with a command, all of the driver's when left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) workloads: Vec<Spanned<String>>,
}
