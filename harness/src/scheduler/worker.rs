//! Workers: tasks that call one client, or the nemesis, and report each outcome.

use super::clients::{NemesisAnswer, NemesisHandler, OpenClient};
use super::{FAREWELL, Task};
use crate::Op;
use crate::client::{DynClient, Failure};
use futures::FutureExt;
use perjury_checkers::history::{DECLINED, NOT_ASKED};
use serde_json::Value;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How a call ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Ok(Value),
    Definite(String),
    Indefinite(String),
    Unexpected(String),
    TimedOut(String),
    Panicked(String),
    /// Nothing was sent: there was no connection.
    NoClient(String),
    /// Nothing was sent: connecting panicked.
    ConnectPanicked(String),
    Nemesis(NemesisAnswer),
    /// It panicked or took too long.
    NemesisFailed(String),
}

/// An outcome on its way to the scheduler.
pub(super) struct Report {
    /// Position of the worker's slot.
    pub(super) slot: usize,
    pub(super) generation: u64,
    pub(super) outcome: Outcome,
}

/// Where a worker's reports go.
pub(super) struct Reporter {
    pub(super) slot: usize,
    pub(super) generation: u64,
    pub(super) to: mpsc::UnboundedSender<Report>,
}

impl Reporter {
    /// False when nobody listens any more.
    fn report(&self, outcome: Outcome) -> bool {
        let (slot, generation) = (self.slot, self.generation);
        self.to.send(Report { slot, generation, outcome }).is_ok()
    }
}

/// Held by a worker until it has tried to connect for the first time; nothing is ever sent.
pub(super) type Connecting = mpsc::Sender<std::convert::Infallible>;

/// Starts a task that performs operations with clients of worker `slot`, until the channel that
/// it returns is closed.
pub(super) fn spawn_client(
    clients: Arc<dyn OpenClient>,
    reporter: Reporter,
    timeout: Duration,
    connecting: Option<Connecting>,
) -> Task {
    let (ops, mut asked) = mpsc::unbounded_channel::<Arc<Op>>();
    let handle = tokio::spawn(async move {
        let mut client = connect_early(&*clients, &reporter, timeout, &mut asked).await;
        drop(connecting);
        while let Some(op) = asked.recv().await {
            let outcome = perform(&mut client, &*clients, reporter.slot, &op, timeout).await;
            // The scheduler says when to try again where there was no connection.
            let lost = client.is_none() && !matches!(outcome, Outcome::NoClient(_));
            if !reporter.report(outcome) {
                break;
            }
            if lost {
                client = connect_early(&*clients, &reporter, timeout, &mut asked).await;
            }
        }
        if let Some(client) = client {
            let goodbye = AssertUnwindSafe(async { client.close().await }).catch_unwind();
            let _ = tokio::time::timeout(FAREWELL / 2, goodbye).await;
        }
    });
    Task { ops, handle }
}

/// Connects while nobody waits for it: what that costs is no part of any call. An operation that came
/// meanwhile has waited long enough if there is no connection, and is told so.
async fn connect_early(
    clients: &dyn OpenClient,
    reporter: &Reporter,
    timeout: Duration,
    asked: &mut mpsc::UnboundedReceiver<Arc<Op>>,
) -> Option<Box<dyn DynClient>> {
    match connect(clients, reporter.slot, timeout).await {
        Ok(client) => Some(client),
        Err(outcome) => {
            if asked.try_recv().is_ok() {
                reporter.report(outcome);
            }
            None
        }
    }
}

/// One operation. The client is kept only if its connection is still good: after an `ok` or a
/// definite failure.
async fn perform(
    client: &mut Option<Box<dyn DynClient>>,
    clients: &dyn OpenClient,
    worker: usize,
    op: &Op,
    timeout: Duration,
) -> Outcome {
    if op.is_crash() {
        client.take().into_iter().for_each(discard);
        return Outcome::Indefinite("the client ended, as it was asked to".to_owned());
    }
    let mut connection = match client.take() {
        Some(connection) => connection,
        None => match connect(clients, worker, timeout).await {
            Ok(connection) => connection,
            Err(outcome) => return outcome,
        },
    };
    let call = AssertUnwindSafe(async { connection.invoke(op).await }).catch_unwind();
    let outcome = match tokio::time::timeout(timeout, call).await {
        Err(_) => Outcome::TimedOut(format!("timed out after {timeout:?}")),
        Ok(Err(panic)) => Outcome::Panicked(format!("client panicked: {}", message(&*panic))),
        Ok(Ok(Ok(value))) => Outcome::Ok(value),
        Ok(Ok(Err(Failure::Definite(error)))) => Outcome::Definite(error),
        Ok(Ok(Err(Failure::Declined(error)))) => Outcome::Definite(format!("{DECLINED} {error}")),
        Ok(Ok(Err(Failure::NotAsked(error)))) => Outcome::Definite(format!("{NOT_ASKED} {error}")),
        Ok(Ok(Err(Failure::Indefinite(error)))) => Outcome::Indefinite(error),
        Ok(Ok(Err(Failure::Unexpected(error)))) => {
            Outcome::Unexpected(format!("unexpected: {error}"))
        }
    };
    if matches!(outcome, Outcome::Ok(_) | Outcome::Definite(_)) {
        *client = Some(connection);
    } else {
        discard(connection);
    }
    outcome
}

async fn connect(
    clients: &dyn OpenClient,
    worker: usize,
    timeout: Duration,
) -> Result<Box<dyn DynClient>, Outcome> {
    let opening = AssertUnwindSafe(async { clients.open(worker).await }).catch_unwind();
    match tokio::time::timeout(timeout, opening).await {
        Ok(Ok(Ok(client))) => Ok(client),
        Ok(Ok(Err(error))) => Err(Outcome::NoClient(format!("no client: {error}"))),
        Ok(Err(panic)) => {
            let text = format!("no client: connecting panicked: {}", message(&*panic));
            Err(Outcome::ConnectPanicked(text))
        }
        Err(_) => {
            let text = format!("no client: connecting timed out after {timeout:?}");
            Err(Outcome::NoClient(text))
        }
    }
}

/// Drops a client whose connection is not to be used again; that may panic, too.
fn discard(client: Box<dyn DynClient>) {
    if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(client))) {
        tracing::error!("a client panicked while it was dropped: {}", message(&*panic));
    }
}

/// Starts the task that performs the nemesis's operations.
pub(super) fn spawn_nemesis(
    handler: Arc<dyn NemesisHandler>,
    reporter: Reporter,
    timeout: Duration,
) -> Task {
    let (ops, mut asked) = mpsc::unbounded_channel::<Arc<Op>>();
    let handle = tokio::spawn(async move {
        while let Some(op) = asked.recv().await {
            let call = AssertUnwindSafe(async { handler.invoke(&op).await }).catch_unwind();
            let outcome = match tokio::time::timeout(timeout, call).await {
                Ok(Ok(answer)) => Outcome::Nemesis(answer),
                Ok(Err(panic)) => {
                    Outcome::NemesisFailed(format!("nemesis panicked: {}", message(&*panic)))
                }
                Err(_) => Outcome::NemesisFailed(format!("timed out after {timeout:?}")),
            };
            if !reporter.report(outcome) {
                break;
            }
        }
    });
    Task { ops, handle }
}

/// Lets a worker end by itself, for [`FAREWELL`] at the most.
pub(super) async fn farewell(mut task: Task) {
    // Closing the channel is what tells it to end.
    let (closed, _) = mpsc::unbounded_channel();
    task.ops = closed;
    let _ = tokio::time::timeout(FAREWELL, &mut task.handle).await;
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "(no message)"
    }
}
