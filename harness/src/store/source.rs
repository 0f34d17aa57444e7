//! Reading a run's history back, whatever state the run was left in.

use super::{LIVE_HISTORY, SEALED_HISTORY, StoreError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes of a piece, and how many pieces may wait.
const PIECE: usize = 1 << 20;
const AHEAD: usize = 4;

/// A history as JSON lines, ready for `perjury_checkers::history::jsonl`.
pub struct HistorySource {
    /// The file that it comes from.
    pub path: PathBuf,
    /// Whether the run ended before its history was sealed, or the sealed file is damaged:
    /// the last line may then be incomplete.
    pub torn: bool,
    /// How many bytes there are, decompressed.
    pub bytes: u64,
    /// Decompressed bytes.
    pub reader: Box<dyn BufRead + Send>,
}

impl HistorySource {
    /// Prefers a sealed file that decompresses to its end. Of a damaged sealed file and a live
    /// one the longer counts: each is a prefix of the same history.
    pub(super) fn open(run: &Path) -> Result<Self, StoreError> {
        let sealed = run.join(SEALED_HISTORY);
        let live = run.join(LIVE_HISTORY);
        let live_length = length(&live)?;
        if let Some(compressed) = length(&sealed)? {
            let (decoded, ended) = decoded_length(&sealed)?;
            let whole = ended && compressed > 0;
            if whole || live_length.is_none_or(|live_length| decoded > live_length) {
                return Self::sealed(sealed, decoded, !whole);
            }
        }
        let Some(bytes) = live_length else {
            return Err(StoreError::NoHistory { path: run.to_owned() });
        };
        let file = File::open(&live).map_err(|source| StoreError::io("read", &live, source))?;
        let reader = Box::new(BufReader::new(file));
        Ok(Self { path: live, torn: true, bytes, reader })
    }

    /// `decoded` bytes are known to come out, so the reader ends there and never fails.
    fn sealed(path: PathBuf, decoded: u64, torn: bool) -> Result<Self, StoreError> {
        let decoder = decoder(&path).map_err(|source| StoreError::io("read", &path, source))?;
        let reader = Box::new(BufReader::new(decoder.take(decoded)));
        Ok(Self { path, torn, bytes: decoded, reader })
    }
}

impl HistorySource {
    /// Shows somebody the bytes in pieces, cut anywhere; the next are read meanwhile.
    ///
    /// # Errors
    /// Those of `show`, and of reading.
    pub fn pieces<E: From<StoreError>>(
        self,
        show: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { path, reader, .. } = self;
        let failed = |source| StoreError::Io { action: "read", path: path.clone(), source }.into();
        in_pieces(reader, failed, show)
    }
}

/// Shows somebody what is read in pieces, cut anywhere; the next are read, and unpacked, meanwhile.
///
/// # Errors
/// Those of `show`, and what `failed` makes of those of reading.
pub fn in_pieces<E>(
    mut reader: impl Read + Send,
    failed: impl Fn(io::Error) -> E,
    mut show: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    std::thread::scope(|scope| {
        let (read, pieces) = std::sync::mpsc::sync_channel::<io::Result<Vec<u8>>>(AHEAD);
        scope.spawn(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let count = reader.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let last = !matches!(count, Ok(1..));
                // Nobody listens after an error.
                if read.send(count.map(|_| piece)).is_err() || last {
                    break;
                }
            }
        });
        pieces.into_iter().try_for_each(|piece| show(&piece.map_err(&failed)?))
    })
}

impl std::fmt::Debug for HistorySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistorySource")
            .field("path", &self.path)
            .field("torn", &self.torn)
            .finish_non_exhaustive()
    }
}

type Decoder = zstd::Decoder<'static, BufReader<File>>;

fn decoder(path: &Path) -> io::Result<Decoder> {
    zstd::Decoder::new(File::open(path)?)
}

/// How many bytes come out of the compressed file, and whether it ends as it should.
fn decoded_length(path: &Path) -> Result<(u64, bool), StoreError> {
    let failed = |source| StoreError::io("read", path, source);
    let mut decoder = decoder(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok((length, true)),
            Ok(count) => length += count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Damage shows as `UnexpectedEof` or `Other`; the rest is the disk's own trouble.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(failed(error));
            }
            Err(_) => return Ok((length, false)),
        }
    }
}

fn length(path: &Path) -> Result<Option<u64>, StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("read", path, source)),
    }
}
