//! Fressian, the notation in which Jepsen's binary files hold values, without recursion.
//!
//! A value begins with a code of one byte. Small integers, short texts and short lists are in
//! the code itself; structures are a tag and a number of values. Two caches save repetition:
//! one of values that the writer chose, one of tags. See
//! <https://github.com/Datomic/fressian/wiki>.

mod scalar;
mod tag;

use serde_json::Value;

use self::scalar::text_of;
pub(super) use self::tag::BLOCK_REF;
use self::tag::Tag;
use crate::history::edn;
use crate::history::place::Fault;

/// How far a file may grow by repeating what is in its cache: units for each of its bytes. A
/// value is a unit, and so is each byte of a text. Jepsen repeats single words.
const EXPANSION_MAX: usize = 64;

const TOO_MUCH: &str = "the file repeats too much; it was not written by Jepsen";

/// Why no value came.
#[derive(Debug)]
pub(super) enum Stop {
    /// The data ended before the value began, as it should.
    End,
    /// The data ended inside of a value.
    Cut,
    /// This is no Fressian.
    Bad(Fault),
}

/// A value that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    pub(super) value: Value,
    /// It is an operation, a list of seven: index, time, type, process, f, value, the others.
    pub(super) op: bool,
    /// It is an operation, or a map that may be one, whose value is a map entry.
    pub(super) keyed: bool,
    /// It is a map entry: a key and a value that belong together.
    entry: bool,
    /// Which of the first 64 elements of a list are map entries.
    entries: u64,
    /// Collections within collections, 0 for what is none.
    depth: usize,
    /// Its size in the units of [`EXPANSION_MAX`].
    weight: usize,
    /// Bytes that it took to write out keys which are collections.
    written: usize,
}

/// Reads values one after another out of a part of a file.
pub(super) struct Decoder<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
    /// Values to come back to; `None` while one is being read.
    cache: Vec<Option<Read>>,
    structs: Vec<(Tag, usize)>,
    /// What the caches may still add.
    allowance: usize,
}

/// A collection or structure that is being read.
struct Frame {
    items: Vec<Value>,
    need: Need,
    make: Make,
    entries: u64,
    depth: usize,
    weight: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// So many values are missing.
    More(usize),
    /// Values up to the code that ends a collection.
    UntilEnd,
    /// The same, or up to the end of the data.
    UntilEndOrCut,
}

#[derive(Clone)]
enum Make {
    List,
    Struct(Tag),
    /// The value itself, which is kept in this slot of the cache.
    Cached(usize),
}

/// What one code stands for.
enum Step {
    Done(Read),
    Open(Need, Make),
    End,
    /// Only the caches changed.
    Nothing,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(file: &'a [u8], start: usize, end: usize) -> Self {
        let end = end.min(file.len());
        let at = start.min(end);
        let allowance = (end - at).saturating_add(1024).saturating_mul(EXPANSION_MAX);
        Self { file, at, end, cache: Vec::new(), structs: Vec::new(), allowance }
    }

    /// The byte of the file that comes next.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next value.
    pub(super) fn value(&mut self) -> Result<Read, Stop> {
        let mut frames: Vec<Frame> = Vec::new();
        loop {
            let start = self.at;
            let bad = |why: &str| Stop::Bad(Fault::new(start, why));
            let step = match self.step() {
                Err(Stop::Cut | Stop::End) if self.at == self.end && frames.is_empty() => {
                    return Err(if start == self.end { Stop::End } else { Stop::Cut });
                }
                Err(Stop::Cut) if start == self.end => match frames.last() {
                    Some(frame) if frame.need == Need::UntilEndOrCut => Step::End,
                    _ => return Err(Stop::Cut),
                },
                Err(stop) => return Err(stop),
                Ok(step) => step,
            };
            let mut done = match step {
                Step::Nothing => continue,
                Step::Open(need, make) => {
                    frames.push(Frame::new(need, make));
                    if need != Need::More(0) {
                        continue;
                    }
                    None
                }
                Step::End => match frames.last_mut() {
                    Some(frame) if !matches!(frame.need, Need::More(_)) => {
                        frame.need = Need::More(0);
                        None
                    }
                    _ => return Err(bad("the end of a collection that was not begun")),
                },
                Step::Done(read) => Some(read),
            };
            // Each value that is complete may complete what it is in.
            loop {
                if let Some(read) = done.take() {
                    let Some(frame) = frames.last_mut() else { return Ok(read) };
                    frame.take(read);
                }
                match frames.pop_if(|frame| frame.need == Need::More(0)) {
                    Some(frame) => done = Some(self.made(frame).map_err(|why| bad(&why))?),
                    None => break,
                }
            }
        }
    }

    /// If a list comes next, goes into it, so that its elements are the next values. Gives
    /// their number, `None` if they go on up to an end.
    pub(super) fn enter_list(&mut self) -> Result<Option<Option<usize>>, Stop> {
        let start = self.at;
        match self.step()? {
            Step::Open(Need::More(count), Make::List) => Ok(Some(Some(count))),
            Step::Open(_, Make::List) => Ok(Some(None)),
            _ => {
                self.at = start;
                Ok(None)
            }
        }
    }

    /// The next element of the list that was entered, `None` at its end.
    pub(super) fn element(&mut self) -> Result<Option<Read>, Stop> {
        if self.file[self.at..self.end].first() == Some(&0xfd) {
            return Ok(None);
        }
        self.value().map(Some)
    }

    fn made(&mut self, frame: Frame) -> Result<Read, String> {
        let Frame { mut items, make, entries, depth, weight, .. } = frame;
        let read = match make {
            Make::List => Read {
                value: Value::Array(items),
                entries,
                depth: depth + 1,
                weight,
                ..Read::default()
            },
            Make::Struct(tag) => {
                let entry = entries & 1 != 0;
                let of = Read { entries, depth, weight, entry, ..Read::default() };
                let mut read = tag.read(items, of)?;
                self.spend(read.written)?;
                read.weight = read.weight.saturating_add(read.written);
                read
            }
            Make::Cached(slot) => {
                let value = items.pop().unwrap_or_default();
                let read =
                    Read { value, entry: entries & 1 != 0, depth, weight, ..Read::default() };
                self.spend(weight)?;
                if let Some(slot) = self.cache.get_mut(slot) {
                    *slot = Some(read.clone());
                }
                read
            }
        };
        if read.depth > edn::MAX_DEPTH {
            return Err(format!("values nest deeper than {} levels", edn::MAX_DEPTH));
        }
        Ok(read)
    }

    fn step(&mut self) -> Result<Step, Stop> {
        let start = self.at;
        let code = self.byte()?;
        let bad = |why: String| Stop::Bad(Fault::new(start, why));
        if let Some(number) = self.small_int(code)? {
            return Ok(scalar(Value::from(number)));
        }
        Ok(match code {
            0x80..=0x9f => self.cached(start, usize::from(code - 0x80))?,
            0xcc => {
                let slot = self.count()?;
                self.cached(start, slot)?
            }
            0xcd => {
                self.cache.push(None);
                Step::Open(Need::More(1), Make::Cached(self.cache.len() - 1))
            }
            0xa0..=0xaf => self.structure(start, usize::from(code - 0xa0))?,
            0xf0 => {
                let slot = self.count()?;
                self.structure(start, slot)?
            }
            0xef => {
                let tag_code = self.byte()?;
                let tag = Tag::named(&self.text(tag_code)?);
                let fields = self.count()?;
                self.structs.push((tag.clone(), fields));
                self.open(start, fields, Make::Struct(tag))?
            }
            0xb0..=0xb5 => {
                let count = self.count()?;
                self.open(start, count, Make::List)?
            }
            0xe4..=0xeb => self.open(start, usize::from(code - 0xe4), Make::List)?,
            0xec => {
                let count = self.count()?;
                self.open(start, count, Make::List)?
            }
            0xed => Step::Open(Need::UntilEnd, Make::List),
            0xee => Step::Open(Need::UntilEndOrCut, Make::List),
            0xfd => Step::End,
            0xd0..=0xd9 => scalar(Value::String(self.hex(code)?)),
            0xda..=0xe3 => scalar(Value::String(self.text(code)?)),
            0xf5 => scalar(Value::Bool(true)),
            0xf6 => scalar(Value::Bool(false)),
            0xf7 => scalar(Value::Null),
            0xf9 => scalar(scalar::single(f32::from_bits(self.big_endian(4)? as u32))),
            0xfa => scalar(scalar::double(f64::from_bits(self.big_endian(8)?))),
            0xfb => scalar(Value::from(0.0)),
            0xfc => scalar(Value::from(1.0)),
            0xfe => {
                self.forget();
                Step::Nothing
            }
            0xcf => {
                // A footer: its magic number, a length and a checksum of its own.
                self.bytes(11)?;
                self.forget();
                Step::Nothing
            }
            _ => match Tag::of_code(code) {
                Some((tag, fields)) => self.open(start, fields, Make::Struct(tag))?,
                None => return Err(bad(format!("0x{code:02x} is no code of Fressian"))),
            },
        })
    }

    fn forget(&mut self) {
        self.cache.clear();
        self.structs.clear();
    }

    /// Begins something of `count` values, each of which takes a byte at least.
    fn open(&self, start: usize, count: usize, make: Make) -> Result<Step, Stop> {
        if count > self.end - self.at {
            // In a file that was cut off, a list may be longer than what is left of it.
            return if self.end == self.file.len() {
                Err(Stop::Cut)
            } else {
                let left = self.end - self.at;
                Err(Stop::Bad(Fault::new(start, format!("{count} values in {left} bytes"))))
            };
        }
        Ok(Step::Open(Need::More(count), make))
    }

    fn cached(&mut self, start: usize, slot: usize) -> Result<Step, Stop> {
        let bad = |why: &str| Stop::Bad(Fault::new(start, why));
        let Some(Some(read)) = self.cache.get(slot) else {
            return Err(bad("a value out of the cache that is not there"));
        };
        let read = read.clone();
        self.spend(read.weight).map_err(bad)?;
        Ok(Step::Done(read))
    }

    fn spend(&mut self, weight: usize) -> Result<(), &'static str> {
        self.allowance = self.allowance.checked_sub(weight).ok_or(TOO_MUCH)?;
        Ok(())
    }

    fn structure(&mut self, start: usize, slot: usize) -> Result<Step, Stop> {
        let Some((tag, fields)) = self.structs.get(slot).cloned() else {
            let why = "a tag out of the cache that is not there";
            return Err(Stop::Bad(Fault::new(start, why)));
        };
        self.spend(tag.length()).map_err(|why| Stop::Bad(Fault::new(start, why)))?;
        self.open(start, fields, Make::Struct(tag))
    }
}

fn scalar(value: Value) -> Step {
    let weight = 1 + value.as_str().map_or(0, str::len);
    Step::Done(Read { value, weight, ..Read::default() })
}

impl Frame {
    fn new(need: Need, make: Make) -> Self {
        Self { items: Vec::new(), need, make, entries: 0, depth: 0, weight: 1 }
    }

    fn take(&mut self, read: Read) {
        if let Need::More(missing) = &mut self.need {
            *missing = missing.saturating_sub(1);
        }
        if let Make::Struct(tag) = &self.make
            && tag.wants_entries_of_list()
        {
            self.entries = read.entries;
        } else if read.entry && self.items.len() < 64 {
            self.entries |= 1 << self.items.len();
        }
        self.depth = self.depth.max(read.depth);
        self.weight = self.weight.saturating_add(read.weight);
        self.items.push(if read.op { tag::op_map(read.value) } else { read.value });
    }
}

/// What texts, numbers and counts are made of.
impl Decoder<'_> {
    fn bytes(&mut self, count: usize) -> Result<&[u8], Stop> {
        if count > self.end - self.at {
            self.at = self.end;
            return Err(Stop::Cut);
        }
        let bytes = &self.file[self.at..self.at + count];
        self.at += count;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        Ok(self.bytes(1)?[0])
    }

    fn big_endian(&mut self, count: usize) -> Result<u64, Stop> {
        Ok(self.bytes(count)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The integer that a code begins, if it begins one. The code holds the highest bits; its
    /// middle stands for zero.
    fn small_int(&mut self, code: u8) -> Result<Option<i64>, Stop> {
        let (zero, bytes) = match code {
            0x00..=0x3f => return Ok(Some(i64::from(code))),
            0xff => return Ok(Some(-1)),
            0xf8 => return Ok(Some(self.big_endian(8)? as i64)),
            0x40..=0x5f => (0x50, 1),
            0x60..=0x6f => (0x68, 2),
            0x70..=0x73 => (0x72, 3),
            0x74..=0x77 => (0x76, 4),
            0x78..=0x7b => (0x7a, 5),
            0x7c..=0x7f => (0x7e, 6),
            _ => return Ok(None),
        };
        let high = i64::from(code) - zero;
        Ok(Some(high << (8 * bytes) | self.big_endian(bytes)? as i64))
    }

    fn count(&mut self) -> Result<usize, Stop> {
        let start = self.at;
        let code = self.byte()?;
        let number = self.small_int(code)?.and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| Stop::Bad(Fault::new(start, "a count should stand here")))
    }

    /// A text of one or more pieces, whose first code was read.
    fn text(&mut self, code: u8) -> Result<String, Stop> {
        let start = self.at;
        let bytes = self.pieces(code, 0xda, "a text")?;
        text_of(&bytes).ok_or_else(|| Stop::Bad(Fault::new(start, "a text that is not UTF-8")))
    }

    fn hex(&mut self, code: u8) -> Result<String, Stop> {
        let bytes = self.pieces(code, 0xd0, "bytes")?;
        Ok(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(scalar::hex_digit).collect())
    }

    /// Bytes in pieces. Codes from `first` on mean: 0 to 7 bytes. After them come, for bytes,
    /// a piece with more to follow, and the last piece; for texts the same.
    fn pieces(&mut self, code: u8, first: u8, what: &str) -> Result<Vec<u8>, Stop> {
        let mut all = Vec::new();
        let mut code = code;
        loop {
            let kind = code.wrapping_sub(first);
            let length = match kind {
                0..=7 => usize::from(kind),
                8 | 9 => self.count()?,
                _ => {
                    let why = format!("{what} should stand here, not 0x{code:02x}");
                    return Err(Stop::Bad(Fault::new(self.at - 1, why)));
                }
            };
            all.extend_from_slice(self.bytes(length)?);
            if kind != 8 {
                return Ok(all);
            }
            code = self.byte()?;
        }
    }
}

#[cfg(test)]
pub(super) mod encoder;
#[cfg(test)]
mod tests;
