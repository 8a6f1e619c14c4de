use std::fmt;

use nom::{IResult, Parser};

use super::grammar::{delta_seconds, params};

/// How long a session lasts without a refresh (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if that is said.
    pub refresher: Option<Refresher>,
}

/// Who sends the refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// delta-seconds *( SEMI se-params )
pub(crate) fn session_expires(input: &str) -> IResult<&str, SessionExpires> {
    let (rest, (seconds, params)) = (delta_seconds, params).parse(input)?;
    let refresher = match params.value("refresher") {
        Some(value) if value.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
        Some(value) if value.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
        Some(_) | None => None,
    };
    Ok((rest, SessionExpires { seconds, refresher }))
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn the_refresher_is_read_and_written() {
        let timer = whole("1800 ; refresher=UAC", session_expires).unwrap();
        assert_eq!(timer, SessionExpires { seconds: 1800, refresher: Some(Refresher::Uac) });
        assert_eq!(timer.to_string(), "1800;refresher=uac");
        assert_eq!(whole("soon", session_expires), None);
    }
}
