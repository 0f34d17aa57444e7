//! Order: blocks of lines one after another, with numbers for functions that hold for all of them.

use rustc_hash::FxHashMap;

use super::Block;
use crate::history::{Guard, Name, ReadError, Turn};

/// Looks at blocks in the order of the file, and refuses what cannot be a history.
pub struct Order {
    guard: Guard<u32>,
    /// The functions so far; there are few.
    names: Vec<Name>,
    numbers: FxHashMap<Name, u32>,
    /// The number of the next line.
    line: u64,
}

impl Default for Order {
    fn default() -> Self {
        Self { guard: Guard::strict(), names: vec![], numbers: FxHashMap::default(), line: 1 }
    }
}

impl Order {
    /// The functions by number.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The number of the next line, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Takes the next block, and gives its functions their numbers. After an error the block has
    /// the events before it only, and there is nothing more to ask.
    pub fn admit(&mut self, block: &mut Block) -> Result<(), ReadError> {
        let first = self.line;
        let numbers: Vec<u32> = block.names.iter().map(|name| self.number(name)).collect();
        let Self { guard, names, .. } = self;
        let name = |f: &u32| names.get(*f as usize).cloned().unwrap_or_else(|| Name::from(""));
        for at in 0..block.briefs.len() {
            let brief = &mut block.briefs[at];
            brief.f = numbers[brief.f as usize];
            let (index, time, f) = (brief.index, brief.time, brief.f);
            let turn = Turn { index, time, process: brief.process, kind: brief.kind, f };
            if let Err(flaw) = guard.admit(turn, name) {
                let line = block.line_of(at, first);
                block.briefs.truncate(at);
                return Err(ReadError::Malformed { line, flaw });
            }
        }
        self.line += block.lines;
        block.error(first).map_or(Ok(()), Err)
    }

    /// The number of a function.
    pub fn number(&mut self, name: &Name) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}
