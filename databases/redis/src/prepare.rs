//! Before the first client: servers that agree on who is who, and accounts with money on them.

use crate::bank::{self, Opening};
use crate::protocol::{Reply, command};
use crate::route::Route;
use crate::session::{Login, Resp};
use crate::settings::{Mode, Settings};
use perjury_wire::Connection;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until every Sentinel knows the same master, all its replicas and all other Sentinels, or
/// until every node of a cluster knows the others and finds the cluster well. A run that begins
/// before that tests how Redis is set up.
pub(crate) async fn wait_for_agreement(
    settings: &Settings,
    addresses: &[IpAddr],
) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let disagreement = match settings.mode {
            Mode::Direct => return Ok(()),
            Mode::Sentinel => sentinels(settings, addresses).await,
            Mode::Cluster => cluster(settings, addresses).await,
        };
        match disagreement {
            Ok(()) => return Ok(()),
            Err(text) if began.elapsed() > LIMIT => {
                return Err(format!("{text}, {} s after the start", LIMIT.as_secs()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// One question to one server.
async fn question(server: SocketAddr, login: Login, words: &[&str]) -> Result<Reply, String> {
    let asked = command(words);
    let ask = async {
        let mut connection = Connection::<Resp>::open(server, login).await?;
        connection.exchange(|session| Box::pin(async move { session.single(&asked).await })).await
    };
    match tokio::time::timeout(Duration::from_secs(2), ask).await {
        Ok(answer) => answer.map_err(|error| format!("{server}: {error}")),
        Err(_) => Err(format!("{server} did not answer {}", words.join(" "))),
    }
}

async fn sentinels(settings: &Settings, addresses: &[IpAddr]) -> Result<(), String> {
    let mut master = None;
    for address in addresses {
        let server = SocketAddr::new(*address, settings.sentinel);
        let words = ["SENTINEL", "MASTER", &*settings.master];
        let fields = fields(&question(server, Login::default(), &words).await?);
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let others = (addresses.len() - 1).to_string();
        let told = format!("{}:{}", field("ip"), field("port"));
        if field("flags") != "master" {
            let flags = field("flags");
            return Err(format!("the Sentinel of {server} finds the master {told} to be {flags}"));
        }
        for (name, what) in [("num-slaves", "replicas"), ("num-other-sentinels", "Sentinels")] {
            if field(name) != others {
                let found = field(name);
                return Err(format!("the Sentinel of {server} knows {found} other {what}"));
            }
        }
        if *master.get_or_insert_with(|| told.clone()) != told {
            return Err(format!("the Sentinel of {server} has another master, {told}"));
        }
    }
    Ok(())
}

/// Names and values in turn.
fn fields(reply: &Reply) -> BTreeMap<String, String> {
    let Reply::Array(parts) = reply else { return BTreeMap::new() };
    let text = |reply: &Reply| match reply {
        Reply::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    parts.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

async fn cluster(settings: &Settings, addresses: &[IpAddr]) -> Result<(), String> {
    for address in addresses {
        let server = SocketAddr::new(*address, settings.port);
        let login = Login { password: settings.password.clone(), master: false };
        let Reply::Bulk(text) = question(server, login, &["CLUSTER", "INFO"]).await? else {
            return Err(format!("{server} says nothing of its cluster"));
        };
        let text = String::from_utf8_lossy(&text);
        let known = format!("cluster_known_nodes:{}", addresses.len());
        for wanted in ["cluster_state:ok", &*known] {
            if !text.lines().any(|line| line == wanted) {
                return Err(format!("{server} does not say `{wanted}`"));
            }
        }
    }
    Ok(())
}

/// Makes the accounts, through whichever node takes the write.
pub(crate) async fn open_accounts(
    settings: &Arc<Settings>,
    addresses: &[IpAddr],
    opening: &Opening,
) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let mut last = "there are no nodes".to_owned();
        for address in addresses {
            // Trying again is harmless: what is there already stays as it is.
            match bank::open(&mut Route::new(Arc::clone(settings), *address), opening).await {
                Ok(()) => return Ok(()),
                Err(failure) => {
                    last = format!("making accounts through {address}: {}", failure.text());
                }
            }
        }
        if began.elapsed() > LIMIT {
            return Err(last);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
