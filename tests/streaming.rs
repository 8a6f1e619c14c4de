//! Messages pass while they are still being sent.

use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::unique;

/// CHAT-60: what is there is passed on before its sender has sent the rest.
#[test]
fn first_frames_come_before_the_last() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = three(&server);
    let body = large(&alice, 100_000);
    let id = unique("m");
    let first = alice.chunk(&id, "1-*/100000", &body[..40_000], '+');
    assert_eq!(alice.ask(&first), 200);
    let copy = bob.msrp.next_send();
    assert_eq!(copy.flag, '+');
    assert_eq!(copy.content(), &body[..copy.content().len()]);
    let rest = alice.chunk(&id, "40001-*/100000", &body[40_000..], '$');
    assert_eq!(alice.ask(&rest), 200);
    assert_eq!(bob.gather(copy), body);
    assert_eq!(carol.hear(), body);
}

/// CHAT-60: the bytes of one chunk pass before its end-line is there.
#[test]
fn one_chunk_passes_as_it_comes() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = large(&alice, 200_000);
    let send = alice.sending(&body);
    let bytes = send.bytes();
    let (head, tail) = bytes.split_at(100_000);
    alice.msrp.write(head);
    let copy = bob.msrp.next_send();
    assert_eq!(copy.flag, '+');
    alice.msrp.write(tail);
    assert_eq!(alice.msrp.response(&send.tid), 200);
    assert_eq!(bob.gather(copy), body);
}

/// CHAT-60, CPIM-42: the wrapper's headers may be cut anywhere; nothing passes before they are complete.
#[test]
fn wrapper_split_over_chunks() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = alice.saying("cut to pieces").body;
    for cut in 1..body.len() {
        let id = unique("m");
        let total = body.len();
        let first = alice.chunk(&id, &format!("1-{cut}/{total}"), &body[..cut], '+');
        let second = alice.chunk(&id, &format!("{}-{total}/{total}", cut + 1), &body[cut..], '$');
        alice.msrp.write([first.bytes(), second.bytes()].concat());
        assert_eq!((alice.msrp.response(&first.tid), alice.msrp.response(&second.tid)), (200, 200), "cut at {cut}");
        assert_eq!(bob.hear(), body, "cut at {cut}");
    }
}

/// CHAT-64: chunks that come out of order are put in order, whether or not the last one comes last.
#[test]
fn chunks_out_of_order() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = large(&alice, 6000);
    for order in [[0, 2, 1], [0, 1, 2]] {
        let id = unique("m");
        for part in order {
            let flag = if part == 2 { '$' } else { '+' };
            let range = format!("{}-*/6000", part * 2000 + 1);
            let chunk = alice.chunk(&id, &range, &body[part * 2000..(part + 1) * 2000], flag);
            assert_eq!(alice.ask(&chunk), 200, "{order:?}");
        }
        assert_eq!(bob.hear(), body, "{order:?}");
    }
}

/// CHAT-64: a gap too large to be held gets 413, and so does the beginning of nothing.
#[test]
fn chunks_far_ahead() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = large(&alice, 2000);
    let id = unique("m");
    let first = alice.chunk(&id, "1-*/1000000", &body, '+');
    assert_eq!(alice.ask(&first), 200);
    let mut codes = Vec::new();
    for part in 0..12 {
        let range = format!("{}-*/1000000", 100_001 + part * 10_000);
        let ahead = alice.chunk(&id, &range, &[b'x'; 10_000], '+');
        codes.push(alice.ask(&ahead));
    }
    assert_eq!(codes.last(), Some(&413), "{codes:?}");
    assert!(codes.iter().all(|code| [200, 413].contains(code)), "{codes:?}");
    assert_eq!(end_of_next(&mut bob), '#');
    alice.say("go on");
    bob.hears("go on");
}

/// CHAT-64: what comes in the middle of nothing is held for its beginning, and given up when that does not come.
#[test]
fn beginning_never_comes() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let middle = alice.chunk("headless", "2001-*/6000", b"in the middle of nothing", '+');
    if alice.ask(&middle) == 200 {
        let report = alice.msrp.next_report();
        assert_eq!(report.header("Message-ID"), "headless");
        assert!(report.header("Status").starts_with("000 413"), "{report:?}");
    }
    let body = large(&alice, 2000);
    let late = alice.chunk("headless", "1-*/6000", &body, '+');
    assert_eq!(alice.ask(&late), 413);
    alice.say("go on");
    bob.hears("go on");
}

/// MSRP-45: a message sent again is answered again and not passed on again.
#[test]
fn the_same_message_twice() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = alice.saying("once").body;
    let length = body.len();
    for _ in 0..3 {
        let send = alice.chunk("same-id", &format!("1-{length}/{length}"), &body, '$').header("Success-Report: yes");
        assert_eq!(alice.ask(&send), 200);
        alice.msrp.next_report();
    }
    alice.say("twice");
    bob.hears("once");
    bob.hears("twice");
}

/// Message-IDs belong to their sender: two people may use the same one.
#[test]
fn the_same_id_from_two() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = three(&server);
    let (one, two) = (large(&alice, 5000), large(&bob, 7000));
    for part in 0..2 {
        for (sender, body) in [(&mut alice, &one), (&mut bob, &two)] {
            let (range, bytes) = match part {
                0 => ("1-*/*", &body[..3000]),
                _ => ("3001-*/*", &body[3000..]),
            };
            let send = sender.chunk("shared", range, bytes, if part == 0 { '+' } else { '$' });
            assert_eq!(sender.ask(&send), 200);
        }
    }
    let heard = [carol.hear(), carol.hear()];
    assert!(heard.contains(&one) && heard.contains(&two));
    assert_eq!(alice.hear(), two);
    assert_eq!(bob.hear(), one);
}

/// CHAT-65: if the sender vanishes midway, whoever has part of it is told to forget it.
#[test]
fn sender_vanishes() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = three(&server);
    let body = large(&alice, 100_000);
    let send = alice.sending(&body);
    alice.msrp.write(&send.bytes()[..60_000]);
    let copy = bob.msrp.next_send();
    assert_eq!(copy.flag, '+');
    drop(alice);
    assert_eq!(bob.msrp.last_of(copy.header("Message-ID")).flag, '#');
    carol.say("where is she?");
    bob.hears("where is she?");
    server.shows("parlor_deliveries_dropped_total{reason=\"aborted\"}", 2.0);
}

/// CHAT-65: the same if the sender leaves by BYE.
#[test]
fn sender_leaves_midway() {
    let server = Server::plain();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = large(&alice, 30_000);
    let first = alice.chunk("unfinished", "1-*/60000", &body, '+');
    assert_eq!(alice.ask(&first), 200);
    let copy = bob.msrp.next_send();
    alice.leave();
    assert_eq!(bob.msrp.last_of(copy.header("Message-ID")).flag, '#');
}

/// MSRP-46: the sender breaks off; the others are told, the transaction is answered, the next message is whole.
#[test]
fn sender_breaks_off() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = three(&server);
    let body = large(&alice, 5000);
    let first = alice.chunk("given-up", "1-*/9000", &body, '+');
    assert_eq!(alice.ask(&first), 200);
    let abort = alice.chunk("given-up", "5001-*/9000", b"", '#');
    assert_eq!(alice.ask(&abort), 200);
    for other in [&mut bob, &mut carol] {
        assert_eq!(end_of_next(other), '#');
    }
    // Given up before its wrapper was complete: nobody hears of it at all.
    let never = alice.chunk("never-begun", "1-*/9000", &body[..20], '#');
    assert_eq!(alice.ask(&never), 200);
    alice.say("something else");
    bob.hears("something else");
    carol.hears("something else");
}

/// CHAT-48: who joins midway gets nothing of it; CHAT-61: who leaves midway stops nobody else.
#[test]
fn joining_and_leaving_midway() {
    let server = Server::plain();
    let [mut alice, mut bob, carol] = three(&server);
    let body = large(&alice, 100_000);
    let first = alice.chunk("long-one", "1-*/100000", &body[..50_000], '+');
    assert_eq!(alice.ask(&first), 200);
    let mut dave = Participant::join(&server, "dave");
    carol.leave();
    let rest = alice.chunk("long-one", "50001-*/100000", &body[50_000..], '$');
    assert_eq!(alice.ask(&rest), 200);
    assert_eq!(bob.hear(), body);
    alice.say("next");
    dave.hears("next");
}

/// Short messages of others pass to a recipient in the middle of a large one.
#[test]
fn others_are_heard_meanwhile() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = three(&server);
    let body = large(&alice, 50_000);
    let first = alice.chunk("slow-one", "1-*/60000", &body, '+');
    assert_eq!(alice.ask(&first), 200);
    carol.say("me too");
    let begun = bob.msrp.next_send();
    let short = bob.msrp.receive_where("carol's message", |send| {
        send.header("Message-ID") != begun.header("Message-ID") && send.flag == '$'
    });
    assert_eq!(crate::support::cpim::content(short.content()), "me too");
    alice.hears("me too");
}

/// CHAT-66: a session may have only so many messages open; one more is refused and the others go on.
#[test]
fn open_messages_are_bounded() {
    let server = Setup::default().set("limits.open_messages", "3").start();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = large(&alice, 4000);
    let chunk = |alice: &Participant, number: usize, part: usize| {
        let flag = if part == 0 { '+' } else { '$' };
        let bytes = &body[part * 2000..part * 2000 + 2000];
        alice.chunk(&format!("open-{number}"), &format!("{}-*/4000", part * 2000 + 1), bytes, flag)
    };
    for number in 0..3 {
        let send = chunk(&alice, number, 0);
        assert_eq!(alice.ask(&send), 200);
    }
    let send = chunk(&alice, 3, 0);
    assert_eq!(alice.ask(&send), 413);
    for number in 0..3 {
        let send = chunk(&alice, number, 1);
        assert_eq!(alice.ask(&send), 200);
        assert_eq!(bob.hear(), body);
    }
    alice.say("room again");
    bob.hears("room again");
}

/// CHAT-62: a message that stops coming is given up after the time that is configured.
#[test]
fn chunks_stop_coming() {
    let server = Setup::default().set("limits.chunk_timeout", "\"1s\"").start();
    let [mut alice, mut bob, _carol] = three(&server);
    let body = large(&alice, 3000);
    let first = alice.chunk("forgotten", "1-*/9000", &body, '+');
    assert_eq!(alice.ask(&first), 200);
    assert_eq!(end_of_next(&mut bob), '#');
    let late = alice.chunk("forgotten", "3001-*/9000", &body, '$');
    assert_ne!(alice.ask(&late), 200, "CHAT-64");
    alice.say("later");
    bob.hears("later");
}

fn three(server: &Server) -> [Participant; 3] {
    ["alice", "bob", "carol"].map(|name| Participant::join(server, name))
}

/// The flag of the last chunk of the next message.
fn end_of_next(participant: &mut Participant) -> char {
    let first = participant.msrp.next_send();
    if first.flag != '+' {
        return first.flag;
    }
    participant.msrp.last_of(first.header("Message-ID")).flag
}

fn large(sender: &Participant, length: usize) -> Vec<u8> {
    let mut body = sender.saying("").body;
    let numbers = (0u32..).flat_map(u32::to_le_bytes);
    body.extend(numbers.take(length - body.len()));
    body
}
