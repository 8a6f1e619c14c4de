//! Presence (RFC 3856, RFC 3903): what is published, and what watchers are told.

mod publish;
mod subscribe;

use super::{Scene, Sent, known, parse, udp};
use crate::{Recipient, Sender};
use parlor_events::Limits;
use parlor_events::pidf::Presence;
use parlor_sip::{Flow, HeaderName, Method, Response};
use std::time::Duration;

/// A document that says this.
pub(super) fn pidf(content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         entity=\"pres:bob@chat.example.com\">{content}</presence>"
    )
}

/// A document with one tuple and a note.
pub(super) fn saying(note: &str) -> String {
    pidf(&format!("<tuple id=\"desk\"><status><basic>open</basic></status><note>{note}</note></tuple>"))
}

pub(super) const TYPE: &str = "Content-Type: application/pidf+xml\r\n";

pub(super) fn bob() -> Recipient {
    Recipient::User { name: "bob".into(), has_account: true }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Scene {
    /// A PUBLISH of bob with these headers; the answer as far as one comes.
    pub(super) fn try_publish(&mut self, headers: &str, body: &str) -> Option<Response> {
        self.publish_as(&known("bob"), udp(1), &bob(), &format!("Event: presence\r\n{headers}"), body)
    }

    pub(super) fn publish(&mut self, headers: &str, body: &str) -> Response {
        self.try_publish(headers, body).expect("an answer")
    }

    pub(super) fn publish_as(
        &mut self,
        sender: &Sender,
        flow: Flow,
        recipient: &Recipient,
        headers: &str,
        body: &str,
    ) -> Option<Response> {
        let text = format!(
            "PUBLISH sip:bob@chat.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
             From: <sip:bob@chat.example.com>;tag=1\r\nTo: <sip:bob@chat.example.com>\r\nCall-ID: p\r\n\
             CSeq: 1 PUBLISH\r\n{headers}\r\n{body}"
        );
        let (request, tx) = (parse(&text), self.tx());
        self.proxy.handle_publish(self.now, tx, &request, flow, sender, recipient);
        self.outputs()
    }

    /// The entity tag of what bob publishes.
    pub(super) fn published(&mut self, headers: &str, body: &str) -> String {
        let response = self.publish(headers, body);
        assert_eq!(response.code, 200, "{}", response.reason);
        tag_of(&response)
    }

    /// A SUBSCRIBE to bob.
    pub(super) fn subscribe_as(&mut self, sender: &Sender, flow: Flow, call_id: &str, headers: &str) -> Response {
        let text = subscribe("<sip:bob@chat.example.com>", call_id, 1, headers);
        let (request, tx) = (parse(&text), self.tx());
        self.proxy.handle_subscribe(self.now, tx, &request, flow, sender, &bob());
        self.outputs().expect("an answer")
    }

    /// A SUBSCRIBE in the dialog that an answer began.
    pub(super) fn resubscribe_as(
        &mut self,
        sender: &Sender,
        flow: Flow,
        to: &str,
        cseq: u32,
        headers: &str,
    ) -> Response {
        let (request, tx) = (parse(&subscribe(to, "s1", cseq, headers)), self.tx());
        assert!(crate::Proxy::is_watching(&request));
        self.proxy.handle_resubscribe(self.now, tx, &request, flow, sender);
        self.outputs().expect("an answer")
    }

    /// Alice watches bob, and has known for a while what there is; the To of her dialog.
    pub(super) fn watch(&mut self) -> String {
        let to = self.first_look();
        self.pass(seconds(5));
        to
    }

    /// Alice watches bob, and knows since now what there is.
    pub(super) fn first_look(&mut self) -> String {
        let response = self.subscribe_as(&known("alice"), udp(2), "s1", "Event: presence\r\n");
        assert_eq!(response.code, 200, "{}", response.reason);
        let notify = self.notified();
        self.answers(&notify, 200);
        to_of(&response)
    }

    /// The one NOTIFY that was sent.
    pub(super) fn notified(&mut self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].request.method, Method::Notify);
        sent.remove(0)
    }
}

pub(super) fn subscribe(to: &str, call_id: &str, cseq: u32, headers: &str) -> String {
    format!(
        "SUBSCRIBE sip:bob@chat.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
         From: <sip:alice@chat.example.com>;tag=a\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\n\
         Contact: <sip:alice@192.0.2.9:5002>\r\n{headers}\r\n"
    )
}

pub(super) fn to_of(response: &Response) -> String {
    header(&response.headers, &HeaderName::To)
}

pub(super) fn tag_of(response: &Response) -> String {
    header(&response.headers, &HeaderName::SipEtag)
}

pub(super) fn state_of(notify: &Sent) -> String {
    header(&notify.request.headers, &HeaderName::SubscriptionState)
}

/// What a NOTIFY tells.
pub(super) fn told(notify: &Sent) -> Presence {
    Presence::read(&notify.request.body, &Limits::default()).expect("a document")
}

/// Whether each tuple is open, what notes there are in them, and what they call themselves.
pub(super) fn shown(notify: &Sent) -> Vec<String> {
    let tuple = |tuple: &parlor_events::pidf::Tuple| {
        let basic = tuple.basic.map_or("-", |basic| basic.as_str());
        let notes = tuple.notes.iter().map(|note| format!(" {}", note.text)).collect::<String>();
        let contact = tuple.contact.as_ref().map(|contact| format!(" <{}>", contact.uri)).unwrap_or_default();
        format!("{basic}{notes}{contact}")
    };
    told(notify).tuples.iter().map(tuple).collect()
}

pub(super) fn header(headers: &parlor_sip::Headers, name: &HeaderName) -> String {
    headers.first(name).unwrap_or_else(|| panic!("no {name}")).to_owned()
}
