//! Machines for a run: brought up when asked, restored when asked, left as found.

use crate::command::Vagrant;
use crate::network;
use crate::status::{self, Machine, State};
use futures::future::try_join_all;
use perjury_harness::BoxFuture;
use perjury_harness::control::{Command, Session};
use perjury_harness::machines::Machines;
use perjury_harness::plan::{ClusterPlan, VagrantPlan};
use perjury_harness::run::hosts;
use std::io::Write as _;
use std::time::Duration;
use tempfile::NamedTempFile;

/// For bringing machines up: emulated ones are slow, and a box may have to be fetched.
const UP_LIMIT: Duration = Duration::from_secs(1800);
/// For halting or destroying machines, or putting a snapshot back.
const DOWN_LIMIT: Duration = Duration::from_secs(300);

/// Clocks that are less wrong than this, in seconds, are let be.
const CLOCK: f64 = 2.0;

/// Machines that are up.
pub(crate) struct Opened {
    vagrant: Vagrant,
    reach: ClusterPlan,
    /// What was not running before, and is not to run afterwards.
    restless: Vec<Machine>,
    /// Has to be there for as long as the machines are to be reached.
    _ssh_config: NamedTempFile,
}

/// Brings the plan's machines up, as far as it asks for that, and finds out how to reach them.
pub(crate) async fn open(
    plan: &ClusterPlan,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Opened, String> {
    let wish = plan.vagrant.as_ref().ok_or("the plan names no Vagrantfile's folder")?;
    let vagrant = Vagrant::at(&wish.directory)?;
    let down = sleeping(&vagrant, plan).await?;
    if !down.is_empty() {
        start(&vagrant, wish, &down, say).await?;
    }
    let restless = if wish.keep { Vec::new() } else { down };
    match reach(&vagrant, plan, wish, say).await {
        Ok((reach, ssh_config)) => Ok(Opened { vagrant, reach, restless, _ssh_config: ssh_config }),
        Err(error) => {
            leave(&vagrant, &restless).await.unwrap_or_else(|more| tracing::warn!("{more}"));
            Err(error)
        }
    }
}

/// The plan's machines that do not run.
async fn sleeping(vagrant: &Vagrant, plan: &ClusterPlan) -> Result<Vec<Machine>, String> {
    let known = status::parse(&vagrant.ask(&status::COMMAND).await?)?;
    let mut down = Vec::new();
    for host in &plan.hosts {
        let names = || known.iter().map(|machine| &*machine.name).collect::<Vec<_>>().join(", ");
        let machine = known.iter().find(|machine| machine.name == *host).ok_or_else(|| {
            format!("the Vagrantfile defines no machine `{host}`; it has {}", names())
        })?;
        if machine.state != State::Running {
            down.push(machine.clone());
        }
    }
    Ok(down)
}

async fn start(
    vagrant: &Vagrant,
    wish: &VagrantPlan,
    down: &[Machine],
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), String> {
    if !wish.up {
        let told: Vec<String> = down
            .iter()
            .map(|machine| format!("{} ({})", machine.name, machine.state.word()))
            .collect();
        return Err(format!(
            "these machines do not run: {}; run `vagrant up` in {}, or give --vagrant-up",
            told.join(", "),
            wish.directory.display()
        ));
    }
    let names = names(down);
    say(&format!("vagrant up {}", names.join(" ")));
    let quiet = |line: &str| tracing::debug!("vagrant: {line}");
    let arguments: Vec<&str> = ["up"].into_iter().chain(names).collect();
    if let Err(error) = vagrant.act(&arguments, UP_LIMIT, &quiet).await {
        if !wish.keep {
            leave(vagrant, down).await.unwrap_or_else(|more| tracing::warn!("{more}"));
        }
        return Err(error);
    }
    Ok(())
}

fn names(machines: &[Machine]) -> Vec<&str> {
    machines.iter().map(|machine| &*machine.name).collect()
}

/// Puts the snapshot back, asks for the SSH configuration, and finds the machines' addresses.
async fn reach(
    vagrant: &Vagrant,
    plan: &ClusterPlan,
    wish: &VagrantPlan,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(ClusterPlan, NamedTempFile), String> {
    if let Some(snapshot) = &wish.snapshot {
        say(&format!("putting the snapshot {snapshot} back"));
        let quiet = |line: &str| tracing::debug!("vagrant: {line}");
        for host in &plan.hosts {
            let arguments = ["snapshot", "restore", host, snapshot, "--no-provision"];
            vagrant.act(&arguments, DOWN_LIMIT, &quiet).await?;
        }
    }
    let ssh_config = ssh_config(vagrant, plan).await?;
    let mut reach = plan.clone();
    reach.ssh_config = Some(ssh_config.path().to_owned());
    let sessions = try_join_all(plan.hosts.iter().map(|host| connect(&reach, host))).await?;
    if wish.snapshot.is_some() {
        // A machine that was put back still believes in the time of its snapshot.
        try_join_all(sessions.iter().map(|session| set_clock(session))).await?;
    }
    if reach.addresses.is_empty() {
        reach.addresses = addresses(&reach, &sessions).await?;
    }
    for session in sessions {
        session.close().await;
    }
    Ok((reach, ssh_config))
}

async fn ssh_config(vagrant: &Vagrant, plan: &ClusterPlan) -> Result<NamedTempFile, String> {
    let arguments: Vec<&str> =
        ["ssh-config"].into_iter().chain(plan.hosts.iter().map(String::as_str)).collect();
    let text = vagrant.ask(&arguments).await?;
    let failed = |error: std::io::Error| format!("the SSH configuration cannot be kept: {error}");
    let mut file =
        tempfile::Builder::new().prefix("perjury-ssh-config-").tempfile().map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    Ok(file)
}

async fn connect(reach: &ClusterPlan, host: &str) -> Result<std::sync::Arc<Session>, String> {
    let target = hosts::target(reach, host).await.map_err(|failure| failure.to_string())?;
    Session::connect(target).await.map_err(|error| error.to_string())
}

/// Sets a clock that is wrong; one that is right needs no right to be set.
async fn set_clock(session: &Session) -> Result<(), String> {
    let node = &session.target().name;
    let run = |command: Command| async move {
        match session.exec(&command).await {
            Ok(output) if output.success() => Ok(output.text()),
            Ok(output) => Err(format!("{node}: its clock cannot be set: {}", output.error_text())),
            Err(error) => Err(error.to_string()),
        }
    };
    let theirs = run(Command::new(["date", "+%s.%N"])).await?;
    let theirs: f64 = theirs.trim().parse().unwrap_or(0.0);
    if (seconds_now() - theirs).abs() < CLOCK {
        return Ok(());
    }
    run(Command::new(["date", "-s", &format!("@{:.3}", seconds_now())]).as_root()).await.map(drop)
}

fn seconds_now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

async fn addresses(
    reach: &ClusterPlan,
    sessions: &[std::sync::Arc<Session>],
) -> Result<Vec<std::net::IpAddr>, String> {
    let asked = sessions.iter().map(|session| async move {
        let output = session.exec(&Command::shell(network::QUESTION)).await;
        let output = output.map_err(|error| error.to_string())?;
        Ok::<_, String>(network::parse(&output.text()))
    });
    let places = try_join_all(asked).await?;
    let control: Vec<String> =
        sessions.iter().map(|session| session.target().host.clone()).collect();
    network::choose(&places, &control).ok_or_else(|| {
        format!(
            "{} have no network in common on which each has an address of its own: add a private network \
             to the Vagrantfile, or give their addresses with --addresses",
            reach.hosts.join(", ")
        )
    })
}

/// Halts what was off, and destroys what was not there.
async fn leave(vagrant: &Vagrant, restless: &[Machine]) -> Result<(), String> {
    let (absent, off): (Vec<Machine>, Vec<Machine>) =
        restless.iter().cloned().partition(|machine| machine.state == State::NotCreated);
    let quiet = |line: &str| tracing::debug!("vagrant: {line}");
    for (first, machines) in [(&["halt"][..], &off), (&["destroy", "-f"][..], &absent)] {
        if machines.is_empty() {
            continue;
        }
        let arguments: Vec<&str> = first.iter().copied().chain(names(machines)).collect();
        vagrant.act(&arguments, DOWN_LIMIT, &quiet).await?;
    }
    Ok(())
}

impl Machines for Opened {
    fn reach(&self) -> &ClusterPlan {
        &self.reach
    }

    fn close<'a>(&'a self, say: &'a (dyn Fn(&str) + Sync)) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if !self.restless.is_empty() {
                say(&format!("leaving {} as found", names(&self.restless).join(", ")));
            }
            leave(&self.vagrant, &self.restless).await
        })
    }
}
