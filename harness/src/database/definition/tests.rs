//! Tests of definitions: every refusal with its position, message and hint.

use super::*;

const MINIMAL: &str = r#"
name = "mini"
about = "smallest"
[start]
command = ["mini"]
[ready]
tcp = "{host}:1"
"#;

fn parse(text: &str) -> Definition {
    Definition::parse(text, "database.toml").unwrap_or_else(|error| panic!("{}", error.render()))
}

fn refused(text: &str) -> Box<TomlError> {
    match Definition::parse(text, "database.toml") {
        Ok(_) => panic!("accepted, though it must not be:\n{text}"),
        Err(error) => error,
    }
}

/// The minimal definition with one part replaced.
fn with(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from));
    MINIMAL.replace(from, to)
}

#[test]
fn the_smallest_definition_has_defaults() {
    let definition = parse(MINIMAL);
    assert_eq!(definition.name, "mini");
    assert_eq!(definition.logs, ["/var/log/perjury-mini.log"]);
    assert_eq!(definition.ready.timeout, check::TIME_DEFAULT);
    assert!(definition.program.is_none());
    assert!(definition.data.is_empty());
}

#[test]
fn a_full_definition_parses() {
    let definition = parse(
        r#"
        name = "full"
        about = "everything"
        data = ["/var/lib/full"]
        logs = ["/var/log/full.log", "/var/log/full/slow.log"]
        [install]
        packages = ["full-server", "libfull1=1.2-3"]
        program = "{perjury}"
        [ports]
        client = 7600
        [options.bug]
        about = "what to do wrong"
        values = ["stale", "torn"]
        [options.level]
        about = "how much"
        default = "3"
        [start]
        command = ["{perjury}", "serve", "--peers", "{others:,:{name}@{host}:{port.client}}"]
        directory = "/var/lib/full"
        user = "nobody"
        env = { LEVEL = "{option.level}" }
        [[start.when]]
        option = "bug"
        is = "torn"
        arguments = ["--bug", "{option.bug}"]
        [ready]
        command = ["full-ping", "{address}"]
        timeout = "1m 30s"
        [[files]]
        path = "/etc/full/full.conf"
        text = "{{ id = {index} }}"
        mode = "0600"
        "#,
    );
    assert_eq!(definition.files[0].mode, 0o600);
    assert_eq!(definition.ready.timeout, Duration::from_secs(90));
    assert_eq!(definition.start.when[0].condition.is.as_deref(), Some("torn"));
    assert_eq!(definition.ports["client"], 7600);
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    let error = refused(&with("command", "comand"));
    assert_eq!(error.to_string(), "unknown key `comand`");
    assert_eq!(error.hint(), Some("did you mean `command`?"));
    assert_eq!(error.position(), (5, 1));
    let picture = error.render();
    assert!(picture.contains("database.toml:5:1"), "{picture}");
    assert!(picture.contains("comand = [\"mini\"]"), "{picture}");
    assert!(picture.contains("here"), "{picture}");
}

#[test]
fn a_top_level_key_below_a_table_is_recognised() {
    let error = refused(&format!("{MINIMAL}data = [\"/var/lib/mini\"]\n"));
    assert_eq!(
        error.hint(),
        Some("`data` belongs to the top level: move it above the first [table]")
    );
    assert_eq!(error.position().0, 8);
}

#[test]
fn a_key_that_resembles_nothing_lists_what_is_known() {
    let error = refused(&with("tcp =", "zzzzzzzz = 1\ntcp ="));
    assert_eq!(error.hint(), Some("known here: http, contains, tcp, command, timeout"));
}

#[test]
fn a_missing_key_and_a_wrong_type_are_named() {
    let error = refused(&with("about = \"smallest\"\n", ""));
    assert!(error.to_string().contains("missing field `about`"), "{error}");
    let error = refused(&with("[\"mini\"]", "\"mini\""));
    assert!(error.to_string().contains("invalid type"), "{error}");
    assert_eq!(error.position(), (5, 11));
}

#[test]
fn broken_toml_points_at_the_line() {
    let error = refused("name = \"x\nabout = 1");
    assert_eq!(error.position().0, 1);
}

#[test]
fn a_template_error_points_into_the_string() {
    let error = refused(&with("[\"mini\"]", "[\"mini\", \"--at={adress}:1\"]"));
    assert!(error.to_string().starts_with("there is no `{adress}`"), "{error}");
    assert_eq!(error.position(), (5, 26));
    // With an escape the whole string is meant.
    let error = refused(&with("[\"mini\"]", "[\"mini\", \"\\t{adress}\"]"));
    assert_eq!(error.position(), (5, 20));
}

/// The minimal definition with a change, the line at fault, and how the message begins.
#[test]
fn each_mistake_has_its_message() {
    let cases: &[(String, usize, &str)] = &[
        (with("\"mini\"\n", "\"Mini!\"\n"), 2, "a database's name is 1 to 64 small letters"),
        (with("[\"mini\"]", "[]"), 5, "the command needs a program"),
        (with("tcp = \"{host}:1\"", ""), 6, "say in exactly one way"),
        (with("tcp =", "http = \"http://{host}/\"\ntcp ="), 6, "say in exactly one way"),
        (with("tcp =", "contains = \"ok\"\ntcp ="), 7, "`contains` goes with `http` only"),
        (with("tcp = \"{host}:1\"", "http = \"https://{host}/\""), 7, "the address to ask"),
        (with("tcp =", "timeout = \"soon\"\ntcp ="), 7, "this has to be a time between"),
        (with("tcp =", "timeout = \"2h\"\ntcp ="), 7, "this has to be a time between"),
        (with("[start]", "data = [\"/var\"]\n[start]"), 4, "`/var` is not the database's own"),
        (with("[start]", "data = [\"x\"]\n[start]"), 4, "`x` has to be an absolute path"),
        (with("[start]", "[ports]\na = 0\n[start]"), 5, "port 0 cannot be listened on"),
        (with("[start]", "[ports]\na = 9\nb = 9\n[start]"), 6, "ports `a` and `b` have the same"),
        (with("[start]", "[ports]\na = 70000\n[start]"), 5, "invalid value: integer `70000`"),
        (with("{host}:1", "{host}:{port.x}"), 7, "there is no port `x` under [ports]"),
        (with("{host}:1", "{host}:{option.x}"), 7, "there is no option `x`: describe it under"),
        (with("[start]", "[install]\npackages = [\"-y\"]\n[start]"), 5, "`-y` cannot be the name"),
        (
            with("[ready]", "[[start.when]]\noption = \"x\"\narguments = []\n[ready]"),
            7,
            "there is no option `x`",
        ),
        (
            with(
                "[start]",
                "[options.o]\nabout = \"\"\nvalues = [\"a\"]\ndefault = \"b\"\n[start]",
            ),
            4,
            "the default `b` is not among the values a",
        ),
        (
            with(
                "[start]",
                "[[files]]\npath = \"/etc/mini/x\"\ntext = \"\"\nmode = \"rw\"\n[start]",
            ),
            7,
            "a mode is written in octal",
        ),
    ];
    for (text, line, message) in cases {
        let error = refused(text);
        assert!(error.to_string().starts_with(message), "{error}\nfor\n{text}");
        assert_eq!(error.position().0, *line, "{}", error.render());
    }
}

#[test]
fn a_value_that_a_condition_can_never_have_is_refused() {
    let text = with(
        "[ready]",
        "[[start.when]]\noption = \"bug\"\nis = \"stale\"\narguments = []\n\
         [options.bug]\nabout = \"\"\nvalues = [\"torn\"]\n[ready]",
    );
    let error = refused(&text);
    assert_eq!(error.to_string(), "option `bug` can never be `stale`: its values are torn");
    assert_eq!(error.position().0, 8);
}

#[test]
fn lists_and_files_have_limits() {
    let many = vec!["\"x\""; LIST_LIMIT + 1].join(",");
    let error = refused(&with("\"mini\"]", &format!("{many}]")));
    assert_eq!(error.to_string(), "`start.command` has 257 entries, more than 256");
    let error = refused(&" ".repeat(FILE_LIMIT + 1));
    assert!(error.to_string().contains("more than 262144 bytes"), "{error}");
}

fn problems(text: &str) -> Vec<String> {
    let value: toml::Value = toml::from_str(text).expect("TOML");
    let value = serde_json::to_value(value).expect("TOML is JSON");
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_schema_takes_what_is_right_and_finds_what_is_wrong() {
    let right = include_str!("../../cli/new/database.toml").replace("NAME", "mine");
    assert_eq!(problems(&right), [""; 0]);
    assert!(Definition::parse(&right, "database.toml").is_ok());
    for (from, to) in [
        ("[start]\ncommand", "[start]\ncomand"),
        ("client = 7600", "client = \"7600\""),
        ("name = \"mine\"", "name = \"Mine DB\""),
        ("tcp = ", "udp = "),
    ] {
        assert!(right.contains(from), "{from}");
        assert_ne!(problems(&right.replace(from, to)), [""; 0], "{to}");
    }
}

#[test]
fn the_published_schema_is_this_one() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/database.schema.json");
    let wanted = format!("{:#}\n", schema());
    if std::env::var_os("PERJURY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("the file");
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == wanted,
        "docs/database.schema.json is old: run this test with PERJURY_WRITE_DOCS=1"
    );
}
