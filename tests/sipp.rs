//! Scenarios of SIPp, a SIP load generator of other make. Skipped where it is not installed; `./test` says how to get it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::participant::Participant;
use crate::support::server::{Server, Setup, free_port};

/// A fifth of the packets is lost, in either direction.
const LOSSES: [&str; 6] = ["-lost", "20", "-max_invite_retrans", "9", "-max_non_invite_retrans", "12"];

/// Joins and leaves over UDP while 20 % of the packets are lost, in either direction: all come in and all get out.
#[test]
fn join_and_leave_with_losses() {
    let server = Server::plain();
    if run(&server, "join_leave", &[&["-m", "40", "-r", "20"], &LOSSES[..]].concat()) {
        server.shows("parlor_participants", 0.0);
        assert!(server.metrics().value("parlor_sip_requests_total{method=\"INVITE\"}") >= 40.0);
    }
}

/// 500 joins at 500 a second over UDP, and as many leaves.
#[test]
fn five_hundred_joins() {
    let server = Server::plain();
    if run(&server, "join_leave", &["-m", "500", "-r", "500"]) {
        server.shows("parlor_participants", 0.0);
        server.shows("parlor_sessions_closed_total{reason=\"left\"}", 500.0);
    }
}

/// The same over one TCP connection.
#[test]
fn five_hundred_joins_over_one_stream() {
    let server = Server::plain();
    if run(&server, "join_leave", &["-t", "t1", "-m", "500", "-r", "500"]) {
        server.shows("parlor_participants", 0.0);
        server.shows("parlor_sessions_closed_total{reason=\"left\"}", 500.0);
    }
}

/// OPTIONS, as monitoring sends them.
#[test]
fn options() {
    let server = Server::plain();
    if run(&server, "options", &["-m", "200", "-r", "200"]) {
        server.shows("parlor_participants", 0.0);
    }
}

/// CANCEL that comes after the answer.
#[test]
fn cancel() {
    let server = Server::plain();
    if run(&server, "cancel", &["-m", "20", "-r", "20"]) {
        server.shows("parlor_participants", 0.0);
    }
}

/// REFERs that participants should not send, each refused with its code while the participant stays.
#[test]
fn bad_referrals() {
    let server = unbound().start();
    if run(&server, "bad_referrals", &["-m", "20", "-r", "20"]) {
        server.shows("parlor_participants", 0.0);
        server.shows("parlor_dial_outs_total{result=\"forbidden\"}", 0.0);
    }
}

/// REFERs of those who are not in the room.
#[test]
fn referrals_from_outside() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    if run(&server, "outside_referrals", &["-m", "100", "-r", "100"]) {
        server.shows("parlor_rejected_total{layer=\"room\",reason=\"forbidden\"}", 200.0);
    }
    alice.say("still here");
}

/// SUBSCRIBEs that cannot be, each refused with its code and what would do; and a fetch.
#[test]
fn bad_subscriptions() {
    let server = unbound().start();
    if run(&server, "bad_subscriptions", &["-m", "20", "-r", "20"]) {
        server.shows("parlor_subscriptions", 0.0);
        server.shows("parlor_subscriptions_ended_total{reason=\"unsubscribed\"}", 20.0);
        server.shows("parlor_rejected_total{layer=\"sip\",reason=\"event\"}", 40.0);
    }
}

/// MESSAGEs to the room, of a participant and of others: refused with their codes and what would do, or said once, however
/// often packets are lost and sent again.
#[test]
fn bad_messages() {
    for extra in [&[][..], &LOSSES] {
        let server = unbound().room("lobby", "accept_wrapped_types = [\"text/plain\"]").start();
        let mut bob = Participant::join(&server, "bob");
        if run(&server, "bad_messages", &[&["-m", "10", "-r", "10"], extra].concat()) {
            server.shows("parlor_participants", 1.0);
            let mut heard: Vec<String> = (0..20).map(|_| bob.hear_text().trim().to_owned()).collect();
            heard.sort();
            assert_eq!(heard, [["in the dialog"; 10], ["outside"; 10]].concat());
        }
        bob.say("still here");
        server.shows("parlor_messages_total{kind=\"room\"}", 21.0);
    }
}

/// A server whose participants need not connect for as long as a scenario may take.
fn unbound() -> Setup {
    Setup::default().set("msrp.bind_timeout", "\"5m\"")
}

/// Runs a scenario to its end; every call must succeed. False when there is no SIPp.
fn run(server: &Server, scenario: &str, arguments: &[&str]) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sipp").join(scenario).with_extension("xml");
    let output = Command::new("sipp")
        .arg(server.sip.to_string())
        .args([
            "-sf",
            file.to_str().unwrap(),
            "-s",
            "lobby",
            "-i",
            "127.0.0.1",
            "-nostdin",
            "-timeout",
            "120",
            "-timeout_error",
        ])
        .args(["-p", &free_port(server.sip.ip()).to_string(), "-trace_err", "-error_file", "errors.log"])
        .args(arguments)
        .current_dir(directory.path())
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: SIPp is not installed");
        return false;
    };
    let errors = std::fs::read_to_string(directory.path().join("errors.log")).unwrap_or_default();
    let shown = String::from_utf8_lossy(&output.stdout);
    let end: String =
        shown.lines().rev().take(60).collect::<Vec<_>>().into_iter().rev().map(|line| format!("{line}\n")).collect();
    assert!(output.status.success(), "{scenario}: {}\n{errors}\n{end}", output.status);
    true
}
