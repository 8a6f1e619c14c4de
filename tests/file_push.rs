//! A file sent to the room: RFC 5547 §8.3.1, with the habits of interop.md §1.

use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::file::{File, Transfer, refused};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::find;
use crate::support::watcher::Watcher;

/// A file in chunks of 64 KiB is answered and reported until a report ends at its total; everybody is told, and its sender is
/// in the room once, with one session.
#[test]
fn a_file_is_taken_and_announced() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let file = File::of("test.bin", 200_000);
    let mut push = Transfer::push(&server, "alice", &file.selector());
    assert_eq!(push.answer.attribute("accept-types"), "application/octet-stream");
    assert_eq!(push.answer.attribute("file-selector"), file.selector());
    assert_eq!(push.answer.attributes("recvonly"), [""]);
    assert!(!push.answer.attribute("file-transfer-id").is_empty() && push.answer.attributes("chatroom").is_empty());
    server.shows("parlor_participants", 2.0);
    push.send(&file);
    for other in [&mut alice, &mut bob] {
        let told = other.hear_text();
        let parts = ["alice", "\"test.bin\"", "200000 bytes", &file.hash(), &server.room("lobby")];
        assert!(parts.iter().all(|part| told.to_lowercase().contains(&part.to_lowercase())), "{told}");
    }
    server.shows("parlor_file_pushes_total{outcome=\"complete\"}", 1.0);
    server.shows("parlor_spool_bytes", 200_000.0);
    server.shows("parlor_spool_files", 1.0);
    push.end.leave();
    server.shows("parlor_file_transfers", 0.0);
    server.shows("parlor_participants", 2.0);
    alice.say("still here");
    bob.hears("still here");
}

/// The roster lists a file from its first octets on, and says when it is whole; not one that did not come.
#[test]
fn the_roster_lists_files() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    let file = File::of("a & b.bin", 100_000);
    let listed = |status: &str| {
        let sender = "Alice &lt;sip:alice@example.com&gt;";
        format!(
            "<agp-conf:file name=\"a &amp; b.bin\" hash=\"{}\" size=\"100000\" sender=\"{sender}\" status=\"{status}\"/>",
            file.hash()
        )
    };
    for comes in [false, true] {
        let mut push = Transfer::push(&server, "alice", &file.selector());
        let send = push.chunk(&file, 0, 60_000, '+');
        assert_eq!(push.end.ask(&send), 200);
        watcher.until("arriving", |notice| notice.message.body.contains(&listed("INCOMPLETE")));
        if comes {
            let send = push.chunk(&file, 60_000, 100_000, '$');
            assert_eq!(push.end.ask(&send), 200);
            watcher.until("whole", |notice| notice.message.body.contains(&listed("OK")));
        } else {
            drop(push);
            watcher.until("gone", |notice| !notice.message.body.contains("agp-conf:file "));
        }
    }
}

/// Whoever is not in the room sends nothing to it; where the room takes no files nobody does.
#[test]
fn only_participants_push() {
    let server = Server::plain();
    let file = File::of("test.bin", 10);
    assert_eq!(refused(&server, "mallory", "sendonly", &file.selector()).code(), 403);
    let closed = Setup::default().room("lobby", "files = \"off\"").start();
    let _alice = Participant::join(&closed, "alice");
    assert_eq!(refused(&closed, "alice", "sendonly", &file.selector()).code(), 403);
}

/// A file whose content is not what was said is refused by its last chunk, listed nowhere, and gone.
#[test]
fn a_wrong_hash_is_refused() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let file = File::of("test.bin", 5000);
    let other = File::of("test.bin", 4999);
    let mut push = Transfer::push(&server, "alice", &file.selector().replace(&file.hash(), &other.hash()));
    let send = push.chunk(&file, 0, 5000, '$');
    assert_eq!(push.end.ask(&send), 413);
    push.end.user.expect_request("BYE");
    server.shows("parlor_file_pushes_total{outcome=\"refused\"}", 1.0);
    server.shows("parlor_rejected_total{layer=\"file\",reason=\"content\"}", 1.0);
    server.shows("parlor_spool_bytes", 0.0);
    assert_eq!(refused(&server, "alice", "recvonly", &format!("hash:{}", file.hash())).code(), 488);
    alice.say("nothing was announced");
    assert!(alice.msrp.unasked().all(|message| message.method != "SEND"));
}

/// What is larger than was said, larger than a file may be, or wrapped, is refused while it streams; an empty file before.
#[test]
fn what_is_not_the_file_is_refused() {
    let server = Setup::default().set("files.max_bytes", "\"100 KiB\"").start();
    let _alice = Participant::join(&server, "alice");
    let file = File::of("test.bin", 200_000);
    for (selector, code) in [("size:0", 488), ("size:200000", 488), ("name:\"x\" size:", 488)] {
        assert_eq!(refused(&server, "alice", "sendonly", selector).code(), code, "{selector}");
    }
    for selector in ["type:application/octet-stream size:70000", "type:application/octet-stream"] {
        let mut push = Transfer::push(&server, "alice", selector);
        let id = "m123";
        let chunk = |from: usize, to: usize| {
            push.end
                .chunk(id, &format!("{}-*/*", from + 1), &file.content[from..to], '+')
                .kind("application/octet-stream")
        };
        let (first, second) = (chunk(0, 65_536), chunk(65_536, 131_072));
        assert_eq!(push.end.ask(&first), 200);
        assert_eq!(push.end.ask(&second), 413, "{selector}");
    }
    let mut push = Transfer::push(&server, "alice", "size:1000");
    let wrapped = push.end.sending(&file.content[..1000]);
    assert_eq!(push.end.ask(&wrapped), 415);
    server.shows("parlor_spool_bytes", 0.0);
}

/// What one user, one room or all together may keep is not exceeded; what is promised counts.
#[test]
fn there_is_only_so_much_space() {
    let setup = Setup::default().set("files.per_user", "\"100 KiB\"").set("files.per_room", "\"150 KiB\"");
    let server = setup.set("files.count_per_room", "4").start();
    let _people = ["alice", "bob", "carol"].map(|name| Participant::join(&server, name));
    let file = File::of("half.bin", 60 * 1024);
    let mut first = Transfer::push(&server, "alice", &file.selector());
    first.send(&file);
    let mut second = Transfer::push(&server, "alice", &file.selector());
    let send = second.chunk(&file, 0, 60 * 1024, '$');
    assert_eq!(second.end.ask(&send), 413, "one user's");
    let mut third = Transfer::push(&server, "bob", &file.selector());
    third.send(&file);
    let mut fourth = Transfer::push(&server, "carol", &file.selector());
    let send = fourth.chunk(&file, 0, 60 * 1024, '$');
    assert_eq!(fourth.end.ask(&send), 413, "one room's");
    for name in ["one", "two"] {
        let small = File::of(name, 10);
        Transfer::push(&server, "carol", &small.selector()).send(&small);
    }
    let fifth = File::of("five", 11);
    let mut push = Transfer::push(&server, "carol", &fifth.selector());
    let send = push.chunk(&fifth, 0, 11, '$');
    assert_eq!(push.end.ask(&send), 413, "too many");
    server.shows("parlor_rejected_total{layer=\"file\",reason=\"no_space\"}", 3.0);
    server.shows("parlor_spool_bytes", 2.0 * 60.0 * 1024.0 + 20.0);
}

/// Of a file whose sender vanishes, or breaks it off, nothing is left.
#[test]
fn a_sender_that_vanishes_leaves_nothing() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let file = File::of("test.bin", 100_000);
    for breaks_off in [false, true] {
        let mut push = Transfer::push(&server, "alice", &file.selector());
        let send = push.chunk(&file, 0, 50_000, '+');
        assert_eq!(push.end.ask(&send), 200);
        server.shows("parlor_spool_bytes", 100_000.0);
        if breaks_off {
            let end = push.chunk(&file, 50_000, 50_000, '#');
            assert_eq!(push.end.ask(&end), 200);
            push.end.user.expect_request("BYE");
        }
        drop(push);
        server.shows("parlor_spool_bytes", 0.0);
    }
    server.shows("parlor_file_pushes_total{outcome=\"lost\"}", 1.0);
    server.shows("parlor_file_pushes_total{outcome=\"broken_off\"}", 1.0);
    server.shows("parlor_file_transfers", 0.0);
    alice.say("nothing was announced");
    assert!(alice.msrp.unasked().all(|message| message.method != "SEND"));
}

/// A sender that says something from time to time, but nothing of its file, does not keep its place for ever.
#[test]
fn a_sender_that_sends_nothing_is_given_up() {
    let server = Setup::default().set("limits.chunk_timeout", "\"1s\"").start();
    let _alice = Participant::join(&server, "alice");
    let file = File::of("test.bin", 100_000);
    let mut push = Transfer::push(&server, "alice", &file.selector());
    let begins = push.chunk(&file, 0, 50_000, '+');
    assert_eq!(push.end.ask(&begins), 200);
    let nothing = push.chunk(&file, 50_000, 50_000, '+');
    loop {
        push.end.msrp.write(nothing.bytes());
        let answered = push.end.msrp.find_within(PATIENCE, |message| message.tid == nothing.tid);
        if answered.is_none_or(|answer| answer.code != 200) {
            break;
        }
    }
    server.shows("parlor_file_pushes_total{outcome=\"timed_out\"}", 1.0);
    push.end.user.expect_request("BYE");
}

/// MSRP-38: the chunks may come in any order; a chunk that comes twice is answered twice and counts once.
#[test]
fn chunks_may_come_in_any_order() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    let file = File::of("test.bin", 30_000);
    let mut push = Transfer::push(&server, "alice", &file.selector());
    for (from, to, flag) in [(10_000, 20_000, '+'), (20_000, 30_000, '$'), (10_000, 20_000, '+'), (0, 10_000, '+')] {
        let send = push.chunk(&file, from, to, flag);
        assert_eq!(push.end.ask(&send), 200, "{from}");
    }
    push.completes(30_000);
    server.shows("parlor_file_pushes_total{outcome=\"complete\"}", 1.0);
}

/// Files whose time is over are gone.
#[test]
fn files_expire() {
    let server = Setup::default().set("files.keep", "\"1s\"").start();
    let _alice = Participant::join(&server, "alice");
    let file = File::of("test.bin", 1000);
    Transfer::push(&server, "alice", &file.selector()).send(&file);
    let until = Instant::now() + Duration::from_secs(20);
    while refused_or_taken(&server, &file) == 200 {
        assert!(Instant::now() < until, "it is still there");
    }
}

fn refused_or_taken(server: &Server, file: &File) -> u16 {
    use crate::support::sip::{Call, SipUser, offer};
    let mut user = SipUser::tcp(server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    let path = crate::support::participant::own_path(&user);
    let about = format!("a=recvonly\r\na=file-selector:hash:{}\r\na=file-transfer-id:x\r\n", file.hash());
    let offer = offer(&path).replace("a=accept-types:message/cpim text/plain", "a=accept-types:*") + &about;
    let response = call.ask_to_join(&mut user, "", &offer);
    if response.code() == 200 {
        call.established(&response);
        user.send(call.ack(""));
    } else {
        user.send(call.ack_failure(&response));
    }
    response.code()
}

/// Nothing that a file's sender says of it ends up anywhere but as text: the name is a name, not a path.
#[test]
fn a_name_is_only_a_name() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let file = File::of("x", 100);
    let selector = file.selector().replace("\"x\"", "\"..%2F..%2Fetc%2Fpass%22%0D%0Awd\"");
    Transfer::push(&server, "alice", &selector).send(&file);
    let told = alice.hear();
    assert!(find(&told, b"\"pass___wd\"").is_some(), "{}", String::from_utf8_lossy(&told));
}
