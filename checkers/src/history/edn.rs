//! Jepsen's `history.edn`: one operation map a line, or one vector or list of them.

mod parser;
mod writer;

use serde_json::Value;

pub(super) use self::parser::{MAX_DEPTH, key_text, number};
use self::parser::{Parser, Token};
pub use self::writer::write_event;
use super::foreign::{self, Assembler, ForeignEvent};
use super::hints::{Format, Reading};
use super::place::{self, Fault};
use super::{History, Names, ReadError, Recovery};

const FORMAT: &str = "EDN";

/// Reads a history. Keywords become texts, `nil` null, sets and lists arrays; tags such as
/// `#jepsen.history.Op` are dropped. A map with `:history` in it stands for that history. A
/// `:key` is put in front of the value, `[key, value]`. Linear, without recursion.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    Ok(reading(bytes)?.into())
}

pub(super) fn reading(bytes: &[u8]) -> Result<Reading, ReadError> {
    let text = place::utf8(FORMAT, bytes)?;
    let mut reader = Reader::new(text);
    if let Err(fault) = reader.top() {
        let torn = match reader.shape {
            Shape::Maps => place::torn_line(text, &fault, |line| Reader::new(line).top()),
            Shape::Sequence => None,
        };
        return Err(torn.unwrap_or(fault).of(FORMAT, bytes));
    }
    let assembled = reader.events.finish().map_err(|wrong| place::misplaced(bytes, wrong))?;
    Ok(Reading::assembled(Format::Edn, assembled))
}

/// Reads the first value of a text, such as a file of expectations beside a history.
pub fn parse_value(bytes: &[u8]) -> Result<Value, ReadError> {
    let text = place::utf8(FORMAT, bytes)?;
    match Parser::new(text).value() {
        Ok(value) => Ok(value.unwrap_or(Value::Null)),
        Err(fault) => Err(fault.of(FORMAT, bytes)),
    }
}

/// The one value that a text is, null if it is blank.
pub(super) fn value_of(text: &str) -> Result<Value, Fault> {
    let mut parser = Parser::new(text);
    let value = parser.value()?.unwrap_or(Value::Null);
    match parser.token()? {
        None => Ok(value),
        Some(_) => Err(parser.error("only one value may stand here")),
    }
}

/// The one value that a text is; `None` if it is none, or more than one.
pub(crate) fn single_value(text: &str) -> Option<Value> {
    value_of(text).ok()
}

struct Reader<'a> {
    parser: Parser<'a>,
    names: Names,
    events: Assembler,
    shape: Shape,
}

/// What holds the operations.
enum Shape {
    /// Nothing: they stand one after another.
    Maps,
    /// A vector, a list, or `{:history …}`.
    Sequence,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let (names, events) = (Names::default(), Assembler::default());
        Self { parser: Parser::new(text), names, events, shape: Shape::Maps }
    }

    /// Operation maps at the top, or inside one sequence, or inside `{:history …}`.
    fn top(&mut self) -> Result<(), Fault> {
        let mut open = None;
        while let Some(token) = self.parser.token()? {
            match token {
                Token::OpenSequence(close) if open.is_none() => {
                    self.shape = Shape::Sequence;
                    open = Some(close);
                }
                Token::Close(bracket) if open == Some(bracket) => open = None,
                Token::OpenMap => self.operation(true)?,
                Token::Tag => {}
                Token::Discard => drop(self.parser.value()?),
                _ => return Err(self.parser.error("an operation, a map, should stand here")),
            }
        }
        match open {
            None => Ok(()),
            Some(_) => Err(self.parser.cut_off("the text ends inside the list of operations")),
        }
    }

    /// The fields of a map whose brace was read. Only an `outer` map may hold a `:history`, so
    /// this calls itself once at the most.
    fn operation(&mut self, outer: bool) -> Result<(), Fault> {
        let mut event = ForeignEvent { at: self.parser.place(), ..ForeignEvent::default() };
        let mut holds_history = false;
        loop {
            let key = match self.parser.token()? {
                Some(Token::Close(b'}')) => break,
                Some(Token::Keyword(key)) => key,
                Some(Token::Discard) => {
                    self.parser.value()?;
                    continue;
                }
                Some(_) => return Err(self.parser.error("an operation's keys are keywords")),
                None => return Err(self.parser.cut_off("the text ends inside an operation")),
            };
            match self.parser.token()? {
                Some(Token::OpenSequence(close)) if key == "history" && outer => {
                    holds_history = true;
                    self.shape = Shape::Sequence;
                    self.sequence(close)?;
                }
                Some(token) => self.field(&mut event, key, token)?,
                None => return Err(self.parser.cut_off(format!("the text ends after :{key}"))),
            }
        }
        if !holds_history {
            if event.kind.is_none() {
                return Err(self.parser.error("an operation needs a :type"));
            }
            self.events.push(event, &mut self.names);
        }
        Ok(())
    }

    /// The operations of `:history`, up to the closing bracket.
    fn sequence(&mut self, close: u8) -> Result<(), Fault> {
        loop {
            match self.parser.token()? {
                Some(Token::Close(bracket)) if bracket == close => return Ok(()),
                Some(Token::OpenMap) => self.operation(false)?,
                Some(Token::Tag) => {}
                Some(Token::Discard) => drop(self.parser.value()?),
                _ => return Err(self.parser.error("an operation, a map, should stand here")),
            }
        }
    }

    fn field(
        &mut self,
        event: &mut ForeignEvent,
        key: &str,
        token: Token<'a>,
    ) -> Result<(), Fault> {
        match (key, &token) {
            ("type", Token::Keyword(word)) => {
                let Some(kind) = foreign::kind(word) else {
                    let why = format!(":{word} is no type; there are :invoke :ok :fail :info");
                    return Err(self.parser.error(why));
                };
                event.kind = Some(kind);
                return Ok(());
            }
            ("f", Token::Keyword(word)) => {
                event.f = Some(self.names.get(word));
                return Ok(());
            }
            _ => {}
        }
        let value = self.parser.value_from(token)?;
        match key {
            "index" => event.index = value.as_i64(),
            "time" => event.time = value.as_i64(),
            "process" => {
                event.process = Some(foreign::actor(&value).map_err(|e| self.parser.error(e))?);
            }
            "f" => event.f = value.as_str().map(|word| self.names.get(word)),
            "key" => event.key = Some(value),
            "value" => event.value = value,
            "node" => event.node = value.as_str().map(|word| self.names.get(word)),
            "error" => event.error = foreign::error_word(&value, &mut self.names),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
