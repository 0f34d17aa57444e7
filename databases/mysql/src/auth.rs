//! How a password is proved without being sent: the two plugins that need no encryption.

use sha1::Sha1;
use sha2::Sha256;

/// Bytes of the server's challenge.
const CHALLENGE: usize = 20;

/// What MySQL 8 does by default, for passwords that the server has in its cache.
const CACHING_SHA2: &str = "caching_sha2_password";
/// What MariaDB does by default.
pub(crate) const NATIVE: &str = "mysql_native_password";

/// The answer to `challenge` by `plugin`; the error says what user to make instead.
pub(crate) fn answer(plugin: &str, password: &str, challenge: &[u8]) -> Result<Vec<u8>, String> {
    // A zero ends it.
    let challenge = challenge.get(..CHALLENGE).unwrap_or(challenge);
    match plugin {
        // Without a password there is nothing to prove.
        NATIVE | CACHING_SHA2 if password.is_empty() => Ok(Vec::new()),
        NATIVE => Ok(native(password.as_bytes(), challenge)),
        CACHING_SHA2 => Ok(caching_sha2(password.as_bytes(), challenge)),
        other => Err(format!(
            "the server wants the user to log in by `{other}`: use one who is IDENTIFIED VIA {NATIVE}"
        )),
    }
}

fn native(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let once = sha1(&[password]);
    let twice = sha1(&[&once]);
    xor(&once, &sha1(&[challenge, &twice]))
}

fn caching_sha2(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let once = sha256(&[password]);
    let twice = sha256(&[&once]);
    xor(&once, &sha256(&[&twice, challenge]))
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    use sha1::Digest;
    let mut digest = Sha1::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().to_vec()
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    use sha2::Digest;
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().to_vec()
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server does: it has the password hashed twice, and gets back what was hashed once.
    #[test]
    fn the_server_can_verify_both() {
        let challenge = b"abcdefghijklmnopqrst\0";
        let short = &challenge[..20];
        let proof = answer(NATIVE, "secret", challenge).unwrap();
        let stored = sha1(&[&sha1(&[b"secret"])]);
        assert_eq!(sha1(&[&xor(&proof, &sha1(&[short, &stored]))]), stored);
        let proof = answer(CACHING_SHA2, "secret", challenge).unwrap();
        let stored = sha256(&[&sha256(&[b"secret"])]);
        assert_eq!(sha256(&[&xor(&proof, &sha256(&[&stored, short]))]), stored);
    }

    #[test]
    fn no_password_is_an_empty_answer_and_another_plugin_is_named() {
        assert_eq!(answer(NATIVE, "", b"x"), Ok(Vec::new()));
        assert_eq!(answer(CACHING_SHA2, "", b""), Ok(Vec::new()));
        let error = answer("client_ed25519", "x", b"x").unwrap_err();
        assert!(error.contains("client_ed25519"), "{error}");
    }
}
