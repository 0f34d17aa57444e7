//! Parts of a matrix: every `of`th cell, so that slow kinds of cells are spread over all parts.

use super::record::Shard;
use std::fmt;
use std::str::FromStr;

impl Shard {
    /// Whether the cell at `position` of the whole matrix belongs to this part.
    pub fn holds(self, position: usize) -> bool {
        position % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no part of a matrix; write 1/3, 2/3 and 3/3");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Self {
            number: number.trim().parse().map_err(|_| wrong())?,
            of: of.trim().parse().map_err(|_| wrong())?,
        };
        let fits = (1..=10_000).contains(&shard.of) && (1..=shard.of).contains(&shard.number);
        fits.then_some(shard).ok_or_else(wrong)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}
