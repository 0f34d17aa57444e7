//! Perjury with an agent that lies, for `tests/faults.rs`: it answers as if it had done what it was
//! asked to break, and does nothing. No run with it may be green.
//!
//! What it says when it only has to look is the truth: it is a helper that does nothing, as two
//! releases of Jepsen had, not a conspiracy.

use perjury_harness::{Registry, cli};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let registry = Registry::default()
        .database(perjury_demo::database())
        .internal("demo-server", perjury_demo::server::main);
    let registry = perjury_workloads::register(registry);
    let mut registry = perjury_nemesis::register(registry);
    registry.internal.retain(|(name, _)| *name != "agent");
    let registry =
        registry.internal("honest-agent", perjury_nemesis::agent::main).internal("agent", lie);
    cli::main(&registry)
}

/// Stands between the controller and an honest agent.
fn lie(arguments: Vec<String>) -> ExitCode {
    let agent = Command::new("/proc/self/exe")
        .arg("honest-agent")
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut agent) = agent else { return ExitCode::FAILURE };
    let Some(mut honest) = agent.stdin.take() else { return ExitCode::FAILURE };
    for line in BufReader::new(std::io::stdin()).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let verb = request["do"].as_str().unwrap_or_default();
        match answer(verb) {
            // A line of less than a page reaches the pipe in one piece, beside the agent's own.
            Some(answer) => {
                let line = json!({ "id": request["id"], "ok": answer }).to_string() + "\n";
                if std::io::stdout().write_all(line.as_bytes()).is_err() {
                    break;
                }
            }
            None if writeln!(honest, "{line}").is_err() => break,
            None => {}
        }
    }
    drop(honest);
    let _ = agent.wait();
    ExitCode::SUCCESS
}

/// What it says it has done; `None` where it lets the honest one answer.
fn answer(verb: &str) -> Option<Value> {
    let process = |state: &str| {
        let observed = format!("pid 4711 is {state}");
        Some(
            json!({ "state": state, "pid": 4711, "start_ticks": 1, "pids": [], "observed": observed }),
        )
    };
    match verb {
        "process.kill" | "process.stop" => process("gone"),
        "process.pause" => process("paused"),
        "process.resume" => process("running"),
        "clock.set" | "clock.reset" => Some(Value::Null),
        "custom.inject" | "custom.heal" => Some(json!({ "code": 0, "output": "done" })),
        "disk.fail" | "disk.mend" | "disk.power_loss" => Some(json!({ "layers": [] })),
        "file.corrupt" | "file.restore" => Some(json!({})),
        "net.cut" | "net.mend" => Some(json!({ "rules": [], "addresses": [], "control": [] })),
        "net.shape" | "net.unshape" => Some(json!({ "lacks": {}, "present": [] })),
        _ => None,
    }
}
