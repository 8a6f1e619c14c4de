//! Requests of ours.

use super::*;

/// SIP-2: A doubles without end, B ends the wait after 64*T1.
#[test]
fn an_unanswered_invite_is_sent_seven_times() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Invite, "c1"));
    assert_eq!(alone.sent(), ["INVITE"]);
    let times: Vec<u128> = alone.run_until(Duration::from_secs(60)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(matches!(alone.events()[..], [Event::Timeout { .. }]));
    alone.assert_empty();
}

/// SIP-2: E doubles up to T2, F ends the wait after 64*T1.
#[test]
fn an_unanswered_message_is_sent_eleven_times() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Message, "c1"));
    assert_eq!(alone.sent(), ["MESSAGE"]);
    let times: Vec<u128> = alone.run_until(Duration::from_secs(60)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(matches!(alone.events()[..], [Event::Timeout { .. }]));
    alone.assert_empty();
}

/// A stream needs no retransmission, only the wait has an end.
#[test]
fn nothing_is_retransmitted_over_a_stream() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Tcp, CLIENT, SERVER);
    for method in [Method::Invite, Method::Message] {
        alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(method, "c1"));
    }
    assert_eq!(alone.sent().len(), 2);
    assert_eq!(alone.run_until(Duration::from_secs(60)), []);
    assert!(matches!(alone.events()[..], [Event::Timeout { .. }, Event::Timeout { .. }]));
    alone.assert_empty();
}

/// Responses that are not ours, have several Vias or another CSeq method are dropped.
#[test]
fn foreign_responses_are_dropped() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Message, "c1"));
    let Message::Request(sent) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    let good = Response::for_request(&sent, 200, "OK");
    let mut twice = good.clone();
    twice.headers.push(HeaderName::Via, "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23");
    let mut other = good.clone();
    other.headers.set(HeaderName::CSeq, "1 INVITE");
    let mut unknown = good.clone();
    unknown.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0000000000000000");
    for response in [twice, other, unknown] {
        alone.endpoint.handle_message(alone.now, target, Message::Response(response));
    }
    assert!(alone.events().is_empty());
    assert_eq!(alone.endpoint.stats().responses_unmatched, 3);
    alone.endpoint.handle_message(alone.now, target, Message::Response(good));
    assert!(matches!(alone.events()[..], [Event::Response { .. }]));
}

/// A request for which there is no place is not sent, and its sender is told that it is we who have too much to do.
#[test]
fn too_many() {
    let mut alone = Alone::new(TransactionLimits { client: 0, ..TransactionLimits::default() });
    let target = flow(Transport::Udp, CLIENT, SERVER);
    let tx = alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Message, "c1"));
    assert_eq!(alone.sent(), [""; 0]);
    assert!(matches!(alone.events()[..], [Event::Overload { tx: refused }] if refused == tx));
}

/// MSG-60: what is passed on has our Via on top of the others, with the mark; its response has all of them.
#[test]
fn a_request_is_passed_on() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    let mut message = request(Method::Message, "c1");
    message.headers.push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa, SIP/2.0/UDP h;branch=z9hG4bKb");
    let tx = alone.endpoint.forward(alone.now, target, &SentBy::from(address(CLIENT)), message, 42);
    let Message::Request(sent) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    let via = sent.headers.via().unwrap();
    assert_eq!((via.len(), via[0].mark(), via[1].mark()), (3, Some(42), None));
    let whole = Response::for_request(&sent, 200, "OK");
    let mut alone_ours = whole.clone();
    alone_ours.headers.set(HeaderName::Via, &via[0]);
    alone.endpoint.handle_message(alone.now, target, Message::Response(alone_ours));
    assert!(alone.events().is_empty(), "nobody else would get it");
    alone.endpoint.handle_message(alone.now, target, Message::Response(whole));
    assert!(matches!(alone.events()[..], [Event::Response { tx: answered, .. }] if answered == tx));
}

/// A CANCEL waits for the first provisional response; an INVITE that is still not answered counts as cancelled.
#[test]
fn our_cancel_waits_for_a_sign_of_life() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    let tx = alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Invite, "c1"));
    let Message::Request(invite) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    alone.endpoint.cancel(alone.now, tx);
    assert_eq!(alone.sent(), [""; 0]);
    let trying = Message::Response(Response::for_request(&invite, 100, "Trying"));
    alone.endpoint.handle_message(alone.now, target, trying);
    let Message::Request(cancel) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    assert_eq!(cancel.method, Method::Cancel);
    assert_eq!(cancel.headers.top_via().unwrap(), invite.headers.top_via().unwrap());
    let ok = Message::Response(Response::for_request(&cancel, 200, "OK"));
    alone.endpoint.handle_message(alone.now, target, ok);
    assert!(matches!(alone.events()[..], [Event::Response { .. }]));
    let mut terminated = Response::for_request(&invite, 487, "");
    terminated.set_to_tag("t1");
    alone.endpoint.handle_message(alone.now, target, Message::Response(terminated));
    assert!(matches!(&alone.events()[..], [Event::Response { response, .. }] if response.code == 487));
    let Message::Request(ack) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    assert_eq!((ack.method, ack.headers.cseq().unwrap().seq), (Method::Ack, 1));
    assert_eq!(ack.headers.to_tag().unwrap().as_deref(), Some("t1"));
    alone.run_until(Duration::from_secs(60));
    alone.assert_empty();
}
