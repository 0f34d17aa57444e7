//! Atoms: keys and values as numbers of 32 bits.

use rustc_hash::FxHashMap;
use serde_json::Value;

/// A value. Whole numbers from 0 to 2<sup>31</sup> - 1 stand for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(pub u32);

const OTHER: u32 = 1 << 31;

impl Atom {
    /// Null: what a register holds before any write.
    pub const NIL: Self = Self(u32::MAX);

    /// A number that stands for itself.
    pub fn small(number: u64) -> Option<Self> {
        (number < u64::from(OTHER)).then_some(Self(number as u32))
    }

    /// Where its value is in [`Atoms::others`]; `None` for a small number and for null.
    pub fn other(self) -> Option<usize> {
        (self.0 >= OTHER && self != Self::NIL).then_some((self.0 & !OTHER) as usize)
    }

    /// The number that this atom stands for, unless it is another value.
    pub fn as_small(self) -> Option<u32> {
        (self.0 < OTHER).then_some(self.0)
    }
}

/// The values that are not small numbers.
#[derive(Clone, Debug, Default)]
pub struct Atoms {
    others: Vec<Value>,
    numbers: FxHashMap<Value, u32>,
}

impl Atoms {
    /// The atom of a value.
    pub fn atom(&mut self, value: &Value) -> Atom {
        match value {
            Value::Null => return Atom::NIL,
            Value::Number(number) => {
                if let Some(atom) = number.as_u64().and_then(Atom::small) {
                    return atom;
                }
            }
            _ => {}
        }
        if let Some(number) = self.numbers.get(value) {
            return Atom(OTHER | number);
        }
        let number = self.others.len() as u32;
        self.others.push(value.clone());
        self.numbers.insert(value.clone(), number);
        Atom(OTHER | number)
    }

    /// The value of an atom.
    pub fn value(&self, atom: Atom) -> Value {
        match atom.as_small() {
            Some(number) => Value::from(number),
            None if atom == Atom::NIL => Value::Null,
            None => self.others[(atom.0 & !OTHER) as usize].clone(),
        }
    }

    /// Values that are not small numbers, in the order in which they were met; number `i` is
    /// the atom `2^31 + i`.
    pub fn others(&self) -> &[Value] {
        &self.others
    }
}
