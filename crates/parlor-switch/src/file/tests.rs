//! Both ends of a file, driven with MSRP as it stands on the wire.

use super::*;
use crate::{Input, Lines};
use bytes::Bytes;
use parlor_msrp::{Decoder, Event, FailureReport, Limits};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const OURS: &str = "msrp://192.0.2.1:2855/ours;tcp";
const PEER: &str = "msrp://192.0.2.9:7654/peer;tcp";

fn inputs(text: &[u8]) -> Vec<Input> {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(Bytes::copy_from_slice(text));
    let mut inputs = Vec::new();
    while let Some(event) = decoder.poll().expect("MSRP") {
        inputs.push(match event {
            Event::Request(request) => Input::Request(request),
            Event::Body(body) => Input::Body(body),
            Event::End(flag) => Input::End(flag),
            Event::Response(response) => Input::Response(response),
        });
    }
    inputs
}

fn send(tid: &str, headers: &str, body: &str, flag: char) -> Vec<Input> {
    let content = if body.is_empty() { String::new() } else { format!("\r\n{body}\r\n") };
    inputs(
        format!("MSRP {tid} SEND\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\n{headers}{content}-------{tid}{flag}\r\n")
            .as_bytes(),
    )
}

fn chunk(tid: &str, range: &str, body: &str, flag: char) -> Vec<Input> {
    let headers =
        format!("Message-ID: m1\r\nByte-Range: {range}\r\nSuccess-Report: yes\r\nContent-Type: text/plain\r\n");
    send(tid, &headers, body, flag)
}

struct Taking {
    receiver: FileReceiver,
    written: Vec<u8>,
    fate: Vec<FileStep>,
}

impl Taking {
    fn new(size: Option<u64>) -> Self {
        let receiver = FileReceiver::new(OURS.parse().expect("a URI"), size, 100, StdRng::seed_from_u64(1));
        Self { receiver, written: Vec::new(), fate: Vec::new() }
    }

    /// Takes chunks with all that is to be done; gives the answers, in short.
    fn take(&mut self, inputs: Vec<Input>) -> Vec<String> {
        for input in inputs {
            self.receiver.handle(input);
            while let Some(step) = self.receiver.poll_step() {
                match step {
                    FileStep::Write(octets) => self.written.extend_from_slice(&octets),
                    FileStep::Confirm => self.receiver.confirm(),
                    FileStep::Whole => {
                        self.fate.push(step);
                        self.receiver.confirm();
                    }
                    FileStep::Aborted | FileStep::Refused(_) => self.fate.push(step),
                }
            }
        }
        self.answers()
    }

    fn answers(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.receiver.poll_control()).map(|control| shown(&control)).collect()
    }
}

/// The transaction and the code of a response, the range of a report.
fn shown(control: &Control) -> String {
    let text = String::from_utf8(control.encoded.to_vec()).expect("text");
    let range = text.lines().find_map(|line| line.strip_prefix("Byte-Range: "));
    match (range, control.code) {
        (Some(range), None) => format!("report {range}"),
        (None, Some(code)) => format!("{} {code}", text.split(' ').nth(1).expect("a transaction")),
        (range, code) => panic!("{range:?} {code:?}"),
    }
}

/// MSRP-50, interop.md §1: each chunk is answered and reported, and the last report ends at the total.
#[test]
fn a_file_is_taken_chunk_by_chunk() {
    let mut taking = Taking::new(Some(11));
    assert_eq!(taking.take(send("bind1", "Message-ID: b1\r\nByte-Range: 1-0/0\r\n", "", '$')), ["bind1 200"]);
    assert_eq!(taking.take(chunk("tid01", "1-6/11", "hello ", '+')), ["tid01 200", "report 1-6/11"]);
    assert_eq!(taking.take(chunk("tid02", "7-11/11", "world", '$')), ["tid02 200", "report 1-11/11"]);
    assert_eq!((&*taking.written, &*taking.fate), (b"hello world".as_slice(), [FileStep::Whole].as_slice()));
    assert_eq!(taking.take(chunk("tid03", "7-11/11", "world", '$')), ["tid03 200", "report 1-11/11"], "MSRP-45");
    assert_eq!(taking.written.len(), 11);
}

/// MSRP-38: in any order, `$` not the last; nothing is reported that is not in its place.
#[test]
fn chunks_may_come_in_any_order() {
    let mut taking = Taking::new(None);
    assert_eq!(taking.take(chunk("tid02", "7-11/11", "world", '$')), ["tid02 200"]);
    assert_eq!(taking.take(chunk("tid01", "1-6/11", "hello ", '+')), ["tid01 200", "report 1-11/11"]);
    assert_eq!((&*taking.written, &*taking.fate), (b"hello world".as_slice(), [FileStep::Whole].as_slice()));
}

/// What is not the file that was agreed on is refused at once, and so is everything after it.
#[test]
fn what_was_not_agreed_on_is_refused() {
    let wrapped = "Message-ID: m1\r\nByte-Range: 1-4/4\r\nContent-Type: message/cpim\r\n";
    for (size, first, code, refusal) in [
        (None, send("tid01", wrapped, "From", '$'), 415, FileRefusal::Type),
        (None, chunk("tid01", "1-*/101", "x", '+'), 413, FileRefusal::Size),
        (Some(5), chunk("tid01", "1-*/6", "x", '+'), 413, FileRefusal::Size),
        (Some(5), chunk("tid01", "1-*/*", "too large", '+'), 413, FileRefusal::Size),
        (Some(5), chunk("tid01", "1-*/*", "less", '$'), 413, FileRefusal::Size),
        (None, chunk("tid01", "90-*/*", "beyond the end", '+'), 413, FileRefusal::Size),
    ] {
        let mut taking = Taking::new(size);
        assert_eq!(taking.take(first), [format!("tid01 {code}")], "{refusal:?}");
        assert_eq!(taking.fate, [FileStep::Refused(refusal)]);
        assert_eq!(taking.take(chunk("tid02", "1-*/*", "more", '$')), [format!("tid02 {code}")]);
        assert_eq!(taking.fate.len(), 1);
    }
}

/// RFC 5547 §8.7: one session carries one file.
#[test]
fn a_second_message_is_refused_and_leaves_the_first() {
    let mut taking = Taking::new(None);
    taking.take(chunk("tid01", "1-2/2", "ab", '$'));
    let other = "Message-ID: m2\r\nByte-Range: 1-2/2\r\nContent-Type: text/plain\r\n";
    assert_eq!(taking.take(send("tid02", other, "cd", '$')), ["tid02 413"]);
    assert_eq!((&*taking.written, taking.fate.len()), (b"ab".as_slice(), 1));
}

/// The chunk at hand tells that there is no space; a file that is not what was said is refused by its last one.
#[test]
fn what_comes_to_nothing_is_told() {
    let mut taking = Taking::new(None);
    let mut inputs = chunk("tid01", "1-*/50", "hello", '+');
    let end = inputs.pop().expect("an end");
    taking.take(inputs);
    taking.receiver.refuse(FileRefusal::NoSpace);
    assert_eq!(taking.answers(), ["tid01 413"]);
    assert!(taking.take(vec![end]).is_empty(), "it is answered once");
    assert_eq!(taking.take(chunk("tid02", "6-*/50", "hello", '+')), ["tid02 413"]);

    let mut receiver = FileReceiver::new(OURS.parse().expect("a URI"), None, 100, StdRng::seed_from_u64(1));
    chunk("tid01", "1-5/5", "hello", '$').into_iter().for_each(|input| receiver.handle(input));
    receiver.refuse(FileRefusal::Content);
    let answers: Vec<_> = std::iter::from_fn(|| receiver.poll_control()).map(|control| shown(&control)).collect();
    assert_eq!(answers, ["tid01 413"]);
    assert_eq!(receiver.poll_step(), None);
}

/// MSRP-46: what is broken off is over; a nickname is nothing for a file.
#[test]
fn a_file_may_be_broken_off() {
    let mut taking = Taking::new(None);
    taking.take(chunk("tid01", "1-*/50", "hello", '+'));
    assert_eq!(taking.take(chunk("tid02", "6-*/50", "x", '#')), ["tid02 200"]);
    assert_eq!(taking.fate, [FileStep::Aborted]);
    let nickname = format!(
        "MSRP nick1 NICKNAME\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\nUse-Nickname: \"x\"\r\n-------nick1$\r\n"
    );
    assert_eq!(taking.take(inputs(nickname.as_bytes())), ["nick1 403"]);
}

fn sending() -> FileSender {
    let head = FileHead { kind: "text/plain", name: "r\u{e9}sum\u{e9}.txt", size: Some(11) };
    FileSender::new(OURS.parse().expect("a URI"), &head, FailureReport::Partial, StdRng::seed_from_u64(1))
}

/// A whole file as its receiver reads it.
fn frames(sender: &mut FileSender) -> Vec<u8> {
    let lines = Lines::new("0", &PEER.parse().expect("a path"), &OURS.parse().expect("a URI"));
    let mut out = Vec::new();
    for (body, is_last) in [("hello ", false), ("world", true)] {
        let frame = sender.frame(Bytes::from_static(body.as_bytes()), is_last);
        lines.write_head(&frame, &mut out);
        out.extend_from_slice(&frame.body);
        lines.write_tail(&frame, &mut out);
    }
    out
}

fn report(message_id: &str, range: &str, status: &str) -> Vec<Input> {
    inputs(
        format!(
            "MSRP rep1 REPORT\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\nMessage-ID: {message_id}\r\nByte-Range: {range}\r\n\
             Status: 000 {status}\r\n-------rep1$\r\n"
        )
        .as_bytes(),
    )
}

/// RFC 5547 §8.7, MSRP-3: one message, not wrapped, named and sized, which asks for a report.
#[test]
fn a_file_is_one_message() {
    let mut sender = sending();
    let text = String::from_utf8(frames(&mut sender)).expect("text");
    for (at, range) in [(0, "1-6/11"), (1, "7-11/11")] {
        let frame = text.split("MSRP ").nth(at + 1).expect("a frame");
        let head: Vec<&str> = frame.split("\r\n\r\n").next().expect("a head").lines().skip(4).collect();
        let expected = [
            &format!("Byte-Range: {range}"),
            "Failure-Report: partial",
            "Success-Report: yes",
            "Content-Disposition: attachment; filename=\"r\u{e9}sum\u{e9}.txt\"; filename*=UTF-8''r%C3%A9sum%C3%A9.txt; size=11",
            "Content-Type: text/plain",
        ];
        assert_eq!(head, expected);
    }
    assert!(text.contains("world\r\n-------") && text.trim_end().ends_with('$'));
}

/// The report that covers the last octet completes it; others, and those about something else, do not.
#[test]
fn the_last_report_completes_it() {
    let mut sender = sending();
    send("bind1", "Message-ID: b1\r\nByte-Range: 1-0/0\r\n", "", '$')
        .into_iter()
        .for_each(|input| sender.handle(input));
    assert!(sender.is_ready());
    assert_eq!(sender.poll_control().map(|control| shown(&control)), Some("bind1 200".to_owned()));
    let text = String::from_utf8(frames(&mut sender)).expect("text");
    let id = text.split("Message-ID: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("an id").to_owned();
    for (id, range, status) in
        [(&*id, "1-6/11", "200 OK"), ("other", "1-11/11", "200 OK"), ("other", "1-11/11", "413 No")]
    {
        report(id, range, status).into_iter().for_each(|input| sender.handle(input));
        assert_eq!(sender.verdict(), None, "{range}");
    }
    report(&id, "7-11/11", "200 OK").into_iter().for_each(|input| sender.handle(input));
    assert_eq!(sender.verdict(), Some(Verdict::Received));
    assert_eq!(sender.poll_control(), None, "MSRP-54");
}

/// MSRP-47, MSRP-56: an error ends it, whether it comes as a response or as a report; nothing may be sent the other way.
#[test]
fn a_receiver_may_refuse() {
    let mut sender = sending();
    let text = String::from_utf8(frames(&mut sender)).expect("text");
    let tid = text.split(' ').nth(1).expect("a transaction");
    let response = format!("MSRP {tid} 413 Enough\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\n-------{tid}$\r\n");
    inputs(response.as_bytes()).into_iter().for_each(|input| sender.handle(input));
    assert_eq!(sender.verdict(), Some(Verdict::Refused(413)));
    chunk("tid01", "1-2/2", "hi", '$').into_iter().for_each(|input| sender.handle(input));
    assert_eq!(sender.poll_control().map(|control| shown(&control)), Some("tid01 403".to_owned()));
}
