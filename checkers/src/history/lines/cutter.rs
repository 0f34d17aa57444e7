//! Cutting: bytes that come in pieces of any size are cut between lines.

/// Bytes that are not cut off yet.
#[derive(Debug, Default)]
pub struct Cutter {
    bytes: Vec<u8>,
    /// How many of them are whole lines.
    whole: usize,
}

impl Cutter {
    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
            self.whole = self.bytes.len() + end + 1;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes there are in whole lines.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// Bytes of a line that has not ended.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.whole..]
    }

    /// Takes the whole lines away.
    pub fn cut(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.whole);
        self.whole = 0;
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Takes everything away.
    pub fn all(&mut self) -> Vec<u8> {
        self.whole = 0;
        std::mem::take(&mut self.bytes)
    }
}
