//! Inference: what may be assumed of the order of a register's versions.

/// What is assumed of a database to order the versions of its registers.
///
/// Named as Elle's options are (Kingsbury & Alvaro, *Elle: inferring isolation anomalies from
/// experimental observations*, VLDB 2020, section 5.2). That the initial null comes before every
/// version that was written is no assumption, and always used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inference {
    /// A version that a transaction read comes before the one that it then wrote to the key.
    pub wfr_keys: bool,
    /// Each key is sequentially consistent: of two transactions of one process, what the first
    /// read or wrote of a key is no newer than what the second did.
    pub sequential_keys: bool,
    /// Each key is linearizable: of two transactions, the first over before the second began,
    /// what the first read or wrote of a key is no newer than what the second did.
    pub linearizable_keys: bool,
}

impl Inference {
    /// The names of what is assumed, as options are called.
    pub fn names(self) -> Vec<&'static str> {
        self.each().into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }

    fn each(self) -> [(&'static str, bool); 3] {
        [
            ("wfr-keys", self.wfr_keys),
            ("sequential-keys", self.sequential_keys),
            ("linearizable-keys", self.linearizable_keys),
        ]
    }

    /// Each of these assumptions by itself, in the order in which they are tried.
    pub(super) fn parts(self) -> Vec<Self> {
        let none = Self::default();
        let parts = [
            Self { wfr_keys: self.wfr_keys, ..none },
            Self { sequential_keys: self.sequential_keys, ..none },
            Self { linearizable_keys: self.linearizable_keys, ..none },
        ];
        parts.into_iter().filter(|part| *part != none).collect()
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            wfr_keys: self.wfr_keys || other.wfr_keys,
            sequential_keys: self.sequential_keys || other.sequential_keys,
            linearizable_keys: self.linearizable_keys || other.linearizable_keys,
        }
    }
}
