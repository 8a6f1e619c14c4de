//! One document of all that is known of a user (EVT-74, EVT-87).

use super::publication::Publication;
use super::publish::source_of;
use crate::Proxy;
use crate::registrar::Binding;
use parlor_cpim::utc_date_time;
use parlor_events::pidf::{Basic, Contact, Note, Presence, Tuple};
use parlor_sip::Uri;
use std::time::Instant;

impl Proxy {
    /// The address of a user of ours.
    pub(super) fn address_of(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.settings.hosts.domain())
    }

    /// What those are told who may know.
    pub(super) fn compose(&self, now: Instant, user: &str) -> Presence {
        let mut composed = Presence::new(&self.address_of(user));
        let bindings = self.registrar.bindings.of(user);
        let mut published = Vec::new();
        for publication in self.presence.publications.of(user) {
            let document = publication.content.presence();
            published.extend(contacts_of(document));
            composed.tuples.extend_from_slice(&document.tuples);
            composed.notes.extend_from_slice(&document.notes);
            composed.extensions.extend_from_slice(&document.extensions);
        }
        for contact in composed.tuples.iter_mut().filter_map(|tuple| tuple.contact.as_mut()) {
            if is_of_device(&contact.uri, bindings) {
                contact.uri.clone_from(&composed.entity);
            }
        }
        let publications = self.presence.publications.of(user);
        let silent = bindings.iter().filter(|binding| !has_published(binding, publications, &published));
        let when = self.when(now);
        composed.tuples.extend(silent.take(MOST_DEVICES).map(|binding| registered(binding, &composed.entity, &when)));
        let rooms = self.presence.rooms.get(user).into_iter().flatten();
        composed.notes.extend(
            rooms.take(MOST_ROOMS).map(|room| Note { lang: Some("en".to_owned()), text: format!("in {room}") }),
        );
        if composed.tuples.is_empty() {
            composed.tuples.push(closed(when));
        }
        composed
    }

    /// What others are told, and those who may know of somebody of whom nothing is known (EVT-76).
    pub(super) fn compose_nothing(&self, now: Instant, user: &str) -> Presence {
        Presence { tuples: vec![closed(self.when(now))], ..Presence::new(&self.address_of(user)) }
    }

    /// EVT-82: no two documents after each other with the same time.
    fn when(&self, now: Instant) -> String {
        let time = self.since_epoch(now);
        utc_date_time(time.as_secs(), u16::try_from(time.subsec_millis()).unwrap_or_default())
    }
}

/// Of how many devices that publish nothing it is told, each with less than a kilobyte.
const MOST_DEVICES: usize = 10;
/// Of how many rooms.
const MOST_ROOMS: usize = 20;

fn closed(when: String) -> Tuple {
    Tuple { timestamp: Some(when), ..Tuple::new("closed", Basic::Closed) }
}

/// A device that says nothing of itself.
fn registered(binding: &Binding, address: &str, when: &str) -> Tuple {
    // SIP-131: it is the user that is reached there, and its proxy that knows how.
    let priority = binding.contact.params.has("q").then(|| binding.contact.q());
    Tuple {
        contact: Some(Contact { uri: address.to_owned(), priority }),
        timestamp: Some(when.to_owned()),
        ..Tuple::new(&format!("r{}", binding.id.0), Basic::Open)
    }
}

fn contacts_of(document: &Presence) -> Vec<Uri> {
    let contacts = document.tuples.iter().filter_map(|tuple| tuple.contact.as_ref());
    contacts.filter_map(|contact| contact.uri.parse().ok()).collect()
}

/// Whether a device says itself how it is: it published from where it registered, or calls itself the same. Behind a proxy
/// all devices come from one place.
fn has_published(binding: &Binding, publications: &[Publication], published: &[Uri]) -> bool {
    let source = source_of(&binding.flow);
    let from_there = binding.path.is_empty() && publications.iter().any(|publication| publication.source == source);
    from_there || published.iter().any(|uri| binding.contact.uri.equivalent(uri))
}

/// EVT-87: whether an address is that of a device, which others cannot reach when it is behind NAT.
fn is_of_device(uri: &str, bindings: &[Binding]) -> bool {
    let Ok(uri) = uri.parse::<Uri>() else { return false };
    let is_nowhere = uri.host().is_some_and(|host| host.to_ascii_lowercase().ends_with(".invalid"));
    uri.is_sip()
        && (uri.host_ip().is_some()
            || is_nowhere
            || bindings.iter().any(|binding| binding.contact.uri.equivalent(&uri)))
}
