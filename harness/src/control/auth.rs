//! Authentication: proves with keys who we are. Private keys appear in no message.

use super::dial::Greeter;
use super::{ControlError, SshTarget};
use russh::MethodSet;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::{HashAlg, PublicKey};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use std::path::Path;
use std::sync::Arc;

/// A private key file larger than this is not one.
const MAX_KEY_BYTES: u64 = 64 << 10;
/// Servers end the connection after six failures; an agent full of keys must not use them all up
/// many times over.
const MAX_AGENT_KEYS: usize = 16;

/// What was tried so far and what the server said last.
struct Attempts {
    tried: Vec<String>,
    accepted: Option<MethodSet>,
    partial: bool,
    encrypted: bool,
}

/// Logs in with the key in memory, then the files in order, then the agent's keys.
pub(super) async fn authenticate(
    target: &SshTarget,
    handle: &mut Handle<Greeter>,
) -> Result<(), ControlError> {
    let mut attempts =
        Attempts { tried: Vec::new(), accepted: None, partial: false, encrypted: false };
    if let Some(text) = &target.identity {
        let key = decode_secret_key(text, None).map_err(|error| ControlError::Key {
            node: target.name.clone(),
            what: "given in memory".to_owned(),
            cause: error.to_string(),
        })?;
        if try_key(target, handle, key, "key in memory", &mut attempts).await {
            return Ok(());
        }
    }
    for file in &target.identity_files {
        let Some(key) = load(file, &mut attempts) else { continue };
        let label = format!("key {}", file.display());
        if try_key(target, handle, key, &label, &mut attempts).await {
            return Ok(());
        }
    }
    if target.use_agent && try_agent(target, handle, &mut attempts).await {
        return Ok(());
    }
    Err(refused(target, handle, attempts))
}

/// A key file's key; why it is passed over is recorded for the message.
fn load(file: &Path, attempts: &mut Attempts) -> Option<PrivateKey> {
    let skip = |attempts: &mut Attempts, why: &str| {
        attempts.tried.push(format!("key {} (not used: {why})", file.display()));
    };
    match std::fs::metadata(file) {
        // `ssh -G` lists the default files whether or not they exist.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::debug!(file = %file.display(), "no such private key");
            return None;
        }
        Ok(meta) if meta.len() > MAX_KEY_BYTES => {
            skip(attempts, "too large for a private key");
            return None;
        }
        _ => {}
    }
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            skip(attempts, &error.to_string());
            return None;
        }
    };
    match decode_secret_key(&text, None) {
        Ok(key) if !key.is_encrypted() => Some(key),
        Ok(_) | Err(russh::keys::Error::KeyIsEncrypted) => {
            attempts.encrypted = true;
            skip(attempts, "it has a passphrase");
            None
        }
        Err(error) => {
            skip(attempts, &error.to_string());
            None
        }
    }
}

async fn try_key(
    target: &SshTarget,
    handle: &mut Handle<Greeter>,
    key: PrivateKey,
    label: &str,
    attempts: &mut Attempts,
) -> bool {
    if handle.is_closed() {
        return false;
    }
    attempts.tried.push(format!("{label} ({})", describe(key.public_key())));
    let hash = rsa_hash(handle, key.public_key()).await;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let result = handle.authenticate_publickey(&target.user, key).await;
    outcome(result.map_err(|error| error.to_string()), attempts)
}

async fn try_agent(
    target: &SshTarget,
    handle: &mut Handle<Greeter>,
    attempts: &mut Attempts,
) -> bool {
    let mut agent = match AgentClient::connect_env().await {
        Ok(agent) => agent,
        Err(error) => {
            attempts.tried.push(format!("SSH agent (not used: {error})"));
            return false;
        }
    };
    let identities = match agent.request_identities().await {
        Ok(identities) => identities,
        Err(error) => {
            attempts.tried.push(format!("SSH agent (not used: {error})"));
            return false;
        }
    };
    for identity in identities.into_iter().take(MAX_AGENT_KEYS) {
        if handle.is_closed() {
            return false;
        }
        let AgentIdentity::PublicKey { key, .. } = identity else { continue };
        attempts.tried.push(format!("agent's key ({})", describe(&key)));
        let hash = rsa_hash(handle, &key).await;
        let result = handle.authenticate_publickey_with(&target.user, key, hash, &mut agent).await;
        if outcome(result.map_err(|error| error.to_string()), attempts) {
            return true;
        }
    }
    false
}

/// Whether the server let us in; what it said otherwise is kept for the message.
fn outcome(result: Result<AuthResult, String>, attempts: &mut Attempts) -> bool {
    match result {
        Ok(AuthResult::Success) => true,
        Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
            attempts.partial |= partial_success;
            if !remaining_methods.is_empty() {
                attempts.accepted = Some(remaining_methods);
            }
            false
        }
        Err(cause) => {
            if let Some(last) = attempts.tried.last_mut() {
                *last += &format!(" (not used: {cause})");
            }
            false
        }
    }
}

/// SHA-2 for RSA keys: servers of today refuse the SHA-1 of plain `ssh-rsa`.
async fn rsa_hash(handle: &Handle<Greeter>, key: &PublicKey) -> Option<HashAlg> {
    if !key.algorithm().is_rsa() {
        return None;
    }
    match handle.best_supported_rsa_hash().await {
        Ok(Some(hash)) => hash,
        _ => Some(HashAlg::Sha256),
    }
}

fn describe(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

fn refused(target: &SshTarget, handle: &Handle<Greeter>, attempts: Attempts) -> ControlError {
    if handle.is_closed() && attempts.accepted.is_none() {
        return ControlError::Handshake {
            node: target.name.clone(),
            address: target.address(),
            cause: "the server hung up instead of answering to a key".to_owned(),
        };
    }
    let accepted = match &attempts.accepted {
        Some(methods) => methods
            .iter()
            .map(|method| <&str>::from(method).to_owned())
            .collect::<Vec<_>>()
            .join(", "),
        None => "unknown".to_owned(),
    };
    let hint = if attempts.partial {
        "It wants a second factor after the key, which Perjury does not have: exempt this user."
    } else if attempts.tried.len() > 1 && handle.is_closed() {
        "It hung up after so many keys: name the right one with `IdentityFile` and \
         `IdentitiesOnly yes`."
    } else if attempts.encrypted {
        "Put the key with a passphrase into an SSH agent (`ssh-add`), or name another."
    } else {
        "Add one of these keys to the user's authorized_keys there, or name the right one with \
         `IdentityFile`."
    };
    ControlError::Authentication {
        node: target.name.clone(),
        user: target.user.clone(),
        tried: attempts.tried,
        accepted,
        hint: hint.to_owned(),
    }
}
