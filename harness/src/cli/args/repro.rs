//! The arguments of `perjury repro`.

use clap::Args;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub struct ReproArgs {
    /// Findings to reproduce; without any, they are listed
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// How many seeds each is run with, counting up
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seeds: u32,
    /// The first seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many runs at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub jobs: usize,
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store", env = "PERJURY_STORE")]
    pub store: PathBuf,
    /// Print a JSON object for each finding when its runs are done, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
    /// Run nothing: print the page of findings, as Markdown, from what --json printed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "all"])]
    pub page: Vec<PathBuf>,
}
