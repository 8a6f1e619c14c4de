//! Participants behind MSRP relays (RFC 4976), as the room meets them: by what relays do to messages.

use crate::support::cpim;
use crate::support::msrp::{MsrpPeer, Send};
use crate::support::participant::{Joined, Participant};
use crate::support::server::Server;
use crate::support::sip::SipUser;
use crate::support::unique;

/// Alice, whose path leads through a relay; what stands here for her connection is the relay's.
fn behind_a_relay(server: &Server) -> Participant {
    let relay = format!("msrp://relay.example.com:2855/{};tcp", unique("r"));
    let change = |offer: String| offer.replace("a=path:", &format!("a=path:{relay} "));
    let mut joined = Joined::invite(server, SipUser::tcp(server, "alice"), "lobby", change);
    joined.path = format!("{relay} {}", joined.path);
    joined.bind(MsrpPeer::connect(server.msrp))
}

/// MSRP-172: a relay cuts a message anew, with transaction ids of its own, and out of order: it is one message all the same.
#[test]
fn cut_anew() {
    let server = Server::plain();
    let [mut alice, mut bob] = [behind_a_relay(&server), Participant::join(&server, "bob")];
    let body = alice.saying(&"well travelled ".repeat(200)).body;
    let (id, total) = (unique("m"), body.len());
    let cuts = [0, 700, 1200, 2500, total];
    let mut chunks: Vec<(usize, usize)> = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect();
    chunks.swap(1, 2);
    for (from, to) in chunks {
        let flag = if to == total { '$' } else { '+' };
        let chunk = alice.chunk(&id, &format!("{}-*/{total}", from + 1), &body[from..to], flag);
        assert_eq!(alice.ask(&chunk), 200, "{from}");
    }
    assert_eq!(bob.hear(), body);
}

/// MSRP-61, MSRP-172: NICKNAME crosses relays, and its answer goes back by the whole path.
#[test]
fn nickname() {
    let server = Server::plain();
    let [mut alice, mut bob] = [behind_a_relay(&server), Participant::join(&server, "bob")];
    let tid = unique("t");
    let (to, from) = (&alice.session, &alice.path);
    alice.msrp.write(format!(
        "MSRP {tid} NICKNAME\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nUse-Nickname: \"Ally\"\r\n-------{tid}$\r\n"
    ));
    let answer = alice.msrp.receive();
    assert_eq!((answer.tid.as_str(), answer.code), (tid.as_str(), 200));
    assert_eq!(answer.header("To-Path"), alice.path);
    assert_eq!(crate::nickname::quoted(&mut bob, "ally"), 425);
}

/// MSRP-55, MSRP-58, MSRP-171, CHAT-46: a relay has answered 200 and reports later that it got no further. The rest of that
/// message does not come; others do, the sender hears nothing of it, and a REPORT of what nobody sent is nothing.
#[test]
fn reported_later() {
    let server = Server::plain();
    let [mut alice, mut bob] = [behind_a_relay(&server), Participant::join(&server, "bob")];
    let mut body = bob.saying("large").body;
    body.resize(40_000, b'.');
    let id = unique("m");
    assert_eq!(bob.ask(&bob.chunk(&id, "1-*/40000", &body[..20_000], '+')), 200);
    let first = alice.msrp.next_send();
    let copy = first.header("Message-ID").to_owned();
    for id in [copy.as_str(), "nothing-of-yours"] {
        let (to, from, tid) = (&alice.session, &alice.path, unique("t"));
        alice.msrp.write(format!(
            "MSRP {tid} REPORT\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {id}\r\n\
             Byte-Range: 1-8192/40000\r\nStatus: 000 408 Timeout\r\n-------{tid}$\r\n"
        ));
    }
    assert_eq!(alice.msrp.last_of(&copy).flag, '#');
    assert_eq!(bob.ask(&bob.chunk(&id, "20001-*/40000", &body[20_000..], '$')), 200);
    bob.say("and another");
    assert_eq!(cpim::content(alice.msrp.next_send().content()), "and another");
    assert_eq!(bob.msrp.unasked().count(), 0);
    let alive = Send::empty(&alice.session, &alice.path);
    assert_eq!(alice.ask(&alive), 200);
}
