//! Gossip: data that each node answers alone, and that nodes pass on until all have all of it.
//!
//! The rest of the database agrees before it answers; this part answers first. An update is made on the
//! node that is asked, is on its disk before it is acknowledged, and is pushed to the others at once
//! and without any promise. Several times a second each node asks every other one for what it
//! has not seen, which repairs whatever was missed. Updates are applied in an order in which none comes
//! before one that its maker had seen; so data that merges (`data.rs`) is the same on all nodes
//! that have seen the same.

mod core;
mod data;
mod exchange;
mod rules;

pub use data::{Answer, Local, Seen, Update};
pub use exchange::{Exchange, Exchanged};
pub(crate) use rules::Rules;

use self::core::{Core, Refused};
use crate::log::{Durability, Writer, frame, unframe};
use crate::wire::Refusal;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// This node's part.
#[derive(Clone, Debug)]
pub(crate) struct Gossip {
    core: Arc<Mutex<Core>>,
    writer: Writer,
    rules: Rules,
    /// How many updates there are, for those who push them.
    grown: watch::Sender<usize>,
}

impl Gossip {
    /// Opens the file at `path`, or begins one.
    pub(crate) fn open(
        path: &Path,
        id: u64,
        durability: Durability,
        rules: Rules,
    ) -> io::Result<Self> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let (updates, good): (Vec<Update>, usize) = unframe(&bytes)?;
        let writer = Writer::start(path, good as u64, durability)?;
        let mut core = Core::new(origin(id, &updates), rules);
        let fresh = updates.is_empty();
        for update in updates {
            core.apply(Arc::new(update));
        }
        let born = fresh.then(|| core.birth());
        let (grown, _) = watch::channel(core.len());
        let gossip = Self { core: Arc::new(Mutex::new(core)), writer, rules, grown };
        // It is in the file before all else, so that this node knows again who it is.
        drop(born.map(|born| gossip.write(vec![Arc::new(born)])));
        Ok(gossip)
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        // No code panics while it holds the lock half-way through a change.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a client, from what this node has.
    pub(crate) async fn execute(&self, command: &Local) -> Result<Answer, Refusal> {
        command.check().map_err(Refusal::never)?;
        let (answer, written) = {
            let mut core = self.core();
            if let Some(answer) = core.read(command) {
                return Ok(answer);
            }
            let (update, answer) = match core.draft(command) {
                Ok(drafted) => drafted,
                Err(Refused(why)) => return Err(Refusal::never(why)),
            };
            let update = Arc::new(update);
            // Under the lock, so that the file has the order of the numbers.
            (answer, self.write(vec![update]))
        };
        match written.await {
            Ok(Ok(())) => Ok(answer),
            Ok(Err(error)) => Err(Refusal::unknown(format!("it may be on the disk: {error}"))),
            Err(_) => Err(Refusal::unknown("the writer has ended")),
        }
    }

    /// Takes in what another node has sent, once it is on the disk.
    async fn absorb(&self, updates: Vec<Update>) {
        let written = {
            let core = self.core();
            let updates = core.acceptable(updates);
            (!updates.is_empty()).then(|| self.write(updates))
        };
        if let Some(written) = written {
            // A node that cannot write says so to its clients.
            drop(written.await);
        }
    }

    /// Puts updates on the disk, and applies them as soon as they are there.
    fn write(&self, updates: Vec<Arc<Update>>) -> oneshot::Receiver<io::Result<()>> {
        let (done, written) = oneshot::channel();
        let mut bytes = Vec::new();
        if let Err(error) = updates.iter().try_for_each(|update| frame(&**update, &mut bytes)) {
            // Whoever waits may have gone.
            drop(done.send(Err(error)));
            return written;
        }
        let (core, grown) = (Arc::clone(&self.core), self.grown.clone());
        self.writer.append(
            bytes,
            Box::new(move |result: io::Result<()>| {
                if result.is_ok() {
                    let mut core = core.lock().unwrap_or_else(PoisonError::into_inner);
                    updates.into_iter().for_each(|update| core.apply(update));
                    grown.send_replace(core.len());
                }
                drop(done.send(result));
            }),
        );
        written
    }
}

/// What this node is called by its updates. One that has lost its data is another one, so that its
/// numbers do not begin again.
fn origin(id: u64, updates: &[Update]) -> String {
    let own = format!("{id}.");
    // The first record is its own; others may be of one that it was before.
    let before = updates.first().filter(|update| update.dot.origin.starts_with(&own));
    before.map_or_else(
        || format!("{own}{:x}", crate::clock::own().now().as_millis()),
        |update| update.dot.origin.clone(),
    )
}

#[cfg(test)]
mod tests;
