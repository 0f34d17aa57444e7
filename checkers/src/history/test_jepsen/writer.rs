//! Writes `test.jepsen` files for the tests, in the order in which Jepsen does.

use std::collections::BTreeMap;

use super::fressian::encoder::{Data, Encoder, key, op};

/// Block types.
pub(super) const INDEX: u16 = 1;
pub(super) const FRESSIAN: u16 = 2;
pub(super) const PARTIAL_MAP: u16 = 3;
pub(super) const STREAM: u16 = 4;
pub(super) const BIG_VECTOR: u16 = 5;

pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    pub(super) blocks: BTreeMap<u32, u64>,
    pub(super) root: u32,
}

/// An event of a test, with or without its place in a version 1 file.
pub(super) fn event(index: i64, process: Data, kind: &str, f: &str, value: Data) -> [Data; 7] {
    let others = Data::Map(vec![(key("node"), Data::Text("n1".to_owned()))]);
    [Data::Int(index), Data::Int(index * 1000), key(kind), process, key(f), value, others]
}

/// The same as a map, as in version 0.
pub(super) fn event_map(event: &[Data; 7]) -> Data {
    let [_, time, kind, process, f, value, _] = event.clone();
    let names = ["time", "type", "process", "f", "value"];
    Data::Map(names.map(key).into_iter().zip([time, kind, process, f, value]).collect())
}

impl Writer {
    pub(super) fn new(version: u32) -> Self {
        let mut bytes = b"JEPSEN".to_vec();
        bytes.extend(version.to_be_bytes());
        bytes.extend(0_u64.to_be_bytes());
        Self { bytes, blocks: BTreeMap::new(), root: 0 }
    }

    pub(super) fn fresh(&mut self) -> u32 {
        let id = self.blocks.keys().max().map_or(1, |id| id + 1);
        self.blocks.insert(id, 0);
        id
    }

    pub(super) fn block(&mut self, id: u32, kind: u16, data: &[u8]) -> u32 {
        self.blocks.insert(id, self.bytes.len() as u64);
        let length = (28 + data.len() as u64).to_be_bytes();
        let mut checked = data.to_vec();
        checked.extend(length);
        checked.extend([0; 4]);
        checked.extend(kind.to_be_bytes());
        checked.extend([0; 14]);
        self.bytes.extend(length);
        self.bytes.extend(crc32(&checked).to_be_bytes());
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend([0; 14]);
        self.bytes.extend(data);
        id
    }

    /// A block of values, one after another.
    pub(super) fn values(&mut self, id: u32, kind: u16, values: &[Data]) -> u32 {
        let mut encoder = Encoder::default();
        values.iter().for_each(|value| encoder.write(value));
        self.block(id, kind, &encoder.bytes)
    }

    pub(super) fn partial_map(&mut self, id: u32, rest: u32, map: &Data) -> u32 {
        let mut encoder = Encoder::default();
        encoder.bytes.extend(rest.to_be_bytes());
        encoder.write(map);
        self.block(id, PARTIAL_MAP, &encoder.bytes)
    }

    pub(super) fn big_vector(&mut self, id: u32, count: u64, chunks: &[(u64, u32)]) -> u32 {
        let mut data = count.to_be_bytes().to_vec();
        for (first, chunk) in chunks {
            data.extend(first.to_be_bytes());
            data.extend(chunk.to_be_bytes());
        }
        self.block(id, BIG_VECTOR, &data)
    }

    /// A block whose header is still blank.
    pub(super) fn unsealed(&mut self, values: &[Data]) {
        let mut encoder = Encoder::default();
        values.iter().for_each(|value| encoder.write(value));
        self.bytes.extend([0; 28]);
        self.bytes.extend(&encoder.bytes);
    }

    /// An index of all blocks so far and of itself, to which the header then points.
    pub(super) fn index(&mut self) {
        let id = self.fresh();
        let at = self.bytes.len() as u64;
        self.blocks.insert(id, at);
        let mut data = self.root.to_be_bytes().to_vec();
        for (id, at) in self.blocks.iter().filter(|(_, at)| **at != 0) {
            data.extend(id.to_be_bytes());
            data.extend(at.to_be_bytes());
        }
        self.block(id, INDEX, &data);
        self.bytes[10..18].copy_from_slice(&at.to_be_bytes());
    }

    /// The map of the test, as the new root.
    pub(super) fn test(&mut self, history: u32, more: Vec<(Data, Data)>) {
        let reference = Data::Tagged("block-ref", vec![Data::Int(i64::from(history))]);
        let mut map =
            vec![(key("name"), Data::Text("test".to_owned())), (key("history"), reference)];
        map.extend(more);
        let id = self.fresh();
        self.root = self.values(id, FRESSIAN, &[Data::Map(map)]);
    }
}

/// A run up to its last event in version 1: chunks of at most `chunk` events, each sealed with
/// an index of its own, the last one only when the run `ended`.
pub(super) fn version_1(events: &[[Data; 7]], chunk: usize, ended: bool) -> Writer {
    let mut writer = Writer::new(1);
    let history = writer.fresh();
    writer.values(history, FRESSIAN, &[Data::Nil]);
    writer.test(history, Vec::new());
    writer.index();
    let mut chunks = Vec::new();
    let mut written = 0;
    for part in events.chunks(chunk) {
        let ops: Vec<Data> = part.iter().cloned().map(op).collect();
        if written as usize + part.len() == events.len() && !ended {
            writer.unsealed(&ops);
            return writer;
        }
        let id = writer.fresh();
        writer.values(id, STREAM, &ops);
        chunks.push((written, id));
        written += part.len() as u64;
        writer.big_vector(history, written, &chunks);
        writer.index();
    }
    let more = writer.fresh();
    writer.partial_map(more, 0, &Data::Map(vec![(key("stats"), Data::Nil)]));
    let results = writer.fresh();
    writer.partial_map(results, more, &Data::Map(vec![(key("valid?"), Data::Bool(true))]));
    writer.test(
        history,
        vec![(key("results"), Data::Tagged("block-ref", vec![Data::Int(results.into())]))],
    );
    writer.index();
    writer
}

/// A run in version 0: the history is one vector of maps.
pub(super) fn version_0(events: &[[Data; 7]]) -> Writer {
    let mut writer = Writer::new(0);
    let history = writer.fresh();
    writer.values(history, FRESSIAN, &[Data::List(events.iter().map(event_map).collect())]);
    writer.test(history, Vec::new());
    writer.index();
    writer
}

/// A CRC-32 bit by bit.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut state = u32::MAX;
    for byte in bytes {
        state ^= u32::from(*byte);
        for _ in 0..8 {
            state = if state & 1 == 1 { state >> 1 ^ 0xedb8_8320 } else { state >> 1 };
        }
    }
    !state
}
