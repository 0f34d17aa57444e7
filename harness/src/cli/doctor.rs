//! `perjury doctor`: can this machine run local clusters, are these hosts usable, is this
//! `database.toml` understood?

use super::args::{DoctorArgs, HostArgs};
use super::{definitions, output, plan};
use crate::control::{Command, Session};
use crate::exit::{self, HarnessFailure, Stop};
use crate::machines::{Check, Severity};
use crate::plan::ClusterPlan;
use crate::run::hosts;
use crate::{Registry, local};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// For all questions to one host.
const HOST_LIMIT: Duration = Duration::from_secs(60);
/// A command that does nothing should not take longer: many are run.
const SLOW_COMMAND: Duration = Duration::from_millis(150);
/// Free space that the agent, the database and its logs want, in kilobytes.
const SPACE_KB: u64 = 500_000;
/// Clocks further apart than this make log lines hard to compare.
const CLOCK: f64 = 0.5;

/// Looks at the hosts, or at this machine when none are named. Exit code 3 if there is a problem.
pub fn doctor(args: &DoctorArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    let checks = match (&args.database, &args.hosts.vagrant) {
        (Some(path), _) => definitions::look(path, registry)?,
        (None, Some(directory)) => virtual_machines(&args.hosts, directory, registry)?,
        (None, None) => {
            let names = plan::hosts(&args.hosts, registry)?;
            if names.is_empty() { machine() } else { ask_hosts(&args.hosts, names)? }
        }
    };
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(Severity::Good);
    if args.json {
        output::print(&serde_json::to_string_pretty(&checks).unwrap_or_default());
    } else {
        checks.iter().for_each(|check| output::print(&line(check)));
    }
    Ok(ExitCode::from(if worst == Severity::Problem { exit::HARNESS } else { exit::VALID }))
}

fn line(check: &Check) -> String {
    let mark = match check.state {
        Severity::Good => "ok     ",
        Severity::Warning => "warning",
        Severity::Problem => "PROBLEM",
    };
    let remedy =
        check.remedy.as_deref().map(|remedy| format!("\n         {remedy}")).unwrap_or_default();
    format!("{mark}  {}: {}{remedy}", check.on, check.what)
}

fn machine() -> Vec<Check> {
    const HERE: &str = "this machine";
    let mut checks: Vec<Check> = local::check()
        .into_iter()
        .map(|problem| Check::bad(HERE, Severity::Problem, problem.what, problem.remedy))
        .collect();
    if checks.is_empty() {
        checks
            .push(Check::good(HERE, "local clusters work: namespaces, overlays, virtual networks"));
    }
    checks.push(if on_path("ssh") {
        Check::good(HERE, "ssh is there to read SSH configurations")
    } else {
        let what = "there is no `ssh`, so no SSH configuration can be read";
        let remedy = "install openssh-client, or name hosts as USER@HOST:PORT";
        Check::bad(HERE, Severity::Warning, what, remedy)
    });
    checks
}

/// What keeps the machines, then the machines themselves when they all run.
fn virtual_machines(
    args: &HostArgs,
    directory: &Path,
    registry: &Registry,
) -> Result<Vec<Check>, Stop> {
    let keeper = registry.find_machines()?;
    if let Err(error) = keeper.enter(directory) {
        let remedy = "nothing else was looked at";
        return Ok(vec![Check::bad("vagrant", Severity::Problem, error, remedy)]);
    }
    let runtime = runtime()?;
    let mut checks = runtime.block_on(keeper.look(directory));
    if checks.iter().any(|check| check.state == Severity::Problem) {
        return Ok(checks);
    }
    let plan = ClusterPlan { hosts: plan::hosts(args, registry)?, ..ClusterPlan::from(args) };
    match runtime.block_on(keeper.open(&plan, &|_| {})) {
        Err(error) => {
            let remedy = "see that `vagrant ssh` logs in to each machine";
            checks.push(Check::bad("vagrant", Severity::Problem, error, remedy));
        }
        Ok(machines) => {
            let reach = machines.reach();
            for (host, address) in reach.hosts.iter().zip(&reach.addresses) {
                checks.push(Check::good(host, format!("other machines find it at {address}")));
            }
            checks.extend(runtime.block_on(ask_all(reach)));
        }
    }
    Ok(checks)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn ask_hosts(args: &HostArgs, names: Vec<String>) -> Result<Vec<Check>, HarnessFailure> {
    let plan = ClusterPlan { hosts: names, ..ClusterPlan::from(args) };
    Ok(runtime()?.block_on(ask_all(&plan)))
}

fn runtime() -> Result<tokio::runtime::Runtime, HarnessFailure> {
    tokio::runtime::Runtime::new().map_err(|error| HarnessFailure::new("the runtime", error))
}

async fn ask_all(plan: &ClusterPlan) -> Vec<Check> {
    let asking = plan.hosts.iter().map(|host| async {
        let asked = tokio::time::timeout(HOST_LIMIT, ask_host(plan, host)).await;
        let late = "check the machine's load and its network";
        asked.unwrap_or_else(|_| {
            vec![Check::bad(host, Severity::Problem, "it did not answer in a minute", late)]
        })
    });
    futures::future::join_all(asking).await.into_iter().flatten().collect()
}

async fn ask_host(plan: &ClusterPlan, host: &str) -> Vec<Check> {
    let target = match hosts::target(plan, host).await {
        Ok(target) => target,
        Err(failure) => {
            let remedy = "correct the host's name or the SSH configuration";
            return vec![Check::bad(host, Severity::Problem, failure.message, remedy)];
        }
    };
    let session = match Session::connect(target).await {
        Ok(session) => session,
        Err(error) => {
            let remedy = "see that `ssh` with the same configuration logs in without asking";
            return vec![Check::bad(host, Severity::Problem, error.to_string(), remedy)];
        }
    };
    let mut checks = vec![Check::good(host, format!("SSH works ({:?})", session.target()))];
    checks.extend(latency(host, &session).await);
    checks.extend(facts(host, &session).await);
    session.close().await;
    checks
}

async fn latency(host: &str, session: &Session) -> Option<Check> {
    let began = Instant::now();
    for _ in 0..3 {
        let output = session.exec(&Command::new(["true"])).await.ok()?;
        output.success().then_some(())?;
    }
    let each = began.elapsed() / 3;
    let what = format!("a command takes {} ms", each.as_millis());
    Some(if each < SLOW_COMMAND {
        Check::good(host, what)
    } else {
        let remedy = "look at what the login shell does at its start (~/.bashrc)";
        Check::bad(host, Severity::Warning, what, remedy)
    })
}

/// What the questions below print, a line each.
const QUESTIONS: &str = "uname -sm; id -u; command -v nft || echo -; \
    df -Pk /var/tmp | awk 'NR==2 {print $4}'; date +%s.%N";

async fn facts(host: &str, session: &Session) -> Vec<Check> {
    let output = match session.exec(&Command::shell(QUESTIONS).as_root()).await {
        Ok(output) if output.success() => output.text(),
        Ok(output) => {
            let what = format!(
                "commands as root fail: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
            let remedy = "log in as root, or let the user run `sudo -n` without a password";
            return vec![Check::bad(host, Severity::Problem, what, remedy)];
        }
        Err(error) => {
            return vec![Check::bad(
                host,
                Severity::Problem,
                error.to_string(),
                "see the host's log of sshd",
            )];
        }
    };
    let lines: Vec<&str> = output.lines().collect();
    let [system, user, nft, space, clock] = lines[..] else {
        let what = format!("its shell prints something else than was asked for: {output}");
        return vec![Check::bad(
            host,
            Severity::Problem,
            what,
            "let the login shell print nothing",
        )];
    };
    vec![
        architecture(host, system),
        root(host, user),
        firewall(host, nft),
        disk(host, space),
        time(host, clock),
    ]
}

fn architecture(host: &str, system: &str) -> Check {
    let ours = format!("Linux {}", std::env::consts::ARCH);
    if system == ours {
        return Check::good(host, system);
    }
    let remedy = format!("Perjury's agent is this program, for {ours}: build it for the node");
    Check::bad(host, Severity::Problem, format!("the system is {system}"), remedy)
}

fn root(host: &str, user: &str) -> Check {
    match user {
        "0" => Check::good(host, "root, or sudo without a password"),
        _ => Check::bad(host, Severity::Problem, "no rights of root", "let the user run `sudo -n`"),
    }
}

fn firewall(host: &str, nft: &str) -> Check {
    match nft {
        "-" => Check::bad(
            host,
            Severity::Warning,
            "there is no `nft`, so the network cannot be cut",
            "install nftables on the host, or run without network faults",
        ),
        path => Check::good(host, format!("network cuts by {path}")),
    }
}

fn disk(host: &str, space: &str) -> Check {
    let free: u64 = space.parse().unwrap_or(0);
    let what = format!("{} MB are free in /var/tmp", free / 1000);
    if free >= SPACE_KB {
        return Check::good(host, what);
    }
    Check::bad(host, Severity::Warning, what, "make room: the agent, data and logs live there")
}

fn time(host: &str, clock: &str) -> Check {
    let theirs: f64 = clock.parse().unwrap_or(0.0);
    let ours = jiff::Timestamp::now().as_nanosecond() as f64 / 1e9;
    let offset = theirs - ours;
    let what = format!("its clock is {offset:+.1} s from ours");
    if offset.abs() < CLOCK {
        return Check::good(host, what);
    }
    Check::bad(host, Severity::Warning, what, "let NTP set the clock, so that logs can be compared")
}
