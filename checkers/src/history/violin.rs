//! Violin's logs: calls and returns of concurrent queues and stacks.
//!
//! `# @object atomic-queue` or `atomic-stack` says what the object is; then `[ID] call add(V)`,
//! `[ID] call remove`, `[ID] return`, `[ID] return V` and `[ID] return empty`, a line each. See
//! Emmi, Enea, Hamza, "Monitoring refinement via symbolic reasoning", PLDI 2015.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::foreign::{Actor, Assembled, Assembler, ForeignEvent};
use super::hints::{Format, Hints, Reading};
use super::place::{self, Fault};
use super::{History, Kind, Name, Names, Process, ReadError, Recovery};

const FORMAT: &str = "Violin log";

/// Reads a log. Each ID becomes a process; a call without a return stays open. A queue's calls
/// become `enqueue v` and `dequeue`, a stack's `push v` and `pop`; what is taken out is the
/// answer, null if there was nothing. Integers become numbers, other elements texts. Linear.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    Ok(reading(bytes)?.into())
}

pub(super) fn reading(bytes: &[u8]) -> Result<Reading, ReadError> {
    let text = place::utf8(FORMAT, bytes)?;
    let mut reader = Reader::default();
    for (start, line) in place::lines(text) {
        reader.line(start, line).map_err(|fault| fault.of(FORMAT, bytes))?;
    }
    let Some(object) = reader.object else {
        return Err(Fault::new(0, NO_OBJECT).of(FORMAT, bytes));
    };
    let Assembled { history, recovery, .. } =
        reader.events.finish().map_err(|wrong| place::misplaced(bytes, wrong))?;
    let workload = Some(object.workload);
    let hints = Hints { workload, keyed: Some(false), ..Hints::none(Format::Violin) };
    Ok(Reading { history, recovery, hints })
}

const NO_OBJECT: &str = "no line says what the object is; put `# @object atomic-queue` or \
                         `# @object atomic-stack` at the top";

/// A kind of object.
struct Object {
    name: &'static str,
    workload: &'static str,
    /// What puts an element in: the words of Violin's logs, then ours.
    puts: (&'static [&'static str], &'static str),
    takes: (&'static [&'static str], &'static str),
}

const OBJECTS: [Object; 2] = [
    Object {
        name: "atomic-queue",
        workload: "fifo-queue",
        puts: (&["add"], "enqueue"),
        takes: (&["remove"], "dequeue"),
    },
    Object {
        name: "atomic-stack",
        workload: "stack",
        puts: (&["push", "add"], "push"),
        takes: (&["pop", "remove"], "pop"),
    },
];

#[derive(Default)]
struct Reader {
    object: Option<&'static Object>,
    names: Names,
    events: Assembler,
    /// The open call of each ID, by its place among the events.
    open: FxHashMap<u32, usize>,
}

impl Reader {
    /// Reads a line that begins at a byte of the file.
    fn line(&mut self, start: usize, line: &str) -> Result<(), Fault> {
        let trimmed = line.trim();
        let indent = start + line.len() - line.trim_start().len();
        if trimmed.is_empty() {
            return Ok(());
        }
        if let Some(comment) = trimmed.strip_prefix('#') {
            return self.comment(comment.trim()).map_err(|why| Fault::new(indent, why));
        }
        let Some((id, rest)) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        else {
            let why = "a line is `[ID] call …`, `[ID] return …` or a comment";
            return Err(Fault::new(indent, why));
        };
        let Ok(process) = id.parse::<u32>() else {
            let why = format!("the ID `{id}` is no number of 32 bits");
            return Err(Fault::new(indent + 1, why));
        };
        let column = indent + id.len() + 2 + (rest.len() - rest.trim_start().len());
        let rest = rest.trim_start();
        let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let Some(object) = self.object else { return Err(Fault::new(0, NO_OBJECT)) };
        let done = match word {
            "call" => self.call(object, process, start, argument.trim()),
            "return" => self.answer(object, process, start, argument.trim()),
            _ => Err(format!("`{word}` is neither `call` nor `return`")),
        };
        done.map_err(|why| Fault::new(column, why))
    }

    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let Some(directive) = comment.strip_prefix('@') else { return Ok(()) };
        let Some(name) = directive.strip_prefix("object") else {
            return Err(format!("`@{directive}` is not known; there is `@object` alone"));
        };
        if self.object.is_some() {
            return Err("the object is named a second time; a log is of one object".to_owned());
        }
        let name = name.trim();
        self.object = OBJECTS.iter().find(|object| object.name == name);
        match self.object {
            Some(_) => Ok(()),
            None => Err(format!(
                "the object `{name}` is not known; there are atomic-queue and atomic-stack"
            )),
        }
    }

    fn call(
        &mut self,
        object: &Object,
        process: u32,
        start: usize,
        argument: &str,
    ) -> Result<(), String> {
        let element = object.puts.0.iter().find_map(|put| {
            let rest = argument.strip_prefix(put)?.trim_start();
            rest.strip_prefix('(')?.strip_suffix(')').map(str::trim)
        });
        let (f, value) = match element {
            _ if object.takes.0.contains(&argument) => (object.takes.1, Value::Null),
            Some("") => return Err(format!("`{argument}` names no element")),
            Some("empty") => {
                let why = "an element called `empty` cannot be told from the answer that there \
                           is none; give it another name";
                return Err(why.to_owned());
            }
            Some(element) => (object.puts.1, value(element)),
            None => {
                return Err(format!(
                    "`{argument}` is no call of an {}; there are `{}(V)` and `{}`",
                    object.name, object.puts.0[0], object.takes.0[0]
                ));
            }
        };
        if self.open.insert(process, self.events.events().len()).is_some() {
            return Err(format!(
                "[{process}] calls while its call before has not returned; each call needs an \
                 ID of its own"
            ));
        }
        let f = self.names.get(f);
        self.push(start, process, Kind::Invoke, f, value);
        Ok(())
    }

    fn answer(
        &mut self,
        object: &Object,
        process: u32,
        start: usize,
        answer: &str,
    ) -> Result<(), String> {
        let Some(call) = self.open.remove(&process) else {
            return Err(format!("[{process}] returns without a call"));
        };
        let Some(call) = self.events.events().get(call) else { return Ok(()) };
        let f = call.f.clone();
        let value = match (&*f == object.puts.1, answer) {
            (true, "") => call.value.clone(),
            (true, _) => {
                return Err(format!("a `{f}` returns nothing, this one returns `{answer}`"));
            }
            (false, "") => {
                return Err(format!("a `{f}` returns an element or `empty`"));
            }
            (false, "empty") => Value::Null,
            (false, element) => value(element),
        };
        self.push(start, process, Kind::Ok, f, value);
        Ok(())
    }

    fn push(&mut self, at: usize, process: u32, kind: Kind, f: Name, value: Value) {
        let event = ForeignEvent {
            at,
            process: Some(Actor::Known(Process::Client(process))),
            kind: Some(kind),
            f: Some(f),
            value,
            ..ForeignEvent::default()
        };
        self.events.push(event, &mut self.names);
    }
}

/// A number if it is written as numbers are, so that `1` and `01` stay two elements.
fn value(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::from(number),
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests;
