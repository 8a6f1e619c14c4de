//! Publications on their way to and from the store.

use super::publication::{Publication, SavedPublication};
use crate::Proxy;
use parlor_sip::subscription::Lease;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Proxy {
    /// A publication as it is kept.
    pub(super) fn saved_publication(&self, user: &Arc<str>, publication: &Publication) -> SavedPublication {
        let expires = self.since_epoch(publication.lease.end());
        SavedPublication {
            id: publication.id,
            user: Arc::clone(user),
            tag: publication.tag.to_string(),
            source: publication.source.to_string(),
            document: publication.document.clone(),
            expires: u64::try_from(expires.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Takes in what was kept. What is over by now is passed over, and what goes beyond the limits.
    pub(crate) fn restore_publications(&mut self, now: Instant, all: Vec<SavedPublication>) {
        let (clock, settings) = (self.since_epoch(now), Arc::clone(&self.settings));
        let (limits, most) = (&settings.presence.limits, settings.presence.max_expires);
        for saved in all {
            let left = Duration::from_millis(saved.expires).saturating_sub(clock);
            let publications = &mut self.presence.publications;
            let octets = publications.octets() + saved.document.len();
            if left.is_zero() || publications.len() >= limits.publications || octets > limits.published_bytes {
                continue;
            }
            let publication = Publication {
                id: saved.id,
                tag: saved.tag.into(),
                lease: Lease::until(now + left).min(Lease::new(now, most)),
                source: saved.source.into(),
                document: saved.document,
            };
            publications.put(&saved.user, publication);
        }
    }
}
