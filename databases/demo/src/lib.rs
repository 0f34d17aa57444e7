//! The embedded demo database: a replicated transactional key-value store with switchable bugs.
