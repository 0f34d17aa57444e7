//! Conditions: what a predicate asks of a value.

use std::cmp::Ordering;

use serde_json::Value;

use crate::txn::transactions::{Atom, Transactions};

/// A predicate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// As it is written in the history.
    pub(super) text: Value,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Everything,
    Compare(Ordering, Value),
    Remainder(i128, i128),
}

impl Condition {
    /// Reads a predicate; `None` if it is none.
    pub(super) fn parse(text: &Value) -> Option<Self> {
        let test = match text {
            Value::Bool(true) => Test::Everything,
            Value::String(word) if word == "true" => Test::Everything,
            Value::Array(parts) => match (parts.first()?.as_str()?, &parts[1..]) {
                ("=", [value]) => Test::Compare(Ordering::Equal, value.clone()),
                ("<", [value]) => Test::Compare(Ordering::Less, value.clone()),
                (">", [value]) => Test::Compare(Ordering::Greater, value.clone()),
                ("mod", [divisor, rest]) => {
                    let (divisor, rest) = (whole(divisor)?, whole(rest)?);
                    (divisor != 0).then_some(Test::Remainder(divisor, rest))?
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { text: text.clone(), test })
    }

    /// Whether every value matches.
    pub(super) fn is_everything(&self) -> bool {
        self.test == Test::Everything
    }

    /// Whether a value matches. Null, which stands for no value, never does.
    pub(super) fn matches(&self, txns: &Transactions, atom: Atom) -> bool {
        atom != Atom::NIL && self.holds(&txns.value(atom))
    }

    fn holds(&self, value: &Value) -> bool {
        match &self.test {
            Test::Everything => true,
            Test::Compare(Ordering::Equal, other) => {
                value == other || compare(value, other) == Some(Ordering::Equal)
            }
            Test::Compare(order, other) => compare(value, other) == Some(*order),
            Test::Remainder(divisor, rest) => {
                whole(value).is_some_and(|value| value.rem_euclid(*divisor) == *rest)
            }
        }
    }
}

fn whole(value: &Value) -> Option<i128> {
    let small = value.as_i64().map(i128::from);
    small.or_else(|| value.as_u64().map(i128::from))
}

/// Numbers by size, texts by their letters; others cannot be compared.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return Some(a.cmp(b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}
