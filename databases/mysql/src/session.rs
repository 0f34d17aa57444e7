//! One conversation with one server: logged in, then a statement at a time.

use crate::{auth, protocol};
use bytes::Bytes;
use perjury_wire::{Link, Session, WireError};

/// Code of a query.
const COM_QUERY: u8 = 3;
/// Second byte of [`protocol::MORE_AUTH`]: the password was in the server's cache, and is right.
const FAST_PATH_WENT_WELL: u8 = 3;

/// More columns than any table here has.
const COLUMNS_MAX: u64 = 64;
/// Rows of one answer, in bytes together.
const ROWS_MAX: usize = 64 << 20;

/// What it takes to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    /// The database to use; none while it is still to be made.
    pub(crate) database: Option<String>,
    /// What a session begins with.
    pub(crate) statements: Vec<String>,
}

/// A session. Statements commit on their own unless a transaction was started.
#[derive(Debug)]
pub(crate) struct Conversation {
    link: Link,
    /// The number that the next packet of this exchange has.
    number: u8,
    /// Whether this session has the lock: it goes with the session.
    pub(crate) holds_lock: bool,
}

/// A statement's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Rows of text; `None` is NULL.
    pub(crate) rows: Vec<Vec<Option<Bytes>>>,
    /// Rows that were found or made.
    pub(crate) affected: u64,
    /// Whether the session is in a transaction now.
    pub(crate) in_transaction: bool,
}

impl Session for Conversation {
    type Login = Login;

    async fn open(link: Link, login: &Login) -> Result<Self, WireError> {
        let mut session = Self { link, number: 0, holds_lock: false };
        session.log_in(login).await?;
        for statement in &login.statements {
            session.query(statement).await.map_err(|error| match error {
                WireError::Refused { code, text } => {
                    WireError::Refused { code, text: format!("{text} (of `{statement}`)") }
                }
                other => other,
            })?;
        }
        Ok(session)
    }

    fn is_usable(&mut self) -> bool {
        // A server that ends a session first says why; whatever came unasked, it is over.
        self.link.still_open() && self.link.buffer.is_empty()
    }
}

impl Conversation {
    async fn log_in(&mut self, login: &Login) -> Result<(), WireError> {
        let greeting = self.read().await?;
        let greeting = protocol::greeting(&greeting).map_err(WireError::Garbled)?;
        // Root has no password at first, and other plugins are asked for afterwards.
        let plugin = match auth::answer(&greeting.plugin, &login.password, &greeting.challenge) {
            Ok(_) => greeting.plugin,
            Err(_) => auth::NATIVE.to_owned(),
        };
        let proof = auth::answer(&plugin, &login.password, &greeting.challenge);
        let proof = proof.map_err(WireError::NotSent)?;
        let database = login.database.as_deref();
        self.write(&protocol::login(&login.user, &proof, database, &plugin)).await?;
        loop {
            let packet = self.read().await?;
            match (packet.first(), packet.get(1)) {
                (Some(&protocol::OK), _) => return Ok(()),
                (Some(&protocol::EOF), Some(_)) => {
                    let (plugin, challenge) =
                        protocol::other_plugin(&packet).map_err(WireError::Garbled)?;
                    let proof = auth::answer(&plugin, &login.password, &challenge);
                    self.write(&proof.map_err(WireError::NotSent)?).await?;
                }
                (Some(&protocol::MORE_AUTH), Some(&FAST_PATH_WENT_WELL)) => {}
                (Some(&protocol::MORE_AUTH), _) => {
                    let user = &login.user;
                    return Err(WireError::NotSent(format!(
                        "the server wants the password of {user} itself, over TLS: log in once with \
                         another client, or use a user with mysql_native_password"
                    )));
                }
                _ => return Err(garbled("a login was answered with", &packet)),
            }
        }
    }

    /// One statement, and its whole answer. A refusal's code is the server's number of the error.
    pub(crate) async fn query(&mut self, statement: &str) -> Result<Answer, WireError> {
        self.number = 0;
        let mut payload = Vec::with_capacity(1 + statement.len());
        payload.push(COM_QUERY);
        payload.extend_from_slice(statement.as_bytes());
        self.write(&payload).await?;
        let first = self.read().await?;
        match first.first() {
            Some(&protocol::OK) => {
                let (affected, status) = protocol::ok(&first).map_err(WireError::Garbled)?;
                answer(Vec::new(), affected, status)
            }
            None | Some(&(protocol::EOF | protocol::LOCAL_INFILE)) => {
                Err(garbled("a statement was answered with", &first))
            }
            Some(_) => {
                let columns = protocol::columns(&first).map_err(WireError::Garbled)?;
                self.rows(columns).await
            }
        }
    }

    async fn rows(&mut self, columns: u64) -> Result<Answer, WireError> {
        if columns == 0 || columns > COLUMNS_MAX {
            return Err(WireError::Garbled(format!("rows of {columns} columns")));
        }
        for _ in 0..columns {
            self.read().await?;
        }
        let end = self.read().await?;
        if !protocol::is_eof(&end) {
            return Err(garbled("columns ended with", &end));
        }
        let mut rows = Vec::new();
        let mut bytes = 0;
        loop {
            let packet = self.read().await?;
            if protocol::is_eof(&packet) {
                let status = protocol::eof(&packet).map_err(WireError::Garbled)?;
                return answer(rows, 0, status);
            }
            bytes += packet.len() + size_of::<Vec<Option<Bytes>>>();
            if bytes > ROWS_MAX {
                return Err(WireError::Garbled(format!("rows of over {ROWS_MAX} bytes")));
            }
            let columns = usize::try_from(columns).unwrap_or(usize::MAX);
            rows.push(protocol::row(&packet, columns).map_err(WireError::Garbled)?);
        }
    }

    async fn write(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let packet = protocol::packet(self.number, payload);
        self.number = self.number.wrapping_add(1);
        self.link.write(&packet).await
    }

    /// The next packet. An error of the server's own is an error.
    async fn read(&mut self) -> Result<Bytes, WireError> {
        let (number, packet) = self.link.message(protocol::take_packet).await?;
        // Whatever a server refuses before it greets has the number 0 or 1.
        if packet.first() == Some(&protocol::ERR) {
            let (code, text) = protocol::error(&packet).map_err(WireError::Garbled)?;
            return Err(WireError::Refused { code: code.to_string(), text });
        }
        if number != self.number {
            let wanted = self.number;
            return Err(WireError::Garbled(format!("packet {number} came instead of {wanted}")));
        }
        self.number = self.number.wrapping_add(1);
        Ok(packet)
    }
}

fn answer(rows: Vec<Vec<Option<Bytes>>>, affected: u64, status: u16) -> Result<Answer, WireError> {
    if status & protocol::MORE_RESULTS != 0 {
        return Err(WireError::Garbled("a second result for one statement".to_owned()));
    }
    let in_transaction = status & protocol::IN_TRANSACTION != 0;
    Ok(Answer { rows, affected, in_transaction })
}

fn garbled(what: &str, packet: &[u8]) -> WireError {
    let shown = String::from_utf8_lossy(&packet[..packet.len().min(100)]).into_owned();
    WireError::Garbled(format!("{what} {shown:?}"))
}

impl Answer {
    /// The text at `column` of `row`; `None` for NULL.
    pub(crate) fn text(&self, row: usize, column: usize) -> Result<Option<&str>, WireError> {
        let cell = self.rows.get(row).and_then(|row| row.get(column));
        let cell = cell.ok_or_else(|| {
            WireError::Garbled(format!("an answer without row {row}, column {column}"))
        })?;
        let Some(bytes) = cell else { return Ok(None) };
        std::str::from_utf8(bytes).map(Some).map_err(|_| garbled("text that is no UTF-8:", bytes))
    }

    /// The whole number at `column` of `row`.
    pub(crate) fn number(&self, row: usize, column: usize) -> Result<i64, WireError> {
        let text = self.text(row, column)?.unwrap_or("NULL");
        text.parse().map_err(|_| WireError::Garbled(format!("`{text:.100}` is no whole number")))
    }

    /// The first column of every row, as whole numbers.
    pub(crate) fn numbers(&self) -> Result<Vec<i64>, WireError> {
        (0..self.rows.len()).map(|row| self.number(row, 0)).collect()
    }

    /// That exactly one row was found or made; the error says what is wrong instead.
    pub(crate) fn of_one_row(&self, what: &str) -> Result<(), WireError> {
        match self.affected {
            1 => Ok(()),
            count => Err(WireError::Garbled(format!("{what} says that it is of {count} rows"))),
        }
    }
}
