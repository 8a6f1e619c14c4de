//! What a body holds of what is read here (SIP-27, RFC 5621): an offer or answer, and at the factory a list of those to
//! invite (SIP-86).

use crate::{Reject, features};
use bytes::Bytes;
use parlor_sip::{HeaderError, HeaderName, Headers, MediaType};

/// How many parts a body may have.
const PARTS: usize = 8;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// The first offer or answer.
    pub(crate) sdp: Option<Bytes>,
    /// The first list of those to invite.
    pub(crate) list: Option<Bytes>,
}

/// The SDP of a message; `None` if it has no body, or one that may be ignored.
///
/// # Errors
/// [`Reject::BodyType`], [`Reject::BodyEncoding`], [`Reject::Header`]
pub(crate) fn sdp(headers: &Headers, body: &Bytes) -> Result<Option<Bytes>, Reject> {
    Reading { lists: false, content: Content::default() }.whole(headers, body).map(|content| content.sdp)
}

/// The same, with a list.
///
/// # Errors
/// As of [`sdp`].
pub(crate) fn sdp_and_list(headers: &Headers, body: &Bytes) -> Result<Content, Reject> {
    Reading { lists: true, content: Content::default() }.whole(headers, body)
}

struct Reading {
    /// Whether lists are read.
    lists: bool,
    content: Content,
}

impl Reading {
    fn whole(mut self, headers: &Headers, body: &Bytes) -> Result<Content, Reject> {
        if !body.is_empty() {
            let kind = headers.content_type()?;
            // RFC 3261 §20.15: Content-Type must be there if the body is not empty.
            let kind = kind.ok_or(HeaderError::Missing(HeaderName::ContentType))?;
            let read =
                if &*kind.main == "multipart" { self.parts(&kind, body) } else { self.part(headers, &kind, body) };
            read.or_else(|reject| unless_optional(headers, reject))?;
        }
        Ok(self.content)
    }

    /// RFC 5621 §3: what is in none of these parts that must be understood is refused, of alternatives one is enough.
    fn parts(&mut self, kind: &MediaType, body: &Bytes) -> Result<(), Reject> {
        let parts = parlor_sip::parts(kind, body, PARTS).ok_or(Reject::BodyType)?;
        let alternatives = &*kind.sub == "alternative";
        for part in &parts {
            // RFC 2046 §5.1: a part that does not say what it is is text.
            let kind = part.headers.content_type()?.ok_or(Reject::BodyType);
            let read = kind.and_then(|kind| self.part(&part.headers, &kind, &part.body));
            if !alternatives {
                read.or_else(|reject| unless_optional(&part.headers, reject))?;
            }
        }
        if alternatives && self.content == Content::default() { Err(Reject::BodyType) } else { Ok(()) }
    }

    fn part(&mut self, headers: &Headers, kind: &MediaType, body: &Bytes) -> Result<(), Reject> {
        let coding = headers.content_encoding().map(str::trim);
        if coding.is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")) {
            return Err(Reject::BodyEncoding);
        }
        let place = match () {
            () if kind.is(features::SDP) => &mut self.content.sdp,
            () if kind.is(features::LIST) && self.lists => &mut self.content.list,
            () => return Err(Reject::BodyType),
        };
        place.get_or_insert_with(|| body.clone());
        Ok(())
    }
}

/// RFC 3261 §20.11: what may be ignored is.
fn unless_optional(headers: &Headers, reject: Reject) -> Result<(), Reject> {
    let disposition = headers.content_disposition().ok().flatten();
    let handling = disposition.as_ref().and_then(|d| d.params.value("handling"));
    if handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional")) { Ok(()) } else { Err(reject) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "Content-Type: multipart/mixed;boundary=b";

    fn read(lines: &str, body: &str) -> Result<(Option<String>, Option<String>), Reject> {
        let mut headers = Headers::new();
        for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
            headers.push(HeaderName::from(name), value);
        }
        let content = sdp_and_list(&headers, &Bytes::copy_from_slice(body.as_bytes()))?;
        let text = |bytes: Option<Bytes>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        Ok((text(content.sdp), text(content.list)))
    }

    fn parts(parts: &[(&str, &str)]) -> String {
        parts.iter().map(|(headers, body)| format!("--b\r\n{headers}\r\n\r\n{body}\r\n")).collect::<String>()
            + "--b--\r\n"
    }

    const SDP: (&str, &str) = ("Content-Type: application/sdp", "v=0");
    const LIST: (&str, &str) =
        ("Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list", "<x/>");

    /// SIP-86: offer and list are found in either order, beside what may be ignored.
    #[test]
    fn an_offer_and_a_list_stand_side_by_side() {
        let ignored = ("Content-Type: image/png\r\nContent-Disposition: icon;handling=optional", "x");
        let both = Ok((Some("v=0".to_owned()), Some("<x/>".to_owned())));
        assert_eq!(read(MIXED, &parts(&[SDP, LIST])), both);
        assert_eq!(read(MIXED, &parts(&[ignored, LIST, SDP])), both);
        assert_eq!(read("Content-Type: application/resource-lists+xml", "<x/>"), Ok((None, Some("<x/>".to_owned()))));
        assert_eq!(read("", ""), Ok((None, None)));
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, "multipart/mixed;boundary=b");
        let body = Bytes::from(parts(&[SDP, LIST]));
        assert_eq!(sdp(&headers, &body), Err(Reject::BodyType), "lists are for the factory");
    }

    /// SIP-27, RFC 5621: what must be understood and is not is refused; one of several alternatives is enough.
    #[test]
    fn what_must_be_understood_is() {
        let png = ("Content-Type: image/png", "x");
        let packed = ("Content-Type: application/sdp\r\nContent-Encoding: gzip", "x");
        assert_eq!(read(MIXED, &parts(&[SDP, png])), Err(Reject::BodyType));
        assert_eq!(read(MIXED, &parts(&[("X: y", "v=0")])), Err(Reject::BodyType));
        assert_eq!(read(MIXED, &parts(&[packed])), Err(Reject::BodyEncoding));
        assert_eq!(read(MIXED, "junk"), Err(Reject::BodyType));
        assert_eq!(read("Content-Type: text/plain", "x"), Err(Reject::BodyType));
        assert!(matches!(read("", "x"), Err(Reject::Header(_))));
        let optional = format!("{MIXED}\nContent-Disposition: session;handling=optional");
        assert_eq!(read(&optional, &parts(&[png])), Ok((None, None)));
        let alternative = MIXED.replace("mixed", "alternative");
        assert_eq!(read(&alternative, &parts(&[png, SDP])), Ok((Some("v=0".to_owned()), None)));
        assert_eq!(read(&alternative, &parts(&[png])), Err(Reject::BodyType));
    }
}
