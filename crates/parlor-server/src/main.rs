//! The `parlor` server.
fn main() {
    print!("{}", parlor_server::config::documentation());
}
