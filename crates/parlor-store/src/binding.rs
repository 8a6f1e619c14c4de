//! Where the devices of users are.

/// A binding of a user's address to a device (RFC 3261 §10.1), as text that whoever keeps it can read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Names it; chosen by whoever keeps it.
    pub id: u64,
    /// The user part of the address of record.
    pub user: String,
    /// The Contact.
    pub contact: String,
    /// The Path.
    pub path: String,
    /// The Call-ID of the REGISTER.
    pub call_id: String,
    /// Its CSeq.
    pub cseq: u32,
    /// When it ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
    /// What the REGISTER came by.
    pub flow: String,
}
