//! `parlor room-password`: what a room's configuration says of its password.

use anyhow::{Result, bail};
use clap::Args;

use crate::auth;
use crate::cli::ConfigArgs;
use crate::config::RoomPassword;
use crate::user;

#[derive(Debug, Args)]
pub(crate) struct RoomPasswordArgs {
    /// The name of the room
    #[arg(value_name = "ROOM")]
    room: String,
    /// Take the first line of standard input for the password, also when that is a terminal
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Asks for a password and prints the line that belongs into the room's `[[room]]`.
///
/// # Errors
/// When there is no such room, or no password.
pub(crate) fn run(args: &RoomPasswordArgs) -> Result<()> {
    let config = args.config.load()?;
    if !config.room.iter().any(|room| room.name == args.room) {
        bail!("the configuration has no [[room]] named {:?}", args.room);
    }
    let password = user::password(args.password_stdin)?;
    let hashed = RoomPassword::new(auth::hashed(&config, &args.room, &password));
    println!("password = \"{hashed}\"");
    Ok(())
}
