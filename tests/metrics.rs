//! What Prometheus sees follows what happened.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::participant::Participant;
use crate::support::scrape;
use crate::support::server::Server;

/// Every family is explained to operators, and what they are told of or shown on a dashboard is there, from the start or as
/// soon as something was answered.
#[test]
fn families() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    let (_, text) = scrape::fetch(server.http, "/metrics").unwrap();
    let served: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(served.len() > 30, "{served:?}");
    let files = ["docs/operating.md", "README.md", "docker/grafana/dashboards/parlor.json"].map(|file| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        (file, std::fs::read_to_string(path).unwrap())
    });
    for (file, text) in &files {
        for name in named(text) {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let is_served = served.contains(name) || family.is_some_and(|family| served.contains(family));
            assert!(is_served, "{name} of {file} is not served");
        }
    }
    let explained: BTreeSet<&str> = named(&files[0].1).collect();
    let unexplained: Vec<_> = served.difference(&explained).collect();
    assert!(unexplained.is_empty(), "not in {}: {unexplained:?}", files[0].0);
    assert_eq!(scrape::fetch(server.http, "/healthz").unwrap().0, 200);
    assert_eq!(scrape::fetch(server.http, "/readyz").unwrap().0, 200);
}

/// The names of metrics in a text.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    // Modules are named in the same way.
    words.filter(|word| word.starts_with("process_") || word.starts_with("parlor_") && *word != "parlor_server")
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
