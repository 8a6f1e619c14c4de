//! Messages that wait for their recipient.

/// A message to a user who could not be reached, as text that whoever keeps it can read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names it; chosen by whoever keeps it, in the order in which messages came.
    pub id: u64,
    /// For whom it is: the user part of the address of record.
    pub user: String,
    /// What tells that it is the same, if its sender sends it again.
    pub key: String,
    /// What its delivery is known by.
    pub token: String,
    /// Its From.
    pub from: String,
    /// Its To.
    pub to: String,
    /// Its other header fields, a line each.
    pub headers: String,
    /// Its body.
    pub body: Vec<u8>,
    /// When it came, in milliseconds since 1970-01-01T00:00:00Z.
    pub received: u64,
    /// When it is no longer wanted, likewise.
    pub expires: u64,
}

/// How many messages, and how large they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub messages: u64,
    /// Octets of their bodies and header fields.
    pub octets: u64,
}

/// What waits for one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// What was no longer wanted, and has been removed.
    pub expired: Amount,
    /// The first one.
    pub first: Option<Message>,
}

/// What waits for all users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailboxes {
    /// The highest name of any message there was lately.
    pub last: u64,
    /// By user.
    pub of_user: Vec<(String, Amount)>,
}

impl Message {
    /// What it counts for.
    pub fn octets(&self) -> u64 {
        (self.headers.len() + self.body.len()) as u64
    }
}
