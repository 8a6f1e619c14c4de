//! Messages to us (RFC 3428 §7).

use std::collections::VecDeque;
use std::time::UNIX_EPOCH;

use parlor_cpim::{Address, Scanner};
use parlor_events::Limits;
use parlor_events::iscomposing::{self, IsComposing};
use parlor_sip::Request;

use crate::account::PagerMessage;

/// What has come, so that nothing is told of twice.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    seen: VecDeque<Key>,
}

/// RFC 3261 §8.2.2.2: what is the same in what is sent again, by whatever way.
type Key = (Box<str>, u32, Option<Box<str>>);

/// What is in a message.
#[derive(Debug)]
pub(super) enum Arrived {
    Message(PagerMessage),
    /// Somebody is writing, or no longer.
    Status {
        from: Address,
        author: Option<Address>,
        status: IsComposing,
    },
    /// Nothing that would have to be told.
    Nothing,
}

impl Inbox {
    /// Reads a MESSAGE. The code is what it is refused with.
    pub(super) fn handle_message(&mut self, request: &Request) -> Result<Arrived, u16> {
        let arrived = read(request)?;
        let headers = &request.headers;
        let call_id = headers.call_id().map_err(|_| 400_u16)?.into();
        let seq = headers.cseq().map_err(|_| 400_u16)?.seq;
        let key = (call_id, seq, headers.from_tag().map_err(|_| 400_u16)?);
        // MSG-53, MSG-E7: a server that was restarted, or a path through two proxies, brings it again.
        if self.seen.contains(&key) {
            return Ok(Arrived::Nothing);
        }
        self.seen.truncate(REMEMBERED - 1);
        self.seen.push_front(key);
        Ok(arrived)
    }
}

fn read(request: &Request) -> Result<Arrived, u16> {
    let headers = &request.headers;
    let coded = headers.content_encoding().is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if coded {
        return Err(415);
    }
    if request.body.len() > LARGEST {
        return Err(413);
    }
    let from = headers.from().map_err(|_| 400_u16)?;
    let address = Address { display: from.display.map(Into::into), uri: from.uri.to_string() };
    let Some(kind) = headers.content_type().map_err(|_| 400_u16)? else {
        return if request.body.is_empty() { Ok(Arrived::Nothing) } else { Err(400) };
    };
    let essence = format!("{}/{}", kind.main, kind.sub);
    let message = PagerMessage {
        from: address,
        author: None,
        date: headers.date().map(|since| UNIX_EPOCH + since),
        subject: headers.subject().map(str::to_owned),
        text: String::new(),
    };
    if essence == "message/cpim" { wrapped(message, &request.body) } else { content(message, &essence, &request.body) }
}

/// A message in a message (RFC 3862): as from a room, whose members speak in it.
fn wrapped(message: PagerMessage, body: &[u8]) -> Result<Arrived, u16> {
    let envelope = Scanner::new(body.len().max(1)).scan(body).map_err(|_| 400_u16)?.ok_or(400_u16)?;
    if envelope.requires_unknown() {
        return Err(415);
    }
    let own = body.get(envelope.headers_len..).unwrap_or_default();
    let essence = envelope.essence().unwrap_or("text/plain").to_owned();
    let author = Some(envelope.from).filter(|author| author.uri != message.from.uri);
    content(PagerMessage { author, subject: envelope.subject.or(message.subject), ..message }, &essence, own)
}

fn content(message: PagerMessage, essence: &str, body: &[u8]) -> Result<Arrived, u16> {
    match essence {
        "text/plain" if body.is_empty() => Ok(Arrived::Nothing),
        "text/plain" => {
            Ok(Arrived::Message(PagerMessage { text: String::from_utf8_lossy(body).into_owned(), ..message }))
        }
        iscomposing::CONTENT_TYPE => {
            let status = IsComposing::read(body, &Limits::default()).map_err(|_| 400_u16)?;
            Ok(Arrived::Status { from: message.from, author: message.author, status })
        }
        _ => Err(415),
    }
}

/// What we take, as the value of Accept.
pub(super) fn accept() -> String {
    ["text/plain", "message/cpim", iscomposing::CONTENT_TYPE].join(", ")
}

/// Messages that are known again.
const REMEMBERED: usize = 512;
/// Octets of a message: more are for MSRP.
const LARGEST: usize = 64 * 1024;
