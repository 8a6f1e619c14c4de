//! Bindings, publications and messages as the store keeps them.

use parlor_proxy::{
    Amount, BindingId, Change, Fetched, MessageId, PublicationId, Restored, SavedBinding, SavedMessage,
    SavedPublication,
};
use parlor_sip::{Flow, Transport};
use parlor_store::{Binding, Mailboxes, Message, Publication, Waiting};
use std::time::Duration;

/// A change as the store makes it.
pub(super) fn change(change: Change) -> parlor_store::Change {
    match change {
        Change::Put(binding) => parlor_store::Change::PutBinding(saved(&binding)),
        Change::Remove(id) => parlor_store::Change::RemoveBinding(id.0),
        Change::PutPublication(published) => parlor_store::Change::PutPublication(publication(published)),
        Change::RemovePublication(id) => parlor_store::Change::RemovePublication(id.0),
        Change::Keep(message) => parlor_store::Change::KeepMessage(kept(message)),
        Change::End { id, at } => parlor_store::Change::EndMessage { id: id.0, at },
    }
}

/// What the store has at the start.
pub(super) fn restored(bindings: Vec<Binding>, mailboxes: Mailboxes, publications: Vec<Publication>) -> Restored {
    let of_user = mailboxes.of_user.into_iter().map(|(user, kept)| (user.into(), amount(kept)));
    Restored {
        bindings: bindings.into_iter().filter_map(binding).collect(),
        last_message: mailboxes.last,
        mailboxes: of_user.collect(),
        publications: publications.into_iter().map(published).collect(),
    }
}

/// What waits for a user.
pub(super) fn fetched(waiting: Waiting) -> Fetched {
    Fetched { expired: amount(waiting.expired), first: waiting.first.map(message) }
}

pub(super) fn amount(kept: parlor_store::Amount) -> Amount {
    Amount { messages: kept.messages, octets: kept.octets }
}

fn kept(message: SavedMessage) -> Message {
    let SavedMessage { id, user, key, token, from, to, headers, body, received, expires } = message;
    let (user, body) = (user.to_string(), body.to_vec());
    Message { id: id.0, user, key, token, from, to, headers, body, received, expires }
}

fn message(kept: Message) -> SavedMessage {
    let Message { id, user, key, token, from, to, headers, body, received, expires } = kept;
    let (id, user, body) = (MessageId(id), user.into(), body.into());
    SavedMessage { id, user, key, token, from, to, headers, body, received, expires }
}

fn publication(published: SavedPublication) -> Publication {
    let SavedPublication { id, user, tag, source, document, expires } = published;
    Publication { id: id.0, user: user.to_string(), tag, source, document: document.to_vec(), expires }
}

fn published(kept: Publication) -> SavedPublication {
    let Publication { id, user, tag, source, document, expires } = kept;
    SavedPublication { id: PublicationId(id), user: user.into(), tag, source, document: document.into(), expires }
}

/// As the store keeps it.
fn saved(binding: &SavedBinding) -> Binding {
    let Flow { transport, local, remote, connection: _ } = binding.flow;
    Binding {
        id: binding.id.0,
        user: binding.user.to_string(),
        contact: binding.contact.clone(),
        path: binding.path.clone(),
        call_id: binding.call_id.clone(),
        cseq: binding.cseq,
        expires: binding.expires,
        flow: format!("{} {local} {remote}", transport.via_name()),
    }
}

/// As it was; `None` if the store holds something else.
fn binding(saved: Binding) -> Option<SavedBinding> {
    let mut flow = saved.flow.split(' ');
    let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let named = flow.next()?;
    let transport = transports.into_iter().find(|transport| transport.via_name() == named)?;
    let (local, remote) = (flow.next()?.parse().ok()?, flow.next()?.parse().ok()?);
    Some(SavedBinding {
        id: BindingId(saved.id),
        user: saved.user.into(),
        contact: saved.contact,
        path: saved.path,
        call_id: saved.call_id,
        cseq: saved.cseq,
        expires: saved.expires,
        flow: Flow { transport, local, remote, connection: None },
    })
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_was_kept_is_what_it_was() {
        let before = SavedMessage {
            id: MessageId(7),
            user: "bob".into(),
            key: "c\0t".to_owned(),
            token: "x".to_owned(),
            from: "<sip:alice@example.com>".to_owned(),
            to: "<sip:bob@example.com>".to_owned(),
            headers: "Subject: Hi\r\n".to_owned(),
            body: vec![0, 255].into(),
            received: 1,
            expires: u64::MAX,
        };
        assert_eq!(message(kept(before.clone())), before);
    }

    #[test]
    fn a_publication_is_what_it_was() {
        let before = SavedPublication {
            id: PublicationId(7),
            user: "bob".into(),
            tag: "x".to_owned(),
            source: "TCP [::1]:5060".to_owned(),
            document: vec![0, 255].into(),
            expires: u64::MAX,
        };
        assert_eq!(published(publication(before.clone())), before);
    }

    #[test]
    fn what_was_saved_is_what_it_was() {
        for (transport, remote) in [(Transport::Udp, "192.0.2.1:5060"), (Transport::Tls, "[2001:db8::1]:5061")] {
            let (local, remote) = ("[::]:5060".parse().expect("an address"), remote.parse().expect("an address"));
            let before = SavedBinding {
                id: BindingId(7),
                user: "alice".into(),
                contact: "<sip:alice@192.0.2.1>".to_owned(),
                path: String::new(),
                call_id: "c".to_owned(),
                cseq: 1,
                expires: u64::MAX,
                flow: Flow { transport, local, remote, connection: None },
            };
            assert_eq!(binding(saved(&before)), Some(before));
        }
    }
}
