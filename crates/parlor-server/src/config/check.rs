//! Rules that a configuration as a whole must meet.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::listen::{Advertised, HostPort, Listen, Transport};
use super::read::Findings;
use super::secret::secret_in;
use super::{AuthMode, Config, Room, RoomRules};
use crate::logging;
use parlor_room::Nickname;
use parlor_sip::{Scheme, Uri};

/// Reports whatever does not fit together.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    check_domain(config, findings);
    check_listeners("sip", &config.sip.listen, &config.sip.advertised, findings);
    check_listeners("msrp", &config.msrp.listen, &config.msrp.advertised, findings);
    for (index, listen) in config.msrp.listen.iter().enumerate() {
        if listen.transport == Transport::Udp {
            findings.mistake(&format!("msrp.listen[{index}]"), "MSRP has no UDP: write tcp: or tls:");
        }
    }
    check_addresses(config, findings);
    check_tls(config, findings);
    check_auth(config, findings);
    check_rooms(config, findings);
    if config.sip.min_se > config.sip.session_expires {
        findings
            .mistake(written(findings, &["sip.min_se", "sip.session_expires"]), "min_se is more than session_expires");
    }
    if config.registrar.min_expires > config.registrar.max_expires {
        let key = written(findings, &["registrar.min_expires", "registrar.max_expires"]);
        findings.mistake(key, "min_expires is more than max_expires");
    }
    if config.roster.min_expires > config.roster.expires {
        let key = written(findings, &["roster.min_expires", "roster.expires"]);
        findings.mistake(key, "min_expires is more than expires");
    }
    if config.limits.outbox > config.limits.stalled_outboxes {
        let key = written(findings, &["limits.outbox", "limits.stalled_outboxes"]);
        findings.mistake(key, "stalled_outboxes must hold at least one outbox");
    }
    if let Err(message) = logging::filter(&config.log.level) {
        findings.mistake("log.level", message);
    }
}

fn check_domain(config: &Config, findings: &mut Findings) {
    let is_domain = HostPort::parse(&config.domain).is_some_and(|host| host.port.is_none());
    if !is_domain {
        findings.mistake("domain", format!("{:?} is no domain name", config.domain));
    }
}

fn check_listeners(section: &str, listen: &[Listen], advertised: &Advertised, findings: &mut Findings) {
    let (listen_key, advertised_key) = (format!("{section}.listen"), format!("{section}.advertised"));
    if listen.is_empty() {
        findings.mistake(&listen_key, "there must be at least one listener");
    }
    let told = advertised.entries();
    if told.len() > 1 && told.len() != listen.len() {
        let message =
            format!("{} hosts for {} listeners: write one for each, or one for all", told.len(), listen.len());
        findings.mistake(&advertised_key, message);
    }
    let ports: BTreeSet<u16> = listen.iter().map(|listen| listen.address.port()).collect();
    if ports.len() > 1 && told.len() == 1 && told[0].port.is_some() {
        let message = "one port for listeners of several: leave it out, or write a list with one host for each";
        findings.mistake(&advertised_key, message);
    }
    let wildcard = listen.iter().position(|listen| listen.address.ip().is_unspecified());
    if let Some(index) = wildcard.filter(|_| told.is_empty()) {
        let message = format!("others cannot connect to {}: write {advertised_key} too", listen[index].address.ip());
        findings.mistake(&format!("{listen_key}[{index}]"), message);
    }
}

/// Every address that is bound, with its key and whether it is a stream.
fn addresses(config: &Config) -> Vec<(String, SocketAddr, bool)> {
    let listeners = |section: &'static str, listen: &[Listen]| {
        let keyed = listen.iter().enumerate().map(move |(index, listen)| {
            (format!("{section}.listen[{index}]"), listen.address, listen.transport != Transport::Udp)
        });
        keyed.collect::<Vec<_>>()
    };
    let mut all = listeners("sip", &config.sip.listen);
    all.extend(listeners("msrp", &config.msrp.listen));
    all.extend(config.http.listen.address().map(|address| ("http.listen".to_owned(), address, true)));
    all
}

fn check_addresses(config: &Config, findings: &mut Findings) {
    let all = addresses(config);
    let is_open = config.auth.mode.has(AuthMode::None) && !config.allow_unauthenticated;
    for (index, (key, address, is_stream)) in all.iter().enumerate() {
        let taken = all[..index].iter().find(|(_, other, stream)| (other, stream) == (address, is_stream));
        if let Some((other, ..)) = taken.filter(|_| address.port() != 0) {
            findings.mistake(key, format!("{address} is taken by {other}"));
        }
        if is_open && !address.ip().is_loopback() {
            findings.mistake(key, format!("{address} is beyond loopback, {OPEN_DOOR}"));
        }
    }
}

fn check_tls(config: &Config, findings: &mut Findings) {
    let tls = &config.tls;
    if tls.certificate.is_some() != tls.key.is_some() {
        findings.mistake(written(findings, &["tls.certificate", "tls.key"]), "certificate and key go together");
        return;
    }
    let sections = [("sip", &config.sip.listen), ("msrp", &config.msrp.listen)];
    for (section, listen) in sections {
        let index = listen.iter().position(|listen| listen.transport == Transport::Tls);
        if let Some(index) = index.filter(|_| tls.certificate.is_none()) {
            let message =
                "TLS needs [tls] certificate and key; `parlor certificate --self-signed` makes them for trying";
            findings.mistake(&format!("{section}.listen[{index}]"), message);
        }
    }
}

fn check_auth(config: &Config, findings: &mut Findings) {
    let is_realm =
        |text: &str| (1..=128).contains(&text.len()) && text.chars().all(|c| c != '"' && c != '\\' && !c.is_control());
    if !is_realm(config.realm()) {
        findings.mistake("auth.realm", "a realm is 1 to 128 bytes of text without quotes, best a host name");
    }
    if config.auth.algorithms.is_empty() {
        findings.mistake("auth.algorithms", "there must be one: write [\"SHA-256\"]");
    }
    let (mode, proxies) = (&config.auth.mode, &config.auth.trusted_proxies);
    if mode.is_empty() {
        findings.mistake(
            "auth.mode",
            "there must be one: write [\"digest\"], or [\"none\"] if nobody is to prove anything",
        );
    }
    if mode.has(AuthMode::TrustedProxy) && proxies.is_empty() {
        findings.mistake("auth.mode", "\"trusted-proxy\" needs trusted_proxies");
    }
    let proves = mode.has(AuthMode::Digest) || mode.has(AuthMode::TrustedProxy);
    if !proves && !config.messages.send_to.is_empty() {
        findings.mistake(
            "messages.send_to",
            "only who proves who it is may send to other domains: write mode = \"digest\" in [auth]",
        );
    }
    if !mode.has(AuthMode::TrustedProxy) && !proxies.is_empty() {
        findings.mistake("auth.trusted_proxies", "nobody is trusted unless mode has \"trusted-proxy\"");
    }
}

fn check_rooms(config: &Config, findings: &mut Findings) {
    let factory = &config.conference.factory;
    if !factory.is_empty() && !is_room_name(factory) {
        findings.mistake("conference.factory", "a name has 1 to 64 characters out of letters, digits and -_.~+");
    }
    check_rules("rooms", &config.room_rules, findings);
    let mut names = BTreeSet::new();
    for (index, room) in config.room.iter().enumerate() {
        let path = format!("room[{index}]");
        if !findings.has(&path) {
            continue;
        }
        let name_key = format!("{path}.name");
        if findings.has(&name_key) && !is_room_name(&room.name) {
            let message = "a room's name has 1 to 64 characters out of letters, digits and -_.~+";
            findings.mistake(&name_key, message);
        } else if room.name == *factory && findings.has(&name_key) {
            findings.mistake(&name_key, "this is the name of [conference] factory");
        } else if !names.insert(&room.name) && findings.has(&name_key) {
            findings.mistake(&name_key, format!("there is a room {:?} already", room.name));
        }
        check_parent(config, room, &path, findings);
        if findings.has(&format!("{path}.password")) && findings.has(&format!("{path}.password_file")) {
            findings.mistake(&format!("{path}.password_file"), "the room has a password already: write one of both");
        }
        check_rules(&path, &room.rules, findings);
    }
    if config.room.len() > config.limits.rooms as usize {
        let message = format!("this file alone has {} rooms", config.room.len());
        findings.mistake("limits.rooms", message);
    }
}

/// CHAT-130: a sidebar is one of a room of the same file, which is none itself.
fn check_parent(config: &Config, room: &Room, path: &str, findings: &mut Findings) {
    let Some(parent) = &room.parent else { return };
    let message = match config.room.iter().find(|other| other.name == *parent) {
        None => format!("there is no [[room]] {parent:?} in this file"),
        Some(_) if *parent == room.name => "a room is no sidebar of itself".to_owned(),
        Some(other) if other.parent.is_some() => format!("{parent:?} is a sidebar itself"),
        Some(_) => return,
    };
    findings.mistake(&format!("{path}.parent"), message);
}

/// Checks the rules that are written at `path`; a room's others were checked where they come from.
fn check_rules(path: &str, rules: &RoomRules, findings: &mut Findings) {
    let key = |name: &str| format!("{path}.{name}");
    let mut report = |name: &str, wrong: bool, message: &str| {
        if wrong && findings.has(&key(name)) {
            findings.mistake(&key(name), message);
        }
    };
    let bad_topic = rules.topic.len() > 1024 || rules.topic.contains(char::is_control);
    report("topic", bad_topic, "a topic is one line of at most 1024 bytes");
    let bad_character = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let bad_welcome = rules.welcome.len() > 8192 || rules.welcome.contains(bad_character);
    report("welcome", bad_welcome, "a welcome is text of at most 8192 bytes");
    report(
        "accept_wrapped_types",
        rules.accept_wrapped_types.is_empty(),
        "a room must accept something: write [\"*\"]",
    );
    for (name, bridge) in [("audio_bridge", &rules.audio_bridge), ("video_bridge", &rules.video_bridge)] {
        let message = format!("{bridge:?} is no URI such as sip:lobby@audio.example.net or tel:+15551234");
        report(name, !bridge.is_empty() && !is_bridge(bridge), &message);
    }
    for (index, name) in rules.reserved_nicknames.iter().enumerate() {
        let message = format!("{name:?} could be nobody's nickname");
        report(&format!("reserved_nicknames[{index}]"), Nickname::new(name).is_err(), &message);
    }
    for (index, name) in rules.accept_wrapped_types.iter().enumerate() {
        let message = format!("{name:?} is neither a type such as text/plain or text/* nor *");
        report(&format!("accept_wrapped_types[{index}]"), !is_accept_type(name), &message);
    }
}

/// Tries the files with passwords of rooms, each where it is written.
pub(super) fn check_password_files(config: &Config, findings: &mut Findings) {
    let rooms = (0..).zip(&config.room).map(|(index, room)| (format!("room[{index}]"), &room.rules));
    for (path, rules) in std::iter::once(("rooms".to_owned(), &config.room_rules)).chain(rooms) {
        let key = format!("{path}.password_file");
        let read = rules.password_file.as_deref().filter(|_| findings.has(&key)).map(|file| (file, secret_in(file)));
        if let Some((file, Err(error))) = read {
            findings.mistake(&key, format!("{}: {error}", file.display()));
        }
    }
}

fn is_bridge(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| uri.is_sip() || *uri.scheme() == Scheme::Tel)
}

/// Whether `text` may be the user part of a room's URI without escapes.
fn is_room_name(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.~+".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

// RFC 4975 §9: accept-types = accept-types-label ":" format-list, whose format-entry is a type or `*`.
fn is_accept_type(text: &str) -> bool {
    let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b);
    let is_token = |text: &str| !text.is_empty() && text.len() <= 127 && text.bytes().all(is_token_byte);
    text == "*"
        || text.split_once('/').is_some_and(|(kind, subtype)| kind != "*" && is_token(kind) && is_token(subtype))
}

/// The first of the keys that is written, to report a mistake that concerns several.
fn written<'k>(findings: &Findings, keys: &[&'k str]) -> &'k str {
    keys.iter().copied().find(|key| findings.has(key)).unwrap_or(keys[0])
}

const OPEN_DOOR: &str = "and participants are not authenticated: anybody could join under any name; give them \
    passwords, with mode = \"digest\" in [auth] and `parlor user add`, or write allow_unauthenticated = true before the \
    first section";
