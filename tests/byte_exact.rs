//! A body with any bytes arrives unchanged.

use crate::support::cpim;
use crate::support::msrp::MsrpPeer;
use crate::support::participant::Participant;
use crate::support::server::Server;

/// Every byte value, in every neighbourhood of line ends, arrives as it was sent.
#[test]
fn all_byte_values() {
    let server = Server::plain();
    let (mut alice, mut bob) = pair(&server);
    let every: Vec<u8> = (0..=255).collect();
    let mut content = every.clone();
    for byte in &every {
        content.extend_from_slice(&[*byte, b'\r', b'\n', *byte, b'\n', *byte, b'\r', *byte, b'-', b'-']);
    }
    arrives(&mut alice, &mut bob, &content);
}

/// MSRP-15: what looks like an end-line and is none is data: other ids, other flags, other line ends, other hyphens.
#[test]
fn look_alikes_of_end_lines() {
    let server = Server::plain();
    let (mut alice, mut bob) = pair(&server);
    let tid = "a1b2c3d4e5f6";
    let look_alikes = [
        "\r\n-------zzzzzzzz$\r\n",
        "\r\n-------a1b2c3d4e5f$\r\n",
        "\r\n-------a1b2c3d4e5f67$\r\n",
        "\r\n-------a1b2c3d4e5f6!\r\n",
        "\r\n-------a1b2c3d4e5f6\r\n",
        "\r\n-------a1b2c3d4e5f6$x\r\n",
        "\r\n-------a1b2c3d4e5f6$\n",
        "\n-------a1b2c3d4e5f6$\r\n",
        "\r-------a1b2c3d4e5f6$\r\n",
        "\r\n------a1b2c3d4e5f6$\r\n",
        "\r\n--------a1b2c3d4e5f6$\r\n",
        "\r\n-------A1B2C3D4E5F6$\r\n",
        "\r\n------- a1b2c3d4e5f6$\r\n",
        "\r\n\r\n-------\r\n-------a1b2c3d4e5f",
        "MSRP a1b2c3d4e5f6 SEND\r\n",
    ];
    for content in look_alikes.into_iter().map(str::to_owned).chain([look_alikes.concat()]) {
        let body = cpim::wrapped(alice.user.uri(), &alice.room, "application/octet-stream", content.as_bytes());
        let mut send = alice.sending(&body);
        tid.clone_into(&mut send.tid);
        assert_eq!(alice.ask(&send), 200, "{content:?}");
        assert_eq!(String::from_utf8(bob.hear()).unwrap(), String::from_utf8(body).unwrap(), "{content:?}");
    }
}

/// Content of any length about the sizes at which frames are cut arrives unchanged, empty content too.
#[test]
fn lengths_about_the_cuts() {
    let server = Server::plain();
    let (mut alice, mut bob) = pair(&server);
    let about = |size: usize| (size - 3..=size + 3).step_by(3);
    let lengths =
        [0, 1, 2].into_iter().chain([2048, 8192, 10_000, 16_384, 65_536, 131_072].into_iter().flat_map(about));
    for length in lengths {
        let wrapper = cpim::wrapped(alice.user.uri(), &alice.room, "application/octet-stream", b"").len();
        let content: Vec<u8> = (0..length.max(wrapper) - wrapper).map(|at| b"\r\n-------"[at % 9]).collect();
        arrives(&mut alice, &mut bob, &content);
    }
}

/// MSRP-8: a body that holds whatever ids the server may think of still arrives; here, those of the copies before.
#[test]
fn ids_of_earlier_copies() {
    let server = Server::plain();
    let (mut alice, mut bob) = pair(&server);
    let mut content = Vec::new();
    for _ in 0..20 {
        let body = cpim::wrapped(alice.user.uri(), &alice.room, "application/octet-stream", &content);
        let send = alice.sending(&body);
        assert_eq!(alice.ask(&send), 200);
        let first = bob.msrp.next_send();
        let tid = first.tid.clone();
        assert_eq!(bob.gather(first), body);
        for flag in ['$', '+', '#'] {
            content.extend_from_slice(format!("\r\n-------{tid}{flag}\r\n").as_bytes());
        }
    }
}

/// One message, cut by its sender in the middle of a character, of an end-line's look-alike and of nothing at all.
#[test]
fn chunks_of_any_size() {
    let server = Server::plain();
    let (mut alice, mut bob) = pair(&server);
    let body = cpim::text(alice.user.uri(), &alice.room, "snow \u{2603}\r\n-------abcd$\r\n\u{1f600}");
    for size in [1, 2, 3, 7, 64] {
        let id = crate::support::unique("m");
        let total = body.len();
        let chunks: Vec<_> = body.chunks(size).collect();
        let mut start = 1;
        for (index, chunk) in chunks.iter().enumerate() {
            let flag = if index + 1 == chunks.len() { '$' } else { '+' };
            let send = alice.chunk(&id, &format!("{start}-*/{total}"), chunk, flag);
            alice.msrp.write(send.bytes());
            start += chunk.len();
        }
        let answered = (0..chunks.len()).filter(|_| next_code(&mut alice.msrp) == 200).count();
        assert_eq!(answered, chunks.len());
        assert_eq!(bob.hear(), body);
    }
}

fn next_code(peer: &mut MsrpPeer) -> u16 {
    peer.receive_where("response", |message| message.code != 0).code
}

fn pair(server: &Server) -> (Participant, Participant) {
    (Participant::join(server, "alice"), Participant::join(server, "bob"))
}

fn arrives(alice: &mut Participant, bob: &mut Participant, content: &[u8]) {
    let body = cpim::wrapped(alice.user.uri(), &alice.room, "application/octet-stream", content);
    let send = alice.sending(&body);
    assert_eq!(alice.ask(&send), 200);
    let came = bob.hear();
    assert_eq!(came.len(), body.len());
    assert!(came == body, "the first difference is at {:?}", came.iter().zip(&body).position(|(a, b)| a != b));
}
