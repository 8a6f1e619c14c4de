//! What a user says of itself (RFC 3903).

use bytes::Bytes;
use parlor_events::pidf::{Format, Presence};
use parlor_sip::subscription::Lease;
use std::sync::Arc;

/// Names a publication; no two that are stored have the same.
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
    pub(crate) content: Content,
}

/// What was published, as it is told: read once, and measured as it is written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    presence: Arc<Presence>,
    octets: usize,
}

impl Content {
    /// What this takes in a document, with whichever address its contacts get there.
    pub(crate) fn new(presence: Presence, address: &str) -> Self {
        let contacts = presence.tuples.iter().filter(|tuple| tuple.contact.is_some()).count();
        let octets = presence.to_xml(Format::default()).len() + contacts * address.len() + presence.tuples.len() * NAME;
        Self { presence: Arc::new(presence), octets }
    }

    pub(crate) fn presence(&self) -> &Presence {
        &self.presence
    }

    /// The most that it takes in a document.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// As it is stored.
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.presence.to_xml(Format::default()).into()
    }
}

/// What a name takes that is made up for a tuple, as another publication has its own.
const NAME: usize = 6;

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
