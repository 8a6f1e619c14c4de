//! What Prometheus sees follows what happened.

use crate::support::participant::Participant;
use crate::support::scrape;
use crate::support::server::Server;

/// Every family that dashboards rely on is there from the start.
#[test]
fn families() {
    let server = Server::plain();
    let metrics = server.metrics();
    let families = [
        "parlor_build_info",
        "parlor_rooms",
        "parlor_participants",
        "parlor_msrp_connections",
        "parlor_msrp_sessions",
        "parlor_sip_requests_total",
        "parlor_msrp_requests_total",
        "parlor_messages_total",
        "parlor_deliveries_total",
        "parlor_delivery_bytes_total",
        "parlor_deliveries_dropped_total",
        "parlor_rejected_total",
        "parlor_congested_sessions",
        "parlor_fanout_seconds",
        "parlor_outbox_bytes",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
    ];
    for family in families {
        assert!(metrics.has_family(family), "{family}");
    }
    assert_eq!(scrape::fetch(server.http, "/healthz").unwrap().0, 200);
    assert_eq!(scrape::fetch(server.http, "/readyz").unwrap().0, 200);
}

/// Joins, messages, copies, refusals and leaves are counted once each.
#[test]
fn counted_once() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut carol = Participant::join(&server, "carol");
    for (series, value) in [
        ("parlor_rooms", 1.0),
        ("parlor_participants", 3.0),
        ("parlor_msrp_connections", 3.0),
        ("parlor_msrp_sessions", 3.0),
        ("parlor_sip_requests_total{method=\"INVITE\"}", 3.0),
        ("parlor_sip_requests_total{method=\"ACK\"}", 3.0),
        ("parlor_sip_responses_total{code=\"200\"}", 3.0),
        ("parlor_msrp_requests_total{method=\"SEND\"}", 3.0),
        ("parlor_msrp_responses_total{code=\"200\"}", 3.0),
        ("parlor_messages_total{kind=\"room\"}", 0.0),
        // What binds a session has no content.
        ("parlor_fanout_seconds_count", 0.0),
    ] {
        server.shows(series, value);
    }
    alice.say("one");
    let two = bob.saying("two");
    assert_eq!(bob.ask(&two), 200);
    carol.hears("one");
    carol.hears("two");
    let refused = carol.sending(b"plain").kind("text/plain");
    assert_eq!(carol.ask(&refused), 415);
    for (series, value) in [
        ("parlor_messages_total{kind=\"room\"}", 2.0),
        ("parlor_deliveries_total", 4.0),
        ("parlor_msrp_requests_total{method=\"SEND\"}", 6.0),
        ("parlor_msrp_responses_total{code=\"200\"}", 5.0),
        ("parlor_msrp_responses_total{code=\"415\"}", 1.0),
        ("parlor_outbox_bytes", 0.0),
        ("parlor_congested_sessions", 0.0),
    ] {
        server.shows(series, value);
    }
    let bodies = server.metrics().value("parlor_delivery_bytes_total");
    let sent = 2.0 * (alice.saying("one").body.len() + two.body.len()) as f64;
    assert!(bodies >= sent, "{bodies} for {sent}");
    server.shows("parlor_rejected_total{layer=\"msrp\",reason=\"not_cpim\"}", 1.0);
    assert_eq!(server.metrics().sum("parlor_rejected_total"), 1.0);
    assert_eq!(server.metrics().value("parlor_fanout_seconds_count"), 2.0, "what was refused is not handed out");
    alice.leave();
    server.shows("parlor_participants", 2.0);
    server.shows("parlor_msrp_sessions", 2.0);
    server.shows("parlor_sip_requests_total{method=\"BYE\"}", 1.0);
    server.shows("parlor_sessions_closed_total{reason=\"left\"}", 1.0);
}

/// No label holds a user or a room, or anything else that somebody wrote.
#[test]
fn no_names_in_labels() {
    let server = Server::plain();
    let mut zebra = Participant::join_room(&server, "zebra", "giraffe");
    zebra.say("hippopotamus");
    let forged = zebra.sending(&crate::support::cpim::text("sip:okapi@example.com", "sip:quagga@example.com", "x"));
    assert_eq!(zebra.ask(&forged), 403);
    let odd = zebra.user.request("GNU", "sip:gnu@example.com", "", "");
    zebra.user.send(odd);
    assert!(zebra.user.final_response().code() >= 400);
    for series in server.metrics().series() {
        for name in ["zebra", "giraffe", "hippopotamus", "okapi", "quagga", "gnu", "GNU", "127.0.0.1"] {
            assert!(!series.contains(name), "{series}");
        }
    }
}
