//! Tests of the control layer against real OpenSSH servers on the loopback interface.

mod access;
mod commands;
mod faults;
pub(crate) mod sshd;
mod transfers;

use std::time::Duration;

/// Fails the test when `future` takes longer than this many seconds.
pub(crate) async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(seconds), future).await {
        Ok(value) => value,
        Err(_) => panic!("it took more than {seconds} s"),
    }
}
