//! The overhead of a client that is a child process, for each operation, beside one in this process.
//!
//! The child is this program itself, called with `--echo`, and after that one in Python. Neither
//! asks a database, so that what is measured is the conversation.

#![expect(clippy::print_stdout, reason = "a benchmark's output")]

use perjury_harness::client::DynClient;
use perjury_harness::client::external::ExternalClient;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

/// Operations in a batch; the best batch counts, since others share the processors.
const BATCH: u32 = 5_000;
const BATCHES: u32 = 12;
/// The most that an operation may cost.
const LIMIT: Duration = Duration::from_micros(60);

const PYTHON: &str = r#"
import json, sys
sys.stdin.readline()
print('{"type":"hello","protocol":1}', flush=True)
for line in sys.stdin:
    op = json.loads(line)
    print(json.dumps({"id": op["id"], "type": "ok", "value": op["value"]}), flush=True)
"#;

/// Answers in no time.
struct Here;

impl Client for Here {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        Ok(op.value.clone())
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--echo") {
        return echo();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(compare());
}

/// The child: as quick as a program can be.
fn echo() {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut line = String::new();
    let mut say = |value: Value| {
        let text = format!("{value}\n");
        output.write_all(text.as_bytes()).and_then(|()| output.flush()).expect("a reader");
    };
    input.read_line(&mut line).expect("a hello");
    say(json!({"type": "hello", "protocol": 1}));
    loop {
        line.clear();
        if input.read_line(&mut line).expect("a line") == 0 {
            return;
        }
        let mut op: Value = serde_json::from_str(&line).expect("an operation");
        say(json!({"id": op["id"].take(), "type": "ok", "value": op["value"].take()}));
    }
}

async fn compare() {
    let here = measure(Box::new(Here)).await;
    let this = std::env::current_exe().expect("this program").display().to_string();
    let own = open(&[this, "--echo".to_owned()]).await.expect("this program greets");
    let own = measure(Box::new(own)).await;
    println!("an operation of an in-process client:        {:8.2} us", micros(here));
    println!("of a compiled program:                       {:8.2} us", micros(own));
    let python = ["python3", "-c", PYTHON].map(str::to_owned);
    match open(&python).await {
        Err(error) => println!("of one in Python: not measured: {error}"),
        Ok(client) => {
            let python = measure(Box::new(client)).await;
            println!("of one in Python:                            {:8.2} us", micros(python));
            println!("Python, to the compiled one:                 {:8.2}", ratio(python, own));
        }
    }
    let overhead = own.saturating_sub(here);
    println!("overhead of a child process:                 {:8.2} us", micros(overhead));
    println!("overhead, to the limit of {LIMIT:?}:              {:8.2}", ratio(overhead, LIMIT));
    if overhead > LIMIT {
        eprintln!("an external client costs more than {LIMIT:?} an operation");
        std::process::exit(1);
    }
}

async fn open(argv: &[String]) -> Result<ExternalClient, String> {
    ExternalClient::open(argv, None, &json!({"type": "hello"})).await.map(|(client, _)| client)
}

/// Time of one operation, in the best batch. Runs as workers do: in a task of its own.
async fn measure(mut client: Box<dyn DynClient>) -> Duration {
    let task = tokio::spawn(async move {
        let mut best = Duration::MAX;
        for batch in 0..BATCHES {
            let began = Instant::now();
            for number in 0..BATCH {
                let op = Op::new("write", json!([batch, number]));
                let value = client.invoke(&op).await.expect("an answer");
                assert_eq!(value, op.value);
            }
            best = best.min(began.elapsed() / BATCH);
        }
        client.close().await;
        best
    });
    task.await.expect("no panic")
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64()
}
