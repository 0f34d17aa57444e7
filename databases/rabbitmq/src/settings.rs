//! What `[client.settings]` may say, read once.

use perjury_harness::driver::DriverSettings;

/// Names and lines of the settings.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("user", "who logs in; guest when left out"),
    ("password", "by PLAIN; guest when left out"),
    ("vhost", "the virtual host; / when left out"),
    ("queue", "the name of the queue that is used; perjury when left out"),
    (
        "queue-type",
        "classic (the default), mirrored (classic with a policy of the server's), or quorum",
    ),
];

/// What is needed to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) vhost: String,
}

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) login: Login,
    pub(crate) queue: String,
    /// `x-queue-type`.
    pub(crate) queue_type: &'static str,
}

impl Settings {
    /// The error names the setting that is wrong.
    pub(crate) fn new(given: &DriverSettings) -> Result<Self, String> {
        // Mirroring is the server's affair: a client makes a classic queue.
        let (names, types) = (["classic", "mirrored", "quorum"], ["classic", "classic", "quorum"]);
        let login = Login {
            user: given.or("user", "guest").to_owned(),
            password: given.or("password", "guest").to_owned(),
            vhost: given.or("vhost", "/").to_owned(),
        };
        let queue = given.or("queue", "perjury").to_owned();
        for (name, text) in [("vhost", &login.vhost), ("queue", &queue)] {
            if text.is_empty() || text.len() > 255 {
                return Err(format!("[client.settings] {name}: 1 to 255 bytes are a name"));
            }
        }
        let queue_type = types[given.choice("queue-type", &names)?];
        Ok(Self { port: given.port, login, queue, queue_type })
    }
}
