//! Messages on their way in: gathered while small, handed on in pieces when large.

use std::collections::VecDeque;

use bytes::Bytes;
use parlor_cpim::{Address, Envelope, Scanner};
use parlor_msrp::{Flag, MessageId, Request};

use super::parties::Parties;
use crate::event::{Event, Header, Message};
use crate::file_name;
use crate::limits::Limits;

/// The messages that have begun and not ended.
#[derive(Debug)]
pub(super) struct Incoming {
    /// In the order in which they began.
    open: VecDeque<Open>,
    parties: Parties,
    limits: Limits,
}

#[derive(Debug)]
struct Open {
    id: MessageId,
    /// Octets of the message that have come.
    received: u64,
    /// Octets of the whole message, if told.
    total: Option<u64>,
    part: Part,
}

#[derive(Debug)]
enum Part {
    /// The headers of message/cpim are not complete.
    Head { gathered: Vec<u8>, scanner: Scanner },
    /// The content is being gathered.
    Content { header: Box<Header>, gathered: Vec<u8> },
    /// The content is being handed on.
    Streaming,
}

/// Why a chunk is refused, as an MSRP status code (MSRP-70).
pub(super) type Code = u16;

impl Incoming {
    pub(super) fn new(parties: Parties, limits: Limits) -> Self {
        Self { open: VecDeque::new(), parties, limits }
    }

    /// A chunk begins.
    pub(super) fn begin(&mut self, request: &Request, id: MessageId, events: &mut VecDeque<Event>) -> Result<(), Code> {
        let total = request.byte_range.and_then(|range| range.total);
        let start = request.start();
        if let Some(open) = self.open.iter_mut().find(|open| open.id == id) {
            open.total = total.or(open.total);
            // A switch sends a copy in order (CHAT-64), so anything else is a message we cannot read.
            return if start == open.received + 1 { Ok(()) } else { Err(413) };
        }
        if start != 1 {
            return Err(413);
        }
        let part = if request.media_type().is_some_and(|kind| kind.eq_ignore_ascii_case("message/cpim")) {
            Part::Head { gathered: Vec::new(), scanner: Scanner::new(self.limits.cpim_headers) }
        } else {
            // Not wrapped: the peer speaks for itself, and the peer is the room.
            Part::Content { header: Box::new(self.unwrapped(request)), gathered: Vec::new() }
        };
        if self.open.len() >= self.limits.open_messages
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.give_up(events);
        }
        self.open.push_back(Open { id, received: 0, total, part });
        Ok(())
    }

    /// Octets of the chunk.
    pub(super) fn body(&mut self, id: MessageId, octets: &Bytes, events: &mut VecDeque<Event>) -> Result<(), Code> {
        let (parties, limits) = (&self.parties, &self.limits);
        let Some(open) = self.open.iter_mut().find(|open| open.id == id) else { return Err(413) };
        open.received += octets.len() as u64;
        open.take(octets, parties, limits, events)
    }

    /// The chunk ends.
    pub(super) fn end(&mut self, id: MessageId, flag: Flag, events: &mut VecDeque<Event>) -> Result<(), Code> {
        match flag {
            Flag::More => Ok(()),
            Flag::Abort => {
                self.give_up(id, events);
                Ok(())
            }
            Flag::Complete => match self.take_out(id) {
                Some(open) => open.complete(&self.parties, events),
                None => Err(413),
            },
        }
    }

    /// Nothing more of this message is wanted.
    pub(super) fn give_up(&mut self, id: MessageId, events: &mut VecDeque<Event>) {
        if let Some(open) = self.take_out(id) {
            open.give_up(events);
        }
    }

    /// Nothing more will come.
    pub(super) fn give_up_all(&mut self, events: &mut VecDeque<Event>) {
        self.open.drain(..).for_each(|open| open.give_up(events));
    }

    /// Whether that URI is ours: another device of ours speaks.
    pub(super) fn is_own(&self, uri: &str) -> bool {
        self.parties.is_own(uri)
    }

    /// How many octets of the message have come.
    pub(super) fn received(&self, id: MessageId) -> u64 {
        self.open.iter().find(|open| open.id == id).map_or(0, |open| open.received)
    }

    fn take_out(&mut self, id: MessageId) -> Option<Open> {
        let at = self.open.iter().position(|open| open.id == id)?;
        self.open.remove(at)
    }

    fn unwrapped(&self, request: &Request) -> Header {
        let room = Address::new(self.parties.room.first().map(ToString::to_string).unwrap_or_default());
        Header {
            from: room.clone(),
            to: room,
            private: false,
            date_time: None,
            subject: None,
            content_type: request.content_type.as_ref().map_or_else(default_type, ToString::to_string),
            file_name: None,
        }
    }
}

impl Open {
    fn take(
        &mut self,
        octets: &Bytes,
        parties: &Parties,
        limits: &Limits,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Code> {
        match &mut self.part {
            Part::Head { gathered, scanner } => {
                gathered.extend_from_slice(octets);
                let Some(envelope) = scanner.scan(gathered).map_err(|_| 400_u16)? else { return Ok(()) };
                let content = gathered.split_off(envelope.headers_len);
                let header = Box::new(header(envelope, gathered, parties)?);
                let content = Bytes::from(content);
                self.begin_content(header, &content, limits, events);
            }
            Part::Content { header, gathered } if gathered.len() + octets.len() > limits.gathered_body => {
                let (header, gathered) = (header.clone(), Bytes::from(std::mem::take(gathered)));
                self.begin_streaming(header, &gathered, events);
                self.hand_on(octets, events);
            }
            Part::Content { gathered, .. } => gathered.extend_from_slice(octets),
            Part::Streaming => self.hand_on(octets, events),
        }
        Ok(())
    }

    /// The headers are known: small content is gathered, content that is known to be large is not.
    fn begin_content(&mut self, header: Box<Header>, content: &Bytes, limits: &Limits, events: &mut VecDeque<Event>) {
        let large = self.content_size(content).is_some_and(|size| size > limits.gathered_body as u64);
        if large || content.len() > limits.gathered_body {
            self.begin_streaming(header, content, events);
        } else {
            self.part = Part::Content { header, gathered: content.to_vec() };
        }
    }

    fn begin_streaming(&mut self, header: Box<Header>, content: &Bytes, events: &mut VecDeque<Event>) {
        let size = self.content_size(content);
        events.push_back(Event::Start { id: self.id, header, size });
        self.part = Part::Streaming;
        self.hand_on(content, events);
    }

    /// The size of the content, when all of it that has come is `content`.
    fn content_size(&self, content: &Bytes) -> Option<u64> {
        let headers = self.received.saturating_sub(content.len() as u64);
        self.total?.checked_sub(headers)
    }

    fn hand_on(&self, octets: &Bytes, events: &mut VecDeque<Event>) {
        if octets.is_empty() {
            return;
        }
        // A small piece would keep all that was read with it in memory.
        let bytes = if octets.len() < SMALL { Bytes::copy_from_slice(octets) } else { octets.clone() };
        events.push_back(Event::Chunk { id: self.id, bytes });
    }

    fn complete(self, parties: &Parties, events: &mut VecDeque<Event>) -> Result<(), Code> {
        let (header, body) = match self.part {
            Part::Streaming => {
                events.push_back(Event::End { id: self.id, complete: true });
                return Ok(());
            }
            Part::Content { header, gathered } => (*header, gathered),
            Part::Head { gathered, mut scanner } => {
                let envelope = scanner.finish(&gathered).map_err(|_| 400_u16)?;
                (header(envelope, &gathered, parties)?, Vec::new())
            }
        };
        let notice = parties.is_of_room(&header);
        let message = Message { id: self.id, header, body: body.into() };
        events.push_back(if notice { Event::Notice(message) } else { Event::Message(message) });
        Ok(())
    }

    fn give_up(self, events: &mut VecDeque<Event>) {
        match self.part {
            Part::Streaming => events.push_back(Event::End { id: self.id, complete: false }),
            // Nobody has heard of it.
            Part::Head { .. } | Part::Content { .. } => {}
        }
    }
}

fn header(envelope: Envelope, headers: &[u8], parties: &Parties) -> Result<Header, Code> {
    let to = envelope.to.into_iter().next().ok_or(400_u16)?;
    Ok(Header {
        file_name: file_name::of_headers(&headers[..envelope.headers_len.min(headers.len())]),
        from: envelope.from,
        private: parties.is_private(&to.uri),
        to,
        date_time: envelope.date_time,
        subject: envelope.subject,
        content_type: envelope.content_type.unwrap_or_else(default_type),
    })
}

/// RFC 2045 §5.2
fn default_type() -> String {
    "text/plain".to_owned()
}

/// Octets of a piece below which it is copied.
const SMALL: usize = 16 * 1024;
