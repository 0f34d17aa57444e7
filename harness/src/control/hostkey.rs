//! Host keys: is this server the one that we mean?

use super::{ControlError, HostKeys, SshTarget};
use russh::keys::ssh_key::{Algorithm, HashAlg, PublicKey};
use russh::keys::{known_hosts, parse_public_key_base64};
use std::borrow::Cow;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

/// A known hosts file larger than this is not one.
const MAX_KNOWN_HOSTS_BYTES: u64 = 16 << 20;

/// Held while a file is read and added to, so that nodes connecting at once do not record one
/// host twice or with two keys.
static FILE: Mutex<()> = Mutex::new(());

/// Host key algorithms to ask for: those of recorded keys first, so that a server with several
/// keys presents the one that can be checked.
pub(super) fn preferred(target: &SshTarget) -> Cow<'static, [Algorithm]> {
    let default = russh::Preferred::DEFAULT.key;
    let recorded: Vec<PublicKey> = match &target.host_keys {
        HostKeys::Pinned(key) => PublicKey::from_openssh(key).into_iter().collect(),
        HostKeys::KnownHosts(file) | HostKeys::AcceptNew(file) => {
            recorded(target, file).unwrap_or_default()
        }
        HostKeys::Insecure => Vec::new(),
    };
    if recorded.is_empty() {
        return default;
    }
    let mut order = default.to_vec();
    order.sort_by_key(|algorithm| {
        !recorded.iter().any(|key| same_kind(&key.algorithm(), algorithm))
    });
    Cow::Owned(order)
}

/// Believes `key` or says why not. With [`HostKeys::AcceptNew`] this is where it is recorded.
pub(super) fn verify(target: &SshTarget, key: &PublicKey) -> Result<(), ControlError> {
    match &target.host_keys {
        HostKeys::Insecure => Ok(()),
        HostKeys::Pinned(pinned) => verify_pinned(target, key, pinned),
        HostKeys::KnownHosts(file) => match compare(target, key, file)? {
            true => Ok(()),
            false => Err(unknown(target, key, &file.display().to_string())),
        },
        HostKeys::AcceptNew(file) => {
            let _guard = FILE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if compare(target, key, file)? {
                return Ok(());
            }
            record(target, key, file).map_err(|error| ControlError::KnownHosts {
                node: target.name.clone(),
                file: file.clone(),
                cause: error.to_string(),
            })
        }
    }
}

/// A server with a certificate is never asked for one, so it is a stranger.
pub(super) fn unknown_certificate(target: &SshTarget, key: &PublicKey) -> ControlError {
    unknown(target, key, "any trusted certificate authority")
}

fn verify_pinned(target: &SshTarget, key: &PublicKey, pinned: &str) -> Result<(), ControlError> {
    let expected = PublicKey::from_openssh(pinned.trim()).map_err(|error| ControlError::Key {
        node: target.name.clone(),
        what: "pinned host key".to_owned(),
        cause: error.to_string(),
    })?;
    if expected.key_data() == key.key_data() {
        return Ok(());
    }
    Err(changed(target, key, format!("the pinned key is {}", fingerprint(&expected))))
}

/// Whether the file has this key for this host; an error when it has another one.
fn compare(target: &SshTarget, key: &PublicKey, file: &Path) -> Result<bool, ControlError> {
    if is_revoked(target, key, file)? {
        return Err(changed(target, key, format!("{} revokes it", file.display())));
    }
    let recorded = recorded(target, file)?;
    if recorded.iter().any(|known| known.key_data() == key.key_data()) {
        return Ok(true);
    }
    // A server known by a key of another type counts as changed too: since that type was asked
    // for first, it no longer has the recorded key.
    match recorded.first() {
        Some(known) => {
            let line = format!("{} has {}", file.display(), fingerprint(known));
            Err(changed(target, key, line))
        }
        None => Ok(false),
    }
}

fn recorded(target: &SshTarget, file: &Path) -> Result<Vec<PublicKey>, ControlError> {
    let (host, port) = target.known_as();
    let keys = known_hosts::known_host_keys_path(host, port, file);
    let keys = keys.map_err(|error| ControlError::KnownHosts {
        node: target.name.clone(),
        file: file.to_owned(),
        cause: error.to_string(),
    })?;
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

/// `@revoked` lines count for every host, whatever their pattern: the careful reading.
fn is_revoked(target: &SshTarget, key: &PublicKey, file: &Path) -> Result<bool, ControlError> {
    let failed = |cause: String| ControlError::KnownHosts {
        node: target.name.clone(),
        file: file.to_owned(),
        cause,
    };
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error.to_string())),
        // `/dev/null` is a way to say that nothing is recorded.
        Ok(meta) if !meta.is_file() => return Ok(false),
        Ok(meta) if meta.len() > MAX_KNOWN_HOSTS_BYTES => {
            return Err(failed(format!("has more than {MAX_KNOWN_HOSTS_BYTES} bytes")));
        }
        Ok(_) => {}
    }
    let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter(|line| line.starts_with("@revoked")).any(|line| {
        line.split_whitespace()
            .nth(3)
            .and_then(|base64| parse_public_key_base64(base64).ok())
            .is_some_and(|revoked| revoked.key_data() == key.key_data())
    }))
}

fn record(target: &SshTarget, key: &PublicKey, file: &Path) -> std::io::Result<()> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let bare = PublicKey::from(key.key_data().clone());
    let key = bare.to_openssh().map_err(std::io::Error::other)?;
    let (host, port) = target.known_as();
    let host = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
    // Another program may have left the file without a line break at its end.
    let torn = std::fs::read(file).is_ok_and(|old| old.last().is_some_and(|&b| b != b'\n'));
    let line = format!("{}{host} {key}\n", if torn { "\n" } else { "" });
    let mut open = std::fs::OpenOptions::new();
    open.append(true).create(true).mode(0o600).open(file)?.write_all(line.as_bytes())
}

fn same_kind(a: &Algorithm, b: &Algorithm) -> bool {
    a == b || matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }))
}

fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

fn unknown(target: &SshTarget, key: &PublicKey, file: &str) -> ControlError {
    ControlError::HostKeyUnknown {
        node: target.name.clone(),
        host: target.address(),
        fingerprint: fingerprint(key),
        file: file.to_owned(),
    }
}

fn changed(target: &SshTarget, key: &PublicKey, recorded: String) -> ControlError {
    ControlError::HostKeyChanged {
        node: target.name.clone(),
        host: target.address(),
        fingerprint: fingerprint(key),
        recorded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::ssh_key::private::PrivateKey;

    fn key(byte: u8) -> PublicKey {
        let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[byte; 32]);
        PrivateKey::from(pair).public_key().clone()
    }

    fn target(host_keys: HostKeys, port: u16) -> SshTarget {
        SshTarget {
            name: "n1".into(),
            host: "db1".into(),
            port,
            user: "root".into(),
            identity_files: Vec::new(),
            identity: None,
            use_agent: false,
            host_keys,
            jump: None,
            proxy_command: None,
            host_key_alias: None,
        }
    }

    #[test]
    fn a_new_host_is_recorded_once_and_a_changed_key_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sub/known_hosts");
        for port in [22, 2222] {
            let target = target(HostKeys::AcceptNew(file.clone()), port);
            verify(&target, &key(1)).unwrap();
            verify(&target, &key(1)).unwrap();
            let error = verify(&target, &key(2)).unwrap_err();
            assert!(matches!(error, ControlError::HostKeyChanged { .. }), "{error}");
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.starts_with("db1 ssh-ed25519 ") && text.contains("\n[db1]:2222 "), "{text}");
    }

    #[test]
    fn an_alias_is_what_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        let aliased =
            |policy| SshTarget { host_key_alias: Some("n1".to_owned()), ..target(policy, 2222) };
        verify(&aliased(HostKeys::AcceptNew(file.clone())), &key(1)).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("n1 ssh-ed25519 "));
        verify(&aliased(HostKeys::KnownHosts(file.clone())), &key(1)).unwrap();
        verify(&target(HostKeys::KnownHosts(file), 2222), &key(1)).unwrap_err();
    }

    #[test]
    fn an_unlisted_host_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        for file in [dir.path().join("none"), "/dev/null".into()] {
            let error = verify(&target(HostKeys::KnownHosts(file), 22), &key(1)).unwrap_err();
            assert!(matches!(error, ControlError::HostKeyUnknown { .. }), "{error}");
        }
        verify(&target(HostKeys::Insecure, 22), &key(1)).unwrap();
    }

    #[test]
    fn a_revoked_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        let line = key(1).to_openssh().unwrap();
        std::fs::write(&file, format!("db1 {line}\n@revoked * {line}\n")).unwrap();
        let error = verify(&target(HostKeys::KnownHosts(file), 22), &key(1)).unwrap_err();
        assert!(error.to_string().contains("revokes"), "{error}");
    }

    #[test]
    fn a_pinned_key_is_the_only_one() {
        let pinned = format!("{} comment", key(1).to_openssh().unwrap());
        let target = target(HostKeys::Pinned(pinned), 22);
        verify(&target, &key(1)).unwrap();
        assert!(matches!(verify(&target, &key(2)), Err(ControlError::HostKeyChanged { .. })));
    }
}
