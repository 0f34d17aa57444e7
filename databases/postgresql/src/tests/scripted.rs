//! A server that answers statements well, and one of them as a script says.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Which statement the script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The COMMIT of a transaction.
    Commit,
    /// Any that is neither BEGIN, COMMIT nor ROLLBACK.
    Statement,
}

/// What the server does with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// An error that leaves the session as it is.
    Error(&'static str, &'static str),
    /// An error that ends it.
    Fatal(&'static str, &'static str),
    /// Done, with a warning before.
    Warning(&'static str, &'static str),
    /// Done, with this tag.
    Tag(&'static str),
    /// These bytes.
    Bytes(&'static [u8]),
    /// The answer to a statement that nobody sent.
    Foreign,
    /// Reads the statement and closes.
    Reset,
    /// Announces more than it sends.
    CutShort,
    /// Reads the statement and says nothing.
    Silence,
    /// Closes the connection before any statement, and accepts no other.
    CloseIdle,
    /// Says goodbye before it closes.
    Goodbye,
    /// Closes the connection, and refuses to log in again.
    RefuseLogin(&'static str, &'static str),
    /// Is not there when the statement is to be sent.
    Absent,
}

impl Script {
    /// Whether the client has to hear of the end of a connection before it sends.
    pub(crate) fn needs_to_arrive(self) -> bool {
        matches!(self, Self::Absent | Self::CloseIdle | Self::Goodbye | Self::RefuseLogin(..))
    }
}

/// Accepts one connection after the other and serves each.
pub(crate) async fn play(script: Script, at: At) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut first = true;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if let Script::RefuseLogin(code, text) = script
                && !first
            {
                startup(&mut stream).await;
                let _ = stream.write_all(&error(b'E', "FATAL", code, text)).await;
                continue;
            }
            first = false;
            log_in(&mut stream).await;
            match script {
                Script::CloseIdle => return,
                Script::Goodbye => {
                    let goodbye = error(b'E', "FATAL", "57P01", "terminating connection");
                    stream.write_all(&goodbye).await.unwrap();
                    return;
                }
                Script::RefuseLogin(..) => {}
                _ => serve(&mut stream, script, at).await,
            }
        }
    });
    (address, tasks)
}

async fn startup(stream: &mut TcpStream) {
    let length = stream.read_u32().await.unwrap();
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.unwrap();
}

/// Trusts whoever comes, and lets the isolation be set.
async fn log_in(stream: &mut TcpStream) {
    startup(stream).await;
    let welcome = [
        framed(b'R', &[0, 0, 0, 0]),
        framed(b'S', b"server_version\x0015.0\0"),
        framed(b'K', &[0; 8]),
        framed(b'Z', b"I"),
    ];
    stream.write_all(&welcome.concat()).await.unwrap();
    let set = statement(stream).await.unwrap();
    assert!(set.starts_with("SET SESSION CHARACTERISTICS"), "{set}");
    stream.write_all(&[framed(b'C', b"SET\0"), framed(b'Z', b"I")].concat()).await.unwrap();
}

/// The next simple query; `None` at the end of the connection.
async fn statement(stream: &mut TcpStream) -> Option<String> {
    let tag = stream.read_u8().await.ok()?;
    assert_eq!(tag, b'Q');
    let length = stream.read_u32().await.unwrap();
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(body.pop(), Some(0));
    Some(String::from_utf8(body).unwrap())
}

/// Answers until the connection ends, or the script ends it.
async fn serve(stream: &mut TcpStream, script: Script, at: At) {
    let mut open = false;
    while let Some(sql) = statement(stream).await {
        let scripted = match sql.as_str() {
            "BEGIN" | "ROLLBACK" => false,
            "COMMIT" => at == At::Commit,
            _ => at == At::Statement,
        };
        if sql == "BEGIN" {
            open = true;
        } else if sql == "COMMIT" || sql == "ROLLBACK" {
            open = false;
        }
        let status: &[u8] = if open { b"T" } else { b"I" };
        if !scripted {
            let answer = [good(&sql), framed(b'Z', status)].concat();
            stream.write_all(&answer).await.unwrap();
            continue;
        }
        let failed: &[u8] = if open { b"E" } else { b"I" };
        let answer = match script {
            Script::Error(code, text) => {
                [error(b'E', "ERROR", code, text), framed(b'Z', failed)].concat()
            }
            Script::Fatal(code, text) => error(b'E', "FATAL", code, text),
            Script::Warning(code, text) => {
                [error(b'N', "WARNING", code, text), good(&sql), framed(b'Z', status)].concat()
            }
            Script::Tag(tag) => [done(tag), framed(b'Z', status)].concat(),
            Script::Foreign => {
                let row = row(&["x", "y", "z"]);
                [framed(b'T', b""), row, done("SHOW"), framed(b'Z', status)].concat()
            }
            Script::Bytes(bytes) => bytes.to_vec(),
            Script::CutShort => good(&sql)[..3].to_vec(),
            Script::Silence => return std::future::pending().await,
            _ => return,
        };
        let _ = stream.write_all(&answer).await;
        if matches!(script, Script::Fatal(..) | Script::CutShort) {
            return;
        }
    }
}

/// What a server says that does what it is asked.
fn good(sql: &str) -> Vec<u8> {
    let word = sql.split(' ').next().unwrap();
    match word {
        "INSERT" => done("INSERT 0 1"),
        "UPDATE" => done("UPDATE 1"),
        "DELETE" => [framed(b'T', b""), row(&["1", "1"]), done("DELETE 1")].concat(),
        "SELECT" if sql.contains("perjury_bank") => {
            [framed(b'T', b""), row(&["10"]), done("SELECT 1")].concat()
        }
        "SELECT" => [framed(b'T', b""), done("SELECT 0")].concat(),
        word => done(word),
    }
}

fn done(tag: &str) -> Vec<u8> {
    framed(b'C', format!("{tag}\0").as_bytes())
}

fn row(values: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        body.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    }
    framed(b'D', &body)
}

fn error(tag: u8, severity: &str, code: &str, text: &str) -> Vec<u8> {
    framed(tag, format!("S{severity}\0V{severity}\0C{code}\0M{text}\0\0").as_bytes())
}

fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}
