//! Synthetic entries of key-value maps.

use std::sync::Arc;

use serde_json::Value;

use super::{Random, Subject};
use crate::linear::model::{Model, Values};
use crate::linear::{Entry, KvCall, KvMap};

/// One key, mostly appended to, as by the clients of MIT's laboratory on key-value servers:
/// every piece comes once.
pub struct Maps {
    /// Of a hundred calls, the gets, the puts and the deletes; the rest appends.
    pub mix: [u64; 3],
    model: KvMap,
    entry: Entry,
    fresh: u32,
}

impl Maps {
    pub fn new(mix: [u64; 3]) -> Self {
        let model = KvMap::porcupine();
        let entry = model.initial(&mut Values::default());
        Self { mix, model, entry, fresh: 0 }
    }
}

impl Subject for Maps {
    /// With the answer not yet in it.
    type Request = KvCall;
    type Call = KvCall;

    fn ask(&mut self, random: &mut Random, process: u32) -> KvCall {
        let [gets, puts, deletes] = self.mix;
        let drawn = random.below(100);
        self.fresh += 1;
        let text = format!("x {process} {} y", self.fresh);
        if drawn < gets {
            KvCall::Get(Entry::of(&Value::Null))
        } else if drawn < gets + puts {
            KvCall::Put(Entry::of(&Value::from(text)))
        } else if drawn < gets + puts + deletes {
            KvCall::Delete
        } else {
            KvCall::Append(Arc::from(text.as_bytes()))
        }
    }

    fn apply(&mut self, request: &KvCall) -> Option<KvCall> {
        if let KvCall::Get(_) = request {
            return Some(KvCall::Get(self.entry.clone()));
        }
        self.entry = self.model.step(&self.entry, request)?;
        Some(request.clone())
    }

    fn unanswered(&self, request: &KvCall) -> Option<KvCall> {
        match request {
            KvCall::Get(_) => None,
            change => Some(change.clone()),
        }
    }
}
