//! What users say of themselves.

/// A publication of a user's presence (RFC 3903).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Names it; chosen by whoever keeps it.
    pub id: u64,
    /// The user part of the address of record.
    pub user: String,
    /// Its entity tag.
    pub tag: String,
    /// Where it came from.
    pub source: String,
    /// The document.
    pub document: Vec<u8>,
    /// When it ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
}
