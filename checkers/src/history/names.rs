//! Names: one allocation per distinct function, node or error word of a history.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Name;

/// The most distinct names kept for sharing. Errors with numbers in them are endless; past
/// this many, a name is allocated anew each time.
const MAX_SHARED: usize = 65_536;

/// Hands out one shared [`Name`] per distinct text.
#[derive(Debug, Default)]
pub struct Names {
    known: FxHashMap<Name, ()>,
}

impl Names {
    /// The shared name of `text`.
    pub fn get(&mut self, text: &str) -> Name {
        if let Some((name, ())) = self.known.get_key_value(text) {
            return name.clone();
        }
        let name: Name = Arc::from(text);
        if self.known.len() < MAX_SHARED {
            self.known.insert(name.clone(), ());
        }
        name
    }
}
