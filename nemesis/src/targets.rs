//! Targets: which nodes a fault on processes hits.

use crate::ground::Ground;
use crate::zones::{self, Zone};
use perjury_harness::Options;
use perjury_harness::generator::{below, pick, shuffle};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the database may take to say who leads.
const PRIMARIES_TIMEOUT: Duration = Duration::from_secs(3);

/// How many, or which, nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    One,
    /// Fewer than half, at least one.
    Minority,
    /// A third, rounded down, at least one: what a system that survives a third may lose.
    MinorityThird,
    /// The smallest number that is more than half.
    Majority,
    All,
    /// Those that lead when the fault is applied: only then is it known who they are.
    Primaries,
    /// All nodes of one of these zones.
    Zone(Vec<Zone>),
    /// Exactly these.
    List(Vec<String>),
}

impl Spec {
    /// What is drawn from when nothing is asked for.
    pub(crate) const ALL: [Self; 6] = [
        Self::One,
        Self::Minority,
        Self::MinorityThird,
        Self::Majority,
        Self::All,
        Self::Primaries,
    ];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Minority => "minority",
            Self::MinorityThird => "minority-third",
            Self::Majority => "majority",
            Self::All => "all",
            Self::Primaries => "primaries",
            Self::Zone(_) => "zone",
            Self::List(_) => "list",
        }
    }

    /// Reads one word: a name of [`Spec::ALL`], `zone`, or nodes joined by `+`.
    ///
    /// # Errors
    /// A sentence that lists what there is.
    pub(crate) fn parse(word: &str, options: &Options) -> Result<Self, String> {
        if let Some(spec) = Self::ALL.into_iter().find(|spec| spec.name() == word) {
            return Ok(spec);
        }
        let zones = zones::of(options)?;
        if word == "zone" {
            let none = "`zone` needs zones: say which with --set zones=a:n1+n2,b:n3";
            return if zones.is_empty() { Err(none.to_owned()) } else { Ok(Self::Zone(zones)) };
        }
        if let Some(zone) = zones.iter().find(|zone| zone.name == word) {
            return Ok(Self::Zone(vec![zone.clone()]));
        }
        let nodes: Vec<String> = word.split('+').map(str::to_owned).collect();
        if nodes.iter().all(|node| options.nodes.contains(node)) {
            return Ok(Self::List(nodes));
        }
        let names: Vec<&str> = Self::ALL.iter().map(Self::name).collect();
        Err(format!(
            "`{word}` is unknown; there are {}, zone, a zone's name, and nodes joined by + ({})",
            names.join(", "),
            options.nodes.join("+")
        ))
    }

    /// How many of `nodes` nodes; for primaries, of the fallback.
    fn count(&self, nodes: usize, rng: &mut ChaCha8Rng) -> usize {
        match self {
            Self::One | Self::Primaries => nodes.min(1),
            Self::Minority => {
                let most = nodes.saturating_sub(1) / 2;
                (1 + below(rng, most as u64) as usize).min(nodes)
            }
            Self::MinorityThird => (nodes / 3).max(1).min(nodes),
            Self::Majority => (nodes / 2 + 1).min(nodes),
            Self::All | Self::Zone(_) | Self::List(_) => nodes,
        }
    }

    /// An operation's value: `{"spec":"minority","targets":["n2","n4"]}`. Primaries are named
    /// when they are hit, so theirs only says whom to hit when nobody is known to lead:
    /// `{"spec":"primaries","fallback":["n3"]}`.
    pub(crate) fn choose(&self, nodes: &[String], rng: &mut ChaCha8Rng) -> Value {
        let mut chosen = match self {
            Self::List(these) => these.clone(),
            Self::Zone(zones) => {
                pick(rng, zones).map(|zone| zone.nodes.clone()).unwrap_or_default()
            }
            _ => {
                let mut all = nodes.to_vec();
                shuffle(rng, &mut all);
                all
            }
        };
        chosen.truncate(self.count(nodes.len(), rng));
        chosen.sort_by_key(|name| nodes.iter().position(|node| node == name));
        let key = if *self == Self::Primaries { "fallback" } else { "targets" };
        json!({ "spec": self.name(), key: chosen })
    }
}

/// The targets that `option` pins, a comma-separated list of words that [`Spec::parse`] reads;
/// [`Spec::ALL`], with zones if there are any, when it is not set.
///
/// # Errors
/// The first word that is none.
pub(crate) fn specs(option: &str, options: &Options) -> Result<Vec<Spec>, String> {
    let Some(text) = options.get(option) else {
        let mut all = Spec::ALL.to_vec();
        let zones = zones::of(options)?;
        if !zones.is_empty() {
            all.push(Spec::Zone(zones));
        }
        return Ok(all);
    };
    text.split(',')
        .map(|word| Spec::parse(word.trim(), options))
        .collect::<Result<_, _>>()
        .map_err(|problem| format!("`{option}={text}`: {problem}"))
}

/// Reads a comma-separated list of names out of `all`; all of them when there is no list.
///
/// # Errors
/// The first word that is none of them, with those that there are.
pub(crate) fn parse_list<T: Copy>(
    option: &str,
    text: Option<&str>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Vec<T>, String> {
    let Some(text) = text else { return Ok(all.to_vec()) };
    text.split(',')
        .map(str::trim)
        .map(|word| {
            all.iter().copied().find(|&one| name(one) == word).ok_or_else(|| {
                let names: Vec<_> = all.iter().map(|&one| name(one)).collect();
                format!("`{option}={text}`: `{word}` is unknown; there are {}", names.join(", "))
            })
        })
        .collect()
}

/// Draws from a list so that each comes once before any comes twice: a short run sees them all.
#[derive(Clone)]
pub(crate) struct Bag<T> {
    all: Vec<T>,
    left: Vec<T>,
}

impl<T: Clone> Bag<T> {
    /// `all` is not empty.
    pub(crate) fn new(all: Vec<T>) -> Self {
        assert!(!all.is_empty(), "a bag of nothing");
        Self { all, left: Vec::new() }
    }

    pub(crate) fn draw(&mut self, rng: &mut ChaCha8Rng) -> T {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            shuffle(rng, &mut self.left);
        }
        self.left.pop().unwrap_or_else(|| self.all[0].clone())
    }
}

/// Whom an operation hits.
pub(crate) struct Targets {
    /// By position.
    pub(crate) nodes: Vec<usize>,
    /// `{"spec":"primaries","primaries":["n2"]}`; the second only where they were looked up, and
    /// empty when nobody was known to lead.
    pub(crate) evidence: Value,
}

/// Whom an operation's value means, with primaries looked up now.
pub(crate) async fn resolve(ground: &dyn Ground, value: &Value) -> Result<Targets, String> {
    let mut evidence = json!({ "spec": value["spec"] });
    if value["spec"] != Spec::Primaries.name() {
        return Ok(Targets { nodes: positions(ground, &value["targets"])?, evidence });
    }
    let primaries = primaries(ground).await;
    evidence["primaries"] = primaries.iter().map(|&node| ground.name(node)).collect();
    let nodes =
        if primaries.is_empty() { positions(ground, &value["fallback"])? } else { primaries };
    Ok(Targets { nodes, evidence })
}

/// Who leads, if that can be told in time: in the midst of faults the database may not answer.
pub(crate) async fn primaries(ground: &dyn Ground) -> Vec<usize> {
    let known = tokio::time::timeout(PRIMARIES_TIMEOUT, ground.primaries()).await;
    known.unwrap_or_default().into_iter().filter(|&node| node < ground.size()).collect()
}

fn positions(ground: &dyn Ground, names: &Value) -> Result<Vec<usize>, String> {
    let names = names.as_array().ok_or_else(|| format!("{names} is no list of node names"))?;
    names
        .iter()
        .map(|name| {
            let known = name.as_str().and_then(|name| ground.position(name));
            known.ok_or_else(|| format!("there is no node {name}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_harness::Seed;
    use std::collections::BTreeSet;

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("n{number}")).collect()
    }

    #[test]
    fn each_spec_has_its_size_for_any_number_of_nodes() {
        let mut rng = Seed::root(1).rng();
        for n in 1..12 {
            for spec in Spec::ALL {
                for _ in 0..20 {
                    let value = spec.choose(&names(n), &mut rng);
                    let key = if spec == Spec::Primaries { "fallback" } else { "targets" };
                    let chosen = value[key].as_array().unwrap();
                    let distinct: BTreeSet<_> =
                        chosen.iter().map(|v| v.as_str().unwrap()).collect();
                    let count = distinct.len();
                    assert_eq!(count, chosen.len());
                    match spec {
                        Spec::One | Spec::Primaries => assert_eq!(count, 1),
                        Spec::Minority => assert!(count >= 1 && (count * 2 < n || n <= 2)),
                        Spec::MinorityThird => assert!(count >= 1 && (count * 3 <= n || n < 3)),
                        Spec::Majority => assert!(count * 2 > n && (count - 1) * 2 <= n),
                        Spec::All => assert_eq!(count, n),
                        Spec::Zone(_) | Spec::List(_) => unreachable!("not drawn from"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_bag_gives_everything_once_before_anything_twice() {
        let mut rng = Seed::root(2).rng();
        let mut bag = Bag::new(vec![1, 2, 3, 4, 5]);
        for _ in 0..10 {
            let round: BTreeSet<i32> = (0..5).map(|_| bag.draw(&mut rng)).collect();
            assert_eq!(round.len(), 5);
        }
    }

    #[test]
    fn lists_are_read_and_wrong_words_named() {
        let read = |text| {
            let set = [("kill-targets", text), ("zones", "east:n1+n2,west:n3")];
            specs("kill-targets", &crate::testing::options(3, &set))
        };
        let mut rng = Seed::root(3).rng();
        assert_eq!(read("all, one").unwrap(), [Spec::All, Spec::One]);
        let chosen = read("n3+n1").unwrap()[0].choose(&names(3), &mut rng);
        assert_eq!(chosen, json!({"spec": "list", "targets": ["n1", "n3"]}));
        let chosen = read("east").unwrap()[0].choose(&names(3), &mut rng);
        assert_eq!(chosen, json!({"spec": "zone", "targets": ["n1", "n2"]}));
        let error = read("al").unwrap_err();
        assert!(error.contains("`al`") && error.contains("minority"), "{error}");
        let all = specs("kill-targets", &crate::testing::options(3, &[])).unwrap();
        assert_eq!(all, Spec::ALL);
        let error = specs("x", &crate::testing::options(3, &[("x", "zone")])).unwrap_err();
        assert!(error.contains("--set zones="), "{error}");
    }
}
