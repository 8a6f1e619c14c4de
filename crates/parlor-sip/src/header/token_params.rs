use std::fmt;

use nom::{IResult, Parser};

use super::grammar::{params, token};
use crate::params::Params;

/// A token with parameters: Event, Subscription-State, Content-Disposition, Privacy, Reason and others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenParams {
    /// The event package, subscription state or disposition, as written.
    pub token: Box<str>,
    /// What follows it.
    pub params: Params,
}

impl TokenParams {
    /// Whether the token is this, without case.
    pub fn is(&self, token: &str) -> bool {
        self.token.eq_ignore_ascii_case(token)
    }
}

/// token *( SEMI generic-param )
pub(crate) fn token_params(input: &str) -> IResult<&str, TokenParams> {
    let (rest, (token, params)) = (token, params).parse(input)?;
    Ok((rest, TokenParams { token: token.into(), params }))
}

impl fmt::Display for TokenParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.token, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn parameters_follow_the_token() {
        let event = whole("Refer ; id=93809824", token_params).unwrap();
        assert!(event.is("refer"));
        assert_eq!(event.params.value("ID"), Some("93809824"));
    }
}
