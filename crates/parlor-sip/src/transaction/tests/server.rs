//! Requests of others.

use super::*;

/// SIP-2, G and H: a failure is repeated until its ACK; the ACK is absorbed, and I later the transaction is gone.
#[test]
fn a_failure_is_repeated_until_acknowledged() {
    let mut alone = Alone::new(TransactionLimits::default());
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), [""; 0]);
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, 486), ["486"]);
    assert_eq!(alone.run_until(Duration::from_millis(1600)), [(500, "486".into()), (1500, "486".into())]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), ["486"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("ACK", VIA, ";tag=t1", 1)), [""; 0]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), [""; 0]);
    assert!(alone.events().is_empty());
    assert_eq!(alone.run_until(Duration::from_secs(60)), []);
    alone.assert_empty();
}

/// SIP-2, H: without ACK a failure is given up after 64*T1.
#[test]
fn a_failure_is_given_up_after_32_seconds() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    alone.respond(tx, &request, 486);
    let times: Vec<u128> = alone.run_until(Duration::from_secs(60)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    alone.assert_empty();
}

/// SIP-3: after a 2xx the transaction absorbs INVITEs for L, lets the core repeat its 2xx and hands ACKs on.
#[test]
fn an_accepted_invite_lingers() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), [""; 0]);
    assert!(alone.events().is_empty());
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    assert_eq!(alone.respond(tx, &request, 486), [""; 0]);
    for via in [VIA, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother;rport"] {
        alone.take_in(Transport::Udp, &wire("ACK", via, ";tag=t1", 1));
        assert!(matches!(alone.events()[..], [Event::Ack { .. }]));
    }
    assert_eq!(alone.run_until(Duration::from_millis(31_999)), []);
    assert_eq!(alone.transactions(), 1);
    alone.run_until(Duration::from_secs(32));
    alone.assert_empty();
    assert_eq!(alone.respond(tx, &request, 200), [""; 0]);
    assert_eq!(alone.endpoint.stats().responses_late, 1);
}

/// SIP-40: 100 goes out when the core takes longer than 200 ms, and is repeated for a repeated INVITE.
#[test]
fn a_slow_core_is_covered_by_100() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.run_until(Duration::from_secs(10)), [(200, "100".into())]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), ["100"]);
    assert_eq!(alone.respond(tx, &request, 180), ["180"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), ["180"]);
    assert_eq!(alone.respond(tx, &request, 603), ["603"]);
}

/// SIP-2, J: over UDP the response lingers for repeated requests, over a stream nothing does.
#[test]
fn answered_requests_linger_only_over_udp() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 1)), [""; 0]);
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 1)), ["200"]);
    assert_eq!(alone.endpoint.stats().requests_repeated, 2);
    alone.run_until(Duration::from_secs(32));
    alone.assert_empty();

    alone.take_in(Transport::Tcp, &wire("OPTIONS", VIA, "", 2));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    alone.assert_empty();
}

/// A request the core never answers does not stay for ever.
#[test]
fn abandoned_requests_end() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Tcp, &wire("OPTIONS", VIA, "", 1));
    alone.take_in(Transport::Tcp, &wire("INVITE", VIA, "", 2));
    assert_eq!(alone.run_until(Duration::from_secs(400)).len(), 1);
    alone.assert_empty();
}

/// SIP-47: a CANCEL gets 200 and is told once; without its INVITE it gets 481; after the final response it has no effect.
#[test]
fn cancels_find_their_invite() {
    let mut alone = Alone::new(TransactionLimits::default());
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["481"]);
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["200"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["200"]);
    assert!(matches!(alone.events()[..], [Event::Cancel { tx: cancelled }] if cancelled == tx));
    assert_eq!(alone.respond(tx, &request, 487), ["487"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["200"]);
    assert!(alone.events().is_empty());
}

/// SIP-25: the same request with another branch and no To tag gets 482.
#[test]
fn merged_requests_are_refused() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let other = VIA.replace("abc", "def");
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", &other, "", 1)), ["482"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", &other, ";tag=x", 1)), [""; 0]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", &other, "", 2)), [""; 0]);
    assert_eq!(alone.endpoint.stats().requests_merged, 1);
}

/// Beyond the limit requests get 503 with Retry-After and leave nothing behind; BYE still gets through.
#[test]
fn too_many_requests_are_refused() {
    let mut alone = Alone::new(TransactionLimits { server: 8, ..TransactionLimits::default() });
    for seq in 0..8 {
        alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", seq));
    }
    let refused = parse(&wire("OPTIONS", VIA, "", 9));
    alone.endpoint.handle_message(alone.now, flow(Transport::Udp, SERVER, CLIENT), refused);
    let Message::Response(response) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    assert_eq!(response.code, 503);
    assert!(response.headers.retry_after().is_some() && response.headers.to().unwrap().tag().is_some());
    assert_eq!(alone.take_in(Transport::Udp, &wire("BYE", VIA, ";tag=x", 10)), [""; 0]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("BYE", VIA, ";tag=x", 11)), ["503"]);
    assert_eq!(alone.endpoint.stats().requests_overloaded, 2);
    assert_eq!(alone.transactions(), 9);
}

/// SIP-4: without the cookie the Via, Call-ID, CSeq and From tag make the transaction; the ACK finds it.
#[test]
fn peers_of_rfc_2543_are_matched() {
    for via in ["SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK", "SIP/2.0/UDP h;branch=1"] {
        let mut alone = Alone::new(TransactionLimits::default());
        alone.take_in(Transport::Udp, &wire("INVITE", via, "", 1));
        let (tx, request) = alone.the_request();
        alone.take_in(Transport::Udp, &wire("INVITE", via, "", 1));
        assert!(alone.events().is_empty());
        assert_eq!(alone.respond(tx, &request, 404), ["404"]);
        alone.take_in(Transport::Udp, &wire("ACK", via, ";tag=t1", 1));
        assert!(alone.events().is_empty());
        assert_eq!(alone.run_until(Duration::from_secs(10)), []);
        alone.assert_empty();
    }
}

/// SIP-5, SIP-6: over UDP the answer goes to the source, at the port asked for; over a stream it goes back on it.
#[test]
fn responses_find_their_way_back() {
    let reply_to = |transport, via: &str| {
        let mut alone = Alone::new(TransactionLimits::default());
        let flow = Flow { remote: address("198.51.100.9:40000"), ..flow(transport, SERVER, CLIENT) };
        alone.endpoint.handle_message(alone.now, flow, parse(&wire("OPTIONS", via, "", 1)));
        let (tx, request) = alone.the_request();
        alone.endpoint.respond(alone.now, tx, &Response::for_request(&request, 200, "OK"));
        alone.endpoint.poll_transmit().unwrap()
    };
    let transmit = reply_to(Transport::Udp, "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKa;rport");
    assert_eq!(transmit.flow.remote, address("198.51.100.9:40000"));
    let via = decoded(&transmit).headers().top_via().unwrap();
    assert_eq!((via.received(), via.rport()), ("198.51.100.9".parse().ok(), Some(40_000)));
    let transmit = reply_to(Transport::Udp, "SIP/2.0/UDP host.example:5070;branch=z9hG4bKa;maddr=203.0.113.1");
    assert_eq!(transmit.flow.remote, address("198.51.100.9:5070"));
    let transmit = reply_to(Transport::Udp, "SIP/2.0/UDP host.example;branch=z9hG4bKa");
    assert_eq!(transmit.flow.remote, address("198.51.100.9:5060"));
    let transmit = reply_to(Transport::Tcp, "SIP/2.0/TCP host.example:5070;branch=z9hG4bKa");
    assert_eq!((transmit.flow.remote.port(), transmit.flow.connection), (40_000, Some(ConnectionId(7))));
}

/// Requests on a lost connection fail at once; answers still owed go to sent-by over a new one (RFC 3261 §18.2.2).
#[test]
fn a_lost_connection_is_told() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Tcp, SERVER, CLIENT);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(SERVER)), request(Method::Bye, "c9"));
    alone.take_in(Transport::Tcp, &wire("OPTIONS", "SIP/2.0/TCP h:5099;branch=z9hG4bKa", "", 1));
    let (tx, request) = alone.the_request();
    alone.endpoint.handle_transport_error(alone.now, target);
    assert!(matches!(alone.events()[..], [Event::TransportError { .. }]));
    alone.endpoint.respond(alone.now, tx, &Response::for_request(&request, 200, "OK"));
    let transmit = alone.endpoint.poll_transmit().unwrap();
    assert_eq!((transmit.flow.connection, transmit.flow.remote), (None, address("192.0.2.1:5099")));
    alone.assert_empty();
}

/// Broken requests are answered without a transaction, to where they came from.
#[test]
fn broken_requests_are_answered() {
    let mut alone = Alone::new(TransactionLimits::default());
    let text = wire("OPTIONS", VIA, "", 1).replace("CSeq: 1", "CSeq: one");
    let error = parse_datagram(&Bytes::from(text), &Limits::default()).unwrap_err();
    let from = Flow { remote: address("192.0.2.1:40000"), ..flow(Transport::Udp, SERVER, CLIENT) };
    alone.endpoint.handle_invalid(from, &error);
    let transmit = alone.endpoint.poll_transmit().unwrap();
    assert_eq!(transmit.flow.remote.port(), 40_000);
    let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
    assert!(text.starts_with("SIP/2.0 400 ") && text.contains("received=192.0.2.1") && text.contains("CSeq: one"));
    alone.assert_empty();
}

/// What transactions hold is bounded in bytes too, however long the Call-IDs that peers make up, answered or not.
#[test]
fn held_bytes_are_bounded() {
    let limits = TransactionLimits { server_bytes: 100_000, ..TransactionLimits::default() };
    let mut alone = Alone::new(limits);
    let long = wire("OPTIONS", VIA, "", 1).replace("Call-ID: c1", &format!("Call-ID: {}", "c".repeat(10_000)));
    let mut refused = 0;
    for seq in 0..100 {
        let sent = alone.take_in(Transport::Udp, &long.replace("CSeq: 1", &format!("CSeq: {seq}")));
        refused += sent.iter().filter(|word| *word == "503").count();
        for event in alone.events() {
            let Event::Request { tx, request, .. } = event else { panic!("{event:?}") };
            if seq < 50 {
                alone.respond(tx, &request, 200);
            }
        }
    }
    assert!((40..50).contains(&refused), "{refused}");
    let held = alone.endpoint.stats().server_bytes;
    assert!((50_000..200_000).contains(&held), "{held}");
    alone.run_until(Duration::from_secs(60));
    alone.assert_empty();
}
