//! Writes Fressian for the tests, as Jepsen's writer does, by itself and not by the reader.

use std::collections::HashMap;

/// What a test writes.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::history::test_jepsen) enum Data {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Float(f32),
    Text(String),
    Key(Option<String>, String),
    Symbol(String),
    Bytes(Vec<u8>),
    List(Vec<Data>),
    /// A list that ends with a code, as in records.
    Closed(Vec<Data>),
    Map(Vec<(Data, Data)>),
    /// A tag with a code of its own.
    Core(u8, Vec<Data>),
    /// A tag by name.
    Tagged(&'static str, Vec<Data>),
    /// A value that goes through the cache.
    Cached(Box<Data>),
}

pub(in crate::history::test_jepsen) fn key(name: &str) -> Data {
    Data::Key(None, name.to_owned())
}

/// An operation as Jepsen writes it since version 1: type and function through the cache.
pub(in crate::history::test_jepsen) fn op(fields: [Data; 7]) -> Data {
    let [index, time, kind, process, f, value, others] = fields;
    let cached = |data| Data::Cached(Box::new(data));
    let fields = vec![index, time, cached(kind), process, cached(f), value, others];
    Data::Tagged("jepsen.history.Op", fields)
}

#[derive(Default)]
pub(in crate::history::test_jepsen) struct Encoder {
    pub(in crate::history::test_jepsen) bytes: Vec<u8>,
    cache: HashMap<String, usize>,
    tags: Vec<&'static str>,
}

impl Encoder {
    pub(in crate::history::test_jepsen) fn write(&mut self, data: &Data) {
        match data {
            Data::Nil => self.bytes.push(0xf7),
            Data::Bool(true) => self.bytes.push(0xf5),
            Data::Bool(false) => self.bytes.push(0xf6),
            Data::Int(number) => self.int(*number),
            Data::Double(number) if *number == 0.0 => self.bytes.push(0xfb),
            Data::Double(number) if *number == 1.0 => self.bytes.push(0xfc),
            Data::Double(number) => {
                self.bytes.push(0xfa);
                self.bytes.extend(number.to_be_bytes());
            }
            Data::Float(number) => {
                self.bytes.push(0xf9);
                self.bytes.extend(number.to_be_bytes());
            }
            Data::Text(text) => self.text(text),
            Data::Key(space, name) => {
                self.bytes.push(0xca);
                match space {
                    Some(space) => self.cached(&Data::Text(space.clone())),
                    None => self.write(&Data::Nil),
                }
                self.cached(&Data::Text(name.clone()));
            }
            Data::Symbol(name) => {
                self.bytes.push(0xc9);
                self.write(&Data::Nil);
                self.cached(&Data::Text(name.clone()));
            }
            Data::Bytes(bytes) => self.pieces(0xd0, bytes, 65_535),
            Data::List(items) => self.list(items),
            Data::Closed(items) => {
                self.bytes.push(0xed);
                items.iter().for_each(|item| self.write(item));
                self.bytes.push(0xfd);
            }
            Data::Map(entries) => {
                self.bytes.push(0xc0);
                let flat = entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]);
                self.list(&flat.collect::<Vec<_>>());
            }
            Data::Core(code, parts) => {
                self.bytes.push(*code);
                parts.iter().for_each(|part| self.write(part));
            }
            Data::Tagged(tag, parts) => {
                self.tag(tag, parts.len());
                parts.iter().for_each(|part| self.write(part));
            }
            Data::Cached(data) => self.cached(data),
        }
    }

    /// Through the cache, unless that would save nothing.
    fn cached(&mut self, data: &Data) {
        let small = match data {
            Data::Nil | Data::Bool(_) => true,
            Data::Int(number) => (-4096..4096).contains(number),
            Data::Text(text) => text.is_empty(),
            Data::Double(number) => *number == 0.0 || *number == 1.0,
            _ => false,
        };
        if small {
            return self.write(data);
        }
        let fresh = self.cache.len();
        match *self.cache.entry(format!("{data:?}")).or_insert(fresh) {
            slot if slot == fresh => {
                self.bytes.push(0xcd);
                self.write(data);
            }
            slot if slot < 32 => self.bytes.push(0x80 + slot as u8),
            slot => {
                self.bytes.push(0xcc);
                self.int(slot as i64);
            }
        }
    }

    fn tag(&mut self, tag: &'static str, parts: usize) {
        match self.tags.iter().position(|known| *known == tag) {
            Some(slot) if slot < 16 => self.bytes.push(0xa0 + slot as u8),
            Some(slot) => {
                self.bytes.push(0xf0);
                self.int(slot as i64);
            }
            None => {
                self.tags.push(tag);
                self.bytes.push(0xef);
                self.text(tag);
                self.int(parts as i64);
            }
        }
    }

    fn list(&mut self, items: &[Data]) {
        if items.len() < 8 {
            self.bytes.push(0xe4 + items.len() as u8);
        } else {
            self.bytes.push(0xec);
            self.int(items.len() as i64);
        }
        items.iter().for_each(|item| self.write(item));
    }

    /// The shortest of Fressian's eight ways.
    fn int(&mut self, number: i64) {
        if number == -1 || (0..64).contains(&number) {
            self.bytes.push(number as u8);
            return;
        }
        for (bytes, zero, limit) in [
            (1, 0x50_i64, 1_i64 << 12),
            (2, 0x68, 1 << 19),
            (3, 0x72, 1 << 25),
            (4, 0x76, 1 << 33),
            (5, 0x7a, 1 << 41),
            (6, 0x7e, 1 << 49),
        ] {
            if (-limit..limit).contains(&number) {
                self.bytes.push((zero + (number >> (8 * bytes))) as u8);
                self.bytes.extend(&number.to_be_bytes()[8 - bytes..]);
                return;
            }
        }
        self.bytes.push(0xf8);
        self.bytes.extend(number.to_be_bytes());
    }

    /// Java's UTF-8: surrogates one by one; long texts in pieces.
    fn text(&mut self, text: &str) {
        let mut bytes = Vec::new();
        for unit in text.encode_utf16() {
            match unit {
                0x0000..=0x007f => bytes.push(unit as u8),
                0x0080..=0x07ff => bytes.extend([0xc0 | (unit >> 6) as u8, low_bits(unit)]),
                _ => bytes.extend([0xe0 | (unit >> 12) as u8, low_bits(unit >> 6), low_bits(unit)]),
            }
        }
        self.pieces(0xda, &bytes, 65_536);
    }

    fn pieces(&mut self, first: u8, bytes: &[u8], most: usize) {
        let mut rest = bytes;
        while rest.len() > most {
            self.bytes.push(first + 8);
            self.int(most as i64);
            self.bytes.extend(&rest[..most]);
            rest = &rest[most..];
        }
        if rest.len() < 8 {
            self.bytes.push(first + rest.len() as u8);
        } else {
            self.bytes.push(first + 9);
            self.int(rest.len() as i64);
        }
        self.bytes.extend(rest);
    }
}

fn low_bits(unit: u16) -> u8 {
    0x80 | (unit & 0x3f) as u8
}
