//! From a campaign's file to its cells: products, exceptions, names, seeds.

use super::file::{Entry, Except, File, Layer, Matrix};
use super::flags::{Choice, Flags, Key};
use super::names;
use super::record::{Cell, Expected, Outcome};
use crate::Seed;
use crate::exit::Usage;
use rand::Rng;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Axes that every cell has, in the order in which they stand in its name.
pub const USUAL: [&str; 3] = ["database", "workload", "nemesis"];
/// The axis of equal tests with different seeds.
pub const REPEAT: &str = "repeat";

/// What is known of a test once its arguments are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Values of the [`USUAL`] axes.
    pub usual: [String; 3],
    /// How long its load lasts.
    pub load: Duration,
    /// How long load, recovery and analysis take at the longest.
    pub worst: Duration,
}

/// A cell and how it is run.
#[derive(Clone, Debug)]
pub struct Planned {
    pub cell: Cell,
    /// For `perjury test`, without seed and name.
    pub arguments: Vec<String>,
    pub load: Duration,
    pub worst: Duration,
}

/// Every cell of a campaign.
#[derive(Clone, Debug)]
pub struct Whole {
    pub cells: Vec<Planned>,
    /// SHA-256 of what is run, with which seeds, and what is expected of it.
    pub digest: String,
}

/// One combination of values, before it is repeated.
struct Combination {
    arguments: Vec<String>,
    axes: BTreeMap<String, String>,
}

/// Understands the arguments of a test without running it.
pub type Resolve<'a> = &'a dyn Fn(&[String]) -> Result<Resolved, Usage>;

/// All cells of `file`. An error names the cell and the flag.
pub fn expand(file: &File, seed: u64, flags: &Flags, resolve: Resolve<'_>) -> Result<Whole, Usage> {
    let mut cells = Vec::new();
    for matrix in &file.matrices {
        let of_matrix = cells_of(file, matrix, flags, resolve)?;
        cells.extend(of_matrix);
    }
    if cells.is_empty() {
        return Err(Usage("the campaign has no cell: add a [[matrix]]".to_owned()));
    }
    let axes: Vec<_> = cells.iter().map(|planned| planned.cell.axes.clone()).collect();
    for (position, (planned, id)) in cells.iter_mut().zip(names::ids(&axes)?).enumerate() {
        planned.cell.position = position;
        planned.cell.seed = cell_seed(seed, &id);
        planned.cell.id = id;
    }
    let digest = digest(&cells);
    Ok(Whole { cells, digest })
}

/// Short enough to be read out, and the same every night.
pub fn cell_seed(campaign: u64, id: &str) -> u64 {
    u64::from(Seed::root(campaign).derive("campaign").derive(id).rng().next_u32())
}

fn digest(cells: &[Planned]) -> String {
    let mut hash = Sha256::new();
    for planned in cells {
        let cell = &planned.cell;
        // JSON keeps apart what plain concatenation would not.
        let line = serde_json::json!([
            cell.id,
            cell.position,
            cell.seed,
            cell.expected,
            planned.arguments
        ]);
        hash.update(line.to_string());
        hash.update("\n");
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn cells_of(
    file: &File,
    matrix: &Matrix,
    flags: &Flags,
    resolve: Resolve<'_>,
) -> Result<Vec<Planned>, Usage> {
    let mut used = vec![false; matrix.except.len()];
    let mut cells = Vec::new();
    for combination in combinations(&file.defaults, matrix, flags) {
        let mut resolved = None;
        for repeat in 1..=matrix.repeat {
            let mut axes = combination.axes.clone();
            axes.insert(REPEAT.to_owned(), repeat.to_string());
            let Some(expected) = expectation(matrix, &axes, &mut used)? else { continue };
            let known = match &resolved {
                Some(known) => known,
                None => resolved.insert(resolve(&combination.arguments).map_err(|error| {
                    Usage(format!("{}: the cell {}: {error}", matrix.place, names::plain(&axes)))
                })?),
            };
            for (name, value) in USUAL.into_iter().zip(&known.usual) {
                axes.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
            let cell = Cell {
                id: String::new(),
                position: 0,
                axes,
                seed: 0,
                expected,
                outcome: Outcome::NotRun,
                attempts: Vec::new(),
            };
            let arguments = combination.arguments.clone();
            cells.push(Planned { cell, arguments, load: known.load, worst: known.worst });
        }
    }
    if let Some(unused) = used.iter().position(|used| !used) {
        let when = &matrix.except[unused].when;
        let words: Vec<String> =
            when.iter().map(|(axis, values)| format!("{axis} = {}", values.join("|"))).collect();
        return Err(Usage(format!(
            "{}: an exception matches no cell: {}",
            matrix.place,
            words.join(", ")
        )));
    }
    Ok(cells)
}

/// What is expected of the cell with these axes; `None` when it is left out. A later exception
/// has the last word.
fn expectation(
    matrix: &Matrix,
    axes: &BTreeMap<String, String>,
    used: &mut [bool],
) -> Result<Option<Expected>, Usage> {
    let mut expected = Some(matrix.expect.clone());
    for (except, used) in matrix.except.iter().zip(used) {
        if matches(except, axes, &matrix.place)? {
            *used = true;
            expected.clone_from(&except.expect);
        }
    }
    Ok(expected)
}

fn matches(except: &Except, axes: &BTreeMap<String, String>, place: &str) -> Result<bool, Usage> {
    let mut all = true;
    for (axis, values) in &except.when {
        let value = axes.get(axis).ok_or_else(|| {
            let known: Vec<&str> = axes.keys().map(String::as_str).collect();
            let known = known.join(", ");
            Usage(format!("{place}: an exception names `{axis}`, and the axes are {known}"))
        })?;
        all &= values.contains(value);
    }
    Ok(all)
}

/// The product of a matrix's lists: the last axis changes fastest. Axes have an order of their
/// own, so that it does not matter how the file is laid out.
fn combinations(defaults: &Layer, matrix: &Matrix, flags: &Flags) -> Vec<Combination> {
    let order = |name: &str| USUAL.iter().position(|usual| *usual == name).unwrap_or(USUAL.len());
    let mut axes: Vec<(&String, &Entry)> = matrix.axes.iter().collect();
    axes.sort_by_key(|(name, _)| (order(name), *name));
    let mut chosen: Vec<BTreeMap<&str, (&Key, &Choice)>> = vec![BTreeMap::new()];
    for (name, entry) in axes {
        let each = |taken: BTreeMap<_, _>| {
            entry.choices.iter().map(move |choice| {
                let mut taken = taken.clone();
                taken.insert(name.as_str(), (&entry.key, choice));
                taken
            })
        };
        chosen = chosen.into_iter().flat_map(each).collect();
    }
    chosen.into_iter().map(|values| combination(defaults, values, flags)).collect()
}

fn combination<'a>(
    defaults: &'a Layer,
    mut values: BTreeMap<&'a str, (&'a Key, &'a Choice)>,
    flags: &Flags,
) -> Combination {
    let mut axes: BTreeMap<String, String> =
        values.iter().map(|(name, (key, choice))| ((*name).to_owned(), key.text(choice))).collect();
    for (name, entry) in defaults {
        let Some(choice) = entry.choices.first() else { continue };
        values.entry(name).or_insert((&entry.key, choice));
        if USUAL.contains(&name.as_str()) {
            axes.entry(name.clone()).or_insert_with(|| entry.key.text(choice));
        }
    }
    let mut arguments: Vec<String> = Vec::new();
    for (key, choice) in values.values() {
        arguments.extend(flags.arguments(key, choice));
    }
    // What stands without a flag comes first.
    arguments.sort_by_key(|argument| argument.starts_with("--"));
    Combination { arguments, axes }
}
