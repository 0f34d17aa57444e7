//! The arguments: every command and flag, with its help.

mod databases;
mod files;
mod repro;

pub use databases::{ClientCheckArgs, DoctorArgs, NewArgs, NewWhat};
pub use files::{CheckArgs, ExplainArgs, ExportArgs, ExportFormat, JudgeArgs};
pub use repro::ReproArgs;

use crate::campaign::record::Shard;
use crate::generator::Popularity;
use crate::rate::{Arrival, Rate};
use crate::span::Span;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Exit codes: 0 valid, 1 an anomaly was found, 2 it cannot be said, 3 the harness or the
infrastructure failed, 254 bad arguments or configuration, 255 a bug in Perjury.";

/// Puts a distributed database on the witness stand: drives clients against a real cluster,
/// breaks it meanwhile, and proves from the history whether it told the truth.
#[derive(Debug, Parser)]
#[command(name = "perjury", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    /// More in the log on the terminal: -v for steps, -vv for every command
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a test: cluster up, load and faults, heal, final reads, check, report
    Test(Box<TestArgs>),
    /// Run a matrix of tests, such as every night, and say what came of each
    Campaign(CampaignArgs),
    /// Put the shards of a campaign together
    Merge(MergeArgs),
    /// Check a stored run again, also one that was killed half-way
    Analyze(AnalyzeArgs),
    /// Print a stored run's history as JSON lines, whether it is sealed, live or torn
    History {
        /// The run: its folder, or `store/latest`
        #[arg(default_value = "store/latest")]
        run: PathBuf,
    },
    /// Check a history file, of Perjury's or of other tools
    Check(CheckArgs),
    /// Tell one operation's neighbourhood, or one anomaly with its proof
    Explain(ExplainArgs),
    /// Write a history, its operations or its anomalies in the format of other tools
    Export(ExportArgs),
    /// List the kinds of anomalies, or tell what one of them means
    Anomalies(ListArgs),
    /// Say whether this machine can run local clusters, whether hosts are usable, or whether a
    /// database.toml is understood
    Doctor(DoctorArgs),
    /// Begin the description of a database of yours
    New(NewArgs),
    /// Hold a scripted conversation with a client of yours, and explain its mistakes
    ClientCheck(ClientCheckArgs),
    /// Undo on hosts what a run left whose controller died, without waiting for its agents' lease
    Heal(HostArgs),
    /// Remove passing runs that nobody needs any more; never a failure, nor what `latest` links to
    Gc(GcArgs),
    /// Reproduce published findings about real databases; without a name, list them
    Repro(ReproArgs),
    /// Show the store as web pages: all runs, two side by side, a test while it runs, campaigns
    Serve(ServeArgs),
    /// List the databases, or tell all about one: its options and planted bugs
    Databases(ListArgs),
    /// List the built-in clients of wire protocols, or tell all about one
    Drivers(ListArgs),
    /// List the workloads, or tell all about one
    Workloads(ListArgs),
    /// List the faults
    Faults(ListArgs),
    /// Measure how much load this machine can make, without a database
    Bench(BenchArgs),
    /// Print the JSON schema of a file that machines read
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Clone, Debug, Default)]
pub struct TestArgs {
    /// Database under test; `perjury databases` lists them [default: demo]
    pub database: Option<String>,
    /// What clients ask; `perjury workloads` lists them [default: register]
    #[arg(short, long, value_name = "NAME")]
    pub workload: Option<String>,
    /// Faults, separated by commas; `none` for none, `all` for all [default: kill,pause,partition]
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub nemesis: Option<Vec<String>>,
    /// Mean time between two fault operations [default: 5s]
    #[arg(long, value_name = "SPAN")]
    pub nemesis_interval: Option<Span>,
    /// Faults at fixed times, a line each, such as `at 10s cut n1|n2,n3 for 5s`; without --nemesis
    /// there are no others
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// One line of a script: `10s cut n1|n2,n3 for 5s`; may be given often
    #[arg(long, value_name = "LINE")]
    pub at: Vec<String>,
    /// File with faults of your own as `[[fault]]` tables, to be named in --nemesis or a script;
    /// may be given often
    #[arg(long, value_name = "FILE")]
    pub fault: Vec<PathBuf>,
    /// How long the main load lasts [default: 30s]
    #[arg(long, value_name = "SPAN")]
    pub time_limit: Option<Span>,
    /// Client workers: a number, or `2n` for two on each node [default: 2n]
    #[arg(short, long, value_name = "NUMBER[n]")]
    pub concurrency: Option<String>,
    /// Operations a second over all workers; 0 for as many as are answered. Or stretches, such as
    /// "100 for 10s, 100..5000 for 30s, 5000"; `repeat` at the end begins again [default: 200]
    #[arg(short, long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// Whether operations wait for a free worker (closed), or come whatever the database does [default:
    /// closed]
    #[arg(long, value_name = "HOW", value_enum)]
    pub arrival: Option<Arrival>,
    /// Root of every choice made by chance [default: drawn, and printed]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Plant a bug in the demo database, and choose the workload and faults that show it
    #[arg(long, value_name = "NAME")]
    pub bug: Option<String>,
    /// Consistency of reads, for databases that offer a choice (etcd: linearizable, serializable)
    #[arg(long, value_name = "LEVEL")]
    pub read: Option<String>,
    /// Consistency model that the history must satisfy, where the workload has a choice
    #[arg(long, value_name = "MODEL")]
    pub consistency_model: Option<String>,
    /// An option of the database, workload or a fault; may be given often
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Keys in use at a time [default: 5]
    #[arg(long, value_name = "NUMBER")]
    pub keys: Option<usize>,
    /// How keys are chosen: uniform, zipf:1.1, or hot:1:0.8 for one key that gets 80 % of the
    /// operations [default: as the workload does it]
    #[arg(long, value_name = "HOW")]
    pub key_choice: Option<Popularity>,
    /// Operations on a key before it is retired for a fresh one [default: 200]
    #[arg(long, value_name = "NUMBER")]
    pub ops_per_key: Option<usize>,
    /// After this long without an answer, an operation's outcome is unknown [default: 5s]
    #[arg(long, value_name = "SPAN")]
    pub operation_timeout: Option<Span>,
    /// How long the database may take to become ready at first [default: as its definition says]
    #[arg(long, value_name = "SPAN")]
    pub ready_limit: Option<Span>,
    /// How long the database may take to answer again once all faults are healed [default: 30s]
    #[arg(long, value_name = "SPAN")]
    pub recovery_limit: Option<Span>,
    /// The least share of calls, from 0 to 1, that must be served during each fault; a run that
    /// serves fewer fails [default: not judged]
    #[arg(long, value_name = "SHARE")]
    pub min_availability: Option<f64>,
    /// How soon after each fault is mended calls must be served again [default: not judged]
    #[arg(long, value_name = "SPAN")]
    pub max_recovery: Option<Span>,
    /// A limit on the service, such as "availability >= 0.9 under kill minority", "outage <= 5s" or
    /// "recovery <= 10s under partition"; may be given often
    #[arg(long, value_name = "LIMIT")]
    pub limit: Vec<String>,
    /// How long the analysis may take before the verdict is unknown [default: 5m]
    #[arg(long, value_name = "SPAN")]
    pub check_limit: Option<Span>,
    /// End the load at the first anomaly, where the workload shows it before its final reads
    #[arg(long)]
    pub fail_fast: bool,
    /// Number of nodes to make on this machine [default: 5]
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["nodes", "node", "nodes_file", "vagrant"])]
    pub node_count: Option<usize>,
    #[command(flatten)]
    pub hosts: HostArgs,
    /// What never comes about here may come about in another run of the campaign
    #[arg(long, hide = true)]
    pub part_of_campaign: bool,
    /// Leave the database running on the hosts, with its data
    #[arg(long)]
    pub leave_db_running: bool,
    /// Folder under the store [default: DATABASE-WORKLOAD, or DATABASE-BUG]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Run what this plan.toml says, as far as no other flag says otherwise
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Print the plan as TOML and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Runs in a row, with seeds counting up; stops at the first that is not valid
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub test_count: u32,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug, Default)]
pub struct HostArgs {
    /// Hosts reachable by SSH, separated by commas, in place of local nodes
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// One host; may be given often
    #[arg(short = 'n', long, value_name = "HOST")]
    pub node: Vec<String>,
    /// File with a host a line
    #[arg(long, value_name = "FILE")]
    pub nodes_file: Option<PathBuf>,
    /// Folder of a Vagrantfile: its virtual machines are the hosts, all, or those named by --nodes
    #[arg(long, value_name = "DIR", conflicts_with = "ssh_config")]
    pub vagrant: Option<PathBuf>,
    /// Bring up virtual machines that do not run, and leave all as found afterwards
    #[arg(long, requires = "vagrant")]
    pub vagrant_up: bool,
    /// Leave virtual machines running that were brought up
    #[arg(long, requires = "vagrant")]
    pub vagrant_keep: bool,
    /// Put this snapshot of the virtual machines back first
    #[arg(long, value_name = "NAME", requires = "vagrant")]
    pub vagrant_snapshot: Option<String>,
    /// The hosts' addresses on the data network, in order, where SSH goes another way
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    pub addresses: Vec<std::net::IpAddr>,
    /// OpenSSH client configuration for the hosts; what `ssh -G` says of them is what counts
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// User to log in as, where the configuration does not say
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Private key to log in with
    #[arg(long, value_name = "FILE")]
    pub ssh_private_key: Option<PathBuf>,
    /// Which server keys to believe: strict, accept-new or insecure [default: as configured]
    #[arg(long, value_name = "POLICY", value_parser = ["strict", "accept-new", "insecure"])]
    pub host_keys: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct OutputArgs {
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store", env = "PERJURY_STORE")]
    pub store: PathBuf,
    /// Print the results as JSON, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
    /// Colour on the terminal
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub colour: Colour,
}

impl Default for OutputArgs {
    fn default() -> Self {
        Self { store: PathBuf::from("store"), json: false, colour: Colour::Auto }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// When the output is a terminal and `NO_COLOR` is not set
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Args, Clone, Debug)]
pub struct CampaignArgs {
    /// The matrix, such as nightly.toml: see docs/nightly.md
    pub file: PathBuf,
    /// Root of every cell's seed [default: as the file says, or drawn, and printed]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Run only part I of N; the others may run elsewhere at the same time
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Go on with a campaign that was stopped or killed [default: the newest that has not ended]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub resume: Option<Option<PathBuf>>,
    /// Once this has passed, no further cell is begun [default: as the file says, or no limit]
    #[arg(long, value_name = "SPAN")]
    pub budget: Option<Span>,
    /// Run only cells whose name contains this, or is like this: `etcd-*-kill-*`
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["shard", "resume"])]
    pub only: Option<String>,
    /// Print the cells and how each would be run, and stop
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub struct MergeArgs {
    /// The shards' folders, each with its campaign.json
    #[arg(required = true, value_name = "DIR")]
    pub shards: Vec<PathBuf>,
    /// Folder for the whole; it must be empty, or not be there
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Print one JSON object a line, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
    /// Colour on the terminal
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub colour: Colour,
}

#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// What to make a load against: `scheduler` (clients that answer at once) or `echo` (over TCP); or
    /// `stages`: what each step of an operation's way costs
    #[arg(default_value = "scheduler")]
    pub target: String,
    /// Client workers
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1024)]
    pub concurrency: usize,
    /// Connections that the workers share, where the target has any [default: one for each worker]
    #[arg(long, value_name = "NUMBER")]
    pub connections: Option<usize>,
    /// How long the load lasts
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    pub time_limit: Span,
    /// Ends after so many operations, if they come first
    #[arg(long, value_name = "NUMBER")]
    pub operations: Option<u64>,
    /// Operations a second, as in `perjury test` [default: as many as are answered]
    #[arg(short, long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// Whether operations wait for a free worker, or come whatever happens
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub arrival: Arrival,
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Where the history is written, and removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Print the figures as JSON, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub struct AnalyzeArgs {
    /// The run: its folder, or `store/latest`
    #[arg(default_value = "store/latest")]
    pub run: PathBuf,
    /// Another consistency model than the run's plan had
    #[arg(long, value_name = "MODEL")]
    pub consistency_model: Option<String>,
    /// How long the analysis may take before the verdict is unknown
    #[arg(long, value_name = "SPAN")]
    pub check_limit: Option<Span>,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Clone, Debug)]
pub struct GcArgs {
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store", env = "PERJURY_STORE")]
    pub store: PathBuf,
    /// Passing runs to keep of each test, and of each cell of a campaign: the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub keep_passes: usize,
    /// Remove passing runs older than this too, such as 30d
    #[arg(long, value_name = "SPAN", value_parser = Span::long)]
    pub max_age: Option<Span>,
    /// Remove the oldest passing runs until the store is no larger, such as 10G
    #[arg(long, value_name = "SIZE", value_parser = super::gc::size)]
    pub max_size: Option<u64>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub struct SchemaArgs {
    /// Of which file
    #[arg(value_enum, default_value_t = SchemaOf::Results)]
    pub of: SchemaOf,
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// results.json of a run
    Results,
    /// database.toml
    Database,
}

#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store", env = "PERJURY_STORE")]
    pub store: PathBuf,
    /// Address to listen at; there is no log-in, so that others than this machine's own are open to
    /// all who can reach them
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// Port to listen at; 0 is any free one
    #[arg(long, value_name = "NUMBER", default_value_t = 8080)]
    pub port: u16,
    /// Print the address as one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Only this one, in full
    pub name: Option<String>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}
