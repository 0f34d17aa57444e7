//! dbcop's formats (Biswas and Enea, OOPSLA 2019, artifact and later versions): JSON, text, and
//! the binary one of the artifact.
//!
//! From their descriptions only, no sample was at hand. A transaction says whether it was
//! committed, and in older files each event whether it succeeded; both are honoured. An event
//! that failed in a committed transaction did nothing, so a write counts as one of an aborted
//! transaction of its own, and a read is left out. A read without a version saw the initial
//! value, and so did one of 0 unless somebody writes that.

mod binary;
mod json;
mod text;

pub(super) use self::binary::{is_binary, read_binary};
pub(super) use self::json::{is_json, read_json};
pub(super) use self::text::{is_text, read_text};

use super::sessions::Sessions;
use crate::txn::transactions::{Atom, Status};

/// What a transaction did.
struct Access {
    write: bool,
    key: Atom,
    value: Atom,
    success: bool,
}

/// Adds a transaction.
fn add(sessions: &mut Sessions, session: u32, committed: bool, accesses: &[Access]) {
    let status = if committed { Status::Committed } else { Status::Aborted };
    sessions.begin(session, status);
    for access in accesses.iter().filter(|access| access.success || !committed) {
        match access.write {
            true => sessions.write(access.key, access.value),
            false => sessions.read(access.key, access.value),
        }
    }
    let failed = |access: &&Access| committed && access.write && !access.success;
    for access in accesses.iter().filter(failed) {
        sessions.begin(session, Status::Aborted);
        sessions.write(access.key, access.value);
    }
}

/// A history of dbcop's: every key holds 0 at first.
fn history() -> Sessions {
    Sessions::new(Atom::small(0))
}
