//! Byte strings that share their beginning with those that they were made from.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A byte string to which a piece is appended without copying what is there.
///
/// Appending costs the piece, not the whole; a search that tries many orders of appends keeps
/// one small node per state. Two are equal if their bytes are, however they are cut in pieces:
/// length and hash tell most apart at once, and what they share by ancestry is not compared.
#[derive(Clone, Default)]
pub struct Rope(Option<Arc<Node>>);

struct Node {
    before: Rope,
    /// Not empty.
    piece: Arc<[u8]>,
    /// Of the whole.
    length: u64,
    /// Of the whole, byte by byte (FNV-1a), so that it does not depend on the pieces.
    hash: u64,
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Rope {
    /// A string in one piece.
    pub fn new(bytes: &[u8]) -> Self {
        Self::default().with(&Arc::from(bytes))
    }

    /// This one with `piece` at its end.
    #[must_use]
    pub fn with(&self, piece: &Arc<[u8]>) -> Self {
        if piece.is_empty() {
            return self.clone();
        }
        let byte = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        Self(Some(Arc::new(Node {
            before: self.clone(),
            piece: piece.clone(),
            length: self.len() + piece.len() as u64,
            hash: piece.iter().fold(self.hash_of_bytes(), byte),
        })))
    }

    pub fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, |node| node.length)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All bytes in one piece.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len() as usize];
        for node in self.backwards() {
            let end = node.length as usize;
            bytes[end - node.piece.len()..end].copy_from_slice(&node.piece);
        }
        bytes
    }

    /// The `N` bytes from `at` on, if there are so many. Costs the pieces after them.
    pub fn range<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let end = at.checked_add(N as u64).filter(|end| *end <= self.len())?;
        let mut found = [0; N];
        for node in self.backwards() {
            let start = node.length - node.piece.len() as u64;
            for position in at.max(start)..end.min(node.length) {
                found[(position - at) as usize] = node.piece[(position - start) as usize];
            }
            if start <= at {
                break;
            }
        }
        Some(found)
    }

    fn hash_of_bytes(&self) -> u64 {
        self.0.as_ref().map_or(FNV_START, |node| node.hash)
    }

    /// The pieces from the last to the first.
    fn backwards(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.0.as_deref(), |node| node.before.0.as_deref())
    }

    /// Compares the bytes of two of the same length, from the end.
    fn compare_bytes(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.0.as_ref(), other.0.as_ref());
        // What is left of the two pieces.
        let mut a: &[u8] = left.map_or(&[], |node| &node.piece);
        let mut b: &[u8] = right.map_or(&[], |node| &node.piece);
        while let (Some(x), Some(y)) = (left, right) {
            if a.len() == x.piece.len() && b.len() == y.piece.len() && Arc::ptr_eq(x, y) {
                return Ordering::Equal;
            }
            let both = a.len().min(b.len());
            let (a_rest, a_end) = a.split_at(a.len() - both);
            let (b_rest, b_end) = b.split_at(b.len() - both);
            match a_end.cmp(b_end) {
                Ordering::Equal => (a, b) = (a_rest, b_rest),
                different => return different,
            }
            if a.is_empty() {
                left = x.before.0.as_ref();
                a = left.map_or(&[], |node| &node.piece);
            }
            if b.is_empty() {
                right = y.before.0.as_ref();
                b = right.map_or(&[], |node| &node.piece);
            }
        }
        Ordering::Equal
    }
}

impl PartialEq for Rope {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rope {}

impl PartialOrd for Rope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Some order that is always the same, not that of a dictionary: by length, hash and bytes.
impl Ord for Rope {
    fn cmp(&self, other: &Self) -> Ordering {
        let quick = |rope: &Self| (rope.len(), rope.hash_of_bytes());
        quick(self).cmp(&quick(other)).then_with(|| self.compare_bytes(other))
    }
}

impl Hash for Rope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash_of_bytes());
    }
}

impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.bytes()))
    }
}

/// Piece by piece: as the compiler does it, a long one would exhaust the stack.
impl Drop for Rope {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(node) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.before.0.take());
        }
    }
}
