//! PUBLISH: the event state compositor (RFC 3903 §6).

use super::presentity;
use super::publication::{Content, Publication, PublicationId};
use super::subscribe::requires_nothing;
use crate::proxy::Storing;
use crate::{Change, Output, PresenceSettings, Proxy, Recipient, Reject, Sender, Stored};
use parlor_events::pidf::{EVENT, Format, Presence};
use parlor_sip::subscription::{Lease, granted};
use parlor_sip::{Flow, HeaderError, HeaderName, Headers, Request, Response, ServerTransactionId, reason_phrase};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A PUBLISH whose answer waits for the store.
#[derive(Debug)]
pub(crate) struct Publishing {
    tx: ServerTransactionId,
    user: Arc<str>,
    /// What it will be answered with.
    answer: Response,
    undo: Undo,
}

/// How it was before a PUBLISH.
#[derive(Debug)]
enum Undo {
    /// It was not there; now it has this tag.
    Added(PublicationId, Box<str>),
    /// It was so; now it has this tag.
    Replaced(Box<Publication>, Box<str>),
    /// It was so, and is no longer there.
    Removed(Box<Publication>),
}

/// What a PUBLISH wants (EVT-91).
struct Wanted {
    duration: Duration,
    /// What it says; nothing leaves it as it was.
    content: Option<Content>,
}

impl Proxy {
    /// A PUBLISH for a user.
    pub fn handle_publish(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
        recipient: &Recipient,
    ) {
        self.expire_publications(now);
        if let Err(reject) = self.publish(now, tx, request, flow, sender, recipient) {
            self.refuse(tx, reject.response(request), reject);
        }
        self.tell_watchers(now);
    }

    /// EVT-90: in the order of RFC 3903 §6.
    fn publish(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
        recipient: &Recipient,
    ) -> Result<(), Reject> {
        let user = presentity(recipient)?;
        self.check_publisher(user, sender)?;
        requires_nothing(&request.headers)?;
        // EVT-96
        request.headers.event()?.filter(|event| event.is(EVENT)).ok_or(Reject::Event)?;
        let known = self.known_publication(user, &request.headers)?;
        let wanted = Wanted::read(request, known.is_some(), &self.address_of(user), &self.settings.presence)?;
        if self.storing.len() >= self.settings.limits.storing {
            return Err(Reject::Overload);
        }
        self.check_space(user, known.as_ref(), &wanted)?;
        let user = self.registrar.bindings.share(user);
        let tag: Box<str> = self.token().into();
        let answer = self.published(request, &tag, wanted.duration);
        if wanted.duration.is_zero() {
            self.unpublish(tx, user, known, answer);
            return Ok(());
        }
        let content = wanted.content.or_else(|| known.as_ref().map(|known| known.content.clone()));
        let content = content.expect("one that is new says something");
        let publication = Publication {
            id: known.map_or_else(|| self.presence.publications.name(), |known| known.id),
            tag,
            lease: Lease::new(now, wanted.duration),
            source: source_of(&flow),
            content,
        };
        self.keep_publication(tx, user, publication, answer);
        Ok(())
    }

    fn keep_publication(
        &mut self,
        tx: ServerTransactionId,
        user: Arc<str>,
        publication: Publication,
        answer: Response,
    ) {
        let changes = vec![Change::PutPublication(self.saved_publication(&user, &publication))];
        let Publication { id, tag, content, .. } = publication.clone();
        let before = self.presence.publications.put(&user, publication);
        if before.as_ref().is_none_or(|before| before.content != content) {
            self.presence.watchers.note_change(&user);
        }
        let undo = match before {
            Some(before) => Undo::Replaced(Box::new(before), tag),
            None => Undo::Added(id, tag),
        };
        self.store(Storing::Publication(Box::new(Publishing { tx, user, answer, undo })), changes);
    }

    /// EVT-94: a user's own, by whichever of its addresses.
    fn check_publisher(&self, user: &str, sender: &Sender) -> Result<(), Reject> {
        let is_own = match sender {
            Sender::Known(own) => self.settings.hosts.local_user(&own.aor) == Some(user),
            Sender::Believed => true,
            Sender::Vouched | Sender::Stranger => false,
        };
        if is_own { Ok(()) } else { Err(Reject::Forbidden) }
    }

    /// The publication that SIP-If-Match names.
    fn known_publication(&self, user: &str, headers: &Headers) -> Result<Option<Publication>, Reject> {
        let mut tags = headers.all(&HeaderName::SipIfMatch);
        let Some(tag) = tags.next().map(str::trim) else { return Ok(None) };
        if tags.next().is_some() {
            return Err(HeaderError::Repeated(HeaderName::SipIfMatch).into());
        }
        if tag.is_empty() || tag.contains([',', ' ', '\t', ';', '"']) {
            return Err(HeaderError::Malformed(HeaderName::SipIfMatch).into());
        }
        let known = self.presence.publications.of(user).iter().find(|known| *known.tag == *tag);
        known.cloned().map(Some).ok_or(Reject::Tag)
    }

    /// EVT-95
    fn check_space(&self, user: &str, known: Option<&Publication>, wanted: &Wanted) -> Result<(), Reject> {
        let (publications, limits) = (&self.presence.publications, &self.settings.presence.limits);
        if known.is_none() && publications.of(user).len() >= limits.publications_of_user {
            return Err(Reject::TooManyOfUser);
        }
        let before = known.map_or(0, |known| known.content.octets());
        let after = wanted.content.as_ref().map_or(before, Content::octets);
        // What one has published is told together.
        if publications.octets_of(user) - before + after > limits.publications_of_user_bytes {
            return Err(Reject::TooManyOfUser);
        }
        let octets = publications.octets() - before + after;
        if known.is_none() && publications.len() >= limits.publications || octets > limits.published_bytes {
            return Err(Reject::Overload);
        }
        Ok(())
    }

    fn unpublish(&mut self, tx: ServerTransactionId, user: Arc<str>, known: Option<Publication>, answer: Response) {
        let gone = known.and_then(|known| self.presence.publications.remove(&user, known.id));
        // What is published for no time at all was never there.
        let Some(gone) = gone else { return self.respond(tx, answer, None) };
        self.presence.watchers.note_change(&user);
        let changes = vec![Change::RemovePublication(gone.id)];
        let undo = Undo::Removed(Box::new(gone));
        self.store(Storing::Publication(Box::new(Publishing { tx, user, answer, undo })), changes);
    }

    /// EVT-90 step 6, EVT-93.
    fn published(&self, request: &Request, tag: &str, duration: Duration) -> Response {
        let mut response = Response::for_request(request, 200, reason_phrase(200));
        response.headers.push(HeaderName::SipEtag, tag);
        response.headers.push(HeaderName::Expires, duration.as_secs());
        response.headers.push(HeaderName::Server, &self.settings.product);
        response
    }

    /// What became of a PUBLISH that was to be stored. EVT-92: what cannot be kept is as if it had not come.
    pub(crate) fn handle_publication_stored(&mut self, now: Instant, publishing: Publishing, stored: Stored) {
        let Publishing { tx, user, answer, undo } = publishing;
        let reject = match stored {
            Stored::Yes | Stored::Known => return self.respond(tx, answer, None),
            Stored::Overload => Reject::Overload,
            Stored::Failed => Reject::NotStored,
        };
        self.undo_publication(&user, undo);
        let mut refused = answer;
        for name in [HeaderName::SipEtag, HeaderName::Expires, HeaderName::Server] {
            refused.headers.remove(&name);
        }
        self.refuse(tx, reject.instead_of(refused), reject);
        self.tell_watchers(now);
    }

    fn undo_publication(&mut self, user: &Arc<str>, undo: Undo) {
        let publications = &mut self.presence.publications;
        let is_at = |id, tag: &str| publications.of(user).iter().any(|own| own.id == id && *own.tag == *tag);
        match undo {
            Undo::Added(id, tag) if is_at(id, &tag) => drop(publications.remove(user, id)),
            Undo::Replaced(before, tag) if is_at(before.id, &tag) => drop(publications.put(user, *before)),
            Undo::Removed(before) => drop(publications.put(user, *before)),
            // It has expired since.
            Undo::Added(..) | Undo::Replaced(..) => return,
        }
        self.presence.watchers.note_change(user);
    }

    /// EVT-92: expired state is removed, and watchers are told.
    pub(super) fn expire_publications(&mut self, now: Instant) {
        let mut changes = Vec::new();
        while let Some((user, id)) = self.presence.publications.pop_expired(now) {
            changes.push(Change::RemovePublication(id));
            self.presence.watchers.note_change(&user);
        }
        if !changes.is_empty() {
            self.emit(Output::Store { id: None, changes });
        }
    }
}

impl Wanted {
    /// EVT-90 steps 4 and 5, of one that is about something that is there, or is new.
    fn read(request: &Request, is_there: bool, address: &str, settings: &PresenceSettings) -> Result<Self, Reject> {
        let duration =
            granted(&request.headers, settings.min_expires, settings.max_expires).map_err(Reject::TooBrief)?;
        if request.body.is_empty() {
            let nothing = Reject::Contradiction("neither a body nor SIP-If-Match");
            return if is_there { Ok(Self { duration, content: None }) } else { Err(nothing) };
        }
        Ok(Self { duration, content: Some(content(request, address, &settings.limits.document)?) })
    }
}

/// EVT-90 step 5.
fn content(request: &Request, address: &str, limits: &parlor_events::Limits) -> Result<Content, Reject> {
    let kind = request.headers.content_type()?.ok_or(Reject::BodyType)?;
    let is_plain =
        request.headers.content_encoding().is_none_or(|coding| coding.trim().eq_ignore_ascii_case("identity"));
    if !is_plain || !Format::ALL.into_iter().any(|format| kind.is(format.content_type())) {
        return Err(Reject::BodyType);
    }
    let presence = Presence::read(&request.body, limits).map_err(|error| match error {
        parlor_events::XmlError::TooLarge => Reject::BodySize,
        error => Reject::Document(error),
    })?;
    // Written again, each extension declares its namespaces for itself, and what stood for itself may be escaped.
    let content = Content::new(presence, address);
    if content.octets() <= limits.bytes { Ok(content) } else { Err(Reject::BodySize) }
}

/// Where the publisher is, as far as its registration would say the same.
pub(super) fn source_of(flow: &Flow) -> Box<str> {
    format!("{} {}", flow.transport.via_name(), flow.remote).into()
}
