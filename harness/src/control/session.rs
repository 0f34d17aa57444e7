//! Sessions: one SSH connection to a node, kept alive and mended.

use super::{Command, Output, SshTarget};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why a node could not be controlled.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Placeholder.
    #[error("{node}: {message}")]
    Failed { node: String, message: String },
}

/// An SSH connection to one node.
#[derive(Debug)]
pub struct Session {}

/// A long-lived process on a node, on a connection of its own.
pub struct RemoteProcess {
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Resolves when the process has ended.
    pub exit: tokio::sync::oneshot::Receiver<(super::Exit, Vec<u8>)>,
}

impl Session {
    /// Connects and authenticates.
    pub async fn connect(_target: SshTarget) -> Result<Arc<Self>, ControlError> {
        unimplemented!()
    }

    /// Runs a command to its end.
    pub async fn exec(&self, _command: &Command) -> Result<Output, ControlError> {
        unimplemented!()
    }

    /// Starts a long-lived process (the agent) with pipes to it.
    pub async fn spawn(&self, _command: &Command) -> Result<RemoteProcess, ControlError> {
        unimplemented!()
    }

    /// Copies a file to the node, through a temporary name.
    pub async fn upload(
        &self,
        _local: &Path,
        _remote: &str,
        _mode: u32,
    ) -> Result<(), ControlError> {
        unimplemented!()
    }

    /// Writes bytes to a file on the node, through a temporary name.
    pub async fn upload_bytes(
        &self,
        _bytes: &[u8],
        _remote: &str,
        _mode: u32,
    ) -> Result<(), ControlError> {
        unimplemented!()
    }

    /// Copies a file from the node; at most `cap` bytes, the last ones of a longer file.
    pub async fn download(
        &self,
        _remote: &str,
        _local: &Path,
        _cap: u64,
    ) -> Result<u64, ControlError> {
        unimplemented!()
    }

    /// Where it leads.
    pub fn target(&self) -> &SshTarget {
        unimplemented!()
    }

    /// Says goodbye.
    pub async fn close(&self) {}
}
