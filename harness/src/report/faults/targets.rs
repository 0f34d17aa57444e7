//! Whom a fault hit, in names: from what was asked for and from what was seen.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// More groups than this are not told apart in words.
const GROUPS_MAX: usize = 6;

/// A link that was cut, one way: from, to.
type Link<'a> = (&'a str, &'a str);

/// Names of what was hit. Evidence counts more than the request, which may leave the choice to
/// the moment (`primaries`): nodes as keys of `nodes`, links in `cut`; otherwise the request,
/// `"n1"`, `["n1", "n2"]`, `[["n1"], ["n2", "n3"]]`, `{"targets": [...]}`, `{"cut": [...]}`.
pub(super) fn names(value: &Value, evidence: &Value) -> Vec<String> {
    if let Some(nodes) = evidence.get("nodes").and_then(Value::as_object) {
        return nodes.keys().cloned().collect();
    }
    let found = [evidence.get("cut"), evidence.get("targets")].into_iter().flatten().map(leaves);
    if let Some(found) = found.into_iter().find(|found| !found.is_empty()) {
        return found;
    }
    match value {
        Value::Object(fields) => {
            let keys = ["targets", "nodes", "node", "cut", "fallback"];
            let named = keys.iter().find_map(|key| fields.get(*key));
            named.map(leaves).unwrap_or_default()
        }
        _ => leaves(value),
    }
}

/// Names in a value at most two lists deep, each once, in order.
fn leaves(value: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |item: &Value| {
        if let Some(name) = item.as_str()
            && seen.insert(name.to_owned())
        {
            found.push(name.to_owned());
        }
    };
    match value {
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Array(inner) => inner.iter().for_each(&mut add),
                    other => add(other),
                }
            }
        }
        other => add(other),
    }
    found
}

/// The same for people: `n1 n2 | n3 n4 n5` for groups that were parted, `n1 → n2` for a few links
/// cut one way, and with the name of the shape or of the choice where there is one.
pub(super) fn words(value: &Value, evidence: &Value, targets: &[String]) -> String {
    let field = |name: &str| evidence.get(name).or_else(|| value.get(name));
    let kind = field("shape").or_else(|| field("spec")).and_then(Value::as_str).unwrap_or_default();
    let what =
        if let Some(groups) = value.as_array().filter(|items| items.iter().any(Value::is_array)) {
            let groups: Vec<String> = groups.iter().map(|group| leaves(group).join(" ")).collect();
            groups.join(" | ")
        } else if let Some(links) = field("cut").and_then(links) {
            link_words(&links)
        } else {
            targets.join(" ")
        };
    match (kind.is_empty(), what.is_empty()) {
        (true, _) => what,
        (false, true) => kind.to_owned(),
        (false, false) => format!("{kind}: {what}"),
    }
}

/// A list of pairs of names, otherwise `None`.
pub(in crate::report) fn links(value: &Value) -> Option<BTreeSet<Link<'_>>> {
    let items = value.as_array().filter(|items| !items.is_empty())?;
    let pair = |item: &'_ Value| -> Option<()> { (item.as_array()?.len() == 2).then_some(()) };
    items
        .iter()
        .map(|item| {
            pair(item)?;
            Some((item[0].as_str()?, item[1].as_str()?))
        })
        .collect()
}

fn link_words(links: &BTreeSet<Link<'_>>) -> String {
    if let Some(groups) = groups(links) {
        return groups.iter().map(|group| group.join(" ")).collect::<Vec<_>>().join(" | ");
    }
    let few: Vec<String> =
        links.iter().take(4).map(|(from, to)| format!("{from} → {to}")).collect();
    match links.len() - few.len() {
        0 => few.join(", "),
        more => format!("{} and {more} more links", few.join(", ")),
    }
}

/// The groups between which every link is cut both ways and within which none is; `None` if the
/// cut has another shape. Cost: nodes squared.
fn groups<'a>(links: &BTreeSet<Link<'a>>) -> Option<Vec<Vec<&'a str>>> {
    let nodes: BTreeSet<&str> = links.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for node in &nodes {
        let home = groups.iter().position(|group| !links.contains(&(group[0], *node)));
        let home = home.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[home].push(node);
        group_of.insert(node, home);
    }
    let mut pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
    let fits =
        pairs.all(|(from, to)| links.contains(&(from, to)) == (group_of[from] != group_of[to]));
    (fits && groups.len() <= GROUPS_MAX).then_some(groups)
}
