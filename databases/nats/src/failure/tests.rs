//! Every row of `errors.md`, played to a client by a scripted server.

use crate::connector::{NatsClient, NatsConnector, Use};
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::{Client, Failure, Op};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
enum Script {
    /// Answers with `{"error": …}`: code, number (none for 0) and words.
    Refuse(u16, u32, &'static str),
    /// Answers with this body.
    Answer(&'static str),
    /// Answers with this status in headers, and no body.
    Status(u16),
    /// Gives out a message of the stream.
    Give(&'static str),
    /// Says `-ERR` and closes.
    Err(&'static str),
    /// Reads the request and closes.
    Reset,
    /// Announces more than it sends.
    CutShort,
    /// Reads the request and says nothing.
    Silence,
    /// Closes the connection before any request, and accepts no other.
    CloseIdle,
    /// Is not there when the request is to be sent.
    Absent,
}

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("closed-while-idle", Script::CloseIdle),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("no-responders", Script::Status(503)),
    ("payload-violation", Script::Err("Maximum Payload Violation")),
    ("other-err", Script::Err("Stale Connection")),
    ("not-leader", Script::Refuse(503, 0, "raft: not leader")),
    ("message-too-large", Script::Refuse(400, 10054, "message size exceeds maximum allowed")),
    ("sealed", Script::Refuse(400, 10109, "invalid operation on sealed stream")),
    ("insufficient-resources", Script::Refuse(503, 10023, "insufficient resources")),
    ("store-failed", Script::Refuse(503, 10077, "no space left on device")),
    ("not-available", Script::Refuse(503, 10008, "JetStream system temporarily unavailable")),
    ("stream-not-found", Script::Refuse(404, 10059, "stream not found")),
    ("unknown-refusal", Script::Refuse(500, 19999, "something new")),
    ("other-status", Script::Status(408)),
    ("garbled-answer", Script::Answer("<html>")),
    ("foreign-answer", Script::Answer("{\"status\":\"ok\"}")),
];

/// Plays one script after the other, a request each, and the last one again and again.
async fn play(scripts: &'static [Script]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut stream = greet(&listener).await;
        if matches!(scripts[0], Script::CloseIdle) {
            return;
        }
        let mut next = 0;
        loop {
            let keep = serve(&mut stream, scripts[next]).await;
            next = (next + 1).min(scripts.len() - 1);
            if !keep {
                drop(stream);
                stream = greet(&listener).await;
            }
        }
    });
    (address, tasks)
}

/// Accepts a connection, and gets to where requests come. Pings first, as a real server may.
async fn greet(listener: &TcpListener) -> BufReader<TcpStream> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let info = json!({"server_id": "S", "client_id": 5, "jetstream": true, "headers": true});
    stream.write_all(format!("INFO {info} \r\nPING\r\n").as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !said.contains(&"PING\r\n".to_owned()) {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "only {said:?}");
        said.push(line);
    }
    assert!(said.iter().any(|line| line.starts_with("CONNECT {")), "{said:?}");
    for subscription in ["SUB _INBOX.S.5.* 1\r\n", "SUB _INBOX.S.5.message.* 2\r\n"] {
        assert!(said.contains(&subscription.to_owned()), "{said:?}");
    }
    stream.write_all(b"PONG\r\n").await.unwrap();
    stream
}

/// Whether the connection is still good for another request.
async fn serve(stream: &mut BufReader<TcpStream>, script: Script) -> bool {
    let mut line = String::new();
    while !line.starts_with("PUB ") {
        line.clear();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return false;
        }
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let mut payload = vec![0; words[3].parse::<usize>().unwrap() + 2];
    stream.read_exact(&mut payload).await.unwrap();
    let reply = words[2];
    let subscription = if reply.contains(".message.") { 2 } else { 1 };
    let body = match script {
        Script::Reset => return false,
        Script::Silence => return std::future::pending().await,
        Script::CutShort => {
            stream
                .write_all(format!("MSG {reply} {subscription} 50\r\n{{\"st").as_bytes())
                .await
                .unwrap();
            return false;
        }
        Script::Err(words) => {
            stream.write_all(format!("-ERR '{words}'\r\n").as_bytes()).await.unwrap();
            return false;
        }
        Script::Status(status) => {
            let answer =
                format!("HMSG {reply} {subscription} 16 16\r\nNATS/1.0 {status}\r\n\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return true;
        }
        Script::Give(body) => {
            assert_eq!(subscription, 2, "nobody asks for a message here");
            let length = body.len();
            let answer =
                format!("MSG perjury 2 $JS.ACK.perjury.perjury.1.2.3 {length}\r\n{body}\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return true;
        }
        Script::Answer(body) => body.to_owned(),
        Script::Refuse(code, 0, words) => {
            json!({"error": {"code": code, "description": words}}).to_string()
        }
        Script::Refuse(code, number, words) => {
            json!({"error": {"code": code, "err_code": number, "description": words}}).to_string()
        }
        Script::CloseIdle | Script::Absent => unreachable!("these never come to a request"),
    };
    let length = body.len();
    // An answer to somebody else comes before: it is nobody's.
    let answer = format!(
        "MSG _INBOX.S.5.x 1 2\r\n{{}}\r\nMSG {reply} {subscription} {length}\r\n{body}\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    true
}

async fn client(usage: Use, address: SocketAddr) -> NatsClient {
    let mut client = NatsConnector::new(usage, 1, 0).open(address).await.unwrap();
    client.connection = client.connection.with_limit(Duration::from_millis(300));
    client
}

/// How the client tells one operation's failure under `script`, in the words of the table.
async fn outcome(script: &'static [Script], op: &Op) -> &'static str {
    let (address, mut server) = play(script).await;
    let usage = if matches!(&*op.f, "add" | "read") { Use::Set } else { Use::Queue };
    let mut client = client(usage, address).await;
    if matches!(script[0], Script::Absent | Script::CloseIdle) {
        if matches!(script[0], Script::Absent) {
            server.abort_all();
        }
        while server.join_next().await.is_some() {}
        // The end of the connection has to arrive; there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    match client.invoke(op).await {
        Ok(value) => panic!("{script:?} was answered with {value}"),
        Err(Failure::Definite(_)) => "definite",
        Err(Failure::Declined(_)) => "declined",
        Err(Failure::NotAsked(_)) => "not asked",
        Err(Failure::Indefinite(_)) => "indefinite",
        Err(Failure::Unexpected(_)) => "unexpected",
    }
}

const PAGE: &str = include_str!("../../errors.md");

#[test]
fn every_row_has_a_script_and_every_script_a_row() {
    assert_every_row_is_played(PAGE, SCRIPTS.iter().map(|(name, _)| *name));
}

#[tokio::test]
async fn each_row_means_what_the_page_says() {
    let table = rows(PAGE);
    let cases = [
        (Op::new("add", json!(1)), 0),
        (Op::new("enqueue", json!(1)), 0),
        (Op::new("read", json!(null)), 1),
    ];
    for (row, script) in SCRIPTS {
        for (op, column) in &cases {
            let got = outcome(std::slice::from_ref(script), op).await;
            assert_eq!(got, table[row][*column], "{row}: {}", op.f);
        }
    }
}

/// What a server does to who asks for a message, and what to who acknowledges one.
const TAKING: &[(&str, &[Script], &[Script])] = &[
    ("reset", &[Script::Reset], &[Script::Give("42"), Script::Reset]),
    ("cut-short", &[Script::CutShort], &[Script::Give("42"), Script::CutShort]),
    ("silence", &[Script::Silence], &[Script::Give("42"), Script::Silence]),
    ("nobody", &[Script::Status(503)], &[Script::Give("42"), Script::Status(503)]),
    ("err", &[Script::Err("Stale Connection")], &[Script::Give("42"), Script::Err("Stale")]),
    ("status", &[Script::Status(409)], &[Script::Give("42"), Script::Status(409)]),
    ("words", &[Script::Answer("hello")], &[Script::Give("42"), Script::Answer("hello")]),
    ("no-element", &[Script::Give("x")], &[Script::Give("x")]),
];

#[tokio::test]
async fn taking_a_message_means_what_the_page_says() {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| *`")?.split(" | ").collect();
        Some((cells[0].trim_end_matches("`*"), (cells[2], cells[3])))
    });
    let rows: BTreeMap<&str, (&str, &str)> = rows.collect();
    assert_eq!(rows.len(), TAKING.len());
    for (row, get, acknowledge) in TAKING {
        let dequeue = Op::new("dequeue", json!(null));
        assert_eq!(outcome(get, &dequeue).await, rows[row].0, "{row}");
        assert_eq!(outcome(acknowledge, &dequeue).await, rows[row].1, "{row}");
    }
}

#[tokio::test]
async fn a_drain_tells_of_what_it_took_unless_one_is_in_doubt() {
    let drain = Op::new("drain", json!(null));
    const ONE: Script = Script::Give("1");
    const DONE: Script = Script::Answer("");
    let (address, _server) = play(&[ONE, DONE, ONE, Script::Status(503)]).await;
    assert_eq!(client(Use::Queue, address).await.invoke(&drain).await, Ok(json!([1])));
    let (address, _server) = play(&[ONE, DONE, Script::Status(404)]).await;
    assert_eq!(client(Use::Queue, address).await.invoke(&drain).await, Ok(json!([1])));
    let (address, _server) = play(&[ONE, DONE, ONE, Script::Reset]).await;
    let failure = client(Use::Queue, address).await.invoke(&drain).await.unwrap_err();
    let Failure::Indefinite(text) = failure else { panic!("{failure:?}") };
    assert!(text.starts_with("after [1]: element 1: "), "{text}");
}

#[tokio::test]
async fn an_empty_queue_is_empty_once_nothing_is_out() {
    let drain = Op::new("drain", json!(null));
    const OUT: Script = Script::Answer("{\"num_ack_pending\":1,\"num_pending\":0}");
    const DONE: Script = Script::Answer("{\"num_ack_pending\":0,\"num_pending\":0}");
    let (address, _server) = play(&[Script::Status(404), OUT, DONE]).await;
    assert_eq!(client(Use::Queue, address).await.invoke(&drain).await, Ok(json!([])));
    assert_eq!(outcome(&[Script::Status(404), OUT], &drain).await, "definite");
}

#[tokio::test]
async fn an_acknowledgement_has_the_stream_s_name_and_a_number() {
    let add = Op::new("add", json!(1));
    for foreign in [
        &[Script::Answer("{\"stream\":\"other\",\"seq\":1}")],
        &[Script::Answer("{\"stream\":\"perjury\",\"seq\":0}")],
        &[Script::Answer("{\"stream\":\"perjury\"}")],
    ] {
        assert_eq!(outcome(foreign, &add).await, "unexpected", "{foreign:?}");
    }
    let (address, _server) = play(&[Script::Answer("{\"stream\":\"perjury\", \"seq\":7}")]).await;
    assert_eq!(client(Use::Set, address).await.invoke(&add).await, Ok(json!(1)));
}

const TWO_MESSAGES: Script = Script::Answer("{\"state\":{\"first_seq\":1,\"last_seq\":2}}");
const ONE: Script = Script::Answer("{\"message\":{\"seq\":1,\"data\":\"NDI=\"}}");

#[tokio::test]
async fn a_read_leaves_out_what_is_not_there_and_nothing_else() {
    let read = Op::new("read", json!(null));
    let gone = &[TWO_MESSAGES, ONE, Script::Refuse(404, 10037, "no message found")];
    let (address, _server) = play(gone).await;
    assert_eq!(client(Use::Set, address).await.invoke(&read).await, Ok(json!([42])));
    for (scripts, wanted) in [
        (&[TWO_MESSAGES, ONE, Script::Refuse(404, 10059, "stream not found")], "definite"),
        (&[TWO_MESSAGES, ONE, Script::Status(503)], "definite"),
        // Number 1 in answer to number 2.
        (&[TWO_MESSAGES, ONE, ONE], "unexpected"),
        (
            &[TWO_MESSAGES, ONE, Script::Answer("{\"message\":{\"seq\":2,\"data\":\"eA==\"}}")],
            "unexpected",
        ),
    ] {
        assert_eq!(outcome(scripts, &read).await, wanted, "{scripts:?}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_replaced_before_the_next_request() {
    let (address, _server) = play(&[Script::Reset]).await;
    let mut client = client(Use::Set, address).await;
    let add = Op::new("add", json!(1));
    for _ in 0..3 {
        // Each goes out on a connection of its own, and none is sent twice.
        assert!(matches!(client.invoke(&add).await, Err(Failure::Indefinite(_))));
    }
}

#[tokio::test]
async fn nobody_to_connect_to_is_an_error_of_connecting() {
    let (address, server) = play(&[Script::Absent]).await;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = NatsConnector::new(Use::Set, 1, 0).open(address).await.unwrap_err();
    assert!(error.starts_with("not sent: "), "{error}");
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let (address, _server) = play(&[Script::Silence]).await;
    for op in [Op::new("add", json!("x")), Op::new("write", json!([1, 2]))] {
        let failure = client(Use::Set, address).await.invoke(&op).await.unwrap_err();
        assert!(matches!(failure, Failure::Definite(_)), "{failure:?}");
    }
}
