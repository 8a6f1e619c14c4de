//! OPTIONS, and requests that the server does not serve.

use crate::support::participant::Participant;
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipUser, server_uri};

/// SIP-48: a room tells what it can do, and that it is a room.
#[test]
fn of_a_room() {
    let server = Server::plain();
    for mut user in [SipUser::udp(&server, "alice"), SipUser::tcp(&server, "alice")] {
        let request = user.request("OPTIONS", &server.room("lobby"), "Accept: application/sdp\r\n", "");
        user.send(request);
        let response = user.expect(200);
        for name in ["Allow", "Accept", "Supported"] {
            response.header(name);
        }
        assert!(response.header("Contact").contains(";isfocus"), "{response:#?}");
        assert!(response.header("To").contains(";tag="), "SIP-29");
    }
}

/// Who need not say who it is is not told what a room is about.
#[test]
fn the_topic_is_not_told() {
    let server = Setup::default().set("rooms.topic", "\"Merger\"").start();
    let mut user = SipUser::tcp(&server, "alice");
    let request = user.request("OPTIONS", &server.room("lobby"), "Accept: application/sdp\r\n", "");
    user.send(request);
    let described = user.expect(200).body;
    assert!(described.contains("m=message") && !described.contains("Merger"), "{described}");
}

/// SIP-48: the server itself answers too, by its domain or by its address.
#[test]
fn of_the_server() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    for uri in [
        server_uri(),
        format!("sip:{}", server.sip),
        format!("sip:{DOMAIN}:5060"),
        format!("sip:{DOMAIN};transport=udp"),
    ] {
        let request = user.request("OPTIONS", &uri, "", "");
        user.send(request);
        let response = user.expect(200);
        assert!(response.header("Allow").contains("INVITE"), "{uri}");
    }
}

/// SIP-48: it has the code that an INVITE would get.
#[test]
fn of_what_is_not_there() {
    let server = Setup::default().set("rooms.on_demand", "false").start();
    let mut user = SipUser::tcp(&server, "alice");
    for uri in ["sip:nowhere@chat.example.test", "sip:lobby@example.org", "sip:example.org"] {
        let request = user.request("OPTIONS", uri, "", "");
        user.send(request);
        user.expect(404);
    }
    let request = user.request("OPTIONS", &server.room("lobby"), "Require: nothing-known\r\n", "");
    user.send(request);
    assert_eq!(user.expect(420).header("Unsupported"), "nothing-known");
    let request = user.request("OPTIONS", "tel:+15551234", "", "");
    user.send(request);
    assert!([404, 416].contains(&user.final_response().code()), "SIP-23");
    let request = user.request("OPTIONS", "gopher:lobby", "", "");
    user.send(request);
    user.expect(416);
}

/// SIP-48: a full room says so to who could not join it, and to nobody else; in a dialog that is no question.
#[test]
fn of_a_full_room() {
    let server = Setup::default().room("den", "max_participants = 1").start();
    let mut alice = Participant::join_room(&server, "alice", "den");
    let within = alice.call.request("OPTIONS", "", "");
    alice.user.send(within);
    alice.user.expect(200);
    let mut bob = SipUser::udp(&server, "bob");
    let options = bob.request("OPTIONS", &server.room("den"), "", "");
    bob.send(options);
    bob.expect(486);
    let mut phone = SipUser::udp(&server, "alice");
    let options = phone.request("OPTIONS", &server.room("den"), "", "");
    phone.send(options);
    phone.expect(200);
    alice.leave();
    let options = bob.request("OPTIONS", &server.room("den"), "", "");
    bob.send(options);
    bob.expect(200);
}

/// SIP-21: methods that are known and not served get 405 with Allow; others 501.
#[test]
fn methods_not_served() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    let methods = [("REGISTER", 405), ("PUBLISH", 405), ("NONSENSE", 501), ("invite", 501)];
    for (method, code) in methods {
        let headers =
            format!("Contact: <{}>\r\nEvent: conference\r\nRefer-To: <sip:carol@example.com>\r\n", user.contact());
        let request = user.request(method, &server.room("lobby"), &headers, "");
        user.send(request);
        let response = user.expect(code);
        if code == 405 {
            assert!(response.header("Allow").contains("INVITE"), "{method}");
        }
    }
}

/// SIP-22: a request that lacks what every request has gets 400.
#[test]
fn mandatory_headers() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    for missing in ["From", "To", "Call-ID", "CSeq"] {
        let request = user.request("OPTIONS", &server.room("lobby"), "", "");
        let without: String =
            request.split_inclusive("\r\n").filter(|line| !line.starts_with(&format!("{missing}: "))).collect();
        user.send(without);
        // Without From or the like there may be nobody to tell.
        if let Some(response) = user.receive_within(std::time::Duration::from_millis(500)) {
            assert_eq!(response.code(), 400, "{missing}");
        }
    }
    let request = user.request("OPTIONS", &server.room("lobby"), "", "").replace("1 OPTIONS", "1 INVITE");
    user.send(request);
    user.expect(400);
    let request = user.request("OPTIONS", &server.room("lobby"), "", "");
    user.send(request);
    user.expect(200);
}

/// SIP-32, RFC 3261 §7.3: compact forms, folding, odd spaces and case are read as what they stand for.
#[test]
fn unusual_spellings() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    let via = user.via().replace("Via: ", "v:  ");
    let room = server.room("lobby");
    user.send(format!(
        "OPTIONS {room} SIP/2.0\r\n{via}mAX-fORWARDS  :\t70\r\nf: \"A,\r\n B\" <sip:alice@example.com>\r\n ;tag=1\r\n\
         t:<{room}>\r\ni: spelt@oddly\r\nCSEQ:\r\n 0009\r\n OPTIONS\r\nk: a,b ,\r\n c\r\nl: 0\r\nX-Unknown: \u{e9}\r\n\r\n"
    ));
    let response = user.expect(200);
    assert_eq!(response.header("Call-ID"), "spelt@oddly");
    assert!(response.header("CSeq").ends_with(" OPTIONS"));
}
