//! Tests of databases that are nothing but a file: what is refused, and where it points.

use super::*;
use crate::client::SharedConnect;

const FILE: &str = r#"
name = "mini"
about = "smallest"
[ports]
client = 7000
[options.level]
about = "how strict"
values = ["high", "low"]
[start]
command = ["mini"]
[ready]
tcp = "{host}:{port.client}"
[client]
driver = "talk"
[client.settings]
level = "{option.level}"
fixed = "at {port.client}"
"#;

/// Remembers nothing; refuses the level `low`.
struct Talk;

impl Driver for Talk {
    fn name(&self) -> &'static str {
        "talk"
    }

    fn about(&self) -> &'static str {
        "a protocol"
    }

    fn workloads(&self) -> &'static [&'static str] {
        &["sing", "shout"]
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[("level", "how strict"), ("fixed", "a text")]
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        _: &Options,
    ) -> Result<SharedConnect, String> {
        Err(format!("{workload} {} {:?}", settings.port, settings.values))
    }
}

fn registry() -> Registry {
    Registry::default().driver(Talk)
}

fn refused(from: &str, to: &str) -> Box<TomlError> {
    assert!(FILE.contains(from), "{from}");
    match FileDatabase::new(&FILE.replace(from, to), "database.toml", None, &registry()) {
        Ok(_) => panic!("accepted with {to}"),
        Err(error) => error,
    }
}

fn options(set: &[(&str, &str)]) -> Options {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Options {
        set: set.collect(),
        nodes: vec!["n1".to_owned()],
        concurrency: 1,
        keys: 1,
        key_choice: None,
        ops_per_key: 1,
        time_limit: std::time::Duration::from_secs(1),
        nemesis_interval: std::time::Duration::from_secs(1),
    }
}

fn made(text: &str) -> FileDatabase {
    FileDatabase::new(text, "database.toml", None, &registry())
        .unwrap_or_else(|error| panic!("{}", error.render()))
}

#[test]
fn a_driver_gets_its_settings_filled_in() {
    let database = made(FILE);
    assert_eq!(database.workloads(), ["sing", "shout"]);
    let said = |set: &[(&str, &str)]| database.connect("sing", &options(set)).err().unwrap();
    assert_eq!(said(&[]), r#"sing 7000 {"fixed": "at 7000"}"#);
    assert_eq!(said(&[("level", "low")]), r#"sing 7000 {"fixed": "at 7000", "level": "low"}"#);
    assert!(said(&[("level", "lo")]).contains("did you mean `low`"));
    let one = FILE.replace("driver = \"talk\"", "driver = \"talk\"\nworkloads = [\"shout\"]");
    assert_eq!(made(&one).workloads(), ["shout"]);
}

#[test]
fn each_mistake_points_at_its_line_and_says_what_to_write() {
    let rows = [
        ("driver = \"talk\"", "driver = \"tolk\"", "there is no driver `tolk`", "`talk`"),
        ("fixed =", "fixt =", "has no setting `fixt`", "`fixed`"),
        (
            "driver = \"talk\"",
            "driver = \"talk\"\nworkloads = [\"sin\"]",
            "no workload `sin`",
            "`sing`",
        ),
        (
            "driver = \"talk\"",
            "driver = \"talk\"\ncommand = [\"x\"]",
            "exactly one way",
            "command =",
        ),
        ("driver = \"talk\"", "port = \"peer\"\ndriver = \"talk\"", "no port `peer`", "`client`"),
        ("at {port.client}", "at {host}", "the same for all nodes", ""),
        ("driver = \"talk\"", "command = [\"x\"]", "`settings` go with `driver`", ""),
    ];
    for (from, to, message, help) in rows {
        let error = refused(from, to);
        assert!(error.to_string().contains(message), "{to}: {error}");
        assert!(error.hint().unwrap_or_default().contains(help), "{to}: {:?}", error.hint());
        assert!(error.position().0 > 12, "{to}: {:?}", error.position());
    }
    let no_client = FILE.split("[client]").next().unwrap();
    let error = FileDatabase::new(no_client, "database.toml", None, &registry()).err().unwrap();
    assert!(error.to_string().contains("there is no [client]"), "{error}");
}

#[test]
fn a_command_says_what_it_can_run() {
    let command = "command = [\"python3\", \"client.py\", \"{host}:{port.client}\"]";
    let text = FILE.split("[client]").next().unwrap().to_owned() + "[client]\n" + command;
    let error = FileDatabase::new(&text, "database.toml", None, &registry()).err().unwrap();
    assert!(error.to_string().contains("which `workloads`"), "{error}");
}
