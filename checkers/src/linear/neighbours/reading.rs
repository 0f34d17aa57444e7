//! Reading: the registers of a history, and the reads that nothing explains.

use super::versions::Versions;
use crate::linear::model::Model;
use crate::linear::models::CasRegister;
use crate::linear::partition::{Part, parts};
use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, History, Operation, Step};

use super::versions::INITIAL;

/// The calls on one register.
pub(super) type Register<'h> = Part<'h, CasRegister>;

/// The registers of a history, one per key if it is keyed. The error says what cannot be read,
/// or why there is nothing to judge.
pub(super) fn registers<'h>(
    history: &'h History,
    model: &CasRegister,
    keyed: bool,
) -> Result<Vec<Register<'h>>, String> {
    let registers = parts(model, history, keyed)?;
    if registers.iter().all(|register| register.calls.is_empty()) {
        return Err("no operation on a register has an answer, so there is nothing to judge; see \
                    in the log why the clients got none"
            .to_owned());
    }
    Ok(registers)
}

/// The versions of every register, or why these cannot be told apart.
pub(super) fn versions<'p>(registers: &'p [Register<'_>]) -> Result<Vec<Versions<'p>>, String> {
    let read = |register: &'p Register<'_>| {
        Versions::read(&register.calls).map_err(|repeated| {
            format!(
                "the value {}{} was written more than once (or is the initial one), so nobody \
                 can tell which write a read saw; let the workload write each value once",
                shortened(register.values.get(repeated.value)),
                of_key(register)
            )
        })
    };
    registers.iter().map(read).collect()
}

/// ` of key 3`, or nothing.
pub(super) fn of_key(register: &Register<'_>) -> String {
    register.key.as_ref().map(|key| format!(" of key {}", shortened(key))).unwrap_or_default()
}

/// A sentence on what call `number` did.
pub(super) fn told(register: &Register<'_>, model: &CasRegister, number: u32) -> Step {
    let number = number as usize;
    let did = model.describe(&register.calls[number].call, &register.values);
    let place = register.key.as_ref().map(|key| format!(" at key {}", shortened(key)));
    step(&register.operation(number), &format!("{did}{}", place.unwrap_or_default()))
}

/// An anomaly on this register.
pub(super) fn on(register: &Register<'_>, found: Anomaly) -> Anomaly {
    Anomaly { key: register.key.cloned(), ..found }
}

/// Why a read cannot have seen what it saw, whatever the order of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Impossible {
    /// Nobody wrote that, nor tried to.
    Phantom,
    /// Only those wrote it who were told that it failed; number in the register's `failed`.
    Dirty { failed: usize },
    /// Its first write began after the read had ended.
    Future { write: u32 },
}

/// Whether this call (a read, or a compare-and-set by what it found) saw what cannot have been
/// there, given the calls that wrote that, by start.
pub(super) fn impossible(
    register: &Register<'_>,
    number: u32,
    value: u32,
    first_writer: Option<u32>,
) -> Option<Impossible> {
    if value == INITIAL {
        return None;
    }
    let call = &register.calls[number as usize];
    match first_writer {
        Some(write) if register.calls[write as usize].start > call.end => {
            Some(Impossible::Future { write })
        }
        Some(_) => None,
        None => {
            let failed = register.failed.iter().position(|(left, _)| *left == value);
            Some(failed.map_or(Impossible::Phantom, |failed| Impossible::Dirty { failed }))
        }
    }
}

/// Splits reads into those that may be judged by order, and a tally of the others.
pub(super) fn sane_reads(
    register: &Register<'_>,
    versions: &Versions<'_>,
    model: &CasRegister,
    rules_out: &[&str],
) -> (Vec<u32>, Tally) {
    let mut tally = Tally::default();
    let mut sane = Vec::with_capacity(versions.reads.len());
    for read in &versions.reads {
        let Some(value) = versions.found(*read) else { continue };
        match impossible(register, *read, value, versions.writer(value)) {
            None => sane.push(*read),
            Some(why) => tally.add(|| impossible_read(register, model, *read, why, rules_out)),
        }
    }
    (sane, tally)
}

/// The anomaly of a read that saw what cannot have been there.
pub(super) fn impossible_read(
    register: &Register<'_>,
    model: &CasRegister,
    read: u32,
    why: Impossible,
    rules_out: &[&str],
) -> Anomaly {
    let seen = told(register, model, read);
    let key = of_key(register);
    let (kind, title, explanation, steps) = match why {
        Impossible::Phantom => (
            "phantom-read",
            format!("Read of a value{key} that nobody wrote"),
            "No operation ever wrote this value, nor tried to. It was invented, corrupted, or \
             belongs to another key.",
            vec![seen],
        ),
        Impossible::Dirty { failed } => {
            let tried: &Operation<'_> = &register.failed[failed].1;
            let step = step(tried, "tried to leave that value there, which failed,");
            (
                "dirty-read",
                format!("Dirty read{key}"),
                "Who tried to write this value was told that it certainly did not happen. Either \
                 that was a lie, or the value was shown before it was decided.",
                vec![step, seen],
            )
        }
        Impossible::Future { write } => (
            "future-read",
            format!("Read from the future{key}"),
            "The read was answered before anybody asked for this value to be written.",
            vec![seen, told(register, model, write)],
        ),
    };
    on(register, anomaly(kind, title, explanation.to_owned(), steps, rules_out))
}
