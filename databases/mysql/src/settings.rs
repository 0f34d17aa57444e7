//! What may stand under `[client.settings]` for this driver.

use crate::session::Login;
use perjury_harness::{DriverSettings, Options};

/// Names of settings, and what each is.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("user", "who logs in; root by default"),
    ("password", "the password; none by default"),
    ("database", "the database that holds the tables, made when it is missing; perjury by default"),
    (
        "isolation",
        "of all transactions: read uncommitted, read committed, repeatable read or serializable; \
         the server's own by default",
    ),
    ("session", "SQL statements that every session begins with, with `;` between"),
    (
        "reads",
        "locks of reads in transactions: plain (none, the default), for update, share, or touch: \
         each row that is read is written too",
    ),
    (
        "lock",
        "what a lock is: row (the default), a locked row of an open transaction; or get_lock, the \
         function of that name",
    ),
];

const ISOLATIONS: &[&str] =
    &["read uncommitted", "read committed", "repeatable read", "serializable"];

/// What reads in transactions lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Plain,
    ForUpdate,
    Share,
    /// The row is changed before it is read, so that what resolves conflicts between writes (a
    /// cluster's certification) sees reads too.
    Touch,
}

impl Reads {
    /// What a SELECT ends with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Plain | Self::Touch => "",
            Self::ForUpdate => " FOR UPDATE",
            Self::Share => " LOCK IN SHARE MODE",
        }
    }
}

/// What stands for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Row,
    GetLock,
}

/// All settings, understood.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) login: Login,
    pub(crate) database: String,
    pub(crate) reads: Reads,
    pub(crate) lock: Lock,
    /// Accounts of the bank, and what each begins with.
    pub(crate) accounts: u32,
    pub(crate) balance: i64,
}

impl Settings {
    /// The error names the setting or option that is wrong.
    pub(crate) fn new(settings: &DriverSettings, options: &Options) -> Result<Self, String> {
        let database = settings.or("database", "perjury").to_owned();
        if database.is_empty() || !database.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let wanted = "letters, digits and _";
            return Err(format!("[client.settings] database: `{database}` is not of {wanted}"));
        }
        let mut statements = Vec::new();
        if settings.get("isolation").is_some() {
            let level = ISOLATIONS[settings.choice("isolation", ISOLATIONS)?].to_uppercase();
            statements.push(format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}"));
        }
        let more = settings.or("session", "").split(';').map(str::trim);
        statements.extend(more.filter(|statement| !statement.is_empty()).map(str::to_owned));
        let reads = [Reads::Plain, Reads::ForUpdate, Reads::Share, Reads::Touch];
        let locks = [Lock::Row, Lock::GetLock];
        Ok(Self {
            port: settings.port,
            login: Login {
                user: settings.or("user", "root").to_owned(),
                password: settings.or("password", "").to_owned(),
                database: Some(database.clone()),
                statements,
            },
            database,
            reads: reads[settings.choice("reads", &["plain", "for update", "share", "touch"])?],
            lock: locks[settings.choice("lock", &["row", "get_lock"])?],
            accounts: option(options, "accounts", 8)?,
            balance: option(options, "balance", 10)?,
        })
    }
}

fn option<T: std::str::FromStr>(options: &Options, name: &str, default: T) -> Result<T, String> {
    let Some(text) = options.get(name) else { return Ok(default) };
    text.parse().map_err(|_| format!("--set {name}: `{text}` is no number that fits"))
}
