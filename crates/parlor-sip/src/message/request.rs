use bytes::Bytes;

use super::encode;
use crate::header::Headers;
use crate::method::Method;
use crate::uri::Uri;

/// A request (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The header fields.
    pub headers: Headers,
    /// The body; Content-Length follows from it.
    pub body: Bytes,
}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::new(), body: Bytes::new() }
    }

    /// Appends the request as it goes over the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode::line(out, format_args!("{} {} SIP/2.0", self.method, self.uri));
        encode::rest(out, &self.headers, &self.body);
    }

    /// How many octets [`Request::encode`] appends.
    pub fn octets(&self) -> usize {
        encode::line_octets(format_args!("{} {} SIP/2.0", self.method, self.uri))
            + encode::rest_octets(&self.headers, &self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::HeaderName;

    #[test]
    fn octets_are_counted_as_they_are_written() {
        let mut request = Request::new(Method::Message, "sip:alice@example.com;x=y".parse().unwrap());
        for (name, value) in [("Via", "SIP/2.0/UDP h"), ("Content-Length", "9"), ("X-Thing", "Jürgen"), ("Subject", "")]
        {
            request.headers.push(HeaderName::from(name), value);
        }
        request.body = Bytes::from_static(&[b'x'; 123]);
        let mut written = Vec::new();
        request.encode(&mut written);
        assert_eq!(request.octets(), written.len());
    }
}
