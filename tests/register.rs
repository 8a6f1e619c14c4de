//! Registering: who is where (SIP-130, SIP-131).

use std::time::{Duration, Instant};

use crate::refer::refer;
use crate::support::callee::Called;
use crate::support::device::{Device, aor, bindings};
use crate::support::participant::Participant;
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipUser, server_uri};

/// A server where everybody on this machine may register.
fn open() -> Setup {
    Setup::default().set("registrar.trust_loopback", "true")
}

/// SIP-131: the 200 tells all bindings of the user, each with the time it has left, and the date.
#[test]
fn all_bindings_are_told() {
    let server = open().start();
    let mut phone = Device::udp(&server, "alice");
    let mut laptop = Device::tcp(&server, "alice");
    let (first, second) = (phone.user.contact(), laptop.user.contact());
    let response = phone.register(&format!("Contact: <{first}>;expires=120\r\n"));
    assert_eq!((response.code(), bindings(&response)), (200, vec![(first.clone(), 120)]));
    assert!(response.header("Date").ends_with(" GMT"), "{response:#?}");
    assert!(response.header("To").contains(";tag="), "SIP-29");
    let response = laptop.register(&format!("m: \"Alice\" <{second}>;q=0.5\r\n"));
    let told = bindings(&response);
    let uris: Vec<_> = told.iter().map(|(uri, _)| uri).collect();
    assert_eq!(uris, [&first, &second]);
    assert!(told[0].1 <= 120 && told[1].1 == 3600, "{told:?}");
    let mut other = Device::udp(&server, "bob");
    assert_eq!(bindings(&other.register("")), []);
    assert_eq!(bindings(&other.register("Contact: *\r\nExpires: 0\r\n")), []);
    server.shows("parlor_registrations", 2.0);
    assert_eq!(bindings(&phone.register("Contact: *\r\nExpires: 0\r\n")), []);
    server.shows("parlor_registrations", 0.0);
}

/// SIP-130: a binding ends when its time is over, to the second, and one that is refreshed does not.
#[test]
fn bindings_end_in_time() {
    let server = open().set("registrar.min_expires", "\"1s\"").start();
    let mut alice = Device::udp(&server, "alice");
    let mut bob = Device::udp(&server, "bob");
    let contact = |device: &Device, seconds| format!("Contact: <{}>;expires={seconds}\r\n", device.user.contact());
    let lasting = contact(&bob, 30);
    assert_eq!(bob.register(&lasting).code(), 200);
    let brief = contact(&alice, 2);
    let before = Instant::now();
    assert_eq!(alice.register(&brief).code(), 200);
    let after = Instant::now();
    server.shows("parlor_registrations", 1.0);
    let two = Duration::from_secs(2);
    assert!(before.elapsed() >= two, "not before its time: {:?}", before.elapsed());
    assert!(after.elapsed() < two + Duration::from_secs(2), "not long after it: {:?}", after.elapsed());
    assert_eq!(bindings(&bob.register("")).len(), 1);
}

/// SIP-130: each mistake has its code, and changes nothing.
#[test]
fn mistakes_have_their_codes() {
    let server = open().start();
    let mut alice = Device::udp(&server, "alice");
    alice.register_here();
    let own = alice.user.contact();
    for (headers, code, told) in [
        ("Contact: *\r\n", 400, None),
        ("Contact: *\r\nExpires: 60\r\n", 400, None),
        ("Contact: *\r\nContact: <sip:a@192.0.2.1>\r\nExpires: 0\r\n", 400, None),
        ("Contact: *, <sip:a@192.0.2.1>\r\nExpires: 0\r\n", 400, None),
        ("Contact: nobody\r\n", 400, None),
        ("Contact: <sip:a@192.0.2.1>, <sip:b@192.0.2.1>;expires=59\r\n", 423, Some(("Min-Expires", "60"))),
        ("Require: path, gruu\r\nContact: <sip:a@192.0.2.1>\r\n", 420, Some(("Unsupported", "gruu"))),
        ("Path: <sip:192.0.2.7>\r\nContact: <sip:a@192.0.2.1>\r\n", 400, None),
    ] {
        let response = alice.register(headers);
        assert_eq!(response.code(), code, "{headers}");
        if let Some((name, value)) = told {
            assert_eq!(response.header(name), value, "{headers}");
        }
    }
    let late = alice.request("Contact: *\r\nExpires: 0\r\n");
    let (now, before) = (late.split("CSeq: ").nth(1).unwrap().split(' ').next().unwrap(), "CSeq: 1 ");
    let late = late.replace(&format!("CSeq: {now} "), before);
    alice.user.send(late);
    assert_eq!(alice.user.final_response().code(), 500, "it was overtaken");
    for (uri, to, code) in [
        ("sip:example.org", aor("alice"), 403),
        ("sip:chat.example.test", "sip:alice@example.org".to_owned(), 404),
        ("sip:chat.example.test", aor("lobby"), 404),
        ("sip:chat.example.test", server_uri(), 404),
    ] {
        let contact = format!("Contact: <{own}>\r\n");
        let request =
            alice.user.request("REGISTER", uri, &contact, "").replace(&format!("To: <{uri}>"), &format!("To: <{to}>"));
        alice.user.send(request);
        assert_eq!(alice.user.final_response().code(), code, "{uri} {to}");
    }
    assert_eq!(bindings(&alice.register("")), [(own, 3600)]);
}

/// RFC 3261 §10.3 step 7: one contact that is refused takes the others along; one user and all together have so many places.
#[test]
fn places_are_bounded() {
    let server = open().set("limits.registrations", "4").set("limits.registrations_per_user", "3").start();
    let mut alice = Device::udp(&server, "alice");
    let many = |count: usize| (0..count).map(|n| format!("Contact: <sip:{n}@192.0.2.1>\r\n")).collect::<String>();
    assert_eq!(alice.register(&many(4)).code(), 403);
    server.shows("parlor_registrations", 0.0);
    assert_eq!(alice.register(&many(3)).code(), 200);
    assert_eq!(alice.register(&many(3)).code(), 200, "what is there needs no place");
    let mut bob = Device::udp(&server, "bob");
    let full = bob.register(&many(2));
    assert_eq!(full.code(), 503);
    full.header("Retry-After");
    assert_eq!(bob.register(&many(1)).code(), 200);
    server.shows("parlor_registrations", 4.0);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"too_many_of_user\"}", 1.0);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"overload\"}", 1.0);
}

/// What was answered with 200 is there after the server was killed, with the time that is left, and what was removed is not.
#[test]
fn bindings_survive_a_kill() {
    let mut server = open().start();
    let mut alice = Device::udp(&server, "alice");
    let own = alice.user.contact();
    let response = alice.register(&format!("Contact: <{own}>;q=0.3;expires=600, <sip:gone@192.0.2.1>\r\n"));
    assert_eq!(response.code(), 200);
    assert_eq!(alice.register("Contact: <sip:gone@192.0.2.1>;expires=0\r\n").code(), 200);
    server.kill_and_restart();
    server.shows("parlor_registrations", 1.0);
    let response = alice.register("");
    let told = bindings(&response);
    assert_eq!((told.len(), &told[0].0), (1, &own));
    assert!((500..=600).contains(&told[0].1), "{told:?}");
    assert!(response.header("Contact").contains(";q=0.3"), "{response:#?}");
}

/// RFC 5626: a device that is reached over its own stream is gone with it.
#[test]
fn a_device_goes_with_its_stream() {
    let server = open().start();
    let mut laptop = Device::tcp(&server, "alice");
    let contact = laptop.outbound_contact();
    let response = laptop.register(&contact);
    assert_eq!((response.code(), response.header("Require")), (200, "outbound"));
    server.shows("parlor_registrations", 1.0);
    drop(laptop);
    server.shows("parlor_registrations", 0.0);
}

/// Who has registered and is called into a room is called on its own stream.
#[test]
fn who_has_registered_is_called_there() {
    let server = open().start();
    let mut alice = Participant::join(&server, "alice");
    let mut carol = Device::tcp(&server, "carol");
    carol.register_here();
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.user.uri()), 202);
    let carol = Called::at(&server, carol.user);
    assert!(carol.invite.start.contains("sip:carol@127.0.0.1"), "{}", carol.invite.start);
    assert!(carol.invite.header("To").contains(&aor("carol")), "{:#?}", carol.invite);
    let mut carol = carol.accept("active");
    carol.say("hello");
    alice.hears("hello");
}

/// Nobody registers unless somebody knows who it is: not without passwords, and not from elsewhere.
#[test]
fn nobody_registers_by_default() {
    let server = Server::plain();
    let mut alice = Device::udp(&server, "alice");
    let response = alice.register(&format!("Contact: <{}>\r\n", alice.user.contact()));
    assert_eq!(response.code(), 405);
    let server = Setup::default().set("registrar.trust_loopback", "true").set("auth.mode", "\"digest\"").start();
    let mut alice = Device::udp(&server, "alice");
    let response = alice.register(&format!("Contact: <{}>\r\n", alice.user.contact()));
    assert_eq!(response.code(), 401);
    response.header("WWW-Authenticate");
}

/// SIP-120, SIP-130: with passwords, a user registers for its own addresses, by any of them, and for no other.
#[test]
fn a_password_registers_its_user() {
    let setup = Setup::default().set("auth.mode", "\"digest\"").user("alice", &["tel:+15551234"]).user("bob", &[]);
    let server = setup.start();
    let account = |name| Device::over(SipUser::udp(&server, name).with_account());
    let mut alice = account("alice");
    alice.register_here();
    let mut phone = account("alice");
    let contact = format!("Contact: <{}>\r\n", phone.user.contact());
    let (request, aor) = (phone.register(&contact), phone.user.uri());
    assert_eq!(bindings(&request).len(), 2);
    let mut wrong = Device::over(SipUser::udp(&server, "alice").with_account().with_password("guess"));
    assert_eq!(wrong.register(&contact).code(), 401);
    let mut bob = account("bob");
    for (to, code) in [(aor.as_str(), 403), ("tel:+15551234", 403), ("sip:bob@127.0.0.1", 200)] {
        bob.to = to.to_owned();
        assert_eq!(bob.register(&contact).code(), code, "{to}");
    }
    alice.to = "tel:+1-555-1234".to_owned();
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"forbidden\"}", 2.0);
    assert_eq!(bindings(&alice.register("")).len(), 2);
}

/// RFC 3261 §10.3: the server tells that it registers users.
#[test]
fn the_server_says_so() {
    for (server, registers) in [(Server::plain(), false), (open().start(), true)] {
        let mut user = SipUser::udp(&server, "alice");
        let options = user.request("OPTIONS", &format!("sip:{DOMAIN}"), "", "");
        user.send(options);
        let allow = user.expect(200).header("Allow").to_owned();
        assert_eq!(allow.split(", ").any(|method| method == "REGISTER"), registers, "{allow}");
        let options = user.request("OPTIONS", &server.room("lobby"), "", "");
        user.send(options);
        assert!(!user.expect(200).header("Allow").contains("REGISTER"), "rooms register nobody");
    }
}

/// 10,000 registrations of as many users are taken in seconds.
#[test]
fn ten_thousand_users() {
    const USERS: usize = 10_000;
    let server = open().start();
    let mut all = SipUser::tcp(&server, "crowd");
    let contact = all.contact();
    let before = Instant::now();
    for chunk in 0..USERS / 100 {
        for n in chunk * 100..(chunk + 1) * 100 {
            let name = format!("user{n}");
            let uri = server_uri();
            let request = all.request("REGISTER", &uri, &format!("Contact: <{contact}>\r\n"), "");
            all.send(request.replace(&format!("To: <{uri}>"), &format!("To: <{}>", aor(&name))));
        }
        (0..100).for_each(|_| drop(all.expect(200)));
    }
    assert!(before.elapsed() < Duration::from_secs(30), "{:?}", before.elapsed());
    server.shows("parlor_registrations", 10_000.0);
}
