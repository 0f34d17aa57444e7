//! Randomness: one root seed, one independent stream for each purpose.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The seed of a run, or of one part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root, from the number given as `--seed`.
    pub fn root(number: u64) -> Self {
        Self(
            Sha256::new()
                .chain_update(b"perjury")
                .chain_update(number.to_le_bytes())
                .finalize()
                .into(),
        )
    }

    /// An independent seed for the part named `label`: adding a part changes no other's stream.
    pub fn derive(self, label: &str) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(label.as_bytes()).finalize().into())
    }

    /// The stream itself. `ChaCha8` is the same on every platform and in every version.
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }
}
