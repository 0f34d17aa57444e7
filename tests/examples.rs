//! What is ready to copy in `examples/nightly`: its shape, and that Perjury takes every command.

mod common;

use common::{PERJURY, repository};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use toml::Value;
use yaml_rust2::{Yaml, YamlLoader};

const FILES: [&str; 4] =
    ["github-actions.yml", "perjury-nightly.service", "kubernetes-job.yml", "README.md"];

fn text(name: &str) -> String {
    let path = repository("examples/nightly").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn words(yaml: &Yaml) -> &str {
    yaml.as_str().unwrap_or_else(|| panic!("{yaml:?} is to be a string"))
}

fn perjury(arguments: &[&str]) -> Output {
    Command::new(PERJURY).args(arguments).env("NO_COLOR", "1").output().expect("the binary runs")
}

#[test]
fn the_workflow_has_the_shape_that_github_wants() {
    let file = &yaml("github-actions.yml")[0];
    let cron = words(&file["on"]["schedule"][0]["cron"]);
    let limits = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let fields: Vec<&str> = cron.split(' ').collect();
    assert_eq!(fields.len(), limits.len(), "{cron}");
    for (field, (least, most)) in fields.iter().zip(limits) {
        let number = field.parse::<u32>();
        assert!(*field == "*" || number.is_ok_and(|n| (least..=most).contains(&n)), "{cron}");
    }
    let jobs = file["jobs"].as_hash().expect("jobs");
    for (name, job) in jobs {
        assert!(words(&job["runs-on"]).starts_with("ubuntu-"));
        assert!(job["timeout-minutes"].as_i64().is_some_and(|minutes| minutes > 0));
        if !job["needs"].is_badvalue() {
            assert!(jobs.contains_key(&job["needs"]), "{name:?} needs what is not there");
        }
        for step in job["steps"].as_vec().expect("steps") {
            let kinds = ["uses", "run"].map(|kind| !step[kind].is_badvalue());
            assert!(kinds[0] != kinds[1], "{name:?}: either `uses` or `run`: {step:?}");
            if let Some(action) = step["uses"].as_str() {
                assert!(action.contains("@v"), "{action} without a version");
            }
        }
    }
    let shards = file["jobs"]["campaign"]["strategy"]["matrix"]["shard"].as_vec().expect("shards");
    let numbers: Vec<i64> = shards.iter().filter_map(Yaml::as_i64).collect();
    assert_eq!(numbers, (1..=shards.len() as i64).collect::<Vec<_>>());
    assert!(text("github-actions.yml").contains(&format!("matrix.shard }}}}/{}", shards.len())));
    let steps = file["jobs"]["campaign"]["steps"].as_vec().expect("steps");
    let upload = steps.last().expect("a step");
    assert!(words(&upload["uses"]).starts_with("actions/upload-artifact@"));
    assert_eq!(words(&upload["if"]), "always()", "what failed is what has to be looked at");
    assert!(text("github-actions.yml").contains("summary.md >> \"$GITHUB_STEP_SUMMARY\""));
}

#[test]
fn the_job_is_indexed_and_its_shards_fit() {
    let files = yaml("kubernetes-job.yml");
    let job = files.iter().find(|file| file["kind"].as_str() == Some("Job")).expect("a job");
    assert_eq!(words(&job["apiVersion"]), "batch/v1");
    let spec = &job["spec"];
    assert_eq!(words(&spec["completionMode"]), "Indexed");
    let completions = spec["completions"].as_i64().expect("completions");
    let pod = &spec["template"]["spec"];
    assert_eq!(words(&pod["restartPolicy"]), "Never");
    let container = &pod["containers"][0];
    let script = words(&container["args"][0]);
    assert!(script.contains(&format!("--shard $((JOB_COMPLETION_INDEX + 1))/{completions}")));
    assert!(script.contains("--seed \"$SEED\""));
    let seed = words(&container["env"][0]["value"]);
    assert!(seed.parse::<u64>().is_ok(), "the same seed for all pods");
    let names = |list: &Yaml| -> BTreeSet<String> {
        list.as_vec().expect("a list").iter().map(|one| words(&one["name"]).to_owned()).collect()
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
    let claim = &pod["volumes"][0]["persistentVolumeClaim"]["claimName"];
    assert!(files.iter().any(|file| file["metadata"]["name"] == *claim), "{claim:?} is not there");
}

/// `Key=value` lines by section, in order.
fn unit(name: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut entries = Vec::new();
    for line in text(name).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => name.clone_into(&mut section),
            None => {
                let (key, value) = line.split_once('=').expect("Key=value");
                entries.push((section.clone(), key.to_owned(), value.to_owned()));
            }
        }
    }
    entries
}

#[test]
fn systemd_takes_the_service_and_its_timer() {
    let (service, timer) = (unit("perjury-nightly.service"), unit("perjury-nightly.timer"));
    let has = |unit: &[(String, String, String)], section: &str, key: &str, value: &str| {
        unit.iter().any(|(s, k, v)| s == section && k == key && v == value)
    };
    assert!(has(&service, "Service", "Type", "oneshot"));
    assert!(has(&timer, "Timer", "OnCalendar", "*-*-* 02:17:00"));
    assert!(has(&timer, "Install", "WantedBy", "timers.target"));
    let sections =
        [("Unit", 0), ("Service", 0), ("Timer", 0), ("Install", 0)].map(|(name, _)| name);
    assert!(service.iter().chain(&timer).all(|(section, _, _)| sections.contains(&&**section)));
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    for name in ["perjury-nightly.service", "perjury-nightly.timer"] {
        let path = folder.path().join(name);
        // The binary has to be where the unit says it is.
        fs::write(&path, text(name).replace("/usr/local/bin/perjury", PERJURY)).expect("a file");
        paths.push(path);
    }
    // Where there is no systemd, the rest of this test is all there is.
    let Ok(output) = Command::new("systemd-analyze").arg("verify").args(&paths).output() else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let of_ours = said.lines().filter(|line| line.contains("perjury-nightly"));
    assert_eq!(of_ours.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn every_cell_of_the_campaign_is_a_test_that_perjury_would_run() {
    let file: toml::Table = text("nightly.toml").parse().expect("TOML");
    let known = ["name", "seed", "budget", "retries", "defaults", "matrix"];
    assert!(file.keys().all(|key| known.contains(&key.as_str())));
    let mut cells = 0;
    for matrix in file["matrix"].as_array().expect("[[matrix]]") {
        let mut keys = file["defaults"].as_table().expect("[defaults]").clone();
        keys.extend(matrix.as_table().expect("a table").clone());
        let expected = keys.remove("expect").expect("`expect`");
        assert!(expected.is_array() || matches!(expected.as_str(), Some("valid" | "anomaly")));
        keys.remove("repeat");
        let mut combinations = vec![Vec::new()];
        for (key, value) in &keys {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            let with = |cell: &Vec<String>| {
                let more = values.iter().map(|value| argument(key, value));
                more.map(|more| [&cell[..], &[more]].concat()).collect::<Vec<_>>()
            };
            combinations = combinations.iter().flat_map(with).collect();
        }
        for cell in combinations {
            let mut arguments = vec!["test"];
            arguments.extend(cell.iter().map(String::as_str));
            arguments.push("--dry-run");
            let ran = perjury(&arguments);
            assert!(ran.status.success(), "{cell:?}: {}", String::from_utf8_lossy(&ran.stderr));
            cells += 1;
        }
    }
    assert_eq!(cells, 9);
}

fn argument(key: &str, value: &Value) -> String {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if key == "database" { value } else { format!("--{key}={value}") }
}

/// Every `perjury ...` of the files, with samples for what only the night itself knows.
fn commands() -> Vec<(&'static str, String)> {
    let mut commands = Vec::new();
    for name in FILES {
        let joined = text(name).replace("\\\n", " ");
        for line in joined.lines().map(str::trim) {
            let starts = ["perjury ", "run: perjury ", "exec perjury "];
            let ways =
                ["ExecStart=", "ExecStopPost=-"].map(|key| format!("{key}/usr/local/bin/perjury "));
            let mut starts = starts.into_iter().chain(ways.iter().map(String::as_str));
            if let Some(rest) = starts.find_map(|start| line.strip_prefix(start)) {
                commands.push((name, with_samples(rest)));
            }
        }
    }
    commands
}

/// `${{ ... }}`, `$((...))` and `$NAME` become 1.
fn with_samples(command: &str) -> String {
    let mut text = command.to_owned();
    for (open, close) in [("${{", "}}"), ("$((", "))")] {
        while let Some(from) = text.find(open) {
            let to = text[from..].find(close).expect("an end") + from + close.len();
            text.replace_range(from..to, "1");
        }
    }
    while let Some(from) = text.find('$') {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = text[from + 1..].find(|c| !name(c)).unwrap_or(text.len() - from - 1);
        text.replace_range(from..=from + length, "1");
    }
    text
}

#[test]
fn every_command_is_one_that_perjury_takes() {
    let commands = commands();
    let used: BTreeSet<&str> =
        commands.iter().filter_map(|(_, command)| command.split(' ').next()).collect();
    assert_eq!(used, BTreeSet::from(["campaign", "doctor", "gc", "merge"]), "{commands:?}");
    for (name, command) in commands {
        let words = shlex::split(&command).unwrap_or_else(|| panic!("{name}: `{command}`"));
        // All arguments are read, and refused if they are wrong, before the help that ends it.
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.push("--help");
        let ran = perjury(&words);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{name}: `perjury {command}`: {said}");
    }
    assert!(
        !perjury(&["gc", "--max-age", "soon", "--help"]).status.success(),
        "help hides nothing"
    );
}
