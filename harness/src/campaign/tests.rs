//! Tests of campaigns.
