//! Tests of readiness against servers on loopback.

use super::*;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_millis(500);

/// Answers every connection with `answer`, and with silence when there is none.
async fn serve(listen: &str, answer: Option<&'static str>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let Some(answer) = answer else {
                silent.push(stream);
                continue;
            };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, tasks)
}

fn http(address: SocketAddr, contains: Option<&str>) -> Question {
    Question::Http { url: format!("http://{address}/health"), contains: contains.map(Into::into) }
}

const HEALTHY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"health\":\"true\"}";
const SICK: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\nno leader";

#[tokio::test]
async fn a_healthy_answer_is_ready() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let (address, _server) = serve(listen, Some(HEALTHY)).await;
        assert_eq!(ask(&http(address, None), LIMIT).await, Ok(()));
        assert_eq!(ask(&http(address, Some("\"health\":\"true\"")), LIMIT).await, Ok(()));
    }
}

#[tokio::test]
async fn other_answers_are_told() {
    let (address, _server) = serve("127.0.0.1:0", Some(HEALTHY)).await;
    let error = ask(&http(address, Some("leader")), LIMIT).await.unwrap_err();
    assert!(error.contains("which has no \"leader\" in it"), "{error}");
    let (address, _server) = serve("127.0.0.1:0", Some(SICK)).await;
    let error = ask(&http(address, None), LIMIT).await.unwrap_err();
    assert_eq!(error, format!("GET http://{address}/health answered 503 no leader"));
    let (address, _server) = serve("127.0.0.1:0", Some("not HTTP at all\r\n\r\n")).await;
    assert!(ask(&http(address, None), LIMIT).await.is_err());
}

#[tokio::test]
async fn silence_ends_in_time() {
    let (address, _server) = serve("127.0.0.1:0", None).await;
    let error = ask(&http(address, None), LIMIT).await.unwrap_err();
    assert_eq!(error, format!("http://{address}/health gave no answer within 500 ms"));
}

#[tokio::test]
async fn a_port_is_open_or_not() {
    let (address, server) = serve("127.0.0.1:0", None).await;
    assert_eq!(ask(&Question::Tcp(address.to_string()), LIMIT).await, Ok(()));
    drop(server);
    // The listener is closed once its task is; the port is nobody's then.
    for _ in 0..100 {
        if ask(&Question::Tcp(address.to_string()), LIMIT).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let error = ask(&Question::Tcp(address.to_string()), LIMIT).await.unwrap_err();
    assert!(error.starts_with(&format!("no connection to {address}")), "{error}");
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    const ENDLESS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n";
    let (address, _server) = serve("127.0.0.1:0", Some(ENDLESS)).await;
    assert!(ask(&http(address, None), LIMIT).await.is_err());
}
