//! `perjury new`: the beginning of a database's description. Writes files: they are the user's own,
//! in a folder that was not there before.

use super::args::{NewArgs, NewWhat};
use super::output;
use crate::Registry;
use crate::exit::Usage;
use std::fs;
use std::io;
use std::path::Path;

/// With a client of the user's own.
const DEFINITION: &str = include_str!("new/database.toml");
/// With a built-in client.
const DRIVEN: &str = include_str!("new/driven.toml");
const CLIENT: &str = include_str!("new/client.py");
/// Stands for the name in those.
const PLACE: &str = "NAME";

/// Makes the folder, and nothing when it is there already.
pub fn new(args: &NewArgs, registry: &Registry) -> Result<(), Usage> {
    let NewWhat::Database { name, driver } = &args.what;
    let word = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    if word.is_empty() || word.len() > 64 || !word.chars().all(plain) {
        let text = "NAME: a database's name is 1 to 64 small letters, digits and dashes";
        return Err(Usage(format!("{text}, and was `{word}`")));
    }
    let files = match driver {
        None => vec![
            ("database.toml", DEFINITION.replace(PLACE, &word)),
            ("client.py", CLIENT.replace(PLACE, &word)),
        ],
        Some(driver) => {
            let driver = registry.find_driver(driver)?.name();
            vec![("database.toml", DRIVEN.replace(PLACE, &word).replace("DRIVER", driver))]
        }
    };
    write(name, &files).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => ": nothing is overwritten; take another name",
            _ => "",
        };
        Usage(format!("NAME: {} cannot be made: {error}{hint}", name.display()))
    })?;
    let shown = name.display();
    for (file, _) in &files {
        output::print(&format!("wrote {shown}/{file}"));
    }
    let path = if name.components().count() > 1 { String::new() } else { "./".to_owned() };
    output::print("\nFill them in; then:");
    output::print(&format!("  perjury doctor {path}{shown}"));
    if driver.is_none() {
        output::print(&format!("  perjury client-check --database {path}{shown}"));
    }
    output::print(&format!("  perjury test {path}{shown}"));
    Ok(())
}

fn write(folder: &Path, files: &[(&str, String)]) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (name, text) in files {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}
