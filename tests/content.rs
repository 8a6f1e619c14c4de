//! What messages may carry and say, and where the room's business ends.

use crate::support::cpim;
use crate::support::participant::Participant;
use crate::support::server::Server;

/// CHAT-34, CPIM-33: a Require of what the standard's own headers have not gets 400; of what others define is for recipients
/// to understand, and passes.
#[test]
fn what_must_be_understood() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let written = |alice: &Participant, headers: &str| {
        let text = String::from_utf8(alice.saying("heed this").body).unwrap();
        text.replacen("To: ", &format!("{headers}To: "), 1)
    };
    for unknown in ["Require: Magic\r\n", "Require: Subject, Magic\r\n", "Require: from\r\n"] {
        let body = written(&alice, unknown);
        assert_eq!(alice.ask(&alice.sending(body.as_bytes())), 400, "{unknown}");
    }
    for others in [
        "NS: My <mid:MessageFeatures@id.example.com>\r\nRequire: My.VitalMessageOption\r\nMy.VitalMessageOption: x\r\n",
        "Require: Subject, DateTime\r\n",
        "Require: undeclared.Option\r\n",
        "Required: Magic\r\n",
    ] {
        let body = written(&alice, others);
        assert_eq!(alice.ask(&alice.sending(body.as_bytes())), 200, "{others}");
        assert_eq!(String::from_utf8(bob.hear()).unwrap(), body);
    }
    server.shows("parlor_rejected_total{layer=\"cpim\",reason=\"unknown_requirement\"}", 3.0);
}

/// CHAT-162: HTML passes as it is, scripts and all: it is for recipients to show none.
#[test]
fn html() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let html = b"<html><script>alert(1)</script><img src=x onerror='alert(2)'>\x00</html>";
    let body = cpim::wrapped(alice.user.uri(), &alice.room, "text/html; charset=utf-8", html);
    assert_eq!(alice.ask(&alice.sending(&body)), 200);
    assert_eq!(bob.hear(), body);
}

/// CHAT-163: what is signed or encrypted passes inside the wrapper, untouched, and gets 415 around it.
#[test]
fn secured() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let signed = "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=b";
    let parts =
        b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\n\
        \x30\x80\x06\xff\r\n--b--\r\n";
    for kind in [signed, "application/pkcs7-mime; smime-type=enveloped-data"] {
        assert_eq!(alice.ask(&alice.sending(parts).kind(kind)), 415, "{kind}");
        let wrapped = cpim::wrapped(alice.user.uri(), &alice.room, kind, parts);
        assert_eq!(alice.ask(&alice.sending(&wrapped)), 200, "{kind}");
        assert_eq!(bob.hear(), wrapped);
    }
}

/// CHAT-E8: a gateway writes From without brackets and with `gr`; whose it is, is looked at all the same.
#[test]
fn from_a_gateway() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let (own, room) = (alice.user.uri(), alice.room.clone());
    let from = |from: &str| format!("From: {from}\r\nTo: <{room}>\r\n\r\nContent-Type: text/plain\r\n\r\nvia XMPP");
    for foreign in [format!("{room};gr=alice"), format!("{room};gr={own}"), "sip:bob@example.com;gr=alice".to_owned()] {
        assert_eq!(alice.ask(&alice.sending(from(&foreign).as_bytes())), 403, "{foreign}");
    }
    let body = from(&format!("{own};gr=phone"));
    assert_eq!(alice.ask(&alice.sending(body.as_bytes())), 200);
    assert_eq!(String::from_utf8(bob.hear()).unwrap(), body);
}
