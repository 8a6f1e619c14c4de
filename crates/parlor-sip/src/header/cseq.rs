use std::fmt;

use nom::{IResult, Parser};

use super::grammar::{lws, number, token};
use crate::method::Method;

/// The order of requests in a dialog (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub seq: u32,
    /// The method of the request.
    pub method: Method,
}

/// 1*DIGIT LWS Method
pub(crate) fn cseq(input: &str) -> IResult<&str, CSeq> {
    let (rest, (seq, _, method)) = (number, lws, token).parse(input)?;
    Ok((rest, CSeq { seq, method: Method::from(method) }))
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seq, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn numbers_beyond_32_bits_are_refused() {
        assert_eq!(whole("0009   INVITE", cseq), Some(CSeq { seq: 9, method: Method::Invite }));
        assert_eq!(whole("4294967295 X", cseq).map(|cseq| cseq.seq), Some(u32::MAX));
        assert_eq!(whole("4294967296 X", cseq), None);
        assert_eq!(whole("-1 X", cseq), None);
    }
}
