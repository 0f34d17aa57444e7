//! Several registers that are read and written together.

use serde_json::Value;

use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Values};

/// Registers by key, read and written by transactions: `txn [["r", k, v], ["w", k, v], …]`, or
/// `[[:read k v] [:write k v]]` as in Knossos. The accesses of a transaction happen in order and
/// at once.
#[derive(Clone, Debug, Default)]
pub struct MultiRegister {
    /// What registers hold before the first write, as an object by key; null for all others.
    pub initial: Value,
    /// An `ok` read of null says nothing, as in Knossos, rather than that the value is null.
    pub null_read_is_any: bool,
}

impl MultiRegister {
    /// Knossos' convention, that reading null is reading anything.
    pub fn knossos(initial: Value) -> Self {
        Self { initial, null_read_is_any: true }
    }
}

/// A transaction; keys and values by number.
pub type Accesses = Box<[Access]>;

/// A read or a write of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// Rather than a read.
    pub write: bool,
    pub key: u32,
    /// [`NULL`] for null.
    pub value: u32,
}

/// The number of null, which registers hold that are not in the state.
pub const NULL: u32 = u32::MAX;
/// A value that no call names.
const OTHER: u32 = u32::MAX - 1;

/// What registers hold, ordered by key; null if not there.
pub type Registers = Box<[(u32, u32)]>;

impl Model for MultiRegister {
    type State = Registers;
    type Call = Accesses;

    fn noun(&self) -> &'static str {
        "registers"
    }

    fn initial(&self, values: &mut Values) -> Registers {
        let Value::Object(initial) = &self.initial else { return Registers::default() };
        let mut registers: Vec<(u32, u32)> = initial
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (values.intern(&Value::from(key.as_str())), values.intern(value)))
            .collect();
        registers.sort_unstable();
        registers.into_boxed_slice()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<Accesses>, String> {
        if !["txn", "read", "write", "r", "w"].contains(&asked.f) {
            return Err(format!("registers have no `{}`, only txn, read and write", asked.f));
        }
        let (told, answered) = match asked.answer {
            Answer::Failed => return Ok(None),
            Answer::Ok(answer) => (answer, true),
            Answer::Unknown => (asked.input, false),
        };
        let Value::Array(list) = told else { return Err(misread(told)) };
        let mut accesses = Vec::with_capacity(list.len());
        for item in list {
            let Some([f, key, value]) = item.as_array().map(Vec::as_slice) else {
                return Err(misread(item));
            };
            let write = match f.as_str() {
                Some("w" | "write" | ":w" | ":write") => true,
                Some("r" | "read" | ":r" | ":read") => false,
                _ => return Err(misread(item)),
            };
            let says_nothing = !answered || self.null_read_is_any && value.is_null();
            if write || !says_nothing {
                let value = if value.is_null() { NULL } else { values.intern(value) };
                accesses.push(Access { write, key: values.intern(key), value });
            }
        }
        Ok(Some(accesses.into_boxed_slice()).filter(|accesses| !accesses.is_empty()))
    }

    fn step(&self, registers: &Registers, call: &Accesses) -> Option<Registers> {
        if call.iter().all(|access| !access.write) {
            let same = |access: &Access| held(registers, access.key) == access.value;
            return call.iter().all(same).then(|| registers.clone());
        }
        let mut next = registers.to_vec();
        for access in call {
            if !access.write {
                if held(&next, access.key) != access.value {
                    return None;
                }
                continue;
            }
            match (next.binary_search_by_key(&access.key, |(key, _)| *key), access.value) {
                (Ok(at), NULL) => drop(next.remove(at)),
                (Ok(at), value) => next[at].1 = value,
                (Err(_), NULL) => {}
                (Err(at), value) => next.insert(at, (access.key, value)),
            }
        }
        Some(next.into_boxed_slice())
    }

    fn needs(&self, call: &Accesses) -> Needs<Registers> {
        let reads = call.iter().any(|access| !access.write);
        if reads { Needs::Unclear } else { Needs::Nothing }
    }

    fn leaves(&self, call: &Accesses) -> Leaves<Registers> {
        let writes = call.iter().any(|access| access.write);
        if writes { Leaves::Unclear } else { Leaves::Unchanged }
    }

    /// What is read of each register or another value, in all combinations if they are few.
    fn states(&self, calls: &[Accesses]) -> Option<Vec<Registers>> {
        const MOST: usize = 64;
        let accesses = calls.iter().flatten().filter(|access| !access.write);
        let mut read: Vec<(u32, u32)> = accesses.map(|access| (access.key, access.value)).collect();
        read.sort_unstable();
        read.dedup();
        let mut states: Vec<Vec<(u32, u32)>> = vec![Vec::new()];
        for register in read.chunk_by(|a, b| a.0 == b.0) {
            if states.len() * (register.len() + 1) > MOST {
                return None;
            }
            let key = register[0].0;
            let with = |state: &Vec<(u32, u32)>| {
                let choices = register.iter().map(|(_, value)| *value).chain([OTHER]);
                let more = |value| (value != NULL).then_some((key, value));
                let state = state.clone();
                choices
                    .map(move |value| state.iter().copied().chain(more(value)).collect())
                    .collect::<Vec<_>>()
            };
            states = states.iter().flat_map(with).collect();
        }
        Some(states.into_iter().map(Vec::into_boxed_slice).collect())
    }

    fn describe(&self, call: &Accesses, values: &Values) -> String {
        let word = |access: &Access| {
            let did = if access.write { "wrote" } else { "read" };
            format!("{did} {} = {}", values.get(access.key), value(access.value, values))
        };
        call.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn describe_state(&self, registers: &Registers, values: &Values) -> String {
        if registers.is_empty() {
            return "null everywhere".to_owned();
        }
        let word =
            |(key, held): &(u32, u32)| format!("{} = {}", values.get(*key), value(*held, values));
        registers.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

fn held(registers: &[(u32, u32)], key: u32) -> u32 {
    let at = registers.binary_search_by_key(&key, |(key, _)| *key);
    at.map_or(NULL, |at| registers[at].1)
}

fn value(number: u32, values: &Values) -> String {
    match number {
        NULL => "null".to_owned(),
        OTHER => "another value".to_owned(),
        number => values.get(number).to_string(),
    }
}

fn misread(value: &Value) -> String {
    format!("a transaction is [[\"r\", key, value], [\"w\", key, value], …], not {value}")
}
