//! `perjury databases`, `drivers`, `workloads`, `faults`: what there is, and all about one of them.

use super::args::ListArgs;
use super::output::print;
use crate::database::Definition;
use crate::exit::Usage;
use crate::{Database, Driver, Fault, Registry, Support, Workload};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// `perjury databases [NAME]`.
pub fn databases(registry: &Registry, args: &ListArgs) -> Result<(), Usage> {
    let Some(name) = &args.name else {
        let rows = registry.databases.iter().map(|database| (database.name(), database.about()));
        return table(rows.collect(), args.json);
    };
    let database = registry.find_database(name)?;
    if args.json {
        return print_json(&database_json(&**database, registry));
    }
    print(&database_text(&**database, registry));
    Ok(())
}

/// `perjury drivers [NAME]`.
pub fn drivers(registry: &Registry, args: &ListArgs) -> Result<(), Usage> {
    let Some(name) = &args.name else {
        let rows = registry.drivers.iter().map(|driver| (driver.name(), driver.about()));
        return table(rows.collect(), args.json);
    };
    let driver = registry.find_driver(name)?;
    let known = |name: &&&str| registry.workloads.iter().any(|known| known.name() == **name);
    let workloads: Vec<&str> = driver.workloads().iter().filter(known).copied().collect();
    if args.json {
        return print_json(&json!({
            "name": driver.name(), "about": driver.about(), "workloads": workloads,
            "settings": pairs(driver.settings()),
        }));
    }
    print(&driver_text(&**driver, &workloads));
    Ok(())
}

fn driver_text(driver: &dyn Driver, workloads: &[&str]) -> String {
    let mut text =
        format!("{}: {}\n\nworkloads: {}\n", driver.name(), driver.about(), workloads.join(", "));
    if !driver.settings().is_empty() {
        let _ = write!(text, "\nsettings ([client.settings]):\n{}", columns(driver.settings()));
    }
    text.trim_end().to_owned()
}

/// `perjury workloads [NAME]`.
pub fn workloads(registry: &Registry, args: &ListArgs) -> Result<(), Usage> {
    let Some(name) = &args.name else {
        return all_workloads(registry, args.json);
    };
    let workload = registry.find_workload(name)?;
    if args.json {
        return print_json(&json!({
            "name": workload.name(), "about": workload.about(), "finds": workload.finds(),
            "operations": pairs(workload.vocabulary()),
        }));
    }
    print(&workload_text(&**workload));
    Ok(())
}

/// `perjury faults [NAME]`.
pub fn faults(registry: &Registry, args: &ListArgs) -> Result<(), Usage> {
    let Some(name) = &args.name else {
        if args.json {
            let all: Vec<Value> =
                registry.faults.iter().map(|fault| fault_json(&**fault)).collect();
            return print_json(&Value::from(all));
        }
        let texts: Vec<String> = registry.faults.iter().map(|fault| fault_line(&**fault)).collect();
        print(texts.concat().trim_end());
        return Ok(());
    };
    let fault = registry.find_fault(name)?;
    if args.json {
        return print_json(&fault_json(&**fault));
    }
    let providers = fault.providers().rows().map(|(name, support)| (name, support.to_string()));
    let rows: Vec<(&str, &str)> = providers.iter().map(|(name, text)| (*name, &**text)).collect();
    print(&format!(
        "{}: {}\n\noperations: {}\n\nworks on:\n{}",
        fault.name(),
        fault.about(),
        fault.functions().join(", "),
        columns(&rows).trim_end()
    ));
    Ok(())
}

fn fault_json(fault: &dyn Fault) -> Value {
    let providers = fault.providers().rows();
    let providers: Value = providers
        .iter()
        .map(|(name, support)| ((*name).to_owned(), Value::from(support.to_string())))
        .collect();
    json!({
        "name": fault.name(), "about": fault.about(), "operations": fault.functions(),
        "default": fault.by_default(), "providers": providers,
    })
}

/// What it does, and below that where it works, unless that is everywhere.
fn fault_line(fault: &dyn Fault) -> String {
    let mut line = format!("  {:12}  {}\n", fault.name(), fault.about());
    for (provider, support) in fault.providers().rows() {
        if support != Support::Works {
            let _ = writeln!(line, "  {:12}  - {provider}: {support}", "");
        }
    }
    line
}

fn table(rows: Vec<(&str, &str)>, as_json: bool) -> Result<(), Usage> {
    if as_json {
        let rows: Vec<Value> =
            rows.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
        return print_json(&Value::from(rows));
    }
    print(columns(&rows).trim_end());
    Ok(())
}

fn columns(rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, about)| format!("  {name:width$}  {about}\n")).collect()
}

fn print_json(value: &Value) -> Result<(), Usage> {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
    Ok(())
}

fn pairs(rows: &[(&str, &str)]) -> Value {
    rows.iter().map(|(name, about)| ((*name).to_owned(), Value::from(*about))).collect()
}

/// Its client's options; those of its definition where that is all that there is of it.
fn options(database: &dyn Database) -> Vec<(String, String)> {
    let rows = database.options().iter();
    let mut options: Vec<(String, String)> =
        rows.map(|(name, about)| ((*name).to_owned(), (*about).to_owned())).collect();
    if let Ok(definition) = Definition::parse(database.definition(), "database.toml")
        && definition.client.is_some()
    {
        options.extend(definition.options.into_iter().map(|(name, option)| (name, option.about)));
    }
    options
}

fn texts(rows: &[(String, String)]) -> Vec<(&str, &str)> {
    rows.iter().map(|(name, about)| (&**name, &**about)).collect()
}

fn database_json(database: &dyn Database, registry: &Registry) -> Value {
    let bugs: Vec<Value> = database.bugs().iter().map(bug_json).collect();
    json!({
        "name": database.name(),
        "about": database.about(),
        "workloads": runnable(database, registry),
        "options": pairs(&texts(&options(database))),
        "bugs": bugs,
        "definition": database.definition(),
    })
}

/// Workloads that its client can express and that are registered here.
fn runnable<'a>(database: &'a dyn Database, registry: &Registry) -> Vec<&'a str> {
    let known = |name: &&str| registry.workloads.iter().any(|workload| workload.name() == *name);
    database.workloads().iter().copied().filter(known).collect()
}

fn bug_json(bug: &crate::database::Bug) -> Value {
    json!({
        "name": bug.name, "about": bug.about, "imitates": bug.imitates, "workload": bug.workload,
        "nemesis": bug.nemesis, "anomalies": bug.anomalies, "settings": pairs(bug.settings),
    })
}

fn database_text(database: &dyn Database, registry: &Registry) -> String {
    let mut text = format!(
        "{}: {}\n\nworkloads: {}\n",
        database.name(),
        database.about(),
        runnable(database, registry).join(", ")
    );
    let options = options(database);
    if !options.is_empty() {
        let _ = write!(text, "\noptions (--set NAME=VALUE):\n{}", columns(&texts(&options)));
    }
    if !database.bugs().is_empty() {
        text.push_str("\nplanted bugs (--bug NAME):\n");
        for bug in database.bugs() {
            let _ = write!(
                text,
                "\n  {}\n      {}\n      imitates: {}\n      shown by: {} under {}; reported as {}\n",
                bug.name,
                bug.about,
                bug.imitates,
                bug.workload,
                bug.nemesis.join(", "),
                bug.anomalies.join(" or ")
            );
        }
    }
    let _ = write!(text, "\ndatabase.toml:\n\n{}", database.definition().trim_end());
    text
}

/// Every workload with what it can find.
fn all_workloads(registry: &Registry, as_json: bool) -> Result<(), Usage> {
    let all = &registry.workloads;
    if as_json {
        let row = |workload: &Arc<dyn Workload>| {
            json!({
                "name": workload.name(), "about": workload.about(), "finds": workload.finds(),
            })
        };
        return print_json(&all.iter().map(row).collect());
    }
    let width = all.iter().map(|workload| workload.name().len()).max().unwrap_or(0);
    for workload in all {
        print(&format!("  {:width$}  {}", workload.name(), workload.about()));
        if !workload.finds().is_empty() {
            print(&format!("  {:width$}  finds: {}", "", workload.finds().join(", ")));
        }
    }
    Ok(())
}

fn workload_text(workload: &dyn Workload) -> String {
    format!(
        "{}: {}\n\noperations:\n{}\n\nfinds: {} (`perjury anomalies NAME` tells of each)",
        workload.name(),
        workload.about(),
        columns(workload.vocabulary()).trim_end(),
        workload.finds().join(", ")
    )
}
