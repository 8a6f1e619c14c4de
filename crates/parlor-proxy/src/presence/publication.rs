//! What a user says of itself (RFC 3903).

use bytes::Bytes;
use parlor_sip::subscription::Lease;
use std::sync::Arc;

/// Names a publication; never used again, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicationId(pub u64);

/// One publication: the state of one device, as a rule.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) id: PublicationId,
    /// The entity tag, another one after each change.
    pub(crate) tag: Box<str>,
    pub(crate) lease: Lease,
    /// Where it came from.
    pub(crate) source: Box<str>,
    /// The document, which was read once.
    pub(crate) document: Bytes,
}

/// A publication on its way to or from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPublication {
    /// Its name.
    pub id: PublicationId,
    /// The user part of the address of record.
    pub user: Arc<str>,
    /// Its entity tag.
    pub tag: String,
    /// Where it came from.
    pub source: String,
    /// The document.
    pub document: Bytes,
    /// When it ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
}
