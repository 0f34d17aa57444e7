//! Command lines, good and bad.

use super::{Arguments, config};
use crate::bugs::Bug;
use clap::Parser;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_line_that_the_definition_makes_is_understood() {
    let line = "--id 2 --name n2 --listen 0.0.0.0:7600 \
                --peers n1=10.0.0.1:7600,n2=10.0.0.2:7600,n3=[fd00::3]:7600 \
                --data /var/lib/perjury-demo --bug no-fsync";
    let config = config(&parse(line).unwrap()).unwrap();
    assert_eq!(config.id, 2);
    assert_eq!(config.nodes[&1], "10.0.0.1:7600");
    assert_eq!(config.nodes[&3], "[fd00::3]:7600");
    assert_eq!(config.bug, Some(Bug::NoFsync));
}

#[test]
fn a_wrong_line_is_refused_with_its_reason() {
    for (line, reason) in [
        ("--id 1 --data /d", "--peers"),
        ("--id x --peers n1=a:1 --data /d", "invalid"),
        ("--id 1 --peers n1=a:1 --data /d --bug nonsense", "retry-duplicates"),
        ("--probe a:1 --id 1", "cannot be used with"),
    ] {
        let error = parse(line).unwrap_err().to_string();
        assert!(error.contains(reason), "{line}: {error}");
    }
    let nameless = parse("--id 1 --peers a:1 --data /d").unwrap();
    assert!(config(&nameless).unwrap_err().contains("NAME=HOST:PORT"));
}
