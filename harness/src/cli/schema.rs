//! `perjury schema`: the schemas of files that machines read.

use super::args::{SchemaArgs, SchemaOf};
use super::output;
use crate::{database, report};
use std::process::ExitCode;

/// Prints a schema.
pub fn schema(args: &SchemaArgs) -> ExitCode {
    let SchemaArgs { of } = args;
    let schema = match of {
        SchemaOf::Results => report::schema::results(),
        SchemaOf::Database => database::schema(),
    };
    output::print(&format!("{schema:#}"));
    ExitCode::SUCCESS
}
