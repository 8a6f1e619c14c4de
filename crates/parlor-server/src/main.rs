//! The `parlor` server.

use std::process::ExitCode;

fn main() -> ExitCode {
    parlor_server::cli::run()
}
