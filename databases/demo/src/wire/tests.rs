//! The protocol over a real socket.

use super::{Chunk, Connection, Request, Response, WireError};
use openraft::raft::InstallSnapshotRequest;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

async fn pair() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (near, far) = tokio::join!(Connection::connect(&address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

#[tokio::test]
async fn messages_arrive_one_by_one_however_they_are_cut() {
    let (mut near, mut far) = pair().await;
    let sending = tokio::spawn(async move {
        for piece in [r#""sta"#, "tus\"\n\"stat", "us\"\n"] {
            far.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    assert!(matches!(near.receive().await, Ok(Some(Request::Status))));
    assert!(matches!(near.receive().await, Ok(Some(Request::Status))));
    sending.await.unwrap();
    assert!(matches!(near.receive::<Request>().await, Ok(None)), "closed between messages");
}

#[tokio::test]
async fn a_message_that_breaks_off_is_an_error() {
    let (mut near, mut far) = pair().await;
    far.write_all(br#""stat"#).await.unwrap();
    drop(far);
    let error = near.receive::<Request>().await.unwrap_err();
    assert!(error.to_string().contains("closed within a message"), "{error}");
}

#[tokio::test]
async fn nonsense_is_told_apart_from_a_broken_connection() {
    let (mut near, mut far) = pair().await;
    far.write_all(b"{\"what\":1}\n").await.unwrap();
    let error = near.receive::<Response>().await.unwrap_err();
    assert!(matches!(error, WireError::Undecodable(_)), "{error}");
}

#[tokio::test]
async fn an_idle_connection_is_stale_once_the_other_side_has_closed_it() {
    let (near, far) = pair().await;
    assert!(!near.is_stale());
    drop(far);
    near.stream.get_ref().readable().await.unwrap();
    assert!(near.is_stale());
}

#[test]
fn a_chunk_keeps_every_byte() {
    let data: Vec<u8> = (0..=255).collect();
    let request = InstallSnapshotRequest {
        vote: openraft::Vote::new(1, 2),
        meta: openraft::SnapshotMeta::default(),
        offset: 17,
        data,
        done: true,
    };
    let text = serde_json::to_string(&Chunk::from(request.clone())).unwrap();
    let chunk: Chunk = serde_json::from_str(&text).unwrap();
    assert_eq!(InstallSnapshotRequest::try_from(chunk).unwrap(), request);
}
