//! What holds for any octets that an MSRP peer may send.

use bytes::Bytes;
use parlor_msrp::{DecodeError, Decoder, Event, Limits, MessageId, Path, SendHead, Uri, encode_end, encode_send_head};

/// Seen at once, one octet at a time or cut in two, they are the same events; nothing is kept that has been given out;
/// and what was read can be written.
pub(crate) fn decoder(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let whole = events([data.clone()]);
    assert_eq!(events((0..data.len()).map(|at| data.slice(at..=at))), whole);
    let middle = data.len() / 2;
    assert_eq!(events([data.slice(..middle), data.slice(middle..)]), whole);
    for event in &whole.0 {
        if let Event::Request(request) = event
            && let Some(id) = &request.message_id
        {
            written_again(&request.to_path, request.from_path.first(), id, request.content_type.as_deref());
        }
    }
}

/// Read as a URI and as a path; what is read reads the same again, and matches itself.
pub(crate) fn uri(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        assert!(uri.matches(&uri.detach()));
        let session_id = uri.session_id().unwrap_or("x");
        let again = Uri::new(uri.is_secure(), uri.host(), uri.port().unwrap_or(1), session_id, uri.transport());
        let comparable = uri.port().is_some() && uri.session_id().is_some();
        assert!(!comparable || uri.matches(&again), "{uri} {again}");
    }
    if let Ok(path) = Path::parse(text) {
        let again = Path::parse(&path.to_string()).expect("a path");
        assert_eq!(again, path);
        assert!(again.matches(&path) && path.len() == path.iter().count());
    }
}

fn events(pieces: impl IntoIterator<Item = Bytes>) -> (Vec<Event>, Option<DecodeError>) {
    let mut decoder = Decoder::new(Limits::default());
    let mut events: Vec<Event> = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.poll() {
                Ok(Some(Event::Body(piece))) => {
                    assert!(!piece.is_empty());
                    match events.last_mut() {
                        Some(Event::Body(body)) => *body = [&body[..], &piece[..]].concat().into(),
                        Some(_) | None => events.push(Event::Body(piece)),
                    }
                }
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.poll(), Err(error.clone()));
                    return (events, Some(error));
                }
            }
        }
        assert!(decoder.buffered() <= Limits::default().header_block);
    }
    (events, None)
}

fn written_again(to: &Path, from: &Uri, message_id: &MessageId, content_type: Option<&str>) {
    let tid = parlor_msrp::TransactionId::from_random(1, 2);
    let head = SendHead {
        tid: &tid,
        to,
        from,
        message_id,
        byte_range: None,
        failure_report: parlor_msrp::FailureReport::No,
        success_report: true,
        content_type,
    };
    let mut out = Vec::new();
    encode_send_head(&mut out, &head);
    encode_end(&mut out, &tid, parlor_msrp::Flag::Complete);
    let (events, error) = events([Bytes::from(out)]);
    let Some(Event::Request(request)) = events.first() else { panic!("{error:?}") };
    assert_eq!((&request.to_path, request.from_path.first(), request.malformed), (to, from, None));
}
