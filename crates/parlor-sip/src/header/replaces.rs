use nom::{IResult, Parser};

use super::call_id::callid;
use super::grammar::params;
use crate::params::Params;

/// The dialog that Replaces or Join names (RFC 3891 §6.1, RFC 3911 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// The Call-ID of that dialog.
    pub call_id: Box<str>,
    /// Our tag, as seen by the one who wrote the header field: the recipient's local tag.
    pub to_tag: Box<str>,
    /// The recipient's remote tag.
    pub from_tag: Box<str>,
    /// Only a dialog that is still early is meant.
    pub early_only: bool,
}

/// callid *( SEMI replaces-param ), with both tags.
pub(crate) fn replaces(input: &str) -> IResult<&str, Replaces> {
    let (rest, (call_id, params)) = (callid, params).parse(input)?;
    match of_parts(call_id, &params) {
        Some(replaces) => Ok((rest, replaces)),
        None => Err(nom::Err::Error(nom::error::make_error(input, nom::error::ErrorKind::Verify))),
    }
}

fn of_parts(call_id: &str, params: &Params) -> Option<Replaces> {
    Some(Replaces {
        call_id: call_id.into(),
        to_tag: params.value("to-tag")?.into(),
        from_tag: params.value("from-tag")?.into(),
        early_only: params.has("early-only"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn both_tags_are_needed() {
        let replaces = |text| whole(text, replaces);
        let found = replaces("98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff").unwrap();
        assert_eq!(
            (&*found.call_id, &*found.to_tag, &*found.from_tag),
            ("98732@sip.example.com", "ff87ff", "r33th4x0r")
        );
        assert_eq!(replaces("98732@sip.example.com;to-tag=ff87ff"), None);
    }
}
