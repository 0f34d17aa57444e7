//! The same one event after another.

use serde_json::{Value, json};

use super::seen::Seen;
use super::{GAVE_NONE, Order, inverted};
use crate::history::brief::{Brief, Small};
use crate::history::{Name, Open};
use crate::streaming::{Found, Part, Streaming, Violation};
use crate::tally::{Site, anomaly};
use crate::words::shortened;
use crate::{Anomaly, Kind, Process};

/// Judges what [`UniqueIds`](super::UniqueIds) judges, but for an order that may be loose. It has to
/// remember every identifier: see `seen.rs` for what that takes.
#[derive(Debug)]
pub struct UniqueIdsStream {
    /// Whether identifiers have to grow, at once.
    grows: bool,
    seen: Seen,
    /// Per process, its call and the greatest identifier that was acknowledged before it.
    open: Open<(Site, Option<Id>)>,
    greatest: Option<Id>,
    generated: u64,
    duplicates: u64,
    inverted: u64,
    found: Found,
}

/// An identifier that can be compared with others of its form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Number(i128),
    Text(Box<str>),
}

impl UniqueIdsStream {
    /// `None` if identifiers may be out of order by so much: that is only known of all of them.
    pub fn new(order: Option<Order>) -> Option<Self> {
        order.is_none_or(|order| order == Order::default()).then(|| Self {
            grows: order.is_some(),
            seen: Seen::default(),
            open: Open::default(),
            greatest: None,
            generated: 0,
            duplicates: 0,
            inverted: 0,
            found: Found::default(),
        })
    }

    fn given(
        &mut self,
        site: Site,
        before: Option<Id>,
        id: &Small,
        now: u64,
    ) -> Result<(), String> {
        self.generated += 1;
        if !self.seen.add(id) {
            self.duplicates += 1;
            self.found.add(site.index, now, || twice(&id.to_value(), site));
        }
        if !self.grows {
            return Ok(());
        }
        let one = compared(id, self.greatest.as_ref()).ok_or_else(|| {
            format!(
                "operation {} was given {}, but only integers can be compared, or only texts",
                site.index,
                shortened(&id.to_value())
            )
        })?;
        if let Some(before) = before.filter(|before| *before > one) {
            self.inverted += 1;
            let greater = match before {
                Id::Number(number) => number.to_string(),
                Id::Text(text) => Value::from(&*text).to_string(),
            };
            self.found.add(site.index, now, || inverted(&id.to_value(), &greater, site));
        }
        if self.greatest.as_ref().is_none_or(|greatest| *greatest < one) {
            self.greatest = Some(one);
        }
        Ok(())
    }
}

/// An identifier of the same form as another.
fn compared(id: &Small, other: Option<&Id>) -> Option<Id> {
    let id = match id {
        Small::Null => None,
        Small::Int(number) => Some(Id::Number(i128::from(*number))),
        Small::Other(value) => match &**value {
            Value::String(text) => Some(Id::Text(text.as_str().into())),
            value => value.as_u64().map(|number| Id::Number(i128::from(number))),
        },
    };
    let alike = |id: &Id| {
        other.is_none_or(|other| std::mem::discriminant(other) == std::mem::discriminant(id))
    };
    id.filter(alike)
}

fn twice(id: &Value, site: Site) -> Anomaly {
    let id = shortened(id);
    let steps = vec![site.step(&format!("was given {id}, which another call had been given,"))];
    let explanation =
        format!("Identifier {id} was given to two calls, each of which took it as its own.");
    let title = format!("Identifier {id} given twice");
    anomaly("duplicate-id", title, explanation, steps, &["unique-ids"])
}

impl Streaming for UniqueIdsStream {
    fn push(&mut self, brief: &Brief, names: &[Name]) -> Result<(), String> {
        let Process::Client(process) = brief.process else { return Ok(()) };
        if brief.kind == Kind::Invoke {
            let site = Site { index: brief.index, process, called: brief.time, returned: None };
            let before = self.greatest.clone().filter(|_| self.grows);
            self.open.insert(process, (site, before));
            return Ok(());
        }
        let Some((site, before)) = self.open.take(process) else { return Ok(()) };
        let generates = names.get(brief.f as usize).is_some_and(|name| &**name == "generate");
        if brief.kind != Kind::Ok || !generates {
            return Ok(());
        }
        let site = Site { returned: Some(brief.time), ..site };
        self.given(site, before, &brief.value.clone().into(), brief.index)
    }

    fn violations(&mut self) -> (Vec<Violation>, u64) {
        self.found.take()
    }

    fn finish(&mut self, _last: u64, _names: &[Name]) -> Part {
        let mut stats = json!({
            "generated": self.generated,
            "distinct": self.generated - self.duplicates,
            "duplicates": self.duplicates,
        });
        if self.grows {
            stats["order"] = json!({ "inverted": self.inverted });
        }
        let nothing = (self.generated == 0).then(|| GAVE_NONE.to_owned());
        Part { stats, unknown: None, nothing }
    }
}
