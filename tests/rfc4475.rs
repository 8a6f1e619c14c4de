//! The torture messages of RFC 4475, sent to the running server: it survives, and answers as the RFC says.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::server::{Server, Setup};
use crate::support::sip::{SipUser, find};
use crate::support::wire::Wire;
use crate::support::{PATIENCE, unique};

/// What may come back: one of these codes, and whether it may also be nothing.
struct Expected {
    name: &'static str,
    codes: &'static [u16],
    silence: bool,
}

const fn answered(name: &'static str, codes: &'static [u16]) -> Expected {
    Expected { name, codes, silence: false }
}

const fn perhaps(name: &'static str, codes: &'static [u16]) -> Expected {
    Expected { name, codes, silence: true }
}

const fn dropped(name: &'static str) -> Expected {
    Expected { name, codes: &[], silence: true }
}

/// In the order of the RFC. The server is `example.com`, makes rooms on demand, has no registrar (405), and its rooms
/// take no audio (488).
const MESSAGES: &[Expected] = &[
    // §3.1.1: valid.
    answered("wsinv", &[404, 481]),
    answered("intmeth", &[501, 405]),
    answered("esc01", &[404]),
    answered("escnull", &[405]),
    answered("esc02", &[501, 405]),
    answered("lwsdisp", &[200]),
    answered("longreq", &[488]),
    answered("dblreq", &[405]),
    answered("semiuri", &[200, 404]),
    answered("transports", &[200]),
    answered("mpart01", &[405, 404]),
    dropped("unreason"),
    dropped("noreason"),
    // §3.1.2: malformed. Where the RFC lets an element be lenient, the answer to what was meant will do too.
    answered("badinv01", &[400]),
    answered("clerr", &[400]),
    answered("ncl", &[400]),
    answered("scalar02", &[400]),
    dropped("scalarlg"),
    answered("quotbal", &[400]),
    answered("ltgtruri", &[400]),
    answered("lwsruri", &[400]),
    answered("lwsstart", &[400]),
    answered("trws", &[400, 404]),
    answered("escruri", &[400, 488]),
    answered("baddate", &[400, 488]),
    answered("regbadct", &[400, 405]),
    answered("badaspec", &[400]),
    answered("baddn", &[400, 404]),
    answered("badvers", &[505]),
    answered("mismatch01", &[400]),
    answered("mismatch02", &[400, 501]),
    dropped("bigcode"),
    // §3.2: the transaction layer.
    answered("badbranch", &[200, 400]),
    // §3.3: the application layer.
    perhaps("insuf", &[400]),
    answered("unkscm", &[416]),
    answered("novelsc", &[416]),
    answered("unksm2", &[405]),
    answered("bext01", &[420]),
    answered("invut", &[415]),
    answered("regaut01", &[405]),
    answered("multi01", &[400]),
    answered("mcl01", &[400]),
    dropped("bcast"),
    answered("zeromf", &[200, 483]),
    answered("cparam01", &[405]),
    answered("cparam02", &[405]),
    answered("regescrt", &[405]),
    answered("sdp01", &[406, 488]),
    // §3.4: from before RFC 3261.
    answered("inv2543", &[400, 488]),
];

/// All of them over UDP, each from an address of its own so that the port in its Via leads back to us.
#[test]
fn over_udp() {
    let Some(corpus) = corpus() else { return };
    let mut server = torture_server();
    let mut wrong = Vec::new();
    for (index, expected) in MESSAGES.iter().enumerate() {
        let bytes = read(&corpus, expected.name);
        let address = format!("127.77.{}.{}:{}", std::process::id() % 250 + 1, index + 1, via_port(&bytes));
        let Ok(socket) = UdpSocket::bind(&address) else {
            eprintln!("skipped: {} over UDP, since {address} cannot be had", expected.name);
            continue;
        };
        let mut user = SipUser::udp_from(&server, "torturer", socket);
        user.send(&bytes);
        check(&server, &mut user, expected, &mut wrong);
        assert!(server.is_alive(), "{}", expected.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All of them over TCP, each on a connection of its own.
#[test]
fn over_tcp() {
    let Some(corpus) = corpus() else { return };
    let mut server = torture_server();
    let mut wrong = Vec::new();
    for expected in MESSAGES {
        let bytes = read(&corpus, expected.name);
        let mut user = SipUser::tcp(&server, "torturer");
        user.send(&bytes);
        match expected.name {
            // Neither is complete, its body or its head: on a stream the rest may still come.
            "clerr" | "baddn" => user.wire().shutdown_write(),
            _ => check(&server, &mut user, expected, &mut wrong),
        }
        assert!(server.is_alive(), "{}", expected.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every message cut short at every length, and with every byte changed in turn, on one stream each: none of it ends
/// the server.
#[test]
fn mangled() {
    let Some(corpus) = corpus() else { return };
    let mut server = torture_server();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for expected in MESSAGES {
        let bytes = read(&corpus, expected.name);
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x2a;
            udp.send_to(&changed[..changed.len().min(60_000)], server.sip).unwrap();
            udp.send_to(&bytes[..at], server.sip).unwrap();
        }
        let mut wire = Wire::connect(server.sip);
        let half = bytes.len() / 2;
        let _ = wire.try_write(&[&bytes[half..], &bytes[..half]].concat());
        let mut user = SipUser::tcp(&server, "alice");
        let request = user.request("OPTIONS", "sip:lobby@example.com", "", "");
        user.send(request);
        user.expect(200);
    }
    assert!(server.is_alive());
}

/// Every file of the corpus has its line above.
#[test]
fn none_is_left_out() {
    let Some(corpus) = corpus() else { return };
    let mut there: Vec<_> = ["valid", "invalid"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(corpus.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut listed: Vec<_> = MESSAGES.iter().map(|expected| expected.name.to_owned()).collect();
    there.sort();
    listed.sort();
    assert_eq!(there, listed);
}

fn check(server: &Server, user: &mut SipUser, expected: &Expected, wrong: &mut Vec<String>) {
    let patience = if expected.codes.is_empty() { Duration::from_millis(1) } else { PATIENCE };
    let came = if expected.silence { None } else { first_final(user, patience) };
    let came = came.or_else(|| silence_then_service(server, user, expected));
    let name = expected.name;
    match came {
        None if expected.silence => {}
        Some(code) if expected.codes.contains(&code) => {}
        other => wrong.push(format!("{name} over {}: {other:?} instead of {:?}", user.transport(), expected.codes)),
    }
}

/// A request that is in order gets its answer; what comes before that is the answer to the one before.
fn silence_then_service(server: &Server, user: &mut SipUser, expected: &Expected) -> Option<u16> {
    if !expected.silence || server.sip.port() == 0 {
        return None;
    }
    let id = unique("after");
    let request =
        user.request("OPTIONS", "sip:lobby@example.com", "", "").replace("Call-ID: ", &format!("Call-ID: {id}"));
    if user.transport() == "TCP" {
        // What has no known end ends a stream.
        let _ = user.wire().try_write(request.as_bytes());
    } else {
        user.send(request);
    }
    let response = user.receive_within(PATIENCE)?;
    let is_ours = response.headers.find("Call-ID").is_some_and(|call_id| call_id.contains(&id));
    (!is_ours).then(|| response.code())
}

fn first_final(user: &mut SipUser, patience: Duration) -> Option<u16> {
    loop {
        let code = user.receive_within(patience)?.code();
        if code >= 200 {
            return Some(code);
        }
    }
}

fn torture_server() -> Server {
    Setup::default().set("domain", "\"example.com\"").start()
}

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/rfc4475");
    let corpus = std::env::var_os("PARLOR_RFC4475").map_or(corpus, PathBuf::from);
    if corpus.is_dir() {
        return Some(corpus);
    }
    eprintln!("skipped: no torture messages in {}", corpus.display());
    None
}

fn read(corpus: &Path, name: &str) -> Vec<u8> {
    let valid = corpus.join("valid").join(name).with_extension("dat");
    std::fs::read(valid).or_else(|_| std::fs::read(corpus.join("invalid").join(name).with_extension("dat"))).unwrap()
}

/// The port of the topmost Via; if there is none, that of its transport.
fn via_port(bytes: &[u8]) -> u16 {
    let Some(at) = find(bytes, b"\nVia:") else { return 5060 };
    let line = bytes[at + 1..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let sent_by = line.split(';').next().unwrap_or_default();
    let default = if sent_by.contains("/TLS") { 5061 } else { 5060 };
    sent_by.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok()).unwrap_or(default)
}
