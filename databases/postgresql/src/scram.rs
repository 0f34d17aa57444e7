//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the way passwords are proved by default.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Its name among SASL mechanisms.
pub(crate) const MECHANISM: &str = "SCRAM-SHA-256";
/// Servers use some thousands; a broken one must not keep this machine busy.
const ITERATIONS_LIMIT: u32 = 1_000_000;
const BLOCK: usize = 64;

/// A conversation of which the client's first message was sent.
pub(crate) struct Scram {
    nonce: String,
}

impl Scram {
    /// With a nonce that is never used again: printable, without commas.
    pub(crate) fn new(nonce: String) -> Self {
        Self { nonce }
    }

    /// The client's first message. The server knows the user from the startup already.
    pub(crate) fn first(&self) -> String {
        format!("n,,{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// The client's last message in answer to `server_first`, and what the server has to end
    /// with. Passwords are taken byte for byte: SASLprep changes no ASCII.
    pub(crate) fn last(
        &self,
        server_first: &str,
        password: &str,
    ) -> Result<(String, String), String> {
        let mut fields = server_first.split(',');
        let mut field = |name: &str| {
            let text = fields.next().unwrap_or_default();
            text.strip_prefix(name).ok_or_else(|| format!("SCRAM without `{name}`"))
        };
        let nonce = field("r=")?;
        let salt = STANDARD.decode(field("s=")?).map_err(|error| format!("SCRAM salt: {error}"))?;
        let iterations: u32 = field("i=")?.parse().map_err(|_| "SCRAM iterations are no number")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("SCRAM with a foreign nonce".to_owned());
        }
        if !(1..=ITERATIONS_LIMIT).contains(&iterations) {
            return Err(format!("SCRAM with {iterations} iterations"));
        }
        let salted = salted_password(password.as_bytes(), &salt, iterations);
        let client_key = hmac(&salted, b"Client Key");
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.first_bare());
        let signature = hmac(&stored_key, signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let server_key = hmac(&salted, b"Server Key");
        let expected = STANDARD.encode(hmac(&server_key, signed.as_bytes()));
        let last = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((last, format!("v={expected}")))
    }
}

/// PBKDF2 with HMAC-SHA-256 and one block of output.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut sum = last;
    for _ in 1..iterations {
        last = hmac(password, &last);
        for (byte, more) in sum.iter_mut().zip(last) {
            *byte ^= more;
        }
    }
    sum
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message);
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn hmac_agrees_with_its_standard() {
        let hex = |bytes: [u8; 32]| -> String {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(
            hex(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    /// RFC 7677, section 3, with the empty user of PostgreSQL's clients the proof differs; so the
    /// salted password is what is compared, by way of a proof for the example's own first message.
    #[test]
    fn the_salted_password_is_the_standard_s() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = salted_password(b"pencil", &salt, 4096);
        let server_key = hmac(&salted, b"Server Key");
        let signed = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = STANDARD.encode(hmac(&server_key, signed.as_bytes()));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_broken_server_is_refused() {
        let scram = Scram::new("abc".to_owned());
        assert_eq!(scram.first(), "n,,n=,r=abc");
        assert!(scram.last("r=abcd,s=AAAA,i=1", "x").is_ok());
        for wrong in [
            "",
            "r=abc,s=AAAA,i=1",
            "r=xyz,s=AAAA,i=1",
            "r=abcd,s=!,i=1",
            "r=abcd,s=AAAA,i=0",
            "r=abcd,s=AAAA,i=4000000000",
            "s=AAAA,r=abcd,i=1",
        ] {
            assert!(scram.last(wrong, "x").is_err(), "{wrong}");
        }
    }
}
