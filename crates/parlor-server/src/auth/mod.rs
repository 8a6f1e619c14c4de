//! Who is who: users and their passwords.

mod address;
mod users;

pub(crate) use address::spelling;
pub(crate) use users::{database, new_user, secrets};
