//! What outlives a restart of the server.
//!
//! [`Store`] is what the server asks for; [`Sqlite`] keeps it in one file. A database has a thread of its own, so that
//! nobody waits for a disk but who awaits a [`Pending`] answer. Writes that are asked for at the same time share one
//! transaction, and each asker is told when it is on the disk.
//!
//! ```
//! use parlor_store::{Sqlite, Store, User};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let store = Sqlite::open(&directory.path().join("parlor.db"))?;
//! let alice = User { name: "alice".into(), domain: "example.com".into(), ..User::default() };
//! store.add_user(alice).wait()?;
//! let all = store.users(None).wait()?.expect("nothing was seen before");
//! assert_eq!(all.users[0].name, "alice");
//! # Ok(())
//! # }
//! ```
//!
//! **To keep something else**: a file beside `sqlite/users.rs`, its tables as a further step of `sqlite/schema.rs`, its
//! methods in [`Store`].

mod binding;
mod change;
mod file;
mod message;
mod pending;
mod publication;
mod spool;
mod sqlite;
mod store;
mod user;

pub use binding::Binding;
pub use change::Change;
pub use file::KeptFile;
pub use message::{Amount, Mailboxes, Message, Waiting};
pub use pending::Pending;
pub use publication::Publication;
pub use spool::{Content, Expected, Full, Incoming, NewFile, Piece, Reader, Spool, SpoolError, SpoolLimits, Usage};
pub use sqlite::Sqlite;
pub use store::{Store, StoreError};
pub use user::{Revision, Secret, User, Users};
