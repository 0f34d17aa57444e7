//! Jepsen's `history.edn`: one operation map a line, or one vector or list of them.

mod parser;

use serde_json::Value;

use self::parser::{EdnError, Parser, Token};
use super::foreign::{self, ForeignEvent};
use super::{History, Names, ReadError, Recovery};

/// Reads a history. Keywords become texts, `nil` null, sets and lists arrays; tags such as
/// `#jepsen.history.Op` are dropped. A map with `:history` in it stands for that history.
/// Linear, without recursion.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    let text = utf8(bytes)?;
    let mut reader =
        Reader { parser: Parser::new(text), names: Names::default(), events: Vec::new() };
    reader.top().map_err(|error| located(text, error))?;
    Ok(foreign::assemble(reader.events, &mut reader.names)?)
}

/// Reads the first value of a text, such as a file of expectations beside a history.
pub fn parse_value(bytes: &[u8]) -> Result<Value, ReadError> {
    let text = utf8(bytes)?;
    let mut parser = Parser::new(text);
    match parser.value() {
        Ok(value) => Ok(value.unwrap_or(Value::Null)),
        Err(error) => Err(located(text, error)),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(bytes, error.valid_up_to());
        let why = "the text is not UTF-8".to_owned();
        ReadError::Foreign { format: "EDN", line, column, why }
    })
}

fn located(text: &str, error: EdnError) -> ReadError {
    let (line, column) = position(text.as_bytes(), error.offset);
    ReadError::Foreign { format: "EDN", line, column, why: error.why }
}

/// Line and column of a byte, both from 1.
fn position(bytes: &[u8], offset: usize) -> (u64, u64) {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.len() - before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) + 1;
    (line as u64, column as u64)
}

struct Reader<'a> {
    parser: Parser<'a>,
    names: Names,
    events: Vec<ForeignEvent>,
}

impl<'a> Reader<'a> {
    /// Operation maps at the top, or inside one sequence, or inside `{:history …}`.
    fn top(&mut self) -> Result<(), EdnError> {
        let mut open = None;
        while let Some(token) = self.parser.token()? {
            match token {
                Token::OpenSequence(close) if open.is_none() => open = Some(close),
                Token::Close(bracket) if open == Some(bracket) => open = None,
                Token::OpenMap => self.operation(true)?,
                Token::Tag => {}
                Token::Discard => drop(self.parser.value()?),
                _ => return Err(self.parser.error("an operation, a map, should stand here")),
            }
        }
        match open {
            None => Ok(()),
            Some(_) => Err(self.parser.error("the text ends inside the list of operations")),
        }
    }

    /// The fields of a map whose brace was read. Only an `outer` map may hold a `:history`, so
    /// this calls itself once at the most.
    fn operation(&mut self, outer: bool) -> Result<(), EdnError> {
        let mut event = ForeignEvent::default();
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
                None => return Err(self.parser.error("the text ends inside an operation")),
            };
            match self.parser.token()? {
                Some(Token::OpenSequence(close)) if key == "history" && outer => {
                    holds_history = true;
                    self.sequence(close)?;
                }
                Some(token) => self.field(&mut event, key, token)?,
                None => return Err(self.parser.error(format!("the text ends after :{key}"))),
            }
        }
        if !holds_history {
            if event.kind.is_none() {
                return Err(self.parser.error("an operation needs a :type"));
            }
            self.events.push(event);
        }
        Ok(())
    }

    /// The operations of `:history`, up to the closing bracket.
    fn sequence(&mut self, close: u8) -> Result<(), EdnError> {
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
    ) -> Result<(), EdnError> {
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
