//! Blocks: what a `test.jepsen` is made of, and how they are found.
//!
//! A block is its length (8 bytes, header included), a CRC-32 (4), a type (2), 14 zeros, and
//! data. The checksum is over the data and then the header without the checksum. A block whose
//! header is still zero was being written when the run ended. All numbers are big-endian.

use std::collections::BTreeMap;

use crate::history::place::Fault;

/// Magic, version, and the place of the newest index.
pub(super) const FILE_HEADER: usize = 18;
pub(super) const BLOCK_HEADER: usize = 28;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Index,
    Fressian,
    PartialMap,
    FressianStream,
    BigVector,
}

/// A block whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) kind: Kind,
    /// Where its header begins.
    pub(super) at: usize,
    pub(super) data: usize,
    pub(super) end: usize,
}

/// What stands where a block should begin.
#[derive(Debug)]
pub(super) enum Found {
    Whole(Block),
    /// Its header was never written.
    Unsealed,
    /// It goes on past the end of the file. Says of which type it is, if that is known.
    CutOff(Option<Kind>),
    Damaged(Fault),
}

/// The newest index: which blocks there are.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) at: usize,
    end: usize,
    pub(super) root: Option<u32>,
    pub(super) blocks: BTreeMap<u32, usize>,
}

impl Index {
    /// Where the index and all blocks that it names have ended.
    pub(super) fn last_byte(&self, file: &[u8]) -> usize {
        let end = |at: &usize| {
            let length = number(file, *at, 8).and_then(|length| usize::try_from(length).ok());
            length.and_then(|length| at.checked_add(length))
        };
        self.blocks.values().filter_map(end).fold(self.end, usize::max)
    }
}

pub(super) fn number(file: &[u8], at: usize, bytes: usize) -> Option<u64> {
    let bytes = file.get(at..at.checked_add(bytes)?)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A number of 32 bits, 0 if the file ends before.
pub(super) fn id(file: &[u8], at: usize) -> u32 {
    number(file, at, 4).and_then(|id| u32::try_from(id).ok()).unwrap_or(0)
}

/// Looks at the block that begins at a byte of the file.
pub(super) fn block(file: &[u8], at: usize) -> Found {
    let header = at.checked_add(BLOCK_HEADER).and_then(|data| file.get(at..data));
    let Some(header) = header else { return Found::CutOff(None) };
    if header.iter().all(|byte| *byte == 0) {
        return Found::Unsealed;
    }
    let damaged = |why: String| Found::Damaged(Fault::new(at, why));
    let kind = match number(header, 12, 2) {
        Some(1) => Kind::Index,
        Some(2) => Kind::Fressian,
        Some(3) => Kind::PartialMap,
        Some(4) => Kind::FressianStream,
        Some(5) => Kind::BigVector,
        other => return damaged(format!("the type of the block is {}", other.unwrap_or(0))),
    };
    let length = number(header, 0, 8).and_then(|length| usize::try_from(length).ok());
    let end = length.and_then(|length| at.checked_add(length));
    let Some(end) = end.filter(|end| *end >= at + BLOCK_HEADER) else {
        return damaged("the length of the block is no length".to_owned());
    };
    let Some(data) = file.get(at + BLOCK_HEADER..end) else { return Found::CutOff(Some(kind)) };
    let stored = id(header, 8);
    let computed = checksum(header, data);
    if stored != computed {
        return damaged(format!(
            "the checksum of the block is {stored:08x}, but its {} bytes give {computed:08x}",
            end - at
        ));
    }
    Found::Whole(Block { kind, at, data: at + BLOCK_HEADER, end })
}

fn checksum(header: &[u8], data: &[u8]) -> u32 {
    let mut blank = [0; BLOCK_HEADER];
    blank[..8].copy_from_slice(&header[..8]);
    blank[12..14].copy_from_slice(&header[12..14]);
    !crc32(crc32(u32::MAX, data), &blank)
}

/// Goes on with a CRC-32, the one of Ethernet and zip, which begins and ends inverted.
fn crc32(state: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut bits = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                bits = if bits & 1 == 1 { bits >> 1 ^ 0xedb8_8320 } else { bits >> 1 };
                bit += 1;
            }
            table[byte] = bits;
            byte += 1;
        }
        table
    };
    bytes.iter().fold(state, |state, byte| state >> 8 ^ TABLE[usize::from((state as u8) ^ byte)])
}

/// The newest index. The file's header says where it is; if it was cut off, the last one that
/// is whole counts. A damaged one is an error.
pub(super) fn newest_index(file: &[u8]) -> Result<Index, Fault> {
    let at = number(file, 10, 8).and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    if at != 0 {
        match block(file, at) {
            Found::Whole(block) if block.kind == Kind::Index => return Ok(index(file, block)),
            Found::Whole(_) => return Err(Fault::new(10, "the header does not point to an index")),
            Found::Damaged(fault) => return Err(fault),
            Found::Unsealed | Found::CutOff(_) => {}
        }
    }
    let mut newest = Index { end: FILE_HEADER, ..Index::default() };
    let mut at = FILE_HEADER;
    while let Found::Whole(block) = block(file, at) {
        if block.kind == Kind::Index {
            newest = index(file, block);
        }
        at = block.end;
    }
    Ok(newest)
}

fn index(file: &[u8], block: Block) -> Index {
    let root = Some(id(file, block.data)).filter(|root| *root != 0);
    let pairs = (block.data + 4..).step_by(12).take_while(|at| at + 12 <= block.end);
    let offset = |at| number(file, at, 8).and_then(|at| usize::try_from(at).ok());
    let blocks = pairs.filter_map(|at| Some((id(file, at), offset(at + 4)?))).collect();
    Index { at: block.at, end: block.end, root, blocks }
}

/// Makes the checksums right, from the first block on as far as lengths lead.
pub(super) fn seal(file: &mut [u8]) {
    let mut at = FILE_HEADER;
    while let Some(length) = number(file, at, 8).and_then(|length| usize::try_from(length).ok()) {
        let end = at.saturating_add(length);
        if length < BLOCK_HEADER || end > file.len() {
            return;
        }
        let (header, data) = file[at..end].split_at(BLOCK_HEADER);
        let right = checksum(header, data).to_be_bytes();
        file[at + 8..at + 12].copy_from_slice(&right);
        at = end;
    }
}
