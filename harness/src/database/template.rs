//! Templates: the placeholders of a `database.toml`, parsed once and filled in for each node.
//!
//! ```text
//! {name} {address} {host} {index}   this node: its name, address, address as a URL has it, number
//! {perjury}                         path of the perjury binary on the node
//! {port.NAME} {option.NAME}         a port of `[ports]`, the value of an option
//! {nodes:SEPARATOR:TEMPLATE}        TEMPLATE for every node, with SEPARATOR between
//! {others:SEPARATOR:TEMPLATE}       the same without this node
//! {role}                            this node's role, of `roles`
//! {ROLE:SEPARATOR:TEMPLATE}         TEMPLATE for every node of a role
//! {{ and }}                         braces themselves (outside of a repetition)
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

/// A parsed template. Which names it may use was checked when it was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
    Repeat { who: Who, separator: String, body: Vec<Piece> },
}

/// Whom a repetition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    All,
    Others,
    Role(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Address,
    Host,
    Index,
    Perjury,
    Role,
    Port(String),
    Option(String),
}

/// What is wrong with a template, and where in it, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateError {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

/// The names that a template may use besides the fixed ones.
pub(super) struct Names<'a> {
    pub(super) ports: &'a BTreeMap<String, u16>,
    pub(super) options: &'a [String],
    pub(super) roles: &'a [String],
}

/// A node as templates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    pub name: String,
    pub address: IpAddr,
    /// Empty in a database without roles.
    pub role: String,
}

/// What a template is filled in with.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// All nodes, in order.
    pub nodes: &'a [NodeFacts],
    /// Which of them it is filled in for.
    pub here: usize,
    /// Path of the perjury binary on the nodes.
    pub perjury: &'a str,
    pub ports: &'a BTreeMap<String, u16>,
    /// Options that are set or have a default.
    pub options: &'a BTreeMap<String, String>,
}

impl Template {
    /// Parses `text`, in which names outside of `names` are errors.
    pub(super) fn parse(text: &str, names: &Names<'_>) -> Result<Self, TemplateError> {
        let mut parser = Parser { text, position: 0, names };
        let pieces = parser.pieces(None)?;
        Ok(Self { pieces })
    }

    /// The text, when it has nothing to be filled in.
    pub fn literal(&self) -> Option<&str> {
        match &self.pieces[..] {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text for node `scope.here`. The only error is an option that has no value.
    pub fn render(&self, scope: &Scope<'_>) -> Result<String, String> {
        let mut text = String::new();
        render(&self.pieces, scope, scope.here, &mut text)?;
        Ok(text)
    }

    /// Whether it speaks of single nodes.
    pub(super) fn is_of_a_node(&self) -> bool {
        let plain = |field: &Field| matches!(field, Field::Port(_) | Field::Option(_));
        !self.pieces.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Field(field) => plain(field),
            Piece::Repeat { .. } => false,
        })
    }

    /// Names of the options that it uses.
    pub(super) fn options(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Field(Field::Option(name)) => found.push(name.as_str()),
                Piece::Repeat { body, .. } => found.extend(body.iter().filter_map(|piece| {
                    if let Piece::Field(Field::Option(name)) = piece { Some(&**name) } else { None }
                })),
                Piece::Text(_) | Piece::Field(_) => {}
            }
        }
        found
    }
}

// Repetitions do not nest, so this goes two levels deep at the most.
fn render(
    pieces: &[Piece],
    scope: &Scope<'_>,
    node: usize,
    text: &mut String,
) -> Result<(), String> {
    for piece in pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Field(field) => text.push_str(&field.render(scope, node)?),
            Piece::Repeat { who, separator, body } => {
                let mut first = true;
                for (other, facts) in scope.nodes.iter().enumerate() {
                    let meant = match who {
                        Who::All => true,
                        Who::Others => other != scope.here,
                        Who::Role(role) => facts.role == *role,
                    };
                    if !meant {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        text.push_str(separator);
                    }
                    render(body, scope, other, text)?;
                }
            }
        }
    }
    Ok(())
}

impl Field {
    fn render(&self, scope: &Scope<'_>, node: usize) -> Result<String, String> {
        let facts = &scope.nodes[node];
        Ok(match self {
            Self::Name => facts.name.clone(),
            Self::Address => facts.address.to_string(),
            Self::Host => match facts.address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            },
            Self::Index => (node + 1).to_string(),
            Self::Perjury => scope.perjury.to_owned(),
            Self::Role => facts.role.clone(),
            Self::Port(name) => scope.ports.get(name).map(u16::to_string).unwrap_or_default(),
            Self::Option(name) => scope.options.get(name).cloned().ok_or_else(|| {
                format!("option `{name}` is needed and has no value: give --set {name}=VALUE")
            })?,
        })
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    names: &'a Names<'a>,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    /// Up to the end, or inside of a repetition (which opened at byte `repetition`) up to its `}`.
    fn pieces(&mut self, repetition: Option<usize>) -> Result<Vec<Piece>, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        loop {
            let Some(next) = self.rest().chars().next() else {
                if let Some(opened) = repetition {
                    return Err(self.error("this repetition has no closing `}`", opened));
                }
                break;
            };
            let doubled = self.rest().starts_with(if next == '{' { "{{" } else { "}}" });
            match next {
                '}' if repetition.is_some() => {
                    self.position += 1;
                    break;
                }
                '{' | '}' if doubled && repetition.is_none() => {
                    literal.push(next);
                    self.position += 2;
                }
                '{' => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(self.placeholder(repetition.is_some())?);
                }
                '}' => {
                    let message = "a `}` that closes nothing: write `}}` for the brace itself";
                    self.position += 1;
                    return Err(self.error(message, self.position - 1));
                }
                _ => {
                    literal.push(next);
                    self.position += next.len_utf8();
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(pieces)
    }

    fn placeholder(&mut self, inside: bool) -> Result<Piece, TemplateError> {
        let opened = self.position;
        self.position += 1;
        let Some(length) = self.rest().find(['}', ':', '{']) else {
            self.position = self.text.len();
            let message = "this `{` is not closed: write `{{` for the brace itself";
            return Err(self.error(message, opened));
        };
        let word = self.rest()[..length].to_owned();
        self.position += length;
        match (self.rest().as_bytes()[0], self.who(&word)) {
            (b'}', _) => {
                self.position += 1;
                self.field(&word, opened).map(Piece::Field)
            }
            (b':', Some(_)) if inside => {
                Err(self.error("a repetition cannot hold another one", opened))
            }
            (b':', Some(who)) => self.repetition(who, opened),
            _ => {
                let message = format!(
                    "`{{{word}` is no placeholder: write `{{{{` for the brace itself, or one of {}",
                    self.known()
                );
                Err(self.error(message, opened))
            }
        }
    }

    fn who(&self, word: &str) -> Option<Who> {
        match word {
            "nodes" => Some(Who::All),
            "others" => Some(Who::Others),
            _ => self.names.roles.iter().find(|role| *role == word).cloned().map(Who::Role),
        }
    }

    fn repetition(&mut self, who: Who, opened: usize) -> Result<Piece, TemplateError> {
        self.position += 1;
        let Some(length) = self.rest().find([':', '{', '}']) else {
            self.position = self.text.len();
            return Err(self.error(MALFORMED, opened));
        };
        if self.rest().as_bytes()[length] != b':' {
            self.position += length;
            return Err(self.error(MALFORMED, opened));
        }
        let separator = self.rest()[..length].to_owned();
        self.position += length + 1;
        let body = self.pieces(Some(opened))?;
        Ok(Piece::Repeat { who, separator, body })
    }

    fn field(&self, word: &str, opened: usize) -> Result<Field, TemplateError> {
        let field = match word.split_once('.') {
            None => match word {
                "name" => Some(Field::Name),
                "address" => Some(Field::Address),
                "host" => Some(Field::Host),
                "index" => Some(Field::Index),
                "perjury" => Some(Field::Perjury),
                "role" if !self.names.roles.is_empty() => Some(Field::Role),
                _ if self.who(word).is_some() => return Err(self.error(MALFORMED, opened)),
                _ => None,
            },
            Some(("port", name)) if self.names.ports.contains_key(name) => {
                Some(Field::Port(name.to_owned()))
            }
            Some(("option", name)) if self.names.options.iter().any(|known| known == name) => {
                Some(Field::Option(name.to_owned()))
            }
            Some(_) => None,
        };
        field.ok_or_else(|| {
            let message = match word.split_once('.') {
                Some(("port", name)) => format!("there is no port `{name}` under [ports]"),
                Some(("option", name)) => {
                    format!("there is no option `{name}`: describe it under [options.{name}]")
                }
                _ => format!("there is no `{{{word}}}`: write one of {}", self.known()),
            };
            self.error(message, opened)
        })
    }

    fn known(&self) -> String {
        let mut known: Vec<String> = ["name", "address", "host", "index", "perjury"]
            .map(|name| format!("{{{name}}}"))
            .into();
        known.extend(self.names.ports.keys().map(|name| format!("{{port.{name}}}")));
        known.extend(self.names.options.iter().map(|name| format!("{{option.{name}}}")));
        let mut whom = vec!["nodes", "others"];
        if !self.names.roles.is_empty() {
            known.push("{role}".to_owned());
        }
        for role in self.names.roles {
            if !whom.contains(&role.as_str()) {
                whom.push(role);
            }
        }
        known.extend(whom.iter().map(|who| format!("{{{who}:SEPARATOR:TEMPLATE}}")));
        known.join(", ")
    }

    fn error(&self, message: impl Into<String>, from: usize) -> TemplateError {
        TemplateError { message: message.into(), span: from..self.position.max(from + 1) }
    }
}

const MALFORMED: &str =
    "a repetition is written {nodes:SEPARATOR:TEMPLATE}, for example {nodes:,:{name}}";

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests;
