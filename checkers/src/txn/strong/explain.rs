//! Placeholder.
pub struct StrongIsolation;
