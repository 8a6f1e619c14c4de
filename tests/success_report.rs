//! Who asks to be told that a message arrived is told by the room itself (CHAT-47).

use crate::support::msrp::{MsrpMessage, Send};
use crate::support::participant::Participant;
use crate::support::server::Server;
use crate::support::unique;

/// MSRP-50, MSRP-52: one REPORT for the whole message, of the bytes that came, to the whole path it came by.
#[test]
fn one_report_for_a_message() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    for failure_report in ["yes", "partial", "no"] {
        let send = alice.saying("did it arrive?");
        let length = send.body.len();
        let send = send.header(&format!("Failure-Report: {failure_report}")).header("Success-Report: yes");
        alice.msrp.write(send.bytes());
        let report = alice.msrp.next_report();
        check(&alice, &report, &send, length);
        bob.hears("did it arrive?");
    }
    let silent = alice.saying("never mind").header("Success-Report: no");
    assert_eq!(alice.ask(&silent), 200);
    alice.say("nor this");
    bob.hears("never mind");
    bob.hears("nor this");
    assert_eq!(alice.msrp.unasked().filter(|message| message.method == "REPORT").count(), 0);
}

/// A message in chunks is reported when its last byte is there, once.
#[test]
fn one_report_for_all_chunks() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut body = alice.saying("").body;
    body.resize(6000, b'.');
    let id = unique("m");
    let mut last = None;
    for (index, chunk) in body.chunks(2000).enumerate() {
        let flag = if index == 2 { '$' } else { '+' };
        let send = alice.chunk(&id, &format!("{}-*/6000", 2000 * index + 1), chunk, flag).header("Success-Report: yes");
        assert_eq!(alice.ask(&send), 200);
        last = Some(send);
    }
    let report = alice.msrp.next_report();
    check(&alice, &report, &last.unwrap(), 6000);
    assert_eq!(bob.hear(), body);
    alice.say("only one");
    assert_eq!(alice.msrp.unasked().filter(|message| message.method == "REPORT").count(), 0);
}

/// CHAT-45, CHAT-46: copies do not ask what the sender asked, and what recipients answer and report is not passed on.
#[test]
fn recipients_reports_end_here() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let send = alice.saying("hello").header("Success-Report: yes");
    assert_eq!(alice.ask(&send), 200);
    alice.msrp.next_report();
    let copy = bob.msrp.next_send();
    let (tid, id) = (unique(""), copy.header("Message-ID"));
    let length = copy.content().len();
    for status in ["000 200 OK", "000 415 Never seen", "001 999 Something else"] {
        bob.msrp.write(format!(
            "MSRP {tid} REPORT\r\nTo-Path: {}\r\nFrom-Path: {}\r\nMessage-ID: {id}\r\nByte-Range: 1-{length}/{length}\r\n\
             Status: {status}\r\n-------{tid}$\r\n",
            bob.session, bob.path
        ));
    }
    bob.msrp.write(format!(
        "MSRP {} 200 OK\r\nTo-Path: {}\r\nFrom-Path: {}\r\n-------{}$\r\n",
        copy.tid, bob.session, bob.path, copy.tid
    ));
    bob.say("got it");
    alice.hears("got it");
    assert_eq!(alice.msrp.unasked().count(), 0);
    assert_eq!(bob.msrp.unasked().count(), 0, "MSRP-54: a REPORT is not answered");
}

fn check(alice: &Participant, report: &MsrpMessage, send: &Send, length: usize) {
    let id = send.headers.split("Message-ID: ").nth(1).unwrap().split("\r\n").next().unwrap();
    assert_eq!(report.header("To-Path"), alice.path);
    assert_eq!(report.header("From-Path"), alice.session);
    assert_eq!(report.header("Message-ID"), id);
    assert_eq!(report.header("Byte-Range"), format!("1-{length}/{length}"));
    assert!(report.header("Status").starts_with("000 200"), "{report:?}");
}
