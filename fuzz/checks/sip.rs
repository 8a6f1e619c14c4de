//! What holds for any octets that a SIP peer may send.

use bytes::Bytes;
use parlor_sip::{HeaderName, Headers, Limits, Message, ParseError, StreamDecoder, StreamEvent, parse_datagram};

/// A message or an error; a message can be written, and is the same when read again.
pub(crate) fn datagram(data: &[u8]) {
    match parse_datagram(&Bytes::copy_from_slice(data), &Limits::default()) {
        Ok(message) => {
            read_all(message.headers());
            read_parts(&message);
            let written = Bytes::from(encoded(&message));
            let again = parse_datagram(&written, &Limits::default()).expect("what we write can be read");
            assert_eq!(encoded(&again), written);
        }
        Err(error) => answered(&error),
    }
}

/// Seen at once, one octet at a time or cut in two, they are the same events.
pub(crate) fn stream(data: &[u8]) {
    let whole = events([data]);
    assert_eq!(events(data.chunks(1)), whole);
    let (start, end) = data.split_at(data.len() / 2);
    assert_eq!(events([start, end]), whole);
}

fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = StreamDecoder::new(Limits::default());
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        loop {
            match decoder.poll() {
                Ok(Some(StreamEvent::Message(message))) => {
                    read_all(message.headers());
                    events.push(format!("{message:?}"));
                }
                Ok(Some(StreamEvent::Ping)) => events.push("ping".to_owned()),
                Ok(Some(StreamEvent::Invalid(error))) => {
                    answered(&error);
                    events.push(format!("{:?}", error.kind));
                }
                Ok(None) => break,
                Err(error) => {
                    answered(error.parse_error());
                    events.push(format!("lost {:?}", error.parse_error().kind));
                    return events;
                }
            }
        }
    }
    events
}

/// Parts are slices of the body, and no more than asked for.
fn read_parts(message: &Message) {
    let kind = message.headers().content_type().ok().flatten();
    let parts = kind.and_then(|kind| parlor_sip::parts(&kind, message.body(), 8)).unwrap_or_default();
    assert!(parts.len() <= 8 && parts.iter().all(|part| part.body.len() <= message.body().len()));
}

fn answered(error: &ParseError) {
    if let Some((response, _)) = error.response() {
        encoded(&Message::Response(response));
    }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// Reads every header there is a reader for.
fn read_all(headers: &Headers) {
    let _ = (headers.via(), headers.top_via(), headers.from(), headers.to(), headers.call_id(), headers.cseq());
    let _ = (headers.contacts(), headers.contact(), headers.route(), headers.record_route(), headers.max_forwards());
    let _ = (headers.require(), headers.proxy_require(), headers.supported(), headers.unsupported(), headers.allow());
    let _ = (headers.allow_events(), headers.accept(), headers.content_type(), headers.content_disposition());
    let _ = (headers.content_length(), headers.expires(), headers.min_expires(), headers.session_expires());
    let _ = (headers.min_se(), headers.retry_after(), headers.warning(), headers.event(), headers.subscription_state());
    let _ = (headers.privacy(), headers.p_asserted_identity(), headers.refer_to(), headers.referred_by());
    let _ = (headers.challenges(&HeaderName::WwwAuthenticate), headers.challenges(&HeaderName::ProxyAuthenticate));
    let _ = headers.credentials(&HeaderName::Authorization, "chat.example.com");
    let _ = (headers.replaces(), headers.join(), headers.subject(), headers.user_agent());
}
