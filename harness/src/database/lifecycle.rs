//! The database's life on a node: installed, wiped, started, ready, stopped.

mod bring_up;
mod install;
mod logs;
mod ports;
mod setup;

use super::definition::{Condition, Definition, Probe};
use super::readiness::{self, Question};
use super::template::{NodeFacts, Scope, Template};
use crate::agent::protocol::{ProcessState, RunState, StartProcess};
use crate::control::{Command, Exit, Output};
use crate::{Cluster, Node, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// The name under which the agent knows the database's process.
pub const PROCESS: &str = "db";

/// Packages may have to be downloaded over a slow line.
pub const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// Removing gigabytes of data takes its time.
const WIPE_LIMIT: Duration = Duration::from_secs(120);
/// Past the command's own limit, which the session enforces and verifies.
const GRACE: Duration = Duration::from_secs(15);
const ASK_LIMIT: Duration = Duration::from_secs(2);
const ASK_COMMAND_LIMIT: Duration = Duration::from_secs(10);
const ASK_PAUSE: Duration = Duration::from_millis(100);
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// What to look at when the process ended.
const DIED: &str = "Does `command` under [start] of its database.toml stay in the foreground, and are \
                    its arguments right? Run it by hand to see";
/// What to look at when it runs and does not answer.
const MUTE: &str = "Does it listen on the node's own {address}, at the port that [ready] of its \
                    database.toml asks? If it only needs longer, give [ready] a `timeout`, or \
                    --ready-limit";

/// Runs one database as its `database.toml` says, with one set of options.
///
/// Every method has a time limit of its own, and every error is a sentence that names the node.
pub struct Lifecycle {
    definition: Definition,
    /// Those that are set or have a default.
    options: BTreeMap<String, String>,
    perjury: String,
    layered: bool,
    /// What faults want in the process's environment, besides what the definition says.
    environment: BTreeMap<String, String>,
    /// Where the definition is, for archives beside it.
    folder: Option<PathBuf>,
    /// Nodes that were started since their data was emptied.
    started: Mutex<BTreeSet<usize>>,
}

impl Lifecycle {
    /// `perjury` is the path of the perjury binary on the nodes. Errors name the option that is
    /// wrong or missing.
    pub fn new(definition: Definition, options: &Options, perjury: String) -> Result<Self, String> {
        let values = definition.values(|name| options.get(name).map(str::to_owned))?;
        let lifecycle = Self {
            definition,
            options: values,
            perjury,
            layered: false,
            environment: BTreeMap::new(),
            folder: None,
            started: Mutex::default(),
        };
        lifecycle.missing_option().map_or(Ok(lifecycle), Err)
    }

    /// Says that nodes see the machine's own programs beneath a layer of their own (local
    /// clusters): nothing is installed there, it is only looked for.
    pub fn layered(mut self, layered: bool) -> Self {
        self.layered = layered;
        self
    }

    /// Says in which folder of the controller the definition is.
    pub fn folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// Adds variables to the environment of the database's process.
    pub fn environment(mut self, more: BTreeMap<String, String>) -> Self {
        self.environment.extend(more);
        self
    }

    /// The program with its arguments that [`Lifecycle::start`] runs on a node, and the user that
    /// it runs as, where that is not the agent's own.
    pub fn start_program(
        &self,
        cluster: &Cluster,
        node: &Node,
    ) -> Result<(Vec<String>, Option<String>), String> {
        let request = self.start_request(&self.facts(cluster), node.index, false)?;
        Ok((request.argv, request.user))
    }

    /// What the `database.toml` says.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Whether all ports are free; the error names the port and, when it can be found, its
    /// holder. Asked after [`Lifecycle::wipe`], when the database itself cannot be the holder.
    pub async fn check_ports(&self, node: &Node) -> Result<(), String> {
        ports::check(node, &self.definition).await
    }

    /// Stops what an earlier run left, and empties data directories and logs.
    pub async fn wipe(&self, cluster: &Cluster, node: &Node) -> Result<(), String> {
        let _ = cluster;
        self.stop(node).await?;
        self.started().remove(&node.index);
        for (tool, paths) in [("-rf", &self.definition.data), ("-f", &self.definition.logs)] {
            if paths.is_empty() {
                continue;
            }
            let argv = ["rm", tool, "--"].map(str::to_owned).into_iter();
            self.must(node, argv.chain(paths.iter().cloned()), WIPE_LIMIT).await?;
        }
        self.make_directories(node).await
    }

    async fn make_directories(&self, node: &Node) -> Result<(), String> {
        let mut parents: Vec<String> = self.definition.logs.iter().map(|log| parent(log)).collect();
        parents.extend(self.definition.files.iter().map(|file| parent(&file.path)));
        parents.sort();
        parents.dedup();
        if !parents.is_empty() {
            let argv = ["mkdir", "-p", "--"].map(str::to_owned).into_iter();
            self.must(node, argv.chain(parents), COMMAND_LIMIT).await?;
        }
        let data = &self.definition.data;
        if data.is_empty() {
            return Ok(());
        }
        let argv = ["mkdir", "-p", "-m", "0700", "--"].map(str::to_owned).into_iter();
        self.must(node, argv.chain(data.iter().cloned()), COMMAND_LIMIT).await?;
        let Some(user) = &self.definition.start.user else { return Ok(()) };
        self.give(node, user, data).await
    }

    /// Makes `user` the owner of `paths`.
    async fn give(&self, node: &Node, user: &str, paths: &[String]) -> Result<(), String> {
        let argv = ["/bin/sh", "-c", GIVE, "sh", user].map(str::to_owned).into_iter();
        self.must(node, argv.chain(paths.iter().cloned()), COMMAND_LIMIT).await
    }

    /// Starts the database on `node`, or finds it running already. Data stays as it is.
    pub async fn start(&self, cluster: &Cluster, node: &Node) -> Result<ProcessState, String> {
        let state = self.status(node).await?;
        if state.state != RunState::Gone {
            return Ok(state);
        }
        self.write_files(cluster, node).await?;
        let fresh = !self.started().contains(&node.index);
        let request = self.start_request(&self.facts(cluster), node.index, fresh)?;
        let state = node.agent.start_process(&request).await.map_err(|error| {
            let (argv, name) = (request.argv.join(" "), &self.definition.name);
            format!(
                "{}: {name} cannot be started with `{argv}`: {error}\nIs `command` under [start] of \
                 its database.toml right, and is its program there (see [install])?",
                node.name
            )
        });
        self.started().insert(node.index);
        state
    }

    fn started(&self) -> std::sync::MutexGuard<'_, BTreeSet<usize>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_files(&self, cluster: &Cluster, node: &Node) -> Result<(), String> {
        let facts = self.facts(cluster);
        let role = self.definition.role(node.index);
        for file in &self.definition.files {
            if !file.condition.holds(&self.options, role, false) {
                continue;
            }
            let text = self.render(&file.text, &facts, node.index)?;
            node.session.upload_bytes(text.as_bytes(), &file.path, file.mode).await.map_err(
                |error| format!("{}: {} was not written: {error}", node.name, file.path),
            )?;
            if let Some(user) = &self.definition.start.user {
                self.give(node, user, std::slice::from_ref(&file.path)).await?;
            }
        }
        Ok(())
    }

    /// The agent's request that starts node `here`, for the first time when `fresh`.
    fn start_request(
        &self,
        facts: &[NodeFacts],
        here: usize,
        fresh: bool,
    ) -> Result<StartProcess, String> {
        let start = &self.definition.start;
        let mut argv = self.render_all(&start.command, facts, here)?;
        let role = self.definition.role(here);
        for when in &start.when {
            if when.condition.holds(&self.options, role, fresh) {
                argv.extend(self.render_all(&when.arguments, facts, here)?);
            }
        }
        let mut env = self.environment.clone();
        env.extend(self.own_environment(facts, here)?);
        Ok(StartProcess {
            name: PROCESS.to_owned(),
            argv,
            env,
            dir: start.directory.clone(),
            log: self.definition.logs[0].clone(),
            user: start.user.clone(),
        })
    }

    /// What the definition says of the environment.
    fn own_environment(
        &self,
        facts: &[NodeFacts],
        here: usize,
    ) -> Result<BTreeMap<String, String>, String> {
        let variables = self.definition.start.env.iter();
        let filled =
            variables.map(|(name, value)| Ok((name.clone(), self.render(value, facts, here)?)));
        filled.collect()
    }

    /// Waits until the database on `node` answers as `[ready]` wants it, until `deadline` or
    /// that section's own time limit, whichever comes first. The error tells the last answer,
    /// whether the process still runs, and the end of its log.
    pub async fn await_ready(
        &self,
        cluster: &Cluster,
        node: &Node,
        deadline: Instant,
    ) -> Result<(), String> {
        let began = Instant::now();
        let deadline = deadline.min(began + self.definition.ready.timeout);
        let facts = self.facts(cluster);
        let mut last = "nothing was asked yet".to_owned();
        let mut next_status = began + STATUS_INTERVAL;
        while Instant::now() < deadline {
            match self.ask(&facts, node, deadline).await? {
                Ok(()) => return Ok(()),
                Err(answer) => last = answer,
            }
            if Instant::now() >= next_status {
                next_status = Instant::now() + STATUS_INTERVAL;
                if let Ok(state) = self.status(node).await
                    && state.state == RunState::Gone
                {
                    let what = format!("ended before it was ready ({})", state.observed);
                    return Err(self.not_ready(cluster, node, &what, &last, DIED).await);
                }
            }
            sleep_until(deadline.min(Instant::now() + ASK_PAUSE)).await;
        }
        let waited = began.elapsed().as_secs_f64();
        let process = match self.status(node).await {
            Ok(state) => state.observed,
            Err(error) => error,
        };
        let what = format!("is not ready after {waited:.0} s ({process})");
        Err(self.not_ready(cluster, node, &what, &last, MUTE).await)
    }

    /// Asks once. The outer error is one that asking again will not mend.
    async fn ask(
        &self,
        facts: &[NodeFacts],
        node: &Node,
        deadline: Instant,
    ) -> Result<Result<(), String>, String> {
        let here = node.index;
        let limit = ASK_LIMIT.min(deadline - Instant::now());
        match &self.definition.ready.probe {
            Probe::Http { url, contains } => {
                let url = self.render(url, facts, here)?;
                let contains = contains.as_ref().map(|text| self.render(text, facts, here));
                let contains = contains.transpose()?;
                Ok(readiness::ask(&Question::Http { url, contains }, limit).await)
            }
            Probe::Tcp(address) => {
                let address = self.render(address, facts, here)?;
                Ok(readiness::ask(&Question::Tcp(address), limit).await)
            }
            Probe::Command(command) => {
                let argv = self.render_all(command, facts, here)?;
                let shown = argv.join(" ");
                let command = Command::new(argv).timeout(ASK_COMMAND_LIMIT);
                let output = match run(node, &command).await {
                    Ok(output) => output,
                    Err(error) => return Ok(Err(error)),
                };
                if output.success() {
                    return Ok(Ok(()));
                }
                Ok(Err(format!("`{shown}` {}", ended(&output))))
            }
        }
    }

    async fn not_ready(
        &self,
        cluster: &Cluster,
        node: &Node,
        what: &str,
        last: &str,
        hint: &str,
    ) -> String {
        let name = &self.definition.name;
        let mut text = format!("{}: {name} {what}; the last answer was: {last}", node.name);
        if let Ok(request) = self.start_request(&self.facts(cluster), node.index, true) {
            text.push_str(&format!("\nit was started with `{}`", request.argv.join(" ")));
        }
        if let Some(excerpt) = logs::excerpt(node, &self.definition.logs[0]).await {
            text.push_str(&format!("\nthe end of {}:\n{excerpt}", self.definition.logs[0]));
        } else {
            text.push_str(&format!("\nit wrote nothing to {}", self.definition.logs[0]));
        }
        format!("{text}\n{hint}")
    }

    /// Stops the database, gently first; also when it was never started.
    pub async fn stop(&self, node: &Node) -> Result<ProcessState, String> {
        node.agent.stop(PROCESS).await.map_err(|error| error.to_string())
    }

    /// What its process does; gone when it was never started.
    pub async fn status(&self, node: &Node) -> Result<ProcessState, String> {
        node.agent.process_status(PROCESS).await.map_err(|error| error.to_string())
    }

    /// Log files on the nodes; the first is what the process prints.
    pub fn logs(&self) -> &[String] {
        &self.definition.logs
    }

    /// The last lines of the first log, when there are any.
    pub async fn log_excerpt(&self, node: &Node) -> Option<String> {
        logs::excerpt(node, &self.definition.logs[0]).await
    }

    /// Fetches each log's last `cap` bytes into the existing directory `into`. Returns the files
    /// that came, and a sentence for each that did not.
    pub async fn fetch_logs(
        &self,
        node: &Node,
        into: &std::path::Path,
        cap: u64,
    ) -> (Vec<std::path::PathBuf>, Vec<String>) {
        logs::fetch(node, &self.definition.logs, into, cap).await
    }

    async fn must(
        &self,
        node: &Node,
        argv: impl IntoIterator<Item = String>,
        limit: Duration,
    ) -> Result<(), String> {
        let command = Command::new(argv).as_root().timeout(limit);
        let output = run(node, &command).await?;
        if output.success() {
            return Ok(());
        }
        Err(format!("{}: `{}` {}", node.name, command.argv.join(" "), ended(&output)))
    }

    /// The nodes as templates see them.
    fn facts(&self, cluster: &Cluster) -> Vec<NodeFacts> {
        let fact = |node: &Node| NodeFacts {
            name: node.name.to_string(),
            address: node.address,
            role: self.definition.role(node.index).to_owned(),
        };
        cluster.nodes.iter().map(fact).collect()
    }

    fn scope<'a>(&'a self, nodes: &'a [NodeFacts], here: usize) -> Scope<'a> {
        Scope {
            nodes,
            here,
            perjury: &self.perjury,
            ports: &self.definition.ports,
            options: &self.options,
        }
    }

    fn render(
        &self,
        template: &Template,
        nodes: &[NodeFacts],
        here: usize,
    ) -> Result<String, String> {
        template.render(&self.scope(nodes, here))
    }

    fn render_all(
        &self,
        templates: &[Template],
        nodes: &[NodeFacts],
        here: usize,
    ) -> Result<Vec<String>, String> {
        templates.iter().map(|template| self.render(template, nodes, here)).collect()
    }

    /// A complaint about an option that some template in use needs and that has no value.
    fn missing_option(&self) -> Option<String> {
        let definition = &self.definition;
        let mut templates: Vec<&Template> = definition.program.iter().collect();
        templates.extend(&definition.start.command);
        templates.extend(definition.start.env.values());
        // Whatever role a node has, and at every start.
        let holds = |condition: &Condition| {
            let Condition { option, is, .. } = condition.clone();
            let of_options = Condition { option, is, ..Condition::default() };
            of_options.holds(&self.options, "", false)
        };
        templates.extend(
            definition.files.iter().filter(|file| holds(&file.condition)).map(|file| &file.text),
        );
        let when = definition.start.when.iter().filter(|when| holds(&when.condition));
        templates.extend(when.flat_map(|when| &when.arguments));
        let setup = definition.setup.iter().filter(|setup| holds(&setup.condition));
        templates.extend(setup.flat_map(|setup| &setup.command));
        match &definition.ready.probe {
            Probe::Http { url, contains } => templates.extend([url].into_iter().chain(contains)),
            Probe::Tcp(address) => templates.push(address),
            Probe::Command(command) => templates.extend(command),
        }
        let missing = templates
            .into_iter()
            .flat_map(Template::options)
            .find(|name| !self.options.contains_key(*name))?;
        let about = &definition.options[missing].about;
        Some(format!(
            "{} needs option `{missing}` ({about}): give --set {missing}=VALUE",
            definition.name
        ))
    }
}

/// `chown $1 $2 …`, but for an ordinary user's local nodes, which have only one user: there all is
/// theirs already, see `daemonize` of the agent.
const GIVE: &str = r#"
user=$1
shift
read -r _ _ users < /proc/self/uid_map
if [ "$users" = 1 ]; then
    exit 0
fi
exec chown "$user" -- "$@"
"#;

/// The directory above; paths here have two components at least.
fn parent(path: &str) -> String {
    path.trim_end_matches('/').rsplit_once('/').map_or("/", |(above, _)| above).to_owned()
}

async fn run(node: &Node, command: &Command) -> Result<Output, String> {
    match timeout(command.timeout + GRACE, node.session.exec(command)).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "{}: `{}` gave no answer within {} s",
            node.name,
            command.argv.first().map(String::as_str).unwrap_or_default(),
            (command.timeout + GRACE).as_secs()
        )),
    }
}

/// How a command ended, as the end of a sentence, with the last lines of what it said.
fn ended(output: &Output) -> String {
    let how = match &output.exit {
        Exit::Code(code) => format!("ended with code {code}"),
        Exit::Signal(signal) => format!("was ended by SIG{signal}"),
        Exit::Lost => "was cut off: whether it was done is unknown".to_owned(),
    };
    let stream = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    let said = logs::last_lines(&String::from_utf8_lossy(stream), 5);
    if said.is_empty() { how } else { format!("{how}: {said}") }
}

#[cfg(test)]
mod node_tests;
#[cfg(test)]
mod tests;
