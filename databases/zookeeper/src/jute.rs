//! Jute, ZooKeeper's encoding: big-endian numbers, and everything else with its length before it.

use bytes::{Buf, Bytes, BytesMut};

/// The longest answer that is read. Servers send no more than a few megabytes.
const FRAME_LIMIT: usize = 32 << 20;

/// What is sent, as it grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn int(mut self, value: i32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn bool(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    /// Bytes, or a text, with their length. Nothing that is sent comes near the 2 GiB that it holds.
    pub(crate) fn bytes(self, value: &[u8]) -> Self {
        self.int(i32::try_from(value.len()).unwrap_or(i32::MAX)).raw(value)
    }

    pub(crate) fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    /// What another has written.
    pub(crate) fn raw(mut self, value: &[u8]) -> Self {
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }

    /// With its length before it, as it goes out.
    pub(crate) fn framed(&self) -> Vec<u8> {
        Self::default().bytes(&self.0).0
    }
}

/// What came, as it is read. Errors are sentences about bytes that cannot be understood.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    fn need(&self, count: usize) -> Result<(), String> {
        if self.0.len() < count {
            return Err(format!("{count} bytes are wanted and {} are left", self.0.len()));
        }
        Ok(())
    }

    pub(crate) fn int(&mut self) -> Result<i32, String> {
        self.need(4)?;
        Ok(self.0.get_i32())
    }

    pub(crate) fn long(&mut self) -> Result<i64, String> {
        self.need(8)?;
        Ok(self.0.get_i64())
    }

    pub(crate) fn bool(&mut self) -> Result<bool, String> {
        self.need(1)?;
        Ok(self.0.get_u8() != 0)
    }

    /// Bytes with their length; a length of -1 stands for none at all.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, String> {
        let length = self.int()?;
        if length == -1 {
            return Ok(Bytes::new());
        }
        let length = usize::try_from(length).map_err(|_| format!("a length of {length}"))?;
        self.need(length)?;
        Ok(self.0.split_to(length))
    }

    pub(crate) fn text(&mut self) -> Result<String, String> {
        let bytes = self.bytes()?;
        String::from_utf8(bytes.to_vec()).map_err(|_| "a text is not UTF-8".to_owned())
    }

    /// A list of texts. It grows only as texts really come.
    pub(crate) fn texts(&mut self) -> Result<Vec<String>, String> {
        let count = self.int()?;
        (0..count.max(0)).map(|_| self.text()).collect()
    }
}

/// Takes one whole frame from the front, without its length.
pub(crate) fn frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, String> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*head);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= FRAME_LIMIT)
        .ok_or_else(|| format!("an answer of {length} bytes"))?;
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let writer = Writer::default().int(-101).long(1 << 40).bool(true);
        let writer = writer.text("/a").bytes(&[]).raw(&[0, 0, 0, 0]);
        let mut buffer = BytesMut::from(&*writer.framed());
        let mut reader = Reader::new(frame(&mut buffer).unwrap().unwrap());
        assert_eq!(reader.int(), Ok(-101));
        assert_eq!(reader.long(), Ok(1 << 40));
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.text().as_deref(), Ok("/a"));
        assert_eq!(reader.bytes(), Ok(Bytes::new()));
        assert_eq!(reader.texts(), Ok(Vec::new()));
        assert!(reader.0.is_empty() && buffer.is_empty());
    }

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_kept() {
        for head in [[0xff, 0xff, 0xff, 0xfe], [0x7f, 0xff, 0xff, 0xff]] {
            assert!(frame(&mut BytesMut::from(&head[..])).is_err());
            assert!(Reader::new(Bytes::copy_from_slice(&head)).bytes().is_err());
            assert!(
                Reader::new(Bytes::copy_from_slice(&[&[0x7f, 0, 0, 0], &head[..]].concat()))
                    .texts()
                    .is_err()
            );
        }
        assert_eq!(frame(&mut BytesMut::from(&[0, 0, 0, 2, 7][..])), Ok(None));
        assert!(Reader::new(Bytes::from_static(&[1, 2, 3])).int().is_err());
        assert_eq!(Reader::new(Bytes::from_static(&[0xff; 4])).bytes(), Ok(Bytes::new()));
    }
}
