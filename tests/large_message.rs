//! A message far larger than what the server may hold streams through, while others talk.

use std::thread;

use crate::support::cpim;
use crate::support::participant::Participant;
use crate::support::server::Server;
use crate::support::unique;

const SIZE: usize = 64 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

/// 64 MiB reach two recipients unchanged; the server grows by less than 24 MiB; a third participant is heard meanwhile.
#[test]
fn streams_through() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut carol = Participant::join(&server, "carol");
    let mut dave = Participant::join(&server, "dave");
    dave.say("before");
    for other in [&mut alice, &mut bob, &mut carol] {
        other.hears("before");
    }
    let before = server.rss();
    let send = {
        let mut body = alice.saying("").body;
        body.extend((0u32..).flat_map(u32::to_le_bytes).take(SIZE - body.len()));
        alice.sending(&body)
    };
    let tid = send.tid.clone();
    let (bytes, wanted) = (send.bytes(), send.body);
    let mut peak = before;
    let heard = thread::scope(|scope| {
        let wanted = &wanted;
        let socket = alice.msrp.wire.socket().try_clone().unwrap();
        scope.spawn(move || std::io::Write::write_all(&mut &socket, &bytes).unwrap());
        let receivers = [&mut bob, &mut carol].map(|participant| scope.spawn(move || receive(participant, wanted)));
        // Dave talks until the large message is through.
        let mut said = 0;
        while !receivers.iter().all(thread::ScopedJoinHandle::is_finished) {
            dave.say(&format!("meanwhile {said}"));
            said += 1;
            peak = peak.max(server.rss());
        }
        assert!(said > 2, "dave waited for the large message");
        receivers.map(|receiver| receiver.join().unwrap())
    });
    assert_eq!(alice.msrp.response(&tid), 200);
    assert!(heard.iter().any(|meanwhile| *meanwhile > 0), "dave was heard only afterwards");
    assert!(peak < before + 24 * MIB, "grew by {} KiB", (peak - before) / 1024);
}

/// Takes the large message and counts the short ones that come in between.
fn receive(participant: &mut Participant, wanted: &[u8]) -> usize {
    let (mut meanwhile, mut at) = (0, 0);
    loop {
        let send = participant.msrp.next_send();
        let content = send.content();
        if send.flag == '$' && content.len() < 1000 && send.byte_range().0 == 1 {
            meanwhile += 1;
            continue;
        }
        assert_eq!(send.byte_range().0, u64::try_from(at).unwrap() + 1);
        assert!(wanted[at..].starts_with(content), "changed after {at} bytes");
        at += content.len();
        if send.flag == '$' {
            assert_eq!(at, wanted.len());
            return meanwhile;
        }
        assert_eq!(send.flag, '+');
    }
}

/// Several large messages at once, in chunks that their senders alternate, all arrive whole.
#[test]
fn several_at_once() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let bodies: Vec<_> = (0..4u8)
        .map(|number| {
            let content = vec![b'a' + number; 300_000];
            cpim::wrapped(alice.user.uri(), &alice.room, "application/octet-stream", &content)
        })
        .collect();
    let ids: Vec<_> = bodies.iter().map(|_| unique("m")).collect();
    let total = bodies[0].len();
    let step = 50_000;
    for start in (0..total).step_by(step) {
        for (body, id) in bodies.iter().zip(&ids) {
            let end = (start + step).min(total);
            let flag = if end == total { '$' } else { '+' };
            let send = alice.chunk(id, &format!("{}-*/{total}", start + 1), &body[start..end], flag);
            assert_eq!(alice.ask(&send), 200);
        }
    }
    let mut heard: Vec<_> = bodies.iter().map(|_| bob.hear()).collect();
    heard.sort();
    assert!(heard == bodies);
}
