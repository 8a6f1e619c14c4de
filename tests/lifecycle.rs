//! Starting, stopping, and being killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{PROGRAM, Server, Setup};
use crate::support::sip::{Call, SipUser, offer};
use crate::support::wire::Wire;
use crate::support::{cpim, eventually};

/// SIGTERM and Ctrl-C: everybody is told, gets BYE, and the server ends within 5 s, without an error.
#[test]
fn told_to_stop() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::plain();
        let mut alice = Participant::join(&server, "alice");
        let mut bob = Participant::join_as(&server, SipUser::udp(&server, "bob"), "lobby", |offer| offer);
        server.signal(signal);
        let told = Instant::now();
        for participant in [&mut alice, &mut bob] {
            let notice = participant.hear();
            assert!(cpim::header(&notice, "From").contains(&participant.room), "CHAT-120");
            assert!(!cpim::content(&notice).is_empty());
            let bye = participant.user.expect_request("BYE");
            assert_eq!(bye.header("Call-ID"), participant.call.id);
            participant.user.answer(&bye);
        }
        assert!(server.wait().success());
        assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    }
}

/// Those who do not answer, do not read, or never bound keep it from nothing.
#[test]
fn told_to_stop_among_the_silent() {
    let mut server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let _stopped = Participant::join(&server, "stopped");
    let _unbound = Joined::invite(&server, SipUser::udp(&server, "unbound"), "lobby", |offer| offer);
    let large = alice.sending(&[alice.saying("").body, vec![b'x'; 4_000_000]].concat());
    assert_eq!(alice.ask(&large), 200);
    server.signal("TERM");
    let told = Instant::now();
    assert!(server.wait().success());
    assert!(told.elapsed() < Duration::from_secs(6), "{:?}", told.elapsed());
}

/// While it drains it says so, and lets nobody in.
#[test]
fn nobody_joins_while_it_stops() {
    let mut server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut late = SipUser::udp(&server, "late");
    server.signal("TERM");
    let bye = alice.user.expect_request("BYE");
    // Neither where there are people nor where a room would have to be made.
    for room in ["lobby", "tea"] {
        let mut call = Call::new(&late, &server.room(room));
        late.send(call.invite("", &offer(&own_path(&late))));
        let refused = late.expect(503);
        refused.header("Retry-After");
        late.send(call.ack_failure(&refused));
        let options = late.request("OPTIONS", &server.room(room), "", "");
        late.send(options);
        late.expect(503);
    }
    alice.user.answer(&bye);
    server.wait();
}

/// A port that is taken is named, with the key it stands in, and the program ends in time with an error.
#[test]
fn port_taken() {
    let server = Server::plain();
    let taken = std::fs::read_to_string(server.config()).unwrap();
    for (key, address) in [("sip", server.sip), ("msrp", server.msrp), ("http", server.http)] {
        // All others are free.
        let directory = tempfile::tempdir().unwrap();
        let mut config = taken.clone();
        for other in [server.sip, server.msrp, server.http] {
            if other != address {
                let free = crate::support::server::free_port(other.ip());
                config = config.replace(&format!(":{}\"", other.port()), &format!(":{free}\""));
            }
        }
        let file = directory.path().join("taken.toml");
        std::fs::write(&file, config).unwrap();
        let output = Command::new(PROGRAM)
            .args(["serve", "--config"])
            .arg(&file)
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert!(!output.status.success(), "{key}");
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(&address.to_string()), "{key}: {said}");
        assert!(said.contains("in use") && !said.contains("panicked"), "{key}: {said}");
    }
}

/// Killed and started again it serves the same ports at once; those who were in join again.
#[test]
fn killed_and_restarted() {
    let mut server = Server::plain();
    for round in 0..3 {
        let mut alice = Participant::join(&server, "alice");
        let mut bob = Participant::join(&server, "bob");
        let word = format!("round {round}");
        alice.say(&word);
        bob.hears(&word);
        server.kill_and_restart();
        assert!(alice.msrp.receive_within(crate::support::PATIENCE).is_none() && alice.msrp.wire.ended());
        server.shows("parlor_participants", 0.0);
    }
}

/// Nothing beyond loopback is served while anybody may claim to be anybody, unless the configuration says so.
#[test]
fn beyond_loopback() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("open.toml");
    let config = "[sip]\nlisten = [\"udp:0.0.0.0:5060\"]\nadvertised = \"192.0.2.1\"\n";
    for (config, correct) in [(config.to_owned(), false), (format!("allow_unauthenticated = true\n{config}"), true)] {
        std::fs::write(&file, config).unwrap();
        let output = Command::new(PROGRAM).args(["check-config", "--config"]).arg(&file).output().unwrap();
        assert_eq!(output.status.success(), correct, "{output:?}");
    }
}

/// Plain `parlor`, without a configuration, serves a room on this machine that can be joined at once, and writes only into the
/// directory that it runs in. Skipped where its ports are taken.
#[test]
fn without_a_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.current_dir(directory.path()).env_remove("RUST_LOG").stdin(Stdio::null());
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let invitation = told.find(|line| line.trim_start().starts_with("parlor chat "));
    let Some(invitation) = invitation else {
        let mut errors = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(!child.0.wait().unwrap().success() && errors.contains("in use"), "{errors}");
        return eprintln!("skipped: the usual ports are taken");
    };
    let uri = invitation.split('\'').nth(1).unwrap();
    assert_eq!(uri, "sip:lobby@127.0.0.1:5060;transport=tcp");
    let mut wire = Wire::connect("127.0.0.1:5060".parse().unwrap());
    let local = wire.local();
    let sdp = offer(&format!("msrp://{local}/here;tcp"));
    wire.write(format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKfirst\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.com>;tag=a\r\nTo: <{uri}>\r\nCall-ID: first\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:alice@{local};transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    ));
    eventually("the answer", || {
        wire.fill(Instant::now() + Duration::from_millis(100));
        String::from_utf8_lossy(wire.unread()).contains("SIP/2.0 200 OK").then_some(())
    });
    drop(child);
    let made: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(made, ["parlor-data"]);
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With `format = "json"` each line of the log is an object, whatever is logged.
#[test]
fn log_for_programs() {
    let mut server = Setup::default().set("log.format", "\"json\"").set("log.level", "\"trace\"").start();
    let mut alice = Participant::join(&server, "alice");
    alice.say("\"}\n{\"");
    let mut odd = SipUser::tcp(&server, "odd\"}{");
    odd.send("\"}\r\n{\u{0}\u{7}\u{e9} SIP/9.0\r\n\r\n");
    server.signal("TERM");
    drop(alice);
    server.wait();
    let log = eventually("the log", || Some(server.errors()).filter(|log| log.lines().count() > 5));
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}

/// A room that was made on demand goes when it has been empty for long enough; one of the configuration stays.
#[test]
fn rooms_on_demand_go() {
    let server = Setup::default().set("rooms.linger", "\"0s\"").start();
    let rooms = server.metrics().value("parlor_rooms");
    let alice = Participant::join_room(&server, "alice", "tea");
    server.shows("parlor_rooms", rooms + 1.0);
    alice.leave();
    server.shows("parlor_rooms", rooms);
    let mut again = Participant::join_room(&server, "alice", "tea");
    again.say("anew");
}
