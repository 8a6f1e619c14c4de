//! Publications on their way to and from the store.

use super::publication::{Content, Publication, SavedPublication};
use crate::{Change, Output, Proxy};
use parlor_events::pidf::Presence;
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
            document: publication.content.to_bytes(),
            expires: u64::try_from(expires.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Takes in what was kept. What is over by now, or goes beyond the limits, is forgotten, and the store is told.
    pub(crate) fn restore_publications(&mut self, now: Instant, all: Vec<SavedPublication>) {
        let mut forgotten = Vec::new();
        for saved in all {
            self.presence.publications.reserve(saved.id);
            let (id, user) = (saved.id, Arc::clone(&saved.user));
            match self.restored_publication(now, saved) {
                Some(publication) => drop(self.presence.publications.put(&user, publication)),
                None => forgotten.push(Change::RemovePublication(id)),
            }
        }
        if !forgotten.is_empty() {
            self.emit(Output::Store { id: None, changes: forgotten });
        }
    }

    fn restored_publication(&self, now: Instant, saved: SavedPublication) -> Option<Publication> {
        let (settings, publications) = (&self.settings.presence, &self.presence.publications);
        let limits = &settings.limits;
        let left = Duration::from_millis(saved.expires).saturating_sub(self.since_epoch(now));
        let presence = Presence::read(&saved.document, &limits.document).ok()?;
        let content = Content::new(presence, &self.address_of(&saved.user));
        let octets = content.octets();
        let fits = octets <= limits.document.bytes
            && publications.len() < limits.publications
            && publications.octets() + octets <= limits.published_bytes
            && publications.octets_of(&saved.user) + octets <= limits.publications_of_user_bytes;
        (fits && !left.is_zero()).then(|| Publication {
            id: saved.id,
            tag: saved.tag.into(),
            lease: Lease::until(now + left).min(Lease::new(now, settings.max_expires)),
            source: saved.source.into(),
            content,
        })
    }
}
