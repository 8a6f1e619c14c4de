//! Receipts: passed on to whom they are for, and not to whole rooms (CHAT-161, RFC 5438).

use crate::support::cpim;
use crate::support::msrp::Send;
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};

/// CPIM-55, CPIM-56: a message to the room that asks for receipts passes unchanged, and the receipts go to its sender alone, as
/// private messages do.
#[test]
fn to_whom_they_are_for() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| Participant::join(&server, name));
    let (from, to) = (alice.user.uri(), alice.room.clone());
    let asking = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nDateTime: 2026-03-02T15:02:31Z\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: q7Yp33xA\r\nimdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
         Content-Type: text/plain\r\n\r\nwho reads this?"
    );
    assert_eq!(alice.ask(&alice.sending(asking.as_bytes())), 200);
    for reader in [&mut bob, &mut carol] {
        assert_eq!(String::from_utf8(reader.hear()).unwrap(), asking);
        let receipt = receipt(reader, &from);
        assert_eq!(reader.ask(&receipt), 200);
        assert_eq!(alice.hear(), receipt.body);
    }
    alice.say("to all");
    bob.hears("to all");
    assert_eq!(bob.ask(&receipt(&bob, "sip:nobody@example.com")), 404);
    server.shows("parlor_messages_total{kind=\"imdn\"}", 2.0);
    server.shows("parlor_messages_total{kind=\"private\"}", 0.0);
}

/// CHAT-161: one that is for the room is answered 200 and goes to nobody, however many come; it may be asked for, though.
#[test]
fn none_to_the_room() {
    for (rule, passed) in [("drop", false), ("pass", true)] {
        let server = Setup::default().set("rooms.imdn", &format!("{rule:?}")).start();
        let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
        let receipt = receipt(&bob, &bob.room);
        for _ in 0..3 {
            assert_eq!(bob.ask(&Send { tid: crate::support::unique(""), ..bob.sending(&receipt.body) }), 200);
        }
        bob.say("to all");
        for _ in 0..if passed { 3 } else { 0 } {
            assert_eq!(alice.hear(), receipt.body);
        }
        alice.hears("to all");
        let withheld = if passed { 0.0 } else { 3.0 };
        server.shows("parlor_messages_withheld_total{kind=\"imdn\"}", withheld);
    }
}

/// CHAT-37: where the room allows no private messages there are no receipts either.
#[test]
fn without_private_messages() {
    let server = Setup::default().set("rooms.private_messages", "false").start();
    let [mut alice, bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    assert_eq!(alice.ask(&receipt(&alice, &bob.user.uri())), 403);
}

fn receipt(reader: &Participant, to: &str) -> Send {
    let from = reader.user.uri();
    let headers = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: Zr81kk02Lq\r\n\r\n\
         Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n"
    );
    let xml = format!(
        "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>q7Yp33xA</message-id>\
         <datetime>2026-03-02T15:02:31Z</datetime><recipient-uri>{from}</recipient-uri>\
         <display-notification><status><displayed/></status></display-notification></imdn>"
    );
    let body = [headers, xml].concat();
    assert!(!cpim::content(body.as_bytes()).is_empty());
    reader.sending(body.as_bytes())
}
