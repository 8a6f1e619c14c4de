//! One reading of a configuration names every mistake in it, with line and key.

use parlor_server::config::{Config, FailureReport, HttpListen, Size, Transport};

/// The mistakes of a text, as `line: key: message`.
fn mistakes(text: &str) -> Vec<String> {
    Config::parse(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Expects exactly these mistakes; each is given by the beginning of its line.
fn assert_mistakes(text: &str, expected: &[&str]) {
    let found = mistakes(text);
    let matches =
        found.len() == expected.len() && found.iter().zip(expected).all(|(found, begin)| found.starts_with(begin));
    assert!(matches, "{text}\nexpected {expected:#?}\nfound {found:#?}");
}

/// Without a file the server is on loopback, with HTTP and the lobby.
#[test]
fn defaults() {
    let config = Config::default();
    assert_eq!(config.domain, "localhost");
    let sip: Vec<String> = config.sip.listen.iter().map(ToString::to_string).collect();
    assert_eq!(sip, ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]);
    assert_eq!(config.msrp.listen[0].to_string(), "tcp:127.0.0.1:2855");
    assert_eq!(config.http.listen, HttpListen::At("127.0.0.1:8080".parse().unwrap()));
    assert!(config.rooms.on_demand && !config.allow_unauthenticated && !config.msrp.strict_paths);
    assert_eq!(config.room.iter().map(|room| room.name.as_str()).collect::<Vec<_>>(), ["lobby"]);
    assert_eq!(config.room[0].rules.max_message_bytes, Size::new(100 << 20));
    assert_eq!(config.limits.outbox, Size::new(1 << 20));
}

/// A whole configuration is read into its types.
#[test]
fn everything_is_read() {
    let config = Config::parse(
        r#"
        domain = "example.test"
        allow_unauthenticated = true
        sip = { listen = ["udp:0.0.0.0:5060", "tls:[::]:5061"], advertised = "chat.example.test", session_expires = 600 }
        [msrp]
        listen = ["tls:192.0.2.1:2855"]
        failure_report = "yes"
        chunk_bytes = 4096
        [tls]
        certificate = "c.pem"
        key = "k.pem"
        [http]
        listen = "off"
        [rooms]
        on_demand = false
        max_participants = 7
        [[room]]
        name = "a"
        topic = "Tea"
        [[room]]
        name = "b"
        max_participants = 9
        "#,
    );
    let config = config.unwrap();
    assert_eq!(config.sip.listen[1].transport, Transport::Tls);
    let bound = config.sip.listen[1].address;
    assert_eq!(config.sip.advertised.host_port(1, bound).to_string(), "chat.example.test:5061");
    assert_eq!(config.msrp.failure_report, FailureReport::Yes);
    assert_eq!(config.http.listen, HttpListen::Off);
    let limits: Vec<_> =
        config.room.iter().map(|room| (room.rules.topic.as_str(), room.rules.max_participants)).collect();
    assert_eq!(limits, [("Tea", 7), ("", 9)]);
    assert_eq!(config.room_rules.max_participants, 7);
}

/// Every mistake of every kind is named, in the order of the lines.
#[test]
fn all_mistakes_at_once() {
    assert_mistakes(
        r#"domian = "example.test"
data_dir = ""
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:nowhere:5060",
          "sctp:127.0.0.1:1"]
session_expires = "soon"
[msrp]
strict_paths = "no"
chunk_bytes = "16 KiB"
on_demand = true
[msrp2]
[[room]]
topic = "nameless"
[[room]]
name = "a"
[[room]]
name = "a"
max_participants = -1
[[room]]
name = "with space"
"#,
        &[
            "1: domian: unknown key, perhaps `domain`",
            "2: data_dir: expected a path",
            "4: sip.listen[1]: expected an IP address",
            "5: sip.listen[2]: \"sctp:127.0.0.1:1\" does not begin with",
            "6: sip.session_expires: \"soon\" is not a time",
            "8: msrp.strict_paths: expected true or false, found text",
            "9: msrp.chunk_bytes: must be from 2 KiB to 9 KiB",
            "10: msrp.on_demand: unknown key, it belongs in [rooms]",
            "11: msrp2: unknown key, perhaps `msrp`",
            "12: room[0].name: a room needs a name",
            "17: room[2].name: there is a room \"a\" already",
            "18: room[2].max_participants: -1 is negative",
            "20: room[3].name: a room's name has",
        ],
    );
}

/// Text that is no TOML is named by line and key, and the rest is still checked.
#[test]
fn broken_toml() {
    let found = mistakes("[sip]\nlisten = [\"udp:127.0.0.1:5060\"\n[http]\nlisten = 3\n");
    assert!(!found.is_empty());
    assert_mistakes("domain = \"a.test\"\ndomain = \"b.test\"\n", &["2: domain: duplicate key"]);
    assert_mistakes("[sip]\nmin_se = \"90s\"\n  'min_se' = \"91s\"\n", &["3: sip.min_se: duplicate key"]);
    assert_mistakes("sip.min_se = \"90s\"\nsip.min_se = \"91s\"\n", &["2: sip.min_se: duplicate key"]);
    assert_mistakes("[sip]\n[sip]\n", &["2: sip: duplicate key"]);
    let second = "[[room]]\nname = \"a\"\n[[room]] # b\nname = \"b\"\nname = \"c\"\n";
    assert_mistakes(second, &["5: room[1].name: duplicate key"]);
    let list = "[sip]\nlisten = [\n  \"udp:127.0.0.1:1\",\n  nonsense,\n]\n[limits]\nrooms = \"x\"\n";
    let found = mistakes(list);
    assert!(found[0].starts_with("4: sip.listen: "), "{found:#?}");
    assert!(found.last().unwrap().starts_with("7: limits.rooms: expected"), "{found:#?}");
    assert!(mistakes("[limits]\nrooms = \n")[0].starts_with("2: limits.rooms: "));
    for text in ["=", "[", "[[room]", "a", "\u{0}", "[sip]\n[sip]", "\"\"\"", "a = 1979-13-99", "x.y.z = {"] {
        assert!(!mistakes(text).is_empty(), "{text:?}");
    }
}

/// A section written as a value, or a list of sections as one section, is told how to write it.
#[test]
fn sections_of_the_wrong_shape() {
    assert_mistakes("sip = 3\n", &["1: sip: this is a section: write [sip]"]);
    assert_mistakes("[[sip]]\n", &["1: sip: this is a section: write [sip]"]);
    assert_mistakes("[room]\nname = \"a\"\n", &["1: room: there may be several of this section: write [[room]]"]);
    assert_mistakes("room = [1]\n", &["1: room[0]: this is a section: write [[room]]"]);
}

/// Beyond loopback the server listens only when told that nobody is authenticated.
#[test]
fn beyond_loopback() {
    let text = "[sip]\nlisten = [\"tcp:127.0.0.1:5060\", \"tcp:192.0.2.1:5060\"]\n[http]\nlisten = \"[::]:80\"\n";
    assert_mistakes(
        text,
        &["2: sip.listen[1]: 192.0.2.1:5060 is beyond loopback", "4: http.listen: [::]:80 is beyond"],
    );
    assert!(mistakes(text)[0].contains("allow_unauthenticated = true"));
    assert_mistakes(&format!("allow_unauthenticated = true\n{text}"), &[]);
    assert_mistakes("[msrp]\nlisten = [\"tcp:[::1]:2855\"]\n", &[]);
}

/// Where everybody must prove who it is, the server may listen anywhere; not so where guests may come.
#[test]
fn beyond_loopback_with_passwords() {
    let listen = "[sip]\nlisten = [\"tcp:192.0.2.1:5060\"]\n";
    assert_mistakes(&format!("{listen}[auth]\nmode = \"digest\"\n"), &[]);
    let proxy = "mode = [\"digest\", \"trusted-proxy\"]\ntrusted_proxies = [\"192.0.2.2\"]\n";
    assert_mistakes(&format!("{listen}[auth]\n{proxy}"), &[]);
    let guests = format!("{listen}[auth]\nmode = [\"none\", \"digest\"]\n");
    assert_mistakes(&guests, &["2: sip.listen[0]: 192.0.2.1:5060 is beyond loopback"]);
    assert_mistakes(&format!("allow_unauthenticated = true\n{guests}"), &[]);
}

/// What establishes who is who fits together.
#[test]
fn modes_of_authentication() {
    let at = |auth: &str, expected: &[&str]| assert_mistakes(&format!("[auth]\n{auth}\n"), expected);
    at("mode = \"digest\"", &[]);
    at("mode = [\"none\", \"digest\"]\nalgorithms = [\"MD5\", \"SHA-256\"]", &[]);
    at("mode = []", &["2: auth.mode: there must be one"]);
    at("mode = \"basic\"", &["2: auth.mode: expected \"none\", \"digest\" or \"trusted-proxy\", found \"basic\""]);
    at("mode = [\"digest\", 3]", &["2: auth.mode[1]: expected"]);
    at("mode = \"trusted-proxy\"", &["2: auth.mode: \"trusted-proxy\" needs trusted_proxies"]);
    at("trusted_proxies = [\"192.0.2.1\"]", &["2: auth.trusted_proxies: nobody is trusted unless mode has"]);
    at("algorithms = []", &["2: auth.algorithms: there must be one"]);
    at("algorithms = [\"SHA-1\"]", &["2: auth.algorithms[0]: expected"]);
    at("realm = \"a\\\"b\"", &["2: auth.realm: a realm is"]);
    at("nonce_age = \"1s\"", &["2: auth.nonce_age: must be from 10s to 1d"]);
}

/// A TLS listener needs a certificate, and a certificate its key.
#[test]
fn tls_needs_a_certificate() {
    let listen = "[msrp]\nlisten = [\"tls:127.0.0.1:2855\"]\n";
    assert_mistakes(listen, &["2: msrp.listen[0]: TLS needs [tls] certificate and key"]);
    assert_mistakes(
        &format!("{listen}[tls]\ncertificate = \"c\"\n"),
        &["4: tls.certificate: certificate and key go together"],
    );
    assert_mistakes(&format!("{listen}[tls]\nkey = \"k\"\n"), &["4: tls.key: certificate and key go together"]);
    assert_mistakes(&format!("{listen}[tls]\ncertificate = \"c\"\nkey = \"k\"\n"), &[]);
}

/// Listeners must be there, be different, be of a kind that the protocol has, and be reachable.
#[test]
fn listeners() {
    assert_mistakes("[sip]\nlisten = []\n", &["2: sip.listen: there must be at least one"]);
    assert_mistakes("[msrp]\nlisten = [\"udp:127.0.0.1:2855\"]\n", &["2: msrp.listen[0]: MSRP has no UDP"]);
    let taken = "[msrp]\nlisten = [\"tcp:127.0.0.1:5060\"]\n[http]\nlisten = \"127.0.0.1:5060\"\n";
    assert_mistakes(
        taken,
        &["2: msrp.listen[0]: 127.0.0.1:5060 is taken by sip.listen[1]", "4: http.listen: 127.0.0.1:5060 is taken"],
    );
    assert_mistakes("[msrp]\nlisten = [\"tcp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n", &[]);
    let wildcard = "allow_unauthenticated = true\n[msrp]\nlisten = [\"tcp:0.0.0.0:2855\"]\n";
    assert_mistakes(wildcard, &["3: msrp.listen[0]: others cannot connect to 0.0.0.0: write msrp.advertised too"]);
    assert_mistakes(&format!("{wildcard}advertised = \"a.test\"\n"), &[]);
}

/// Advertised hosts are one for all listeners or one for each.
#[test]
fn advertised_hosts() {
    let listen = "[sip]\nlisten = [\"tcp:127.0.0.1:1\", \"tcp:127.0.0.1:2\", \"udp:127.0.0.1:1\"]\n";
    assert_mistakes(&format!("{listen}advertised = [\"a\", \"b\"]\n"), &["3: sip.advertised: 2 hosts for 3 listeners"]);
    assert_mistakes(
        &format!("{listen}advertised = \"a:5\"\n"),
        &["3: sip.advertised: one port for listeners of several"],
    );
    assert_mistakes(
        &format!("{listen}advertised = [\"a\", \"b:5\", \"not a host\"]\n"),
        &["3: sip.advertised[2]: \"not a host\" is not"],
    );
    assert_mistakes(&format!("{listen}advertised = [\"a\", \"b:5\", \"[::1]\"]\n"), &[]);
}

/// Values that only make sense together are checked together, at the one that is written.
#[test]
fn values_together() {
    assert_mistakes("[sip]\nsession_expires = \"90s\"\nmin_se = \"91s\"\n", &["3: sip.min_se: min_se is more"]);
    assert_mistakes("[limits]\noutbox = \"64 KiB\"\n", &["2: limits.outbox: must be from 256 KiB to 64 MiB"]);
    assert_mistakes(
        "[limits]\nstalled_outboxes = \"1 MiB\"\noutbox = \"2 MiB\"\n",
        &["3: limits.outbox: stalled_outboxes must"],
    );
    assert_mistakes(
        "[limits]\nrooms = 1\n[[room]]\nname = \"a\"\n[[room]]\nname = \"b\"\n",
        &["2: limits.rooms: this file alone has 2"],
    );
}

/// Texts that go out on the wire cannot carry what would break it.
#[test]
fn texts() {
    assert_mistakes("domain = \"a b\"\n", &["1: domain: \"a b\" is no domain name"]);
    assert_mistakes("[rooms]\ntopic = \"two\\nlines\"\n", &["2: rooms.topic: a topic is one line"]);
    assert_mistakes("[rooms]\nwelcome = \"two\\nlines\"\n", &[]);
    assert_mistakes("[rooms]\nwelcome = \"\\u0000\"\n", &["2: rooms.welcome: a welcome is text"]);
    assert_mistakes("[rooms]\naccept_wrapped_types = []\n", &["2: rooms.accept_wrapped_types: a room must accept"]);
    let types =
        "[[room]]\nname = \"a\"\naccept_wrapped_types = [\"text/plain\", \"text\", \"*\", \"*/*\", \"image/*\"]\n";
    assert_mistakes(
        types,
        &["3: room[0].accept_wrapped_types[1]: \"text\" is neither", "3: room[0].accept_wrapped_types[3]: \"*/*\""],
    );
    let reserved = "[rooms]\nreserved_nicknames = [\"Admin\", \"\"]\n";
    assert_mistakes(reserved, &["2: rooms.reserved_nicknames[1]: \"\" could be nobody's nickname"]);
    assert_mistakes(
        "[rooms]\naudio_bridge = \"lobby\"\nvideo_bridge = \"sip:lobby@video.example.net\"\n",
        &["2: rooms.audio_bridge: \"lobby\" is no URI"],
    );
    assert_mistakes("[log]\nformat = \"xml\"\n", &["2: log.format: expected \"text\" or \"json\", found \"xml\""]);
}

/// Whoever a room's lists and roles mean is named so that the room can find it.
#[test]
fn users_and_roles() {
    let wrong = "[[room]]\nname = \"a\"\nallow = [\"example.org\", \"sip:a b\"]\ndeny = \"*\"\nowners = [\"*.org\", 3]\n\
                 default_role = \"king\"\nsessions = \"two\"\ntakeover = 1\n";
    assert_mistakes(
        wrong,
        &[
            "3: room[0].allow[1]: \"sip:a b\" is neither a URI",
            "4: room[0].deny: expected a list of users, found text",
            "5: room[0].owners[0]: \"*.org\" is neither",
            "5: room[0].owners[1]: expected a user, a domain",
            "6: room[0].default_role: expected \"visitor\", \"member\", \"moderator\" or \"owner\", found \"king\"",
            "7: room[0].sessions: expected \"many\" or \"one\", found \"two\"",
            "8: room[0].takeover: expected true or false",
        ],
    );
    let right = "[rooms]\nallow = [\"*\"]\nmoderators = [\"sip:bob@example.org\", \"tel:+15551234\", \"im:x@example.org\"]\n\
                 set_topic = \"member\"\nsessions = \"one\"\ntakeover = true\n";
    assert_mistakes(right, &[]);
}

/// A password of a room is what was made of it, of one room alone, and in one place.
#[test]
fn room_passwords() {
    let hash = format!("SHA-256={}", "0".repeat(64));
    assert_mistakes(
        &format!("[rooms]\npassword = \"{hash}\"\n[[room]]\nname = \"a\"\npassword = \"s3cret\"\n"),
        &[
            "2: rooms.password: unknown key, it belongs in [[room]]",
            "5: room[0].password: expected what `parlor room-password`",
        ],
    );
    assert!(!mistakes("[[room]]\nname = \"a\"\npassword = \"s3cret\"\n")[0].contains("s3cret"));
    let both = format!("[[room]]\nname = \"a\"\npassword = \"{hash}\"\npassword_file = \"a.password\"\n");
    assert_mistakes(&both, &["4: room[0].password_file: the room has a password already"]);
    let own = format!("[rooms]\npassword_file = \"all\"\n[[room]]\nname = \"a\"\npassword = \"{hash}\"\n");
    assert_mistakes(&own, &[]);
}

/// A level that is misspelt is a mistake: taken for a module's name it would silence the log.
#[test]
fn log_levels() {
    for wrong in ["parlor=loud", "debg", "loud", "", "info,", "info,parlor_server", "parlor_server=", "=", "info;debug"]
    {
        let text = format!("[log]\nlevel = \"{wrong}\"\n");
        assert_mistakes(&text, &[&format!("2: log.level: \"{wrong}\" is no log level")]);
    }
    for right in
        ["info", "WARN", "off", "info,parlor_server=debug", "parlor_server::sip=trace", "warn,parlor[room]=debug"]
    {
        assert_mistakes(&format!("[log]\nlevel = \"{right}\"\n"), &[]);
    }
}

/// A mistake in the defaults of all rooms is named once, where it stands.
#[test]
fn room_defaults_are_checked_once() {
    let text = "[rooms]\ntopic = \"a\\tb\"\n[[room]]\nname = \"a\"\n[[room]]\nname = \"b\"\n";
    assert_mistakes(text, &["2: rooms.topic: a topic is one line"]);
}

/// The factory's name is no room's; a sidebar belongs to a room of the file that is none itself; a network is one.
#[test]
fn conferences() {
    assert_mistakes("[conference]\nfactory = \"no name\"", &["2: conference.factory: a name has"]);
    assert_mistakes("[[room]]\nname = \"conference\"", &["2: room[0].name: this is the name of [conference] factory"]);
    assert_mistakes("[conference]\nfactory = \"\"\n[[room]]\nname = \"conference\"", &[]);
    assert_mistakes(
        "[conference]\ndial_out = [\"10.0.0.0/33\"]",
        &["2: conference.dial_out[0]: \"10.0.0.0/33\" is not"],
    );
    let rooms = |lines: &str| format!("[[room]]\nname = \"a\"\n{lines}\n[[room]]\nname = \"b\"\nparent = \"a\"");
    assert_mistakes(&rooms(""), &[]);
    assert_mistakes(
        &rooms("parent = \"a\""),
        &["3: room[0].parent: a room is no sidebar of itself", "6: room[1].parent"],
    );
    assert_mistakes(
        &rooms("parent = \"c\""),
        &["3: room[0].parent: there is no", "6: room[1].parent: \"a\" is a sidebar"],
    );
}
