//! A session with one server: logging in, statements and their answers.

use crate::protocol::{self, Authentication, Message, Notice, Status, decode};
use crate::scram::{MECHANISM, Scram};
use perjury_wire::{Link, Session, WireError};
use std::fmt;

/// Rows of one answer, in bytes: a set of a million elements fits.
const ROWS_LIMIT: usize = 64 << 20;

/// How far transactions are kept apart, in the standard's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    Serializable,
    RepeatableRead,
    ReadCommitted,
}

impl Isolation {
    /// As settings spell them, in the order of the variants.
    pub(crate) const NAMES: [&str; 3] = ["serializable", "repeatable read", "read committed"];
    const ALL: [Self; 3] = [Self::Serializable, Self::RepeatableRead, Self::ReadCommitted];

    /// By position in [`Isolation::NAMES`].
    pub(crate) fn at(position: usize) -> Self {
        Self::ALL[position.min(Self::ALL.len() - 1)]
    }

    fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Which servers will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Whichever it is; it is not even asked.
    Any,
    /// One that is not in recovery.
    Primary,
    /// Any, for reading: one in recovery knows no `serializable`, and `repeatable read` is the
    /// most that it has.
    Reader,
}

/// How to log in.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) isolation: Isolation,
    pub(crate) wants: Wants,
}

impl fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {:?} {:?}", self.user, self.database, self.isolation, self.wants)
    }
}

/// The answer to one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// What was done: `UPDATE 1`.
    pub(crate) tag: String,
    /// What the server warns of, though it did what was asked.
    pub(crate) warnings: Vec<Notice>,
}

impl Answer {
    /// The one value of at most one row: `None` for no row, and for NULL.
    pub(crate) fn value(&self) -> Result<Option<&str>, WireError> {
        match self.rows.as_slice() {
            [] => Ok(None),
            [row] if row.len() == 1 => Ok(row[0].as_deref()),
            _ => Err(WireError::Garbled(format!("no single value: {:.200}", self.shown()))),
        }
    }

    /// [`Answer::value`] as a number.
    pub(crate) fn number(&self) -> Result<Option<i64>, WireError> {
        self.value()?.map(number).transpose()
    }

    /// Every row as `COLUMNS` numbers.
    pub(crate) fn numbers<const COLUMNS: usize>(&self) -> Result<Vec<[i64; COLUMNS]>, WireError> {
        let rows = self.rows.iter().map(|row| {
            let mut numbers = [0; COLUMNS];
            if row.len() != COLUMNS {
                return Err(WireError::Garbled(format!("no {COLUMNS} numbers: {row:?}")));
            }
            for (place, value) in numbers.iter_mut().zip(row) {
                *place = number(value.as_deref().unwrap_or("NULL"))?;
            }
            Ok(numbers)
        });
        rows.collect()
    }

    /// The rows that a statement touched, from the last word of its tag; the tag has to begin
    /// with `verb`.
    pub(crate) fn touched(&self, verb: &str) -> Result<u64, WireError> {
        let rest = self.tag.strip_prefix(verb);
        let count = rest.and_then(|rest| rest.rsplit(' ').next()?.parse().ok());
        count.ok_or_else(|| WireError::Garbled(format!("a {verb} answered with {:.200}", self.tag)))
    }

    fn shown(&self) -> String {
        format!("{} {:?}", self.tag, self.rows.first())
    }
}

/// `text` as a number of 64 bits.
pub(crate) fn number(text: &str) -> Result<i64, WireError> {
    text.parse().map_err(|_| WireError::Garbled(format!("`{text:.100}` is no number")))
}

/// A session that is logged in.
#[derive(Debug)]
pub(crate) struct PgSession {
    link: Link,
    status: Status,
    /// The server said that it ends the session.
    ended: bool,
    /// The advisory lock of workload `lock` was given to this session.
    pub(crate) holds_lock: bool,
}

impl Session for PgSession {
    type Login = Login;

    async fn open(link: Link, login: &Login) -> Result<Self, WireError> {
        let mut session = Self { link, status: Status::Idle, ended: false, holds_lock: false };
        session.log_in(login).await?;
        let mut isolation = login.isolation;
        if login.wants != Wants::Any {
            let recovering = session.in_recovery().await?;
            if recovering && login.wants == Wants::Primary {
                return Err(WireError::NotSent("the server is in recovery".to_owned()));
            }
            if recovering && isolation == Isolation::Serializable {
                isolation = Isolation::RepeatableRead;
            }
        }
        let set = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL";
        session.query(&format!("{set} {}", isolation.name())).await?;
        Ok(session)
    }

    fn is_usable(&mut self) -> bool {
        if self.ended || self.status != Status::Idle || !self.link.still_open() {
            return false;
        }
        // An error that nobody asked for is the server's goodbye.
        loop {
            match decode(&mut self.link.buffer) {
                Ok(None) => return true,
                Ok(Some(Message::Notice(_) | Message::Aside)) => {}
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    }
}

impl PgSession {
    /// Whether the server follows another one: a replica, or one that recovers after a crash.
    pub(crate) async fn in_recovery(&mut self) -> Result<bool, WireError> {
        let answer = self.query("SELECT pg_is_in_recovery()").await?;
        match answer.value()? {
            Some("f") => Ok(false),
            Some("t") => Ok(true),
            other => Err(WireError::Garbled(format!("in recovery: {other:?}"))),
        }
    }

    /// One statement, and everything until the server is ready for the next. The first error is
    /// what is told.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Answer, WireError> {
        if sql.contains('\0') {
            return Err(WireError::NotSent("a statement with a zero byte".to_owned()));
        }
        self.link.write(&protocol::query(sql)).await?;
        let mut answer = Answer::default();
        let mut bytes = 0;
        let mut refused = None;
        loop {
            let message = match self.next().await {
                Ok(message) => message,
                Err(error) => {
                    self.ended = true;
                    return Err(refused.unwrap_or(error));
                }
            };
            match message {
                Message::Row(row) => {
                    bytes += row.iter().flatten().map(String::len).sum::<usize>() + row.len();
                    if bytes > ROWS_LIMIT {
                        return Err(WireError::Garbled(format!("rows of over {ROWS_LIMIT} bytes")));
                    }
                    answer.rows.push(row);
                }
                Message::Complete(tag) => answer.tag = tag,
                Message::Notice(notice) if notice.severity == "WARNING" => {
                    answer.warnings.push(notice);
                }
                Message::Notice(_) | Message::Columns | Message::Empty | Message::Aside => {}
                Message::Error(notice) => {
                    self.ended = notice.ends_the_session();
                    let first = refused.get_or_insert(refusal(&notice));
                    if self.ended {
                        return Err(first.clone());
                    }
                }
                Message::Ready(status) => {
                    self.status = status;
                    return refused.map_or(Ok(answer), Err);
                }
                Message::Authentication(_) => {
                    return Err(WireError::Garbled("a login in the middle".to_owned()));
                }
            }
        }
    }

    async fn next(&mut self) -> Result<Message, WireError> {
        self.link.message(decode).await
    }

    /// The next message that is no aside; an error is a refusal.
    async fn expect(&mut self) -> Result<Message, WireError> {
        loop {
            match self.next().await? {
                Message::Aside | Message::Notice(_) => {}
                Message::Error(notice) => return Err(refusal(&notice)),
                message => return Ok(message),
            }
        }
    }

    async fn log_in(&mut self, login: &Login) -> Result<(), WireError> {
        let parameters = [
            ("user", login.user.as_str()),
            ("database", &login.database),
            ("client_encoding", "UTF8"),
            ("application_name", "perjury"),
        ];
        self.link.write(&protocol::startup(&parameters)).await?;
        loop {
            match self.expect().await? {
                Message::Authentication(wanted) => self.authenticate(wanted, login).await?,
                Message::Ready(status) => {
                    self.status = status;
                    return Ok(());
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn authenticate(
        &mut self,
        wanted: Authentication,
        login: &Login,
    ) -> Result<(), WireError> {
        let password = || {
            let missing = "the server wants a password: give [client.settings] password";
            login.password.as_deref().ok_or_else(|| WireError::NotSent(missing.to_owned()))
        };
        match wanted {
            Authentication::Done => Ok(()),
            Authentication::Cleartext => self.link.write(&protocol::password(password()?)).await,
            Authentication::Md5 { salt } => {
                let inner = format!("{:x}", md5::compute(format!("{}{}", password()?, login.user)));
                let outer = md5::compute([inner.as_bytes(), &salt].concat());
                self.link.write(&protocol::password(&format!("md5{outer:x}"))).await
            }
            Authentication::Sasl(names) if names.iter().any(|name| name == MECHANISM) => {
                self.prove(password()?).await
            }
            other => {
                let words = format!("the server wants a login that is not spoken here: {other:?}");
                Err(WireError::NotSent(words))
            }
        }
    }

    /// Proves that the password is known, and has the server prove the same.
    async fn prove(&mut self, password: &str) -> Result<(), WireError> {
        let scram = Scram::new(format!("{:032x}", rand::random::<u128>()));
        self.link.write(&protocol::sasl_initial(MECHANISM, &scram.first())).await?;
        let Message::Authentication(Authentication::SaslContinue(first)) = self.expect().await?
        else {
            return Err(WireError::Garbled("SCRAM is not gone on with".to_owned()));
        };
        let (last, wanted) = scram.last(&first, password).map_err(WireError::Garbled)?;
        self.link.write(&protocol::sasl_response(&last)).await?;
        match self.expect().await? {
            Message::Authentication(Authentication::SaslFinal(text)) if text == wanted => Ok(()),
            _ => Err(WireError::Garbled("the server does not know the password".to_owned())),
        }
    }
}

fn unexpected(message: &Message) -> WireError {
    WireError::Garbled(format!("while logging in: {message:?}").chars().take(200).collect())
}

/// The server's error; what ends the session says so.
pub(crate) fn refusal(notice: &Notice) -> WireError {
    let mut text = notice.text.clone();
    if notice.ends_the_session() || notice.severity == "WARNING" {
        text = format!("{}: {text}", notice.severity);
    }
    WireError::Refused { code: notice.code.clone(), text }
}
