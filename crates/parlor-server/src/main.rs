//! The `parlor` server.
fn main() {}
