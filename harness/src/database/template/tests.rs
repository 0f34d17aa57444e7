//! Tests of templates: every placeholder, every mistake with its position.

use super::*;

fn names(check: impl FnOnce(&Names<'_>)) {
    let ports = BTreeMap::from([("client".to_owned(), 2379)]);
    check(&Names {
        ports: &ports,
        options: &["bug".to_owned(), "level".to_owned()],
        roles: &["primary".to_owned(), "replica".to_owned()],
    });
}

fn render_on(here: usize, text: &str) -> String {
    let nodes: Vec<NodeFacts> = ["10.0.0.1", "10.0.0.2", "fd00::3"]
        .iter()
        .zip(1..)
        .map(|(address, number)| NodeFacts {
            name: format!("n{number}"),
            address: address.parse().unwrap(),
            role: if number == 1 { "primary" } else { "replica" }.to_owned(),
        })
        .collect();
    let ports = BTreeMap::from([("client".to_owned(), 2379)]);
    let options = BTreeMap::from([("bug".to_owned(), "stale".to_owned())]);
    let scope =
        Scope { nodes: &nodes, here, perjury: "/opt/perjury", ports: &ports, options: &options };
    let mut rendered = String::new();
    names(|names| {
        rendered = Template::parse(text, names)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .render(&scope)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    });
    rendered
}

#[test]
fn placeholders_speak_of_this_node() {
    assert_eq!(render_on(1, "{name} {address} {host} {index}"), "n2 10.0.0.2 10.0.0.2 2");
    assert_eq!(render_on(2, "{address} {host}"), "fd00::3 [fd00::3]");
    assert_eq!(render_on(0, "{perjury}:{port.client}:{option.bug}"), "/opt/perjury:2379:stale");
    assert_eq!(render_on(0, "plain"), "plain");
    assert_eq!(render_on(0, ""), "");
}

#[test]
fn repetitions_speak_of_each_node() {
    assert_eq!(
        render_on(1, "a={nodes:,:{name}=http://{host}:{port.client}};"),
        "a=n1=http://10.0.0.1:2379,n2=http://10.0.0.2:2379,n3=http://[fd00::3]:2379;"
    );
    assert_eq!(render_on(1, "{others: :{name}}"), "n1 n3");
    assert_eq!(render_on(0, "{nodes::{index}}"), "123");
    assert_eq!(render_on(0, "{others:,:{name}}{nodes:,:{name}}"), "n2,n3n1,n2,n3");
}

#[test]
fn roles_are_names_of_their_own() {
    assert_eq!(
        render_on(0, "{role} {primary:,:{host}} {replica:,:{name}}"),
        "primary 10.0.0.1 n2,n3"
    );
    assert_eq!(render_on(2, "{role}"), "replica");
    names(|names| {
        let error = Template::parse("{secondary:,:{name}}", names).unwrap_err();
        assert!(error.message.contains("{replica:SEPARATOR:TEMPLATE}"), "{error}");
        let whole = |text: &str| !Template::parse(text, names).unwrap().is_of_a_node();
        assert!(whole("{port.client} {option.bug} x") && !whole("{role}") && !whole("{nodes:,:x}"));
    });
}

#[test]
fn doubled_braces_are_braces() {
    assert_eq!(render_on(0, "{{\"name\": \"{name}\"}}"), "{\"name\": \"n1\"}");
    assert_eq!(render_on(0, "{{{nodes:,:{name}}}}"), "{n1,n2,n3}");
    assert_eq!(render_on(0, "äöü{{{name}}}"), "äöü{n1}");
}

#[test]
fn an_option_without_a_value_is_an_error_only_when_filled_in() {
    names(|names| {
        let template = Template::parse("{option.level}", names).unwrap();
        assert_eq!(template.options(), ["level"]);
        let scope = Scope {
            nodes: &[NodeFacts {
                name: "n1".to_owned(),
                address: [127, 0, 0, 1].into(),
                role: String::new(),
            }],
            here: 0,
            perjury: "",
            ports: names.ports,
            options: &BTreeMap::new(),
        };
        assert_eq!(
            template.render(&scope).unwrap_err(),
            "option `level` is needed and has no value: give --set level=VALUE"
        );
    });
}

#[test]
fn each_mistake_has_its_message_and_position() {
    let cases = [
        ("ab{nme}", "there is no `{nme}`: write one of {name}, {address}", 2..7),
        ("{", "this `{` is not closed", 0..1),
        ("x{name", "this `{` is not closed", 1..6),
        ("x}y", "a `}` that closes nothing", 1..2),
        ("{port.peer}", "there is no port `peer`", 0..11),
        ("{option.x}", "there is no option `x`", 0..10),
        ("{nodes}", "a repetition is written", 0..7),
        ("{nodes:,}", "a repetition is written", 0..8),
        ("{nodes:,", "a repetition is written", 0..8),
        ("{nodes:,:{name}", "this repetition has no closing", 0..15),
        ("{nodes:,:{others:,:x}}", "a repetition cannot hold another", 9..16),
        ("{\"a\": 1}", "`{\"a\"` is no placeholder: write `{{`", 0..4),
        ("{a{b}}", "`{a` is no placeholder", 0..2),
    ];
    names(|names| {
        for (text, message, span) in cases {
            let error = Template::parse(text, names).unwrap_err();
            assert!(error.message.starts_with(message), "{text}: {error}");
            assert_eq!(error.span, span, "{text}: {error}");
        }
    });
}
