//! A server that plays a script on one kind of statement, and answers all others as they should be.

use crate::protocol::{EOF, ERR, packet, take_packet};
use bytes::BytesMut;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does with the statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// Answers with an error of this number.
    Refuse(u16),
    /// Answers with a packet of these bytes.
    Answer(&'static [u8]),
    /// Answers with a packet of a number that is not its turn.
    OutOfOrder,
    /// Reads the statement and closes.
    Reset,
    /// Announces more than it sends.
    CutShort,
    /// Reads the statement and says nothing.
    Silence,
    /// Says of the statement that it went well, outside of a transaction.
    LeaveTransaction,
    /// Closes the connection before any statement, and accepts no other.
    CloseIdle,
    /// Closes the connection before any statement, and refuses the next with this error: those of
    /// 1045 after the login, others instead of a greeting.
    RefuseLogin(u16),
    /// Is not there when the statement is to be sent.
    Absent,
}

const CHALLENGE: &[u8] = b"abcdefghijklmnopqrst";

/// Plays `script` on statements that begin with `on`.
pub(crate) async fn play(script: Script, on: &'static str) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut first = true;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut server = Server { stream, buffer: BytesMut::new(), number: 0 };
            let refuses = match script {
                Script::RefuseLogin(code) if !first => Some(code),
                _ => None,
            };
            first = false;
            if !server.greet(refuses).await || matches!(script, Script::RefuseLogin(_)) {
                continue;
            }
            if matches!(script, Script::CloseIdle) {
                return;
            }
            server.serve(script, on).await;
        }
    });
    (address, tasks)
}

struct Server {
    stream: TcpStream,
    buffer: BytesMut,
    number: u8,
}

impl Server {
    /// Whether it lets the client in.
    async fn greet(&mut self, refuses: Option<u16>) -> bool {
        if let Some(code @ 1040) = refuses {
            self.refuse(code).await;
            return false;
        }
        let mut greeting = b"\x0a5.7.1-script\0\x01\0\0\0".to_vec();
        greeting.extend_from_slice(&CHALLENGE[..8]);
        greeting.push(0);
        // Protocol 4.1, secure connections; a charset; the status; pluggable passwords.
        greeting.extend_from_slice(&[0x00, 0x82, 45, 2, 0, 0x08, 0x00, 21]);
        greeting.extend_from_slice(&[0; 10]);
        greeting.extend_from_slice(&CHALLENGE[8..]);
        greeting.extend_from_slice(b"\0mysql_native_password\0");
        self.say(&greeting).await;
        let Some(login) = self.hear().await else { return false };
        assert!(login.windows(6).any(|words| words == b"\0root\0"), "{login:?}");
        match refuses {
            Some(code) => self.refuse(code).await,
            None => self.ok(false).await,
        }
        refuses.is_none()
    }

    async fn serve(&mut self, script: Script, on: &str) {
        let mut in_transaction = false;
        while let Some(command) = self.hear().await {
            assert_eq!(command[0], 3, "{command:?}");
            let statement = String::from_utf8(command[1..].to_vec()).unwrap();
            let word = statement.split(' ').next().unwrap();
            assert!(!(in_transaction && word == "START"), "a transaction within another");
            if word == on {
                match script {
                    Script::Reset => return,
                    Script::Silence => return std::future::pending().await,
                    Script::CutShort => {
                        self.stream.write_all(&[7, 0, 0, 1, 0]).await.unwrap();
                        return;
                    }
                    Script::Refuse(code) => self.refuse(code).await,
                    Script::Answer(bytes) => self.say(bytes).await,
                    Script::OutOfOrder => {
                        self.number += 1;
                        self.ok(in_transaction).await;
                    }
                    Script::LeaveTransaction => self.ok(false).await,
                    Script::CloseIdle | Script::Absent | Script::RefuseLogin(_) => unreachable!(),
                }
                continue;
            }
            match word {
                "START" => in_transaction = true,
                "COMMIT" | "ROLLBACK" => in_transaction = false,
                _ => {}
            }
            match word {
                "SELECT" => self.rows(in_transaction, statement.contains("id, v")).await,
                _ => self.ok(in_transaction).await,
            }
        }
    }

    /// One row of a 7, or two.
    async fn rows(&mut self, in_transaction: bool, twice: bool) {
        let count = 1 + usize::from(twice);
        self.say(&[1 + u8::from(twice)]).await;
        let end = [EOF, 0, 0, 2 | u8::from(in_transaction), 0];
        for _ in 0..count {
            self.say(b"\x03defa column").await;
        }
        self.say(&end).await;
        self.say(&b"\x017".repeat(count)).await;
        self.say(&end).await;
    }

    async fn ok(&mut self, in_transaction: bool) {
        self.say(&[0, 1, 0, 2 | u8::from(in_transaction), 0, 0, 0]).await;
    }

    async fn refuse(&mut self, code: u16) {
        let mut error = vec![ERR];
        error.extend_from_slice(&code.to_le_bytes());
        error.extend_from_slice(b"#HY000as the script says");
        self.say(&error).await;
    }

    /// The client may be gone.
    async fn say(&mut self, payload: &[u8]) {
        let _ = self.stream.write_all(&packet(self.number, payload)).await;
        self.number += 1;
    }

    async fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((number, payload)) = take_packet(&mut self.buffer).unwrap() {
                self.number = number + 1;
                return Some(payload.to_vec());
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
