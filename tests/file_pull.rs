//! A file fetched from the room: RFC 5547 §8.3.2.

use std::thread;
use std::time::Duration;

use crate::support::PATIENCE;
use crate::support::file::{File, Transfer, refused};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};

const MIB: u64 = 1024 * 1024;

fn by_hash(file: &File) -> String {
    format!("hash:{}", file.hash())
}

/// A file comes as one message that is not wrapped, with its name, type and size; a report completes it, and we end the session
/// if the peer does not.
#[test]
fn a_file_is_sent_as_it_came() {
    let server = Server::plain();
    let _people = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let file = File::of("test.bin", 100_000);
    Transfer::push(&server, "alice", &file.selector()).send(&file);
    for selector in [by_hash(&file), "name:\"test.bin\" size:100000".to_owned(), file.selector()] {
        let mut pull = Transfer::pull(&server, "bob", &selector);
        assert_eq!(pull.answer.attributes("sendonly"), [""]);
        assert!(pull.answer.attribute("file-selector").starts_with(&file.selector()), "{:?}", pull.answer);
        let (first, content) = pull.fetch();
        assert!(content == file.content, "other octets");
        assert_eq!(first.header("Content-Type"), "application/octet-stream");
        assert_eq!(first.header("Content-Disposition"), "attachment; filename=\"test.bin\"; size=100000");
        assert_eq!(first.byte_range(), (1, None, Some(100_000)));
        let bye = pull.end.user.expect_request("BYE");
        pull.end.user.answer(&bye);
    }
    server.shows("parlor_file_pulls_total{outcome=\"complete\"}", 3.0);
    server.shows("parlor_file_transfers", 0.0);
}

/// What is not there, is not one file, or is not one's to fetch, is refused.
#[test]
fn what_cannot_be_fetched_is_refused() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    for file in [File::of("a", 10), File::of("b", 10)] {
        Transfer::push(&server, "alice", &file.selector()).send(&file);
    }
    for selector in [by_hash(&File::of("c", 11)), "name:\"c\"".to_owned(), "size:10;".to_owned()] {
        assert_eq!(refused(&server, "alice", "recvonly", &selector).code(), 488, "{selector}");
    }
    let mut other = File::of("c", 10);
    other.content[0] ^= 1;
    Transfer::push(&server, "alice", &other.selector()).send(&other);
    let several = refused(&server, "alice", "recvonly", "size:10");
    assert_eq!(several.code(), 488);
    assert!(several.header("Warning").contains("Several files"), "{several:?}");
    assert_eq!(refused(&server, "mallory", "recvonly", &by_hash(&other)).code(), 403);
}

/// Files outlive a restart, also one without a warning; what had not come to its end does not.
#[test]
fn files_outlive_the_server() {
    let mut server = Server::plain();
    let file = File::of("r\u{e9}sum\u{e9}.bin", 50_000);
    {
        let _alice = Participant::join(&server, "alice");
        Transfer::push(&server, "alice", &file.selector()).send(&file);
        let half = File::of("half.bin", 60_000);
        let mut push = Transfer::push(&server, "alice", &half.selector());
        let send = push.chunk(&half, 0, 30_000, '+');
        assert_eq!(push.end.ask(&send), 200);
        server.kill_and_restart();
    }
    server.shows("parlor_spool_bytes", 50_000.0);
    server.shows("parlor_spool_files", 1.0);
    let _bob = Participant::join(&server, "bob");
    let mut pull = Transfer::pull(&server, "bob", &by_hash(&file));
    let (first, content) = pull.fetch();
    assert!(content == file.content, "other octets");
    assert!(first.header("Content-Disposition").contains("filename*=UTF-8''r%C3%A9sum%C3%A9.bin"), "{first:?}");
}

/// Three fetch 100 MB while they are still arriving, and get every octet; the server grows by less than 24 MiB.
#[test]
fn several_fetch_while_it_arrives() {
    const SIZE: usize = 100_000_000;
    let server = Server::plain();
    let _people = ["alice", "bob", "carol", "dave"].map(|name| Participant::join(&server, name));
    let file = File::of("large.bin", SIZE);
    let mut push = Transfer::push(&server, "alice", &file.selector());
    let first = push.chunk(&file, 0, 64 * 1024, '+');
    assert_eq!(push.end.ask(&first), 200);
    let before = server.rss();
    let mut peak = before;
    thread::scope(|scope| {
        let (server, file) = (&server, &file);
        let pullers = ["bob", "carol", "dave"].map(|name| {
            scope.spawn(move || {
                let mut pull = Transfer::pull(server, name, &by_hash(file));
                let (first, content) = pull.fetch();
                assert_eq!(first.byte_range(), (1, None, Some(SIZE as u64)));
                assert!(content == file.content, "{name} got other octets");
            })
        });
        let mut from = 64 * 1024;
        while from < SIZE {
            let to = SIZE.min(from + 64 * 1024);
            let send = push.chunk(file, from, to, if to == SIZE { '$' } else { '+' });
            assert_eq!(push.end.ask(&send), 200, "{from}");
            from = to;
            if from % (4 * 1024 * 1024) == 0 {
                peak = peak.max(server.rss());
            }
        }
        push.completes(SIZE);
        while !pullers.iter().all(thread::ScopedJoinHandle::is_finished) {
            peak = peak.max(server.rss());
            thread::sleep(Duration::from_millis(5));
        }
        pullers.into_iter().for_each(|puller| puller.join().unwrap());
    });
    assert!(peak < before + 24 * MIB, "grew by {} KiB", (peak - before) / 1024);
    server.shows("parlor_file_pulls_total{outcome=\"complete\"}", 3.0);
}

/// Who fetches a file that turns out wrong, or whose sender vanishes, is told that no more comes.
#[test]
fn a_file_that_does_not_come_is_broken_off() {
    let server = Server::plain();
    let _people = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let file = File::of("test.bin", 200_000);
    let mut push = Transfer::push(&server, "alice", &file.selector());
    let send = push.chunk(&file, 0, 150_000, '+');
    assert_eq!(push.end.ask(&send), 200);
    let mut pull = Transfer::pull(&server, "bob", &by_hash(&file));
    let first = pull.end.msrp.next_send();
    assert_eq!(first.flag, '+');
    drop(push);
    let last = pull.end.msrp.last_of(first.header("Message-ID"));
    assert_eq!((last.flag, last.content().len()), ('#', 0));
    pull.end.user.expect_request("BYE");
    server.shows("parlor_file_pulls_total{outcome=\"gone\"}", 1.0);
}

/// Who fetches a file and stops reading is ended as others are, and holds next to nothing meanwhile.
#[test]
fn a_receiver_that_stops_reading_is_ended() {
    let setup = Setup::default().set("limits.close_stalled_after", "\"2s\"").set("limits.stall_after", "\"200ms\"");
    let server = setup.start();
    let _people = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let file = File::of("large.bin", 50_000_000);
    Transfer::push(&server, "alice", &file.selector()).send(&file);
    let before = server.rss();
    let mut pull = Transfer::pull(&server, "bob", &by_hash(&file));
    let bye = pull.end.user.expect_request_within(PATIENCE, "BYE");
    pull.end.user.answer(&bye);
    assert!(server.rss() < before + 8 * MIB, "grew by {} KiB", (server.rss() - before) / 1024);
    server.shows("parlor_file_pulls_total{outcome=\"stalled\"}", 1.0);
    server.shows("parlor_file_transfers", 0.0);
}

/// A receiver may refuse what comes; what it is sent then is the end.
#[test]
fn a_receiver_may_refuse() {
    let server = Server::plain();
    let _people = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let file = File::of("large.bin", 20_000_000);
    Transfer::push(&server, "alice", &file.selector()).send(&file);
    let mut pull = Transfer::pull(&server, "bob", &by_hash(&file));
    let first = pull.end.msrp.next_send();
    let (to, from) = (pull.end.session.clone(), pull.end.path.clone());
    pull.end
        .msrp
        .write(format!("MSRP {0} 413 Enough\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------{0}$\r\n", first.tid));
    let last = pull.end.msrp.last_of(first.header("Message-ID"));
    assert_eq!(last.flag, '#');
    pull.end.user.expect_request("BYE");
    server.shows("parlor_file_pulls_total{outcome=\"broken_off\"}", 1.0);
}
