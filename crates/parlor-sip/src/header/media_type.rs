use std::fmt;

use nom::{IResult, Parser};

use super::grammar::{params, separator, token};
use crate::params::Params;

/// A media type or range, `type/subtype;params`, of Content-Type and Accept (RFC 3261 §20.1, §20.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// The type, in lower case.
    pub main: Box<str>,
    /// The subtype, in lower case.
    pub sub: Box<str>,
    /// charset, boundary, q and others.
    pub params: Params,
}

impl MediaType {
    /// Whether this is the type written `type/subtype`, in lower case.
    pub fn is(&self, essence: &str) -> bool {
        essence.split_once('/').is_some_and(|(main, sub)| *self.main == *main && *self.sub == *sub)
    }

    /// Whether this range of an Accept takes in the type written `type/subtype`, in lower case.
    pub fn accepts(&self, essence: &str) -> bool {
        let refused = self.params.value("q").is_some_and(|q| q.parse::<f32>() == Ok(0.0));
        let within = |range: &str, part: &str| range == "*" || range == part;
        !refused
            && essence.split_once('/').is_some_and(|(main, sub)| within(&self.main, main) && within(&self.sub, sub))
    }
}

/// media-type = m-type SLASH m-subtype *( SEMI m-parameter )
pub(crate) fn media_type(input: &str) -> IResult<&str, MediaType> {
    let (rest, (main, _, sub, params)) = (token, separator('/'), token, params).parse(input)?;
    Ok((rest, MediaType { main: main.to_ascii_lowercase().into(), sub: sub.to_ascii_lowercase().into(), params }))
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.main, self.sub, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn ranges_take_in_types() {
        let accepts = |range: &str| whole(range, media_type).unwrap().accepts("application/sdp");
        assert!(accepts("*/*") && accepts("Application/*") && accepts("application/sdp;level=1"));
        assert!(!accepts("application/sdp;q=0.0") && !accepts("text/plain"));
        assert!(whole("Application / SDP", media_type).unwrap().is("application/sdp"));
    }
}
