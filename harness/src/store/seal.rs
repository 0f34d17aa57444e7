//! Sealing: a finished history compressed, verified, and only then the plain file removed.

use super::StoreError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Events in one compressed frame. Frames are independent, so that a damaged one costs no more
/// than itself, and `zstd -d` reads them all as one stream.
pub const FRAME_EVENTS: usize = 4096;
/// A frame also ends at this size, whatever the events in it: bounds memory.
const FRAME_BYTES: usize = 8 << 20;
/// 9.9 times smaller at 500 MB/s; higher levels cost much and gain little on histories.
const LEVEL: i32 = 3;

/// What came of sealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub events: u64,
    /// Size of the events as JSON lines.
    pub bytes: u64,
    /// Size of the sealed file.
    pub compressed: u64,
    /// Bytes of a torn last line that were left out.
    pub torn: u64,
}

/// Compresses the history `live` to `sealed` and removes `live` once the compressed file is
/// synced and decompresses to the same bytes. Whatever happens, one of the two is whole. Done
/// again after a crash at any point, it ends the same.
pub fn seal(live: &Path, sealed: &Path) -> Result<Sealed, StoreError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { action, path, source }
    };
    let partial = with_suffix(sealed, ".partial");
    let source = File::open(live).map_err(failed("read", live))?;
    let target = File::create(&partial).map_err(failed("write", &partial))?;
    let result = compress(BufReader::new(source), &target)
        .and_then(|summary| target.sync_all().map(|()| summary))
        .map_err(failed("write", &partial));
    let summary = match result {
        Ok(summary) => summary,
        Err(error) => {
            // Make room again: on a full disk the plain file is the one that counts.
            if std::fs::remove_file(&partial).is_err() {
                tracing::warn!("{} is left over and can be removed", partial.display());
            }
            return Err(error);
        }
    };
    verify(live, &partial, summary.bytes).map_err(|reason| StoreError::Malformed {
        path: partial.clone(),
        reason: format!("{reason}; the plain history is kept beside it"),
    })?;
    std::fs::rename(&partial, sealed).map_err(failed("rename", &partial))?;
    sync_directory(sealed).map_err(failed("sync the directory of", sealed))?;
    std::fs::remove_file(live).map_err(failed("remove", live))?;
    let compressed = std::fs::metadata(sealed).map_err(failed("read", sealed))?.len();
    Ok(Sealed { compressed, ..summary })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn compress(mut source: impl BufRead, target: &File) -> io::Result<Sealed> {
    let mut out = BufWriter::new(target);
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    let mut summary = Sealed { events: 0, bytes: 0, compressed: 0, torn: 0 };
    let mut frame = Vec::new();
    let mut events = 0;
    loop {
        let before = frame.len();
        let length = source.read_until(b'\n', &mut frame)?;
        let whole = frame.last() == Some(&b'\n') && length > 0;
        if !whole {
            summary.torn = length as u64;
            frame.truncate(before);
        } else {
            events += 1;
        }
        if !whole || events == FRAME_EVENTS || frame.len() >= FRAME_BYTES {
            // An empty history has one empty frame: no bytes at all would look like a crash.
            if !frame.is_empty() || (!whole && summary.events == 0) {
                out.write_all(&compressor.compress(&frame)?)?;
            }
            summary.events += events as u64;
            summary.bytes += frame.len() as u64;
            frame.clear();
            events = 0;
        }
        if !whole {
            out.flush()?;
            return Ok(summary);
        }
    }
}

/// Whether `partial` decompresses to exactly the first `bytes` bytes of `live`.
fn verify(live: &Path, partial: &Path, bytes: u64) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut plain = BufReader::new(File::open(live).map_err(text)?).take(bytes);
    let mut decoder = zstd::Decoder::new(File::open(partial).map_err(text)?).map_err(text)?;
    let (mut expected, mut found) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = decoder.read(&mut found).map_err(text)?;
        if count == 0 {
            let rest = plain.read(&mut expected).map_err(text)?;
            return if rest == 0 { Ok(()) } else { Err("it ends too early".to_owned()) };
        }
        plain.read_exact(&mut expected[..count]).map_err(text)?;
        if expected[..count] != found[..count] {
            return Err("it decompresses to something else".to_owned());
        }
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
