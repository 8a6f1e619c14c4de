//! Signed messages that are sent again by somebody else (RFC 3428 §11.4).

use super::Request;
use std::time::Duration;

/// How far a clock may be off.
const MINUTES: Duration = Duration::from_secs(300);

impl Request {
    /// MSG-24: whether it is signed and does not say that it was sent about now, which is so many seconds since
    /// 1970-01-01T00:00:00Z. Of what is not signed anybody could have changed the Date.
    pub fn is_stale(&self, now: Duration) -> bool {
        self.is_signed() && self.headers.date().is_none_or(|date| date.abs_diff(now) > MINUTES)
    }

    /// Whether its body is signed, as far as can be seen from outside (RFC 8551 §3.5).
    fn is_signed(&self) -> bool {
        let Ok(Some(media)) = self.headers.content_type() else { return false };
        let kind = media.params.value("smime-type").unwrap_or_default();
        media.is("multipart/signed")
            || (media.is("application/pkcs7-mime") || media.is("application/x-pkcs7-mime"))
                && kind.eq_ignore_ascii_case("signed-data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderName, Method};

    /// Thu, 01 Jan 1970 01:00:00 GMT and so many seconds.
    fn is_stale(kind: &str, date: Option<&str>, offset: u64) -> bool {
        let mut request = Request::new(Method::Message, "sip:bob@example.com".parse().unwrap());
        request.headers.push(HeaderName::ContentType, kind);
        date.into_iter().for_each(|date| request.headers.push(HeaderName::Date, date));
        request.is_stale(Duration::from_secs(3600 + offset))
    }

    #[test]
    fn signed_messages_are_of_now() {
        let date = Some("Thu, 01 Jan 1970 01:00:00 GMT");
        for signed in ["Multipart/Signed;boundary=x", "application/pkcs7-mime; smime-type=Signed-Data;name=smime.p7m"] {
            assert!(!is_stale(signed, date, 0) && !is_stale(signed, date, 300), "{signed}");
            assert!(is_stale(signed, date, 301) && is_stale(signed, None, 0) && is_stale(signed, Some("now"), 0));
            assert!(is_stale(signed, Some("Thu, 01 Jan 1970 02:00:00 GMT"), 0));
        }
        for other in ["text/plain", "application/pkcs7-mime;smime-type=enveloped-data", "multipart/mixed;boundary=x"] {
            assert!(!is_stale(other, date, 9999) && !is_stale(other, None, 0), "{other}");
        }
    }
}
