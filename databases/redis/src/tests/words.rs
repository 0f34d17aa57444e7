//! The words on which the table of errors rests, from Redis itself.

use super::servers::{READY_LIMIT, Servers, ask};
use crate::failure::is_definite;
use perjury_wire::WireError;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Panics unless `words` are refused as `code`, and that means what the table says.
async fn refused(server: SocketAddr, words: &[&str], code: &str, definitely: bool) {
    match ask(server, words).await {
        Err(WireError::Refused { code: got, text }) => {
            assert_eq!(got, code, "{words:?}: {text}");
            assert_eq!(is_definite(&got, &text), definitely, "{got} {text}");
        }
        other => panic!("{words:?}: {other:?}"),
    }
}

async fn done(server: SocketAddr, words: &[&str]) {
    if let Err(error) = ask(server, words).await {
        panic!("{words:?}: {error}");
    }
}

#[tokio::test]
async fn one_server_says_why_it_does_not() {
    let Some(servers) = Servers::start(1, &[]).await else { return };
    let server = servers.address(0);
    done(server, &["SET", "text", "x"]).await;
    refused(server, &["RPUSH", "text", "1"], "WRONGTYPE", true).await;
    refused(server, &["INCRBY", "text", "1"], "ERR", true).await;
    refused(server, &["SET", "text"], "ERR", true).await;
    refused(server, &["NOSUCH", "text"], "ERR", true).await;
    refused(server, &["SET", "text", "1", "KX"], "ERR", false).await;
    let script = "return redis.call('SET', KEYS[1], '1')";
    done(server, &["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    refused(server, &["SET", "text", "y"], "NOREPLICAS", true).await;
    refused(server, &["EVAL", script, "1", "text"], "NOREPLICAS", true).await;
    done(server, &["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
    done(server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    refused(server, &["SET", "text", "y"], "OOM", true).await;
    refused(server, &["EVAL", script, "1", "text"], "OOM", true).await;
    done(server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    done(server, &["ACL", "SETUSER", "default", "-set"]).await;
    refused(server, &["SET", "text", "y"], "NOPERM", true).await;
    done(server, &["ACL", "SETUSER", "default", "+set"]).await;
    assert_eq!(ask(server, &["GET", "text"]).await.unwrap(), "Bulk(b\"x\")", "all did nothing");
}

#[tokio::test]
async fn a_server_that_is_busy_or_full_says_so() {
    let Some(servers) = Servers::start(1, &["--lua-time-limit", "10"]).await else { return };
    let server = servers.address(0);
    let endless =
        tokio::spawn(async move { ask(server, &["EVAL", "while true do end", "0"]).await });
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < READY_LIMIT, "never busy");
        // PING is refused, too, so a client does not even get in.
        match ask(server, &["SET", "text", "y"]).await {
            Err(WireError::NotSent(text)) if text.starts_with("logging in: BUSY") => break,
            Err(error) => panic!("{error}"),
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    endless.abort();
    drop(servers);
    let Some(servers) = Servers::start(1, &["--maxclients", "1"]).await else { return };
    let server = servers.address(0);
    let _first = tokio::net::TcpStream::connect(server).await.unwrap();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < READY_LIMIT, "never full");
        match ask(server, &["PING"]).await {
            Err(WireError::NotSent(text)) if text.contains("max number of clients") => break,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let Some(servers) = Servers::start(1, &[]).await else { return };
    let server = servers.address(0);
    done(server, &["CONFIG", "SET", "requirepass", "secret"]).await;
    let error = ask(server, &["GET", "text"]).await.unwrap_err();
    assert_eq!(error.to_string(), "not sent: logging in: NOAUTH: Authentication required.");
    for (password, wanted) in [("secret", true), ("wrong", false)] {
        let settings = super::settings(servers.port, &[("password", password)]);
        let opened = super::connector("set", settings).open(servers.addresses[0]).await;
        match opened {
            Ok(_) => assert!(wanted),
            Err(error) => assert!(!wanted && error.contains("WRONGPASS"), "{error}"),
        }
    }
}

#[tokio::test]
async fn replicas_and_demoted_masters_say_so() {
    let Some(servers) = Servers::start(2, &[]).await else { return };
    let (master, replica) = (servers.address(0), servers.address(1));
    // Somebody waits for replicas that there are not, while the server becomes a replica itself.
    let waiting = tokio::spawn(async move { ask(master, &["WAIT", "5", "0"]).await });
    let began = Instant::now();
    while !ask(master, &["CLIENT", "LIST"]).await.unwrap().contains("cmd=wait") {
        assert!(began.elapsed() < READY_LIMIT, "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (host, port) = (servers.addresses[1].to_string(), servers.port.to_string());
    done(master, &["REPLICAOF", &host, &port]).await;
    match waiting.await.unwrap() {
        Err(WireError::Refused { code, text }) => {
            assert_eq!((&*code, is_definite(&code, &text)), ("UNBLOCKED", false));
        }
        other => panic!("{other:?}"),
    }
    refused(master, &["SET", "text", "y"], "READONLY", true).await;
    let script = "return redis.call('SET', KEYS[1], '1')";
    refused(master, &["EVAL", script, "1", "text"], "READONLY", true).await;
    done(master, &["CONFIG", "SET", "replica-serve-stale-data", "no"]).await;
    done(master, &["REPLICAOF", &host, "1"]).await;
    let error = ask(master, &["GET", "text"]).await.unwrap_err();
    assert!(error.to_string().starts_with("not sent: logging in: MASTERDOWN"), "{error}");
    done(replica, &["SET", "text", "y"]).await;
}

#[tokio::test]
async fn a_cluster_says_who_has_what() {
    let Some(servers) = Servers::start(3, &["--cluster-enabled", "yes"]).await else { return };
    refused(servers.address(0), &["SET", "text", "y"], "CLUSTERDOWN", true).await;
    servers.join();
    let made = super::connector("set", super::settings(servers.port, &[("mode", "cluster")]));
    made.make_ready(&servers.addresses).await.unwrap();
    let first = servers.address(0);
    // Slots 11058 and 2515: the third has the one, the first the other.
    refused(first, &["SET", "somekey", "y"], "MOVED", true).await;
    done(first, &["SET", "foo{hash_tag}", "y"]).await;
    refused(first, &["MSET", "somekey", "1", "foo{hash_tag}", "2"], "CROSSSLOT", true).await;
}
