//! The messages of a case, as the server and as the broadcaster get them.

use crate::{
    case::Case,
    crowd::Crowd,
    marker::{self, HOLE, Marker, Template},
    signalling,
    wire::{Expect, Wire},
};

/// Largest body that MSRP sends without being ready to interrupt it (RFC 4975 §7.1.1).
const UNINTERRUPTED: usize = 2048;

/// What each sender sends, and what the recipients are to see of it.
pub(crate) struct Messages {
    pub(crate) senders: Vec<(usize, Template)>,
    pub(crate) expect: Expect,
}

impl Messages {
    /// SEND requests with a CPIM body, by participants spread over the room.
    pub(crate) fn for_server(case: Case, crowd: &Crowd) -> Messages {
        let mut senders = Vec::new();
        let mut expect = Expect::default();
        for peer in spread(case, crowd) {
            let Wire::Msrp(session) = &crowd.peers[peer].wire else {
                continue;
            };
            let (lead, body) = body(peer, case.text());
            (expect.lead, expect.body) = (lead, body.len());
            let mut frame = head(&session.peer, &session.path, body.len());
            frame.extend_from_slice(&body);
            frame.extend_from_slice(b"\r\n-------");
            frame.extend_from_slice(HOLE);
            frame.extend_from_slice(b"$\r\n");
            senders.push((peer, Template::new(frame)));
        }
        Messages { senders, expect }
    }

    /// Frames of `length` bytes.
    pub(crate) fn for_bare(case: Case, crowd: &Crowd, length: usize) -> Messages {
        let senders = spread(case, crowd).map(|peer| {
            let mut frame = HOLE.to_vec();
            frame.extend((marker::LENGTH..length).map(filler));
            (peer, Template::new(frame))
        });
        Messages { senders: senders.collect(), expect: Expect { frame: length, ..Expect::default() } }
    }

    /// The whole body of the first sender's message with this marker.
    pub(crate) fn exact(&self, case: Case, marker: Marker) -> Option<Vec<u8>> {
        let (peer, _) = self.senders.first()?;
        let mut exact = Vec::new();
        Template::new(body(*peer, case.text()).1).write(marker, &mut exact);
        Some(exact)
    }
}

fn spread(case: Case, crowd: &Crowd) -> impl Iterator<Item = usize> {
    let (count, senders) = (crowd.peers.len(), case.senders(crowd.peers.len()));
    (0..senders).map(move |sender| sender * count / senders)
}

fn head(to: &str, from: &str, length: usize) -> Vec<u8> {
    let hole = String::from_utf8_lossy(HOLE);
    let end = if length > UNINTERRUPTED { "*".to_owned() } else { length.to_string() };
    format!(
        "MSRP {hole} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: bench{hole}\r\n\
         Byte-Range: 1-{end}/{length}\r\nContent-Type: message/cpim\r\n\r\n"
    )
    .into_bytes()
}

/// The CPIM headers' length and the body: headers, then a text that begins and ends with the marker.
fn body(peer: usize, text: usize) -> (usize, Vec<u8>) {
    let mut body = format!(
        "From: <{}>\r\nTo: <{}>\r\nDateTime: 2026-01-02T03:04:05Z\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
        signalling::uri(peer),
        signalling::room()
    )
    .into_bytes();
    let lead = body.len();
    body.extend_from_slice(HOLE);
    body.extend((2 * marker::LENGTH..text).map(filler));
    body.extend_from_slice(HOLE);
    (lead, body)
}

/// Text without hyphens, so that nothing in it looks like an end-line.
fn filler(index: usize) -> u8 {
    if index % 64 == 63 { b'\n' } else { b'a' + (index % 26) as u8 }
}
