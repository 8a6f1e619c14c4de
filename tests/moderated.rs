//! Moderated rooms: visitors read, others write (CHAT-36).

use crate::support::cpim;
use crate::support::msrp::Send;
use crate::support::participant::Participant;
use crate::support::server::Setup;
use crate::support::unique;

const DEN: &str = "moderated = true\ndefault_role = \"visitor\"\nmembers = [\"sip:bob@example.com\"]";

/// CHAT-36: what a visitor sends gets 403 and reaches nobody, be it to the room, to one participant, or that it types; what
/// carries nothing, and a nickname, are no messages.
#[test]
fn visitors_only_read() {
    let server = Setup::default().room("den", DEN).start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join_room(&server, name, "den"));
    let composing = b"<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>active</state></isComposing>";
    let typing = cpim::wrapped(alice.user.uri(), &alice.room, "application/im-iscomposing+xml", composing);
    for send in [alice.saying("let me"), alice.telling("sip:bob@example.com", "please"), alice.sending(&typing)] {
        assert_eq!(alice.ask(&send), 403);
    }
    assert_eq!(alice.ask(&Send::empty(&alice.session, &alice.path)), 200);
    let tid = unique("");
    let (to, from) = (&alice.session, &alice.path);
    let nickname = format!("To-Path: {to}\r\nFrom-Path: {from}\r\nUse-Nickname: \"Ally\"");
    alice.msrp.write(format!("MSRP {tid} NICKNAME\r\n{nickname}\r\n-------{tid}$\r\n"));
    assert_eq!(alice.msrp.response(&tid), 200);
    bob.say("only I speak");
    alice.hears("only I speak");
    assert_eq!(bob.ask(&bob.telling("sip:alice@example.com", "psst")), 200);
    alice.hears("psst");
    assert_eq!(bob.msrp.unasked().count(), 0);
}

/// Without moderation visitors write too, and what is wrong otherwise is told before (spec: the order of decisions).
#[test]
fn visitors_of_other_rooms_write() {
    let server = Setup::default().room("den", DEN).room("open", "default_role = \"visitor\"").start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join_room(&server, name, "open"));
    alice.say("hello");
    bob.hears("hello");
    let mut alice = Participant::join_room(&server, "alice", "den");
    assert_eq!(alice.ask(&alice.sending(b"plain").kind("text/plain")), 415);
    let forged = cpim::text("sip:bob@example.com", &alice.room, "I am bob");
    assert_eq!(alice.ask(&alice.sending(&forged)), 403);
    server.shows("parlor_rejected_total{layer=\"cpim\",reason=\"foreign_sender\"}", 1.0);
}
