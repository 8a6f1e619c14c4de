//! What a decoder finds in some octets.

use bytes::Bytes;
use parlor_msrp::{DecodeError, Decoder, Event, Limits};

/// All events of the pieces pushed one after another, adjacent pieces of body joined, and the error if there is one.
pub(crate) fn events(pieces: impl IntoIterator<Item = Bytes>) -> (Vec<Event>, Option<DecodeError>) {
    let mut decoder = Decoder::new(Limits::default());
    let mut events: Vec<Event> = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.poll() {
                Ok(Some(Event::Body(piece))) => {
                    assert!(!piece.is_empty());
                    if let Some(Event::Body(body)) = events.last_mut() {
                        *body = [&body[..], &piece[..]].concat().into();
                    } else {
                        events.push(Event::Body(piece));
                    }
                }
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}
