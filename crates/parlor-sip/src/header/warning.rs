use std::fmt;

use nom::bytes::complete::take_while_m_n;
use nom::combinator::map_opt;
use nom::{IResult, Parser};

use super::grammar::{gen_value, lws, quote, quoted_string, unquote};

/// Why a response is what it is, for people (RFC 3261 §20.43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The three digits.
    pub code: u16,
    /// The host that warns.
    pub agent: Box<str>,
    /// The text.
    pub text: Box<str>,
}

/// warning-value = warn-code SP warn-agent SP warn-text
pub(crate) fn warning_value(input: &str) -> IResult<&str, Warning> {
    let code = map_opt(take_while_m_n(3, 3, |c: char| c.is_ascii_digit()), |digits: &str| digits.parse().ok());
    let (rest, (code, _, agent, _, text)) = (code, lws, gen_value, lws, quoted_string).parse(input)?;
    Ok((rest, Warning { code, agent: agent.into(), text: unquote(text).into() }))
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {} {}", self.code, self.agent, quote(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn codes_have_three_digits() {
        let warning = whole("304 isi.edu \"Media type \\\"x\\\" not available\"", warning_value).unwrap();
        assert_eq!(warning.to_string(), "304 isi.edu \"Media type \\\"x\\\" not available\"");
        assert_eq!(whole("1812 overture \"In Progress\"", warning_value), None);
    }
}
