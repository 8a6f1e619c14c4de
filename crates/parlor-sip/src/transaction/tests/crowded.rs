//! A table of transactions that strangers fill.

use super::*;

const FEW: TransactionLimits = TransactionLimits {
    server: 8,
    server_bytes: 1 << 20,
    client: 8,
    timers: Timers { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) },
};

/// More requests than the table holds, each answered at once; none of them is refused.
fn flood(alone: &mut Alone, method: &str, code: u16) {
    for seq in 1000..1020 {
        let via = format!("SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKflood{method}{seq};rport");
        answer(alone, Transport::Udp, &wire(method, &via, "", seq), code);
    }
}

fn answer(alone: &mut Alone, transport: Transport, text: &str, code: u16) {
    assert_eq!(alone.take_in(transport, text), [""; 0]);
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, code), [code.to_string()]);
}

/// SIP-2, J: what is answered and lingers over UDP shuts nobody out, over whatever transport: an INVITE, a MESSAGE and what
/// comes within a dialog find room, and so does the next.
#[test]
fn answered_requests_of_strangers_make_room() {
    for (method, code) in [("OPTIONS", 200), ("REGISTER", 401), ("SUBSCRIBE", 489), ("INVITE", 401), ("MESSAGE", 200)] {
        let mut alone = Alone::new(FEW);
        flood(&mut alone, method, code);
        assert_eq!(alone.transactions(), 8);
        answer(&mut alone, Transport::Tcp, &wire("INVITE", "SIP/2.0/TCP h;branch=z9hG4bKt", "", 1), 200);
        answer(&mut alone, Transport::Udp, &wire("INVITE", VIA, "", 2), 200);
        answer(&mut alone, Transport::Udp, &wire("MESSAGE", VIA, "", 3), 200);
        answer(&mut alone, Transport::Udp, &wire("UPDATE", VIA, ";tag=t1", 4), 200);
        assert_eq!(alone.transactions(), 8);
        assert_eq!(alone.endpoint.stats().requests_overloaded, 0);
        assert_eq!(alone.endpoint.stats().transactions_cut_short, 16);
        alone.run_until(Duration::from_secs(60));
        alone.assert_empty();
    }
}

/// SIP-2: a MESSAGE that was taken acts once, however many requests came meanwhile whose answers may be given again.
#[test]
fn what_has_acted_is_remembered_longest() {
    let mut alone = Alone::new(FEW);
    let message = wire("MESSAGE", VIA, "", 1);
    answer(&mut alone, Transport::Udp, &message, 202);
    flood(&mut alone, "OPTIONS", 200);
    flood(&mut alone, "REGISTER", 401);
    flood(&mut alone, "INVITE", 401);
    alone.now += Duration::from_secs(31);
    assert_eq!(alone.take_in(Transport::Udp, &message), ["202"]);
    assert!(alone.events().is_empty());
}

/// Requests that wait for their answer and INVITEs that were taken are never dropped for others: those get 503.
#[test]
fn what_is_not_over_stays() {
    let mut alone = Alone::new(FEW);
    let invite = wire("INVITE", VIA, "", 1);
    alone.take_in(Transport::Udp, &invite);
    let (taken, request) = alone.the_request();
    alone.respond(taken, &request, 200);
    assert_eq!(alone.respond(taken, &request, 486), [""; 0]);
    let waiting: Vec<_> = (2..9).map(|seq| wire("MESSAGE", VIA, "", seq)).collect();
    for text in &waiting {
        assert_eq!(alone.take_in(Transport::Udp, text), [""; 0]);
    }
    assert_eq!(alone.events().len(), 7);
    assert_eq!(alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 99)), ["503"]);
    for text in waiting.iter().chain([&invite]) {
        assert_eq!(alone.take_in(Transport::Udp, text), [""; 0]);
    }
    assert!(alone.events().is_empty());
    assert_eq!(alone.respond(taken, &request, 200), ["200"]);
}

/// An ACK of a refusal that had to make room is told to the core, and repeated INVITEs are answered like new ones.
#[test]
fn refusals_that_made_room_can_be_asked_for_again() {
    let mut alone = Alone::new(FEW);
    let invite = wire("INVITE", VIA, "", 1);
    answer(&mut alone, Transport::Udp, &invite, 401);
    flood(&mut alone, "OPTIONS", 200);
    alone.take_in(Transport::Udp, &wire("ACK", VIA, ";tag=t1", 1));
    assert!(matches!(alone.events()[..], [Event::Ack { .. }]));
    answer(&mut alone, Transport::Udp, &invite, 401);
}
