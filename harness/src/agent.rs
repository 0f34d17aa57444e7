//! The controller's end of the node agent: requests as JSON lines over an SSH channel.
//!
//! The agent itself is `perjury agent`, the same static binary, uploaded once under its hash.
//! What requests there are is the matter of whoever registers it (`nemesis`), but for starting
//! and stopping the database, which every cluster needs: see [`protocol`].

pub mod protocol;

/// A running agent on one node.
#[derive(Debug)]
pub struct Agent {}

/// Why the agent gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The agent did the request and it went wrong, or it refused.
    #[error("the agent on {node} refused `{verb}`: {message}")]
    Refused { node: String, verb: String, message: String },
    /// Whether the request was carried out is unknown.
    #[error("the agent on {node} gave no answer to `{verb}`: {message}")]
    Lost { node: String, verb: String, message: String },
}

impl Agent {
    /// Asks the agent to do `verb` and waits for its answer, `timeout` at the most.
    pub async fn call(
        &self,
        _verb: &str,
        _with: serde_json::Value,
        _timeout: std::time::Duration,
    ) -> Result<serde_json::Value, AgentError> {
        unimplemented!()
    }
}
