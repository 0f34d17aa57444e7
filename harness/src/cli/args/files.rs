//! The arguments of what works on histories and runs: `check`, `explain`, `export`.

use super::Colour;
use crate::span::Span;
use clap::{ArgGroup, Args, ValueEnum};
use std::path::PathBuf;

/// What a history is of, and how it is judged.
#[derive(Args, Clone, Debug)]
pub struct JudgeArgs {
    /// What the history is of, such as cas-register or list-append: see docs/checkers.md, or
    /// give a wrong one to see them all; found out for Porcupine's and Violin's logs
    #[arg(short, long, value_name = "NAME")]
    pub workload: Option<String>,
    /// Consistency model, for registers, list-append and rw-register
    #[arg(short = 'm', long, value_name = "MODEL")]
    pub consistency_model: Option<String>,
    /// A setting of the workload, such as permits=3 for a semaphore; may be given often
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub setting: Vec<String>,
    /// Values are `[key, value]` pairs, an object for each key; found out when not said
    #[arg(long)]
    pub independent: bool,
    /// Values are what they are, and there is one object, also where they look like pairs
    #[arg(long, conflicts_with = "independent")]
    pub single: bool,
    /// What a register holds at first, as JSON (Knossos: 0) [default: null]
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub initial: Option<serde_json::Value>,
    /// Knossos' convention: a read answered with null may have read anything
    #[arg(long)]
    pub null_read_is_any: bool,
    /// A compare-and-set that failed saw another value, rather than failed for any reason
    #[arg(long)]
    pub failed_cas_compares: bool,
    /// How long the check may take before the verdict is unknown
    #[arg(long, value_name = "SPAN", default_value = "5m")]
    pub check_limit: Span,
}

fn json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}; write JSON, such as 0 or \"a\""))
}

#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// History: our JSON lines, Jepsen's history.edn, history.txt or test.jepsen, elle-cli's
    /// JSON, Porcupine's or Violin's logs, transactions as AWDIT, Plume, PolySI, dbcop or Cobra
    /// write them; each also as .zst
    pub file: PathBuf,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Check while reading, in memory that does not grow with the history: for our own format,
    /// and workloads whose objects are judged by themselves
    #[arg(long, requires = "workload")]
    pub stream: bool,
    /// Draw each anomaly into this folder, as SVG, and cycles also as DOT
    #[arg(long, value_name = "FOLDER", conflicts_with = "stream")]
    pub pictures: Option<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
    /// Colour on the terminal
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub colour: Colour,
}

#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["op", "anomaly"])))]
pub struct ExplainArgs {
    /// A run (its folder, `latest`, or a name), or a history file of any format that
    /// `perjury check` reads, which is then judged first
    #[arg(default_value = "latest")]
    pub file: PathBuf,
    /// The operation whose call has this index
    #[arg(long, value_name = "N")]
    pub op: Option<u64>,
    /// The anomaly: its number in the report, its kind, or CHECKER/NUMBER
    #[arg(long, value_name = "ID")]
    pub anomaly: Option<String>,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store", env = "PERJURY_STORE")]
    pub store: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Colour on the terminal
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub colour: Colour,
}

/// What a history or its anomalies can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Jepsen's history.edn, one map a line: for Elle, and for Jepsen itself
    Edn,
    /// EDN of one object, for Knossos: without the nemesis and without keys
    Knossos,
    /// Our own JSON lines
    Jsonl,
    /// One line an operation, for spreadsheets
    Csv,
    /// Cycles, for Graphviz
    Dot,
    /// Drawings of anomalies
    Svg,
    /// results.json
    Results,
}

#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// A run (its folder, `latest`, or a name), or a history file of any format that
    /// `perjury check` reads
    #[arg(default_value = "latest")]
    pub file: PathBuf,
    /// What to write
    #[arg(short, long, value_enum)]
    pub format: ExportFormat,
    /// Only this anomaly, for dot and svg: its number, its kind, or CHECKER/NUMBER
    #[arg(long, value_name = "ID")]
    pub anomaly: Option<String>,
    /// Only this key, as JSON, for knossos
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub key: Option<serde_json::Value>,
    /// Where to: a file, or a folder where there is more than one file [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Overwrite files that are there
    #[arg(long, requires = "output")]
    pub force: bool,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store", env = "PERJURY_STORE")]
    pub store: PathBuf,
}
