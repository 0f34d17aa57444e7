//! Tests of generators, in virtual time.
