//! A source of identifiers, none of which comes twice.

use serde_json::Value;

use super::parse::integer;
use crate::linear::model::{Answer, Asked, Model, Timed, Values};
use crate::linear::special::{self, Special};

/// `generate` is answered by an identifier of any form that nobody else is given; with
/// `monotonic`, by an integer greater than all before.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdSource {
    pub monotonic: bool,
}

/// An identifier that was given out: its number among the values, and the integer that it is,
/// where order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generate {
    pub id: u32,
    pub order: i128,
}

/// What was given out: all of it, or only the greatest where that says it all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Given {
    All(Box<[u32]>),
    UpTo(Option<i128>),
}

impl Model for IdSource {
    type State = Given;
    type Call = Generate;

    fn noun(&self) -> &'static str {
        "source of identifiers"
    }

    fn initial(&self, _values: &mut Values) -> Given {
        if self.monotonic { Given::UpTo(None) } else { Given::All(Box::default()) }
    }

    /// An identifier that nobody was told bears on nothing.
    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<Generate>, String> {
        if asked.f != "generate" {
            return Err(format!("a source of identifiers has no `{}`, only generate", asked.f));
        }
        let Answer::Ok(id) = asked.answer else { return Ok(None) };
        let order = match integer(id) {
            Some(order) => order,
            None if !self.monotonic => 0,
            None => return Err(format!("identifiers that increase are integers, not {id}")),
        };
        Ok(Some(Generate { id: values.intern(id), order }))
    }

    fn step(&self, given: &Given, call: &Generate) -> Option<Given> {
        match given {
            Given::UpTo(most) => {
                let greater = most.is_none_or(|most| most < call.order);
                greater.then_some(Given::UpTo(Some(call.order)))
            }
            Given::All(ids) => {
                let at = ids.binary_search(&call.id).err()?;
                let mut more = ids.to_vec();
                more.insert(at, call.id);
                Some(Given::All(more.into_boxed_slice()))
            }
        }
    }

    fn unit(&self, call: &Generate) -> Option<u32> {
        Some(call.id)
    }

    fn special(&self, calls: &[Timed<Generate>], _values: &Values) -> Option<Special> {
        Some(special::ids::decide(calls, self.monotonic))
    }

    fn describe(&self, call: &Generate, values: &Values) -> String {
        format!("was given {}", values.get(call.id))
    }

    fn describe_state(&self, given: &Given, values: &Values) -> String {
        match given {
            Given::UpTo(None) => "no identifier".to_owned(),
            Given::UpTo(Some(most)) => format!("identifiers up to {most}"),
            Given::All(ids) if ids.is_empty() => "no identifier".to_owned(),
            Given::All(ids) => {
                const MOST: usize = 8;
                let first = ids.iter().take(MOST).map(|id| Value::to_string(values.get(*id)));
                let more = ids.len().saturating_sub(MOST);
                let first = first.collect::<Vec<_>>().join(", ");
                if more == 0 { first } else { format!("{first} and {more} more") }
            }
        }
    }

    fn conflict_kind(&self) -> &'static str {
        "duplicate-id"
    }
}
