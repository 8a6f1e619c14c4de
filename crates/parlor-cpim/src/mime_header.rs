//! The MIME headers of the content (RFC 3862 §2.4).

use std::borrow::Cow;

use crate::error::CpimError;
use crate::lines::lines;

/// What the MIME headers say of the content.
#[derive(Debug, Default)]
pub(crate) struct MimeHeaders {
    pub(crate) content_type: Option<String>,
    pub(crate) essence: Option<Cow<'static, str>>,
    pub(crate) content_disposition: Option<String>,
}

/// Whether a line is the Content-Type header; MIME names have no case.
pub(crate) fn is_content_type(line: &[u8]) -> bool {
    const NAME: &[u8] = b"Content-Type";
    line.split_at_checked(NAME.len())
        .is_some_and(|(name, rest)| name.eq_ignore_ascii_case(NAME) && rest.trim_ascii_start().starts_with(b":"))
}

/// Whether a header name is one of MIME.
pub(crate) fn is_mime_name(name: &str) -> bool {
    let begins_with = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    begins_with("Content-") || name.eq_ignore_ascii_case("MIME-Version")
}

impl MimeHeaders {
    /// Reads all lines of a block.
    pub(crate) fn parse(block: &str) -> Result<Self, CpimError> {
        let mut headers = Self::default();
        for line in lines(block) {
            headers.line(line)?;
        }
        Ok(headers)
    }

    /// Reads one line; a folded one goes on with parameters, which are not ours to read.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CpimError> {
        if line.starts_with([' ', '\t']) {
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or(CpimError::Syntax)?;
        let (name, value) = (name.trim_ascii_end(), value.trim_ascii());
        if name.eq_ignore_ascii_case("Content-Type") {
            if self.content_type.is_some() {
                return Err(CpimError::Duplicate);
            }
            self.essence = Some(essence(value).ok_or(CpimError::ContentType)?);
            self.content_type = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("Content-Disposition") && self.content_disposition.is_none() {
            self.content_disposition = Some(before_parameters(value).to_ascii_lowercase());
        }
        Ok(())
    }
}

/// `type "/" subtype` in lower case, without parameters.
fn essence(value: &str) -> Option<Cow<'static, str>> {
    // What nearly every message carries needs no memory of its own.
    const KNOWN: [&str; 4] = ["text/plain", "application/im-iscomposing+xml", "text/html", "message/imdn+xml"];
    let essence = before_parameters(value);
    if let Some(known) = KNOWN.into_iter().find(|known| essence.eq_ignore_ascii_case(known)) {
        return Some(Cow::Borrowed(known));
    }
    let (main, sub) = essence.split_once('/')?;
    (is_token(main) && is_token(sub)).then(|| Cow::Owned(essence.to_ascii_lowercase()))
}

fn before_parameters(value: &str) -> &str {
    value.split_once(';').map_or(value, |(before, _)| before).trim_ascii()
}

/// `token` of RFC 2045 §5.1.
fn is_token(text: &str) -> bool {
    let is_token_char = |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&octet);
    !text.is_empty() && text.bytes().all(is_token_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn essence_is_lower_case_without_parameters_cpim_e1() {
        assert_eq!(essence("Text/PLAIN; charset=\"utf8\"").as_deref(), Some("text/plain"));
        assert_eq!(essence("Image/PNG").as_deref(), Some("image/png"));
        for wrong in ["", "text", "text/", "/plain", "text/pl ain", "text/plain/x", "*/=", "täxt/plain"] {
            assert_eq!(essence(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn folded_parameters_are_passed_over() {
        let headers = MimeHeaders::parse(
            "content-TYPE : text/html;\r\n\tcharset=utf-8\r\nContent-Disposition: Notification; x=y\r\n",
        );
        let headers = headers.expect("MIME headers");
        assert_eq!(headers.essence.as_deref(), Some("text/html"));
        assert_eq!(headers.content_disposition.as_deref(), Some("notification"));
    }

    #[test]
    fn second_content_type_is_refused() {
        let found = MimeHeaders::parse("Content-Type: text/html\nContent-Type: text/plain\n");
        assert_eq!(found.expect_err("two"), CpimError::Duplicate);
    }
}
