//! Files that were left in rooms.

/// What is known of a file that is kept; its octets are in a [`Spool`](crate::Spool).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptFile {
    /// Names it, while it is kept.
    pub id: u64,
    /// The room that it was left in.
    pub room: String,
    /// Its own name.
    pub name: String,
    /// Its media type.
    pub kind: String,
    /// Its octets.
    pub size: u64,
    /// Its SHA-1.
    pub sha1: [u8; 20],
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// The URI by which the room knew who left it.
    pub owner: String,
    /// The user that it counts for, whom nobody is shown.
    pub account: String,
    /// What that user was called.
    pub owner_name: Option<String>,
    /// Until when it is kept, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
}

impl KeptFile {
    /// The name of what holds its octets, which nobody from outside can choose.
    pub(crate) fn on_disk(&self) -> String {
        let hash: String = self.sha256.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{hash}-{}", self.id)
    }
}
