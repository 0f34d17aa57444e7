//! Tests of programs as clients: good ones, and each way in which one can be bad.

use super::*;
use serde_json::json;
use tokio::time::timeout;

const GREETING: &str = r#"read -r hello; echo '{"type":"hello","protocol":1}'"#;

async fn open(script: &str) -> Result<ExternalClient, String> {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned);
    let opened = ExternalClient::open(&argv, None, &json!({"type": "hello", "protocol": 1})).await;
    opened.map(|(client, _)| client)
}

/// A client that answers its first operation with what `answer` prints.
async fn answering(answer: &str) -> ExternalClient {
    open(&format!("{GREETING}; read -r op; {answer}")).await.unwrap()
}

async fn ask(answer: &str) -> Result<Value, Failure> {
    let mut client = answering(answer).await;
    let op = Op::new("read", json!([1, null]));
    timeout(Duration::from_secs(5), client.invoke(&op)).await.expect("it answers or ends")
}

#[tokio::test]
async fn the_three_words_mean_what_they_say() {
    assert_eq!(ask(r#"echo '{"id":1,"type":"ok","value":[1,7]}'"#).await, Ok(json!([1, 7])));
    assert_eq!(ask(r#"echo '{"id":1,"type":"ok","value":null}'"#).await, Ok(Value::Null));
    assert_eq!(ask(r#"echo '{"id":1,"type":"ok"}'"#).await, Ok(json!([1, null])));
    let no = ask(r#"echo '{"id":1,"type":"fail","error":"no"}'"#).await;
    assert_eq!(no, Err(Failure::Definite("no".to_owned())));
    let no = ask(r#"echo '{"id":1,"type":"fail","error":"held","declined":true}'"#).await;
    assert_eq!(no, Err(Failure::Declined("held".to_owned())));
    let no = ask(r#"echo '{"id":1,"type":"fail","error":"not held","asked":false}'"#).await;
    assert_eq!(no, Err(Failure::NotAsked("not held".to_owned())));
    let perhaps = ask(r#"echo '{"id":1,"type":"info","error":"lost"}'"#).await;
    assert_eq!(perhaps, Err(Failure::Indefinite("lost".to_owned())));
}

#[tokio::test]
async fn an_answer_to_an_earlier_operation_is_skipped() {
    let late = r#"echo '{"id":0,"type":"fail"}'; echo '{"id":1,"type":"ok","value":3}'"#;
    assert_eq!(ask(late).await, Ok(json!(3)));
}

#[tokio::test]
async fn what_cannot_be_understood_is_marked() {
    for answer in [
        "echo nonsense",
        "echo 7",
        r#"echo '{"id":1}'"#,
        r#"echo '{"id":1,"type":"maybe"}'"#,
        r#"echo '{"id":9,"type":"ok"}'"#,
        r#"echo '{"type":"ok","value":1}'"#,
    ] {
        let failure = ask(answer).await.unwrap_err();
        assert!(matches!(failure, Failure::Unexpected(_)), "{answer}: {failure:?}");
    }
}

#[tokio::test]
async fn a_crash_is_indefinite_and_tells_what_was_said() {
    let failure = ask("echo 'out of luck' >&2; sleep 0.1; exit 3").await.unwrap_err();
    let Failure::Indefinite(text) = failure else { panic!("{failure:?}") };
    assert!(text.contains("exit status: 3") && text.contains("out of luck"), "{text}");
    let cut = ask(r#"printf '{"id":1,"ty'"#).await.unwrap_err();
    assert!(matches!(cut, Failure::Indefinite(_)), "{cut:?}");
}

#[tokio::test]
async fn a_program_that_does_not_greet_is_refused() {
    let rows = [
        ("read -r hello; echo hi", "no JSON"),
        (r#"read -r hello; echo '{"type":"ok"}'"#, "has to begin with"),
        (r#"read -r hello; echo '{"type":"hello","protocol":2}'"#, "version 2"),
        ("echo 'no module named x' >&2; exit 1", "no module named x"),
        ("exit 0", "the program ended"),
    ];
    for (script, expected) in rows {
        let error = open(script).await.map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{script}: {error}");
    }
    let argv = ["/no/such/program".to_owned()];
    let absent = ExternalClient::open(&argv, None, &json!({})).await.map(|_| ()).unwrap_err();
    assert!(absent.contains("cannot be started"), "{absent}");
}

#[tokio::test]
async fn it_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ended");
    let script = format!("{GREETING}; while read -r op; do :; done; touch {}", mark.display());
    let client = open(&script).await.unwrap();
    Client::close(client).await;
    assert!(mark.exists());
    let stubborn = open(&format!("{GREETING}; exec sleep 60")).await.unwrap();
    let began = std::time::Instant::now();
    Client::close(stubborn).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_is_asserted_is_read_and_what_is_no_assertion_is_marked() {
    let asserts = r#"[{"kind":"always","name":"x","holds":false,"details":[1]}]"#;
    let answer = format!(r#"echo '{{"id":1,"type":"ok","asserts":{asserts}}}'"#);
    let mut client = answering(&answer).await;
    let answer = client.ask(&Op::new("read", Value::Null)).await.unwrap();
    assert_eq!(answer.asserts.len(), 1);
    assert_eq!((answer.asserts[0].holds, &answer.asserts[0].details), (false, &json!([1])));
    let wrong = r#"echo '{"id":1,"type":"ok","asserts":[{"kind":"maybe","name":"x"}]}'"#;
    assert!(matches!(ask(wrong).await, Err(Failure::Unexpected(_))));
}
