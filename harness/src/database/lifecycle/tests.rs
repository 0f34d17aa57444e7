//! Tests of what a lifecycle asks of a node, without a node.

use super::*;

const DEFINITION: &str = r#"
name = "mini"
about = "a test"
[ports]
client = 7600
[options.bug]
about = "what to do wrong"
values = ["stale-reads", "torn"]
[options.level]
about = "how much"
default = "3"
[start]
command = ["{perjury}", "mini", "--name", "{name}", "--peers", "{others:,:{host}:{port.client}}"]
env = { LEVEL = "{option.level}" }
user = "nobody"
[[start.when]]
option = "bug"
arguments = ["--bug", "{option.bug}"]
[[start.when]]
option = "bug"
is = "torn"
arguments = ["--tear"]
[ready]
tcp = "{host}:{port.client}"
"#;

fn options(set: &[(&str, &str)]) -> Options {
    Options {
        set: set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        nodes: vec!["n1".to_owned(), "n2".to_owned()],
        concurrency: 4,
        keys: 4,
        key_choice: None,
        ops_per_key: 100,
        time_limit: Duration::from_secs(10),
        nemesis_interval: Duration::from_secs(1),
    }
}

fn lifecycle(text: &str, set: &[(&str, &str)]) -> Result<Lifecycle, String> {
    let definition = Definition::parse(text, "database.toml").unwrap();
    Lifecycle::new(definition, &options(set), "/opt/perjury".to_owned())
}

fn request(set: &[(&str, &str)]) -> StartProcess {
    let nodes: Vec<NodeFacts> = (1..=2)
        .map(|number| NodeFacts {
            name: format!("n{number}"),
            address: [10, 0, 0, number].into(),
            role: String::new(),
        })
        .collect();
    lifecycle(DEFINITION, set).unwrap().start_request(&nodes, 1, true).unwrap()
}

#[test]
fn the_command_is_filled_in_for_its_node() {
    let request = request(&[]);
    let argv = ["/opt/perjury", "mini", "--name", "n2", "--peers", "10.0.0.1:7600"];
    assert_eq!(request.argv, argv);
    assert_eq!(request.env, BTreeMap::from([("LEVEL".to_owned(), "3".to_owned())]));
    assert_eq!(request.log, "/var/log/perjury-mini.log");
    assert_eq!(request.user.as_deref(), Some("nobody"));
    assert_eq!(request.name, PROCESS);
}

#[test]
fn conditional_arguments_follow_their_options() {
    assert_eq!(request(&[("bug", "stale-reads")]).argv[6..], ["--bug", "stale-reads"]);
    assert_eq!(request(&[("bug", "torn")]).argv[6..], ["--bug", "torn", "--tear"]);
    assert_eq!(request(&[("level", "9")]).env["LEVEL"], "9");
}

#[test]
fn a_value_that_is_not_allowed_is_refused_with_the_nearest() {
    let error = lifecycle(DEFINITION, &[("bug", "stale-read")]).err().unwrap();
    assert_eq!(
        error,
        "mini has no bug `stale-read`: it is one of stale-reads, torn; \
         did you mean `stale-reads`?"
    );
}

#[test]
fn an_option_that_is_needed_and_missing_is_named_before_anything_starts() {
    let text = DEFINITION.replace("default = \"3\"", "");
    let error = lifecycle(&text, &[]).err().unwrap();
    assert_eq!(error, "mini needs option `level` (how much): give --set level=VALUE");
    // Options of others do not matter, and a condition that does not apply needs nothing.
    assert!(lifecycle(DEFINITION, &[("consistency-model", "serializable")]).is_ok());
}

#[test]
fn a_failed_command_is_told_with_its_last_lines() {
    let output = |exit, stdout: &str, stderr: &str| Output {
        exit,
        stdout: stdout.into(),
        stderr: stderr.into(),
        discarded: 0,
    };
    assert_eq!(ended(&output(Exit::Code(2), "", "a\nb\n")), "ended with code 2: a\nb");
    assert_eq!(ended(&output(Exit::Code(2), "said", "")), "ended with code 2: said");
    assert_eq!(ended(&output(Exit::Signal("KILL".into()), "", "")), "was ended by SIGKILL");
    assert!(ended(&output(Exit::Lost, "", "")).contains("unknown"));
}

/// The script runs against a stand-in for apt-get, found first on PATH.
#[test]
fn packages_are_installed_after_an_update_when_the_first_try_fails() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let tool = dir.path().join("apt-get");
    let log = dir.path().join("log");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {0}\n[ \"$1\" = update ] && touch {0}.updated\n\
         [ \"$1\" = update ] || [ -e {0}.updated ]\n",
        log.display()
    );
    std::fs::write(&tool, script).unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let policy = dir.path().join("policy-rc.d");
    let script =
        install::INSTALL_SCRIPT.replace("/usr/sbin/policy-rc.d", &policy.display().to_string());
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", &script, "sh", "etcd-server"])
        .env("PATH", path)
        .status()
        .unwrap();
    assert!(status.success());
    let log = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].starts_with("install") && lines[0].ends_with("-- etcd-server"), "{log}");
    assert_eq!(lines[1], "update -q");
    assert_eq!(lines[2], lines[0]);
    assert!(!policy.exists(), "services stay held back after the installation");
}
