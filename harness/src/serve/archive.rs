//! A run as one archive, written while it is sent.

use super::address::Address;
use super::files::{self, Listed};
use super::reply::{self, Answer};
use super::sink::{self, Sink};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};
use zip::{CompressionMethod, DateTime};

/// Files in an archive at most; a run has some dozens.
const FILES_MAX: usize = 50_000;
/// From this size on an entry needs the long form.
const LONG_FROM: u64 = 0xF000_0000;

/// All visible files of the run in `folder`, beneath a folder named after it. Links are left out,
/// so that nothing from elsewhere can be in it.
pub(super) fn reply(address: &Address, folder: PathBuf) -> Answer {
    let name = format!("{}-{}", address.name(), address.time());
    let top = name.clone();
    let body = sink::body(move |sink| write(sink, &folder, &top));
    let mut response = reply::response("application/zip", body);
    reply::as_download(&mut response, &format!("{name}.zip"));
    Ok(reply::with_policy(response, reply::FILE_POLICY))
}

fn write(sink: &mut Sink, folder: &Path, top: &str) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(sink);
    for listed in files::list(folder, FILES_MAX) {
        add(&mut archive, folder, top, &listed)?;
    }
    archive.finish()?;
    Ok(())
}

fn add(
    archive: &mut ZipWriter<StreamWriter<&mut Sink>>,
    folder: &Path,
    top: &str,
    listed: &Listed,
) -> io::Result<()> {
    // A file that went away since, such as a live history that was sealed, is left out.
    let Ok(file) = File::open(folder.join(listed.parts.iter().collect::<PathBuf>())) else {
        return Ok(());
    };
    let inside = listed.parts.join("/");
    let is_packed = inside.ends_with(".zst");
    let method = if is_packed { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let options = SimpleFileOptions::default()
        .compression_method(method)
        // The same run gives the same bytes, whenever it was copied.
        .last_modified_time(DateTime::default())
        .large_file(listed.bytes >= LONG_FROM);
    archive.start_file(format!("{top}/{inside}"), options)?;
    io::copy(&mut file.take(listed.bytes), archive)?;
    Ok(())
}
