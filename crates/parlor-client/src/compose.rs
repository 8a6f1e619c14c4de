//! Messages of ours as message/cpim.

use std::time::{SystemTime, UNIX_EPOCH};

use parlor_cpim::{Address, Builder, utc_date_time};

use crate::file_name;
use crate::sender::Content;

/// The headers of a message, which its content follows.
pub(crate) fn head(from: &Address, to: &Address, content: &Content) -> Vec<u8> {
    let content_type = content.content_type.replace(['\r', '\n'], " ");
    let builder = Builder::new(from, to, &now());
    let builder = match &content.subject {
        Some(subject) => builder.subject(subject),
        None => builder,
    };
    let mut head = builder.head(&content_type);
    if let Some(name) = &content.file_name {
        // The MIME headers stand last, before the empty line.
        head.truncate(head.len() - LINE_END.len());
        head.extend_from_slice(b"Content-Disposition: ");
        head.extend_from_slice(file_name::disposition(name).as_bytes());
        head.extend_from_slice(LINE_END);
        head.extend_from_slice(LINE_END);
    }
    head
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    utc_date_time(since.as_secs(), u16::try_from(since.subsec_millis()).unwrap_or_default())
}

const LINE_END: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_cpim::Scanner;

    #[test]
    fn file_name_stands_in_the_mime_headers() {
        let (from, to) = (Address::new("sip:a@b").named("A"), Address::new("sip:lobby@b"));
        let content = Content::new("image/png").file_name("Käse.png").subject("Käse\r\n\u{1b}");
        let mut message = head(&from, &to, &content);
        let envelope = Scanner::new(4096).scan(&message).unwrap().unwrap();
        assert_eq!((envelope.essence(), envelope.headers_len), (Some("image/png"), message.len()));
        assert_eq!((&envelope.from, envelope.to.as_slice()), (&from, &[to][..]));
        assert_eq!(envelope.content_disposition.as_deref(), Some("attachment"));
        assert!(envelope.date_time.is_some());
        assert_eq!(envelope.subject.as_deref(), Some("Käse\r\n\u{1b}"));
        message.extend_from_slice(b"content");
        assert_eq!(file_name::of_headers(&message[..envelope.headers_len]).as_deref(), Some("Käse.png"));
    }
}
