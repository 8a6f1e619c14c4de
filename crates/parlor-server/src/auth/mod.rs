//! Who is who: users and their passwords, and what a request must prove.

mod address;
mod counts;
mod directory;
mod failures;
mod follow;
mod gate;
mod role;
mod room_password;
#[cfg(test)]
mod tests;
mod users;

use address::spelling;
pub(crate) use directory::Directory;
pub(crate) use follow::follow;
pub(crate) use gate::{Denial, Gate};
pub(crate) use role::Role;
pub(crate) use room_password::{RoomPasswords, hashed};
use users::algorithms;
pub(crate) use users::{database, new_user, secrets};
