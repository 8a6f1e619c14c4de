//! A peer's SDP, read leniently.

use super::SdpReject;
use crate::Limits;
use sdp_types::Session;
use std::borrow::Cow;

/// Reads SDP as real peers send it.
///
/// Line ends may be CRLF, LF or CR (SIP-67: RFC 8866 §5 wants leniency here); lines that say
/// nothing about a chat session are dropped before `sdp-types` could refuse the whole for them, and
/// so are repetitions of lines that may stand once.
///
/// # Errors
/// [`SdpReject::Syntax`]
pub(super) fn read(body: &[u8], limits: &Limits) -> Result<Session, SdpReject> {
    if body.len() > limits.sdp_bytes {
        return Err(SdpReject::Syntax);
    }
    let mut session = Session::parse(&normalised(body)).map_err(|_| SdpReject::Syntax)?;
    session.session_name = name(body);
    if session.medias.len() > limits.media_lines || session.times.len() > limits.time_lines {
        return Err(SdpReject::Syntax);
    }
    Ok(session)
}

/// `s=`, wherever it stands before the media.
fn name(body: &[u8]) -> String {
    let mut lines = body.split(|byte| matches!(byte, b'\r' | b'\n')).take_while(|line| !line.starts_with(b"m="));
    let name = lines.find_map(|line| line.strip_prefix(b"s="));
    String::from_utf8_lossy(name.unwrap_or_default().trim_ascii()).into_owned()
}

/// The lines that matter, each in a form that `sdp-types` takes, or refuses for a good reason.
fn normalised(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(body.len());
    let mut in_media = false;
    let mut origin_seen = false;
    for line in body.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = trimmed(line);
        let kept: Cow<'_, [u8]> = match line.get(..2) {
            Some(b"v=") => line.into(),
            Some(b"o=") if !in_media && !origin_seen => {
                origin_seen = true;
                // Nothing of the peer's origin is used; the version is told from the content.
                b"o=- 0 0 IN IP4 0.0.0.0".as_slice().into()
            }
            // RFC 3264 §6: returns in the answer. A malformed one is taken for "0 0".
            Some(b"t=") if !in_media && is_time(line) => line.into(),
            Some(b"m=") => {
                in_media = true;
                single_spaced(line).into()
            }
            Some(b"a=") => lossy(line),
            Some(_) | None => continue,
        };
        text.extend_from_slice(&kept);
        text.push(b'\n');
    }
    text
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}

fn is_time(line: &[u8]) -> bool {
    let mut fields = line[2..].split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let mut number = || {
        let field = fields.next()?;
        std::str::from_utf8(field).ok()?.parse::<u64>().ok()
    };
    number().is_some() && number().is_some() && fields.next().is_none()
}

fn single_spaced(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").replace('\0', "").into_bytes()
}

/// Attributes are text; what is not UTF-8 in them is of no use to us, but no reason to refuse.
fn lossy(line: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(line) {
        Ok(text) if !text.contains('\0') => line.into(),
        Ok(_) | Err(_) => String::from_utf8_lossy(line).replace('\0', "\u{fffd}").into_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &[u8]) -> Result<Session, SdpReject> {
        super::read(body, &Limits::default())
    }

    #[test]
    fn lines_may_end_in_any_way_and_unknown_ones_are_skipped() {
        // SIP-67
        let body = b"v=0\no=x\r\ns=\xff\rt=1 2 \ny=?\nnonsense\nb=AS:x\nm=message  7 TCP/MSRP   *\nc=\na=x:\xff\n\n";
        let session = read(body).unwrap();
        assert_eq!((session.times[0].start_time, session.times[0].stop_time), (1, 2));
        assert_eq!(session.medias[0].proto, "TCP/MSRP");
        assert_eq!(session.medias[0].fmt, "*");
        assert_eq!(session.medias[0].attributes.len(), 1);
        assert_eq!(read(b"v=0\ns=Blink 5\no=x\ns=x\nt=0 0\nm=message 7 TCP/MSRP *\n").unwrap().session_name, "Blink 5");
    }

    #[test]
    fn a_malformed_time_counts_as_none() {
        assert!(read(b"v=0\r\nt=now\r\n").unwrap().times.is_empty());
        assert!(read(b"v=0\r\nt=1 2 3\r\n").unwrap().times.is_empty());
    }

    #[test]
    fn what_is_no_sdp_is_refused() {
        for body in ["", "hello", "v=1\r\n", "m=message 1 TCP/MSRP *\r\n", "v=0\r\nm=message\r\n"] {
            assert_eq!(read(body.as_bytes()), Err(SdpReject::Syntax), "{body:?}");
        }
        assert_eq!(read(b"v=0\r\nm=message 65536 TCP/MSRP *\r\n"), Err(SdpReject::Syntax));
    }

    #[test]
    fn limits_hold() {
        let limits = Limits::default();
        let long = [b"v=0\r\n".to_vec(), vec![b'\n'; limits.sdp_bytes]].concat();
        assert_eq!(read(&long), Err(SdpReject::Syntax));
        let many = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(limits.media_lines + 1));
        assert_eq!(read(many.as_bytes()), Err(SdpReject::Syntax));
        let times = format!("v=0\r\n{}", "t=0 0\r\n".repeat(limits.time_lines + 1));
        assert_eq!(read(times.as_bytes()), Err(SdpReject::Syntax));
    }

    proptest! {
        #[test]
        fn no_input_panics(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&body);
        }

        #[test]
        fn no_lines_panic(lines in proptest::collection::vec("[votmaicz]=[ -~\u{0}\u{e9}]{0,40}", 0..20)) {
            let _ = read(format!("v=0\r\n{}", lines.join("\r\n")).as_bytes());
        }
    }
}
