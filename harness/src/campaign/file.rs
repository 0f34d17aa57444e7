//! The campaign's file, `nightly.toml`: read, and understood as far as it goes without running.

use super::flags::{Choice, Flags, Key, Lists, SET};
use super::record::Expected;
use crate::exit::Usage;
use crate::span::Span;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// How long a cell may take beside its load, its recovery and its analysis.
const SETUP_LIMIT: Span = Span::seconds(600);

/// A campaign as it is written.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub seed: Option<u64>,
    pub budget: Option<Span>,
    /// How often a cell is tried again whose infrastructure failed.
    pub retries: u32,
    pub setup_limit: Span,
    /// What holds for all cells: `[cluster]`, and `[defaults]`, which say it better.
    pub defaults: Layer,
    pub matrices: Vec<Matrix>,
}

/// Values by name.
pub type Layer = BTreeMap<String, Entry>;

/// The values that one key offers.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Key,
    pub choices: Vec<Choice>,
}

/// One `[[matrix]]`.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Where it is, for errors: `nightly.toml:7`.
    pub place: String,
    pub axes: Layer,
    pub repeat: u32,
    pub expect: Expected,
    pub except: Vec<Except>,
}

/// Combinations that are left out, or of which something else is expected.
#[derive(Clone, Debug)]
pub struct Except {
    /// The values that have to match, by axis.
    pub when: BTreeMap<String, Vec<String>>,
    /// `None` leaves them out.
    pub expect: Option<Expected>,
}

type Table = BTreeMap<Spanned<String>, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    name: String,
    seed: Option<u64>,
    budget: Option<Span>,
    #[serde(default = "one")]
    retries: u32,
    setup_limit: Option<Span>,
    #[serde(default)]
    cluster: Table,
    #[serde(default)]
    defaults: Table,
    matrix: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
struct RawExcept {
    #[serde(default)]
    skip: bool,
    expect: Option<Value>,
    #[serde(flatten)]
    when: BTreeMap<String, Value>,
}

fn one() -> u32 {
    1
}

/// Says where in the file something is.
struct Places<'a> {
    file: &'a str,
    text: &'a str,
}

impl Places<'_> {
    fn at(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(self.text);
        format!("{}:{}", self.file, before.matches('\n').count() + 1)
    }

    fn wrong(&self, key: &Spanned<String>, error: impl std::fmt::Display) -> Usage {
        Usage(format!("{}: {}: {error}", self.at(key.span().start), key.get_ref()))
    }
}

impl File {
    /// Reads a campaign's file; errors show the line.
    pub fn parse(text: &str, file: &str, flags: &Flags) -> Result<Self, Usage> {
        let raw: Raw = toml::from_str(text).map_err(|error| Usage(format!("{file}: {error}")))?;
        let places = Places { file, text };
        let named = !raw.name.is_empty()
            && raw.name.chars().all(|c| c.is_ascii_alphanumeric() || "._+=-".contains(c))
            && !raw.name.starts_with(['.', '-']);
        if !named {
            return Err(Usage(format!(
                "{file}: name: `{}` is to be a folder's name: use letters, digits and dashes",
                raw.name
            )));
        }
        let cluster = raw.cluster.into_iter().map(|(key, value)| (as_flag(key), value)).collect();
        let mut defaults = layer(&cluster, flags, Lists::Values, &places)?;
        defaults.extend(layer(&raw.defaults, flags, Lists::Values, &places)?);
        let read = |table: Spanned<Table>| matrix(table, flags, &places);
        let matrices: Vec<Matrix> = raw.matrix.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            name: raw.name,
            seed: raw.seed,
            budget: raw.budget,
            retries: raw.retries,
            setup_limit: raw.setup_limit.unwrap_or(SETUP_LIMIT),
            defaults,
            matrices,
        })
    }
}

/// A plan's `[cluster]` has names of its own for some flags.
fn as_flag(key: Spanned<String>) -> Spanned<String> {
    let name = match key.get_ref().as_str() {
        "local" => "node-count",
        "hosts" => "nodes",
        "private_key" => "ssh-private-key",
        other => &other.replace('_', "-"),
    };
    Spanned::new(key.span(), name.to_owned())
}

fn layer(table: &Table, flags: &Flags, lists: Lists, places: &Places<'_>) -> Result<Layer, Usage> {
    let mut layer = Layer::new();
    let mut add = |name: &Spanned<String>, key: Key, value: &Value| {
        let wrong = |error: String| places.wrong(name, format!("{}: {error}", key.name()));
        let choices = flags.choices(&key, value, lists).map_err(wrong)?;
        match layer.insert(key.name().to_owned(), Entry { key, choices }) {
            Some(twice) => Err(places.wrong(
                name,
                format!("`{}` is said twice, as a flag and as a setting", twice.key.name()),
            )),
            None => Ok(()),
        }
    };
    for (name, value) in table {
        if name.get_ref() != SET {
            let key = flags.key(name.get_ref()).map_err(|error| places.wrong(name, error))?;
            add(name, key, value)?;
            continue;
        }
        let Value::Table(settings) = value else {
            return Err(places.wrong(name, "write set.KEY = VALUE"));
        };
        for (setting, value) in settings {
            add(name, Key::Setting(setting.clone()), value)?;
        }
    }
    Ok(layer)
}

fn matrix(table: Spanned<Table>, flags: &Flags, places: &Places<'_>) -> Result<Matrix, Usage> {
    let mut table = table.into_inner();
    let first = table.keys().map(|key| key.span().start).min().unwrap_or_default();
    let mut matrix = Matrix {
        place: places.at(first),
        axes: Layer::new(),
        repeat: 1,
        expect: Expected::Valid,
        except: Vec::new(),
    };
    if let Some((key, value)) = table.remove_entry("repeat") {
        let wrong = || places.wrong(&key, "write how often, from 1 to 1000");
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        matrix.repeat = number.filter(|number| (1..=1000).contains(number)).ok_or_else(wrong)?;
    }
    if let Some((key, value)) = table.remove_entry("expect") {
        matrix.expect = expected(&value).map_err(|error| places.wrong(&key, error))?;
    }
    let except = table.remove_entry("except");
    matrix.axes = layer(&table, flags, Lists::Axes, places)?;
    if let Some((key, value)) = except {
        let raw: Vec<RawExcept> = value.try_into().map_err(|error| places.wrong(&key, error))?;
        let read = |raw| except_of(raw).map_err(|error| places.wrong(&key, error));
        matrix.except = raw.into_iter().map(read).collect::<Result<_, _>>()?;
    }
    Ok(matrix)
}

fn expected(value: &Value) -> Result<Expected, String> {
    let wrong =
        || format!("{value} cannot be expected: write \"valid\", \"anomaly\", or a list of kinds");
    match value {
        Value::String(word) if word == "valid" => Ok(Expected::Valid),
        Value::String(word) if word == "anomaly" => Ok(Expected::Anomaly(Vec::new())),
        Value::Array(kinds) if !kinds.is_empty() => {
            let kind = |kind: &Value| kind.as_str().map(str::to_owned).ok_or_else(wrong);
            kinds.iter().map(kind).collect::<Result<_, _>>().map(Expected::Anomaly)
        }
        _ => Err(wrong()),
    }
}

fn except_of(raw: RawExcept) -> Result<Except, String> {
    let expect = match (raw.skip, raw.expect) {
        (true, None) => None,
        (false, Some(expect)) => Some(expected(&expect)?),
        _ => return Err("say either `skip = true` or what to `expect`".to_owned()),
    };
    let mut when = BTreeMap::new();
    for (axis, value) in raw.when {
        match value {
            // Dotted keys: `set.read = "serializable"`.
            Value::Table(settings) if axis == SET => {
                when.extend(settings.iter().map(|(name, value)| (name.clone(), words(value))));
            }
            value => drop(when.insert(axis, words(&value))),
        }
    }
    if when.is_empty() {
        return Err("name an axis and its value, such as `database = \"etcd\"`".to_owned());
    }
    Ok(Except { when, expect })
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(words).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}
