//! A server that answers by a script.

use crate::protocol::{Decoder, Reply};
use bytes::BytesMut;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the server does with what was sent at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Script {
    /// Answers PING and AUTH; the next script is for what comes then. Later connections are
    /// greeted, too, unless the script says something else.
    Greeting,
    /// Answers each command with this error, except that a transaction begins, and is aborted.
    Refuse(&'static str),
    /// Gives these answers, and then closes.
    Answers(&'static [&'static str]),
    /// Reads the request and closes.
    Reset,
    /// Answers only a part.
    CutShort,
    /// Reads the request and says nothing.
    Silence,
    /// Closes the connection before any request, and accepts no other.
    CloseIdle,
    /// Is not there when the request is to be sent.
    Absent,
    /// Closes the connection before any request, and refuses the next one's PING.
    RefuseLogin(&'static str),
}

pub(super) struct Server {
    pub(super) port: u16,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    dropping: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Plays one script after the other, a request each, and the last one again and again.
pub(super) async fn play(scripts: &[Script]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (dropping, dropped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let player = Player { scripts: scripts.to_vec(), next: 1, heard: Arc::clone(&heard), dropped };
    tasks.spawn(player.accept(listener));
    Server { port, heard, dropping, tasks }
}

impl Server {
    /// How often something other than a greeting came.
    pub(super) fn requests(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// The commands' first words of one request.
    pub(super) fn words(&self, request: usize) -> Vec<String> {
        self.heard.lock().unwrap()[request].clone()
    }

    /// Goes away altogether.
    pub(super) async fn stop(&mut self) {
        self.tasks.shutdown().await;
        settle().await;
    }

    /// Closes what is connected.
    pub(super) async fn drop_connections(&mut self) {
        self.dropping.send(true).unwrap();
        settle().await;
    }
}

/// The end of a connection has to arrive; there is no event to wait for.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
}

struct Player {
    scripts: Vec<Script>,
    next: usize,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    dropped: watch::Receiver<bool>,
}

impl Player {
    async fn accept(mut self, listener: TcpListener) {
        let mut dropped = self.dropped.clone();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let cut_off = tokio::select! {
                () = self.converse(&mut stream) => false,
                () = was_set(&mut dropped) => true,
            };
            if cut_off && matches!(self.scripts.last(), Some(Script::CloseIdle)) {
                return;
            }
            drop(stream);
            if cut_off {
                let (mut stream, _) = listener.accept().await.unwrap();
                self.converse(&mut stream).await;
            }
        }
    }

    /// Until the connection is over.
    async fn converse(&mut self, stream: &mut TcpStream) {
        let mut buffer = BytesMut::new();
        loop {
            // What is sent at once comes at once, if there is room for it.
            buffer.reserve(1 << 16);
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let words = words(&mut buffer);
            let script = self.scripts[self.next];
            if words == ["PING"] {
                let refused = *self.dropped.borrow();
                let greeting = match script {
                    Script::RefuseLogin(text) if refused => text,
                    _ => "+PONG",
                };
                stream.write_all(format!("{greeting}\r\n").as_bytes()).await.unwrap();
                continue;
            }
            self.next = (self.next + 1).min(self.scripts.len() - 1);
            if !words.iter().all(|word| word == "WAIT") {
                self.heard.lock().unwrap().push(words.clone());
            }
            if !answer(stream, script, &words).await {
                return;
            }
        }
    }
}

async fn was_set(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|flag| *flag).await;
}

/// The first word of each command in `buffer`.
fn words(buffer: &mut BytesMut) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(Reply::Array(parts)) = Decoder::default().decode(buffer).unwrap() {
        let Reply::Bulk(word) = &parts[0] else { panic!("{parts:?}") };
        words.push(String::from_utf8(word.to_vec()).unwrap());
    }
    words
}

/// Whether the connection is still good for another request.
async fn answer(stream: &mut TcpStream, script: Script, words: &[String]) -> bool {
    let (answers, keep): (Vec<String>, bool) = match script {
        Script::Reset => return false,
        Script::Silence => return std::future::pending().await,
        Script::CutShort => {
            stream.write_all(b"$500\r\nabc").await.unwrap();
            return false;
        }
        Script::Answers(answers) => {
            (answers.iter().map(|answer| (*answer).to_owned()).collect(), true)
        }
        Script::Refuse(error) => {
            let answer = |word: &String| match &**word {
                "MULTI" => "+OK",
                "EXEC" => "-EXECABORT Transaction discarded because of previous errors.",
                _ => error,
            };
            (words.iter().map(answer).map(str::to_owned).collect(), true)
        }
        other => unreachable!("{other:?} never comes to a request"),
    };
    let bytes = answers.join("\r\n") + "\r\n";
    stream.write_all(bytes.as_bytes()).await.unwrap();
    keep
}
