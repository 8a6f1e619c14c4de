//! The far end of a connection: what it has to send, and what it makes of what it reads.

use crate::member::{Member, SeenTransactions};
use crate::message::Chunk;
use crate::model::Model;
use bytes::Bytes;
use parlor_msrp::{Decoder, Event, FailureReport, Limits, Method, Request, encode_response, reason};
use std::collections::VecDeque;
use std::time::Instant;

/// One peer with one connection, perhaps for several sessions.
#[derive(Debug)]
pub struct Peer {
    /// Whether it reads.
    pub reading: bool,
    /// Whether it always read.
    pub always_read: bool,
    /// The members whose sessions it has.
    pub members: Vec<usize>,
    /// What it wants to send.
    pub upload: VecDeque<Bytes>,
    /// Whether the first of `upload` was begun.
    pub begun: bool,
    decoder: Decoder,
    request: Option<Box<Request>>,
    body: Vec<u8>,
    seen: SeenTransactions,
}

impl Peer {
    /// A peer that reads and has nothing to send.
    pub fn new() -> Self {
        Self {
            reading: true,
            always_read: true,
            members: Vec::new(),
            upload: VecDeque::new(),
            begun: false,
            decoder: Decoder::new(Limits::default()),
            request: None,
            body: Vec::new(),
            seen: SeenTransactions::default(),
        }
    }

    /// Queues chunks in their order, beginning at one place and then each perhaps behind others that wait.
    pub fn enqueue(&mut self, chunks: Vec<Chunk>, mut place: impl FnMut(usize, usize) -> usize) {
        let mut at = usize::from(self.begun);
        for chunk in chunks {
            at = place(at, self.upload.len()).clamp(at, self.upload.len());
            self.upload.insert(at, chunk.wire);
            at += 1;
        }
    }

    /// Something came.
    pub fn read(&mut self, now: Instant, octets: Bytes, members: &mut [Member], model: &mut Model) {
        self.decoder.push(octets);
        while let Some(event) = self.decoder.poll().expect("what we write can be read") {
            match event {
                Event::Request(request) => self.request = Some(request),
                Event::Body(body) => self.body.extend_from_slice(&body),
                Event::End(flag) => {
                    let request = self.request.take().expect("it began");
                    let body = Bytes::from(std::mem::take(&mut self.body));
                    self.seen.note(request.tid);
                    let uri = request.to_path.last();
                    let own = self.members.iter().copied().find(|own| members[*own].uri.matches(uri));
                    let own = own.expect("every request is for one of its sessions");
                    match request.method {
                        Method::Send => {
                            let begun = members[own].frame(now, own, &request, &body, flag, model);
                            if let Some(number) = begun.filter(|_| members[own].refuses_now()) {
                                self.refuse(&members[own], &request);
                                model.messages[number].stopped.insert(own);
                            }
                        }
                        Method::Report => {
                            let id = request.message_id.expect("reports have a Message-ID");
                            let number = model.number_of(&id).expect("of a message");
                            let status = request.status.expect("and a Status");
                            members[own].reports.entry(number).or_default().push(status.code);
                        }
                        Method::Nickname | Method::Auth | Method::Other(_) => panic!("{:?}", request.method),
                    }
                }
                Event::Response(response) => {
                    let mut known =
                        self.members.iter().filter(|own| members[**own].answered(&response.tid, response.code));
                    assert!(known.next().is_some(), "a response to nothing: {response:?}");
                }
            }
        }
    }

    fn refuse(&mut self, member: &Member, request: &Request) {
        assert_eq!(request.failure_report, FailureReport::Partial);
        let mut wire = Vec::new();
        encode_response(&mut wire, &request.tid, 413, reason(413), request.from_path.first(), &member.uri);
        self.upload.insert(usize::from(self.begun), Bytes::from(wire));
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self::new()
    }
}
