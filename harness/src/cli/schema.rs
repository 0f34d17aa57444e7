//! `perjury schema`: the schemas of files that machines read.

use super::args::SchemaArgs;
use super::output;
use crate::report;
use std::process::ExitCode;

/// Prints a schema.
pub fn schema(args: &SchemaArgs) -> ExitCode {
    let SchemaArgs { of } = args;
    let schema = match of {
        super::args::SchemaOf::Results => report::schema::results(),
    };
    output::print(&format!("{schema:#}"));
    ExitCode::SUCCESS
}
