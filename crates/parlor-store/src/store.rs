//! What the server asks of a store.

use crate::{
    Amount, Binding, Change, KeptFile, Mailboxes, Pending, Publication, Revision, Secret, User, Users, Waiting,
};

/// Something that keeps what outlives a restart. Nothing here waits: every call gives an answer to come.
pub trait Store: std::fmt::Debug + Send + Sync {
    /// Adds a user.
    fn add_user(&self, user: User) -> Pending<()>;

    /// Gives a user other secrets, in place of all it had.
    fn set_secrets(&self, name: &str, domain: &str, realm: &str, secrets: Vec<Secret>) -> Pending<()>;

    /// Removes a user with everything that is kept about it.
    fn remove_user(&self, name: &str, domain: &str) -> Pending<()>;

    /// All users; nothing if they are as they were at that revision.
    fn users(&self, seen: Option<Revision>) -> Pending<Option<Users>>;

    /// Makes these changes in this order, all or none. The answer names the messages among them that need not be kept, as
    /// they had been before.
    fn change(&self, changes: Vec<Change>) -> Pending<Vec<u64>>;

    /// The bindings that last longer than until `now`, in milliseconds since 1970-01-01T00:00:00Z; the others are removed.
    fn bindings(&self, now: u64) -> Pending<Vec<Binding>>;

    /// The publications that last longer than until `now`, as with [`Store::bindings`].
    fn publications(&self, now: u64) -> Pending<Vec<Publication>>;

    /// What waits for a user at `now`: of what came after the message `after`, the first.
    fn waiting(&self, user: &str, after: u64, now: u64) -> Pending<Waiting>;

    /// What waits for all users.
    fn mailboxes(&self) -> Pending<Mailboxes>;

    /// Removes what is no longer wanted at `now`, which is the answer, by user, and forgets messages that ended before that.
    fn sweep(&self, now: u64, ended_before: u64) -> Pending<Vec<(String, Amount)>>;

    /// Notes what is known of a file whose octets are in the spool.
    fn add_file(&self, file: KeptFile) -> Pending<()>;

    /// Forgets files.
    fn remove_files(&self, ids: Vec<u64>) -> Pending<()>;

    /// All files that are known.
    fn files(&self) -> Pending<Vec<KeptFile>>;
}

/// Why something was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is a user of that name.
    #[error("there is a user {0} already")]
    UserExists(String),
    /// There is no user of that name.
    #[error("there is no user {0}")]
    NoUser(String),
    /// An address belongs to another user.
    #[error("{0} is another user's address")]
    AddressTaken(String),
    /// Too much waits to be stored.
    #[error("too much waits to be stored")]
    Overloaded,
    /// The store has ended.
    #[error("the store is closed")]
    Closed,
    /// The database was made by a newer version.
    #[error("the database has version {found}, this program knows versions up to {known}")]
    TooNew {
        /// The version of the file.
        found: i64,
        /// The newest one that is known here.
        known: i64,
    },
    /// The database file cannot be made or opened.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// What was to be stored was undone with the transaction it shared.
    #[error("database: {0}")]
    Undone(String),
}
