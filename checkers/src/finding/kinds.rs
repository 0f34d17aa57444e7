//! Kinds of anomalies: what each is called, what it means, and what it breaks, in one place.
