//! The values of the headers (RFC 4975 §9).

use std::fmt;

/// Which octets of a message a chunk or a report is about; positions count from 1 (MSRP-30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// Position of the first octet.
    pub start: u64,
    /// Position of the last octet; `None` is `*`. One less than `start` for none at all.
    pub end: Option<u64>,
    /// Octets of the whole message; `None` is `*`.
    pub total: Option<u64>,
}

impl ByteRange {
    /// Reads `start "-" (end / "*") "/" (total / "*")`.
    ///
    /// MSRP-44: a start of 0, or beyond the octet after the end, is wrong. MSRP-E2: end and total are hints that need not
    /// agree with each other or with the body.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, rest) = text.split_once('-')?;
        let (end, total) = rest.split_once('/')?;
        let range = Self {
            start: number(start).filter(|start| *start >= 1)?,
            end: number_or_star(end)?,
            total: number_or_star(total)?,
        };
        let in_order = range.end.is_none_or(|end| range.start - 1 <= end);
        in_order.then_some(range)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.start)?;
        write_number_or_star(f, self.end)?;
        f.write_str("/")?;
        write_number_or_star(f, self.total)
    }
}

fn number(text: &str) -> Option<u64> {
    let digits_only = text.bytes().all(|octet| octet.is_ascii_digit());
    // `parse` takes a leading "+", which is no digit.
    if digits_only { text.parse().ok() } else { None }
}

fn number_or_star(text: &str) -> Option<Option<u64>> {
    if text == "*" { Some(None) } else { number(text).map(Some) }
}

fn write_number_or_star(f: &mut fmt::Formatter<'_>, number: Option<u64>) -> fmt::Result {
    match number {
        Some(number) => write!(f, "{number}"),
        None => f.write_str("*"),
    }
}

/// Which responses the sender of a request wants (RFC 4975 §7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FailureReport {
    /// All of them; also when nothing is said.
    #[default]
    Yes,
    /// None.
    No,
    /// Those that are not 200.
    Partial,
}

impl FailureReport {
    /// The value as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Partial => "partial",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Yes, Self::No, Self::Partial].into_iter().find(|value| text.eq_ignore_ascii_case(value.as_str()))
    }
}

/// What a REPORT says became of the octets it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// 0 for the codes of MSRP; others are not ours to read (MSRP-56).
    pub namespace: u16,
    /// The code, such as 200.
    pub code: u16,
}

impl Status {
    /// Reads `namespace SP code [SP comment]`; libmsrp writes the namespace as `0`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let namespace = words.next().filter(|digits| digits.len() <= 3)?;
        let code = words.next().filter(|digits| digits.len() == 3)?;
        Some(Self { namespace: u16::try_from(number(namespace)?).ok()?, code: u16::try_from(number(code)?).ok()? })
    }
}

pub(crate) fn parse_success_report(text: &str) -> Option<bool> {
    [("yes", true), ("no", false)]
        .into_iter()
        .find_map(|(word, value)| text.eq_ignore_ascii_case(word).then_some(value))
}

/// What is wrong with the headers of a request whose paths could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeaderError {
    /// A line is no header.
    #[error("a line is no header")]
    Syntax,
    /// To-Path is not the first header or From-Path not the second (MSRP-3).
    #[error("To-Path and From-Path are not the first two headers")]
    Order,
    /// A header is there twice.
    #[error("a header is there twice")]
    Duplicate,
    /// Message-ID is wrong.
    #[error("wrong Message-ID")]
    MessageId,
    /// Message-ID is missing from a SEND or REPORT.
    #[error("no Message-ID")]
    NoMessageId,
    /// Byte-Range is wrong.
    #[error("wrong Byte-Range")]
    ByteRange,
    /// Failure-Report is neither yes, no nor partial.
    #[error("wrong Failure-Report")]
    FailureReport,
    /// Success-Report is neither yes nor no.
    #[error("wrong Success-Report")]
    SuccessReport,
    /// Status is wrong.
    #[error("wrong Status")]
    Status,
    /// Status is missing from a REPORT.
    #[error("no Status")]
    NoStatus,
    /// Content-Type is wrong.
    #[error("wrong Content-Type")]
    ContentType,
    /// There is a body but no Content-Type (MSRP-4).
    #[error("a body without Content-Type")]
    NoContentType,
    /// The empty line before the body is a bare LF; so may be the line before the end-line, which is then not found.
    #[error("bare LF before the body")]
    BareLineFeed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_range_msrp_30_to_32_and_39() {
        for text in ["1-10/10", "1-*/*", "5-*/18446744073709551615", "1-0/0", "2049-4096/*"] {
            assert_eq!(ByteRange::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn byte_range_that_makes_no_sense_is_refused_msrp_44() {
        for text in [
            "",
            "1",
            "1-",
            "1-2",
            "0-1/1",
            "0-0/0",
            "*-1/1",
            "3-1/5",
            "+1-2/2",
            "1-2/+2",
            "-1-2/2",
            "1 -2/2",
            "1-2/2 ",
            "18446744073709551616-*/*",
            "1-2/0x2",
        ] {
            // "1-2/2 " is trimmed before it gets here; inside it is wrong.
            assert_eq!(ByteRange::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn byte_range_total_need_not_agree_msrp_e2() {
        assert!(ByteRange::parse("1-20/10").is_some());
    }

    #[test]
    fn status_reads_the_short_namespace_of_libmsrp() {
        let status = Status { namespace: 0, code: 200 };
        assert_eq!(Status::parse("000 200 OK"), Some(status));
        assert_eq!(Status::parse("0 200 report"), Some(status));
        assert_eq!(Status::parse("000 200"), Some(status));
        for wrong in ["", "000", "200 OK", "0000 200", "000 20", "000 +20", "000 2000"] {
            assert_eq!(Status::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn report_wishes_are_read_in_any_case() {
        assert_eq!(FailureReport::parse("Partial"), Some(FailureReport::Partial));
        assert_eq!(FailureReport::parse("maybe"), None);
        assert_eq!(parse_success_report("YES"), Some(true));
        assert_eq!(parse_success_report(""), None);
    }
}
