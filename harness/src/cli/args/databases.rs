//! The arguments of what helps to describe a database: `new`, `client-check`, `doctor`.

use super::HostArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub struct NewArgs {
    #[command(subcommand)]
    pub what: NewWhat,
}

/// What can be made.
#[derive(Clone, Debug, Subcommand)]
pub enum NewWhat {
    /// A folder NAME with a commented database.toml and a client to fill in
    Database {
        /// Small letters, digits and dashes; a path to a folder that is not there yet
        name: PathBuf,
        /// Speak to it with this built-in client of a wire protocol; `perjury drivers` lists them
        #[arg(long, value_name = "NAME")]
        driver: Option<String>,
    },
}

#[derive(Args, Clone, Debug)]
pub struct ClientCheckArgs {
    /// Whose operations are asked [default: the first that the definition names]
    #[arg(short, long, value_name = "NAME")]
    pub workload: Option<String>,
    /// The client, its options and its ports are those of this database.toml, or folder with one
    #[arg(long, value_name = "PATH")]
    pub database: Option<PathBuf>,
    /// Address of a database that runs; without one, operations will be answered with fail
    #[arg(long, value_name = "ADDRESS")]
    pub node: Option<std::net::IpAddr>,
    /// A port that the client is told of [default: those of the definition, or client=1]
    #[arg(long, value_name = "NAME=NUMBER")]
    pub port: Vec<String>,
    /// An option that the client is told of; may be given often
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How long each answer may take
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    pub answer_limit: crate::span::Span,
    /// Print the remarks as JSON
    #[arg(long)]
    pub json: bool,
    /// The client: program and arguments [default: that of the definition]
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// A database.toml, or a folder with one: look at that instead
    #[arg(value_name = "DATABASE", conflicts_with_all = ["nodes", "node", "nodes_file", "vagrant"])]
    pub database: Option<PathBuf>,
    #[command(flatten)]
    pub hosts: HostArgs,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}
