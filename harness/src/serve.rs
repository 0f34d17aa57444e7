//! `perjury serve`: the store as web pages, for reading only.
//!
//! ```text
//! request -> door (method, host, path) -> route -> page, file or data -> headers
//! ```
//!
//! Nothing outside of the store can be had, and nothing in it can be changed. What tests wrote is
//! text of strangers: it is escaped, and no page may run or load anything but its own script.

mod address;
mod archive;
mod data;
mod door;
mod entry;
mod files;
mod index;
mod live;
mod pages;
mod query;
mod reply;
mod route;
mod sink;
#[cfg(test)]
mod tests;

use crate::Registry;
use crate::exit::HarnessFailure;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

/// What every answer is made of.
struct Site {
    /// The store's folder, without links in its path.
    root: PathBuf,
    registry: Registry,
    /// Where it listens.
    address: IpAddr,
    index: index::Index,
    live: live::Book,
}

/// A store that is being served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
}

impl Server {
    /// Begins to listen at `address`; port 0 is any free one.
    ///
    /// # Errors
    /// When the store cannot be read, or the port cannot be had; the text says what to do.
    pub async fn open(
        store: &Path,
        registry: Registry,
        address: SocketAddr,
    ) -> Result<Self, HarnessFailure> {
        let root = std::fs::canonicalize(store).map_err(|error| {
            let text = format!("{}: {error}; name another store with --store", store.display());
            HarnessFailure::new("opening the store", text)
        })?;
        let failed = |error: std::io::Error| listen_failure(address, &error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let site = Site {
            root,
            registry,
            address: address.ip(),
            index: index::Index::default(),
            live: live::Book::default(),
        };
        Ok(Self { listener, address, site: Arc::new(site) })
    }

    /// The page to open: `http://127.0.0.1:8080/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers requests until `end`.
    ///
    /// # Errors
    /// When no connection can be taken any more.
    pub async fn run(self, end: impl Future<Output = ()>) -> Result<(), HarnessFailure> {
        let app = Router::new().fallback(answer).with_state(self.site);
        tokio::select! {
            served = axum::serve(self.listener, app) => {
                served.map_err(|error| HarnessFailure::new("serving", error))
            }
            () = end => Ok(()),
        }
    }
}

fn listen_failure(address: SocketAddr, error: &std::io::Error) -> HarnessFailure {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program has this port: choose another with --port, or any free one with \
             --port 0"
        }
        ErrorKind::PermissionDenied => "this user may not take it: choose a --port above 1023",
        ErrorKind::AddrNotAvailable => "this machine does not have that address: check --bind",
        _ => "choose another --bind or --port",
    };
    HarnessFailure::new("serving", format!("{address}: {error}; {advice}"))
}

/// One request. Reading files may take long, so that it is not done among other requests' work.
async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let is_head = request.method() == axum::http::Method::HEAD;
    let asked = door::admit(&request, site.address);
    let work = move || match asked {
        Ok(ask) => route::answer(&site, &ask).unwrap_or_else(|refusal| refusal.page()),
        Err(refusal) => refusal.page(),
    };
    // A panic is a bug of ours: it ends this answer, and no other.
    let answered = tokio::task::spawn_blocking(work).await;
    let response = answered.unwrap_or_else(|_| reply::Refusal::bug().page());
    reply::finish(response, is_head)
}
