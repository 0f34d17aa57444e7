//! Tests of the server's parts, on stores made by hand.

mod files;
mod fixture;
mod lists;
mod live;
