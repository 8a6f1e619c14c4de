//! Typed reading of header fields. What a message cannot be handled without is a `Result`, whose error is a 400;
//! what may be ignored when malformed (RFC 3261 §8.2.2) is an `Option`.

use std::net::SocketAddr;
use std::time::Duration;

use nom::IResult;

use super::call_id::callid;
use super::cseq::{CSeq, cseq};
use super::grammar::{comma_list, delta_seconds, number, token, token_or_range, whole};
use super::media_type::{MediaType, media_type};
use super::name_addr::{NameAddr, name_addr, tag};
use super::refer_to::ReferTo;
use super::replaces::{Replaces, replaces};
use super::session_expires::{SessionExpires, session_expires};
use super::token_params::{TokenParams, token_params};
use super::via::{Via, via_parm};
use super::warning::{Warning, warning_value};
use super::{HeaderError, HeaderName, Headers};
use crate::method::Method;

type Rule<'a, T> = fn(&'a str) -> IResult<&'a str, T>;

/// What identifies and routes a message.
impl Headers {
    /// All Via values, topmost first; at least one.
    pub fn via(&self) -> Result<Vec<Via>, HeaderError> {
        let all = self.list(&HeaderName::Via, via_parm)?;
        if all.is_empty() { Err(HeaderError::Missing(HeaderName::Via)) } else { Ok(all) }
    }

    /// The topmost Via.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        self.split_top_via().map(|(via, _)| via)
    }

    /// The topmost Via, and what stands behind it in the same field.
    fn split_top_via(&self) -> Result<(Via, &str), HeaderError> {
        let value = self.first(&HeaderName::Via).ok_or(HeaderError::Missing(HeaderName::Via))?;
        match via_parm(value.trim_start()) {
            Ok((rest, via)) if rest.trim_start().is_empty() || rest.trim_start().starts_with(',') => Ok((via, rest)),
            Ok(_) | Err(_) => Err(HeaderError::Malformed(HeaderName::Via)),
        }
    }

    /// How many Via values there are.
    pub(crate) fn via_count(&self) -> usize {
        let count = |value: &str| match memchr::memchr(b',', value.as_bytes()) {
            Some(_) => comma_list(value, via_parm).map_or(0, |all| all.len()),
            None => usize::from(!value.trim().is_empty()),
        };
        self.all(&HeaderName::Via).map(count).sum()
    }

    /// Notes in the topmost Via where the request really came from, and gives it.
    pub(crate) fn stamp_via(&mut self, source: SocketAddr) -> Result<Via, HeaderError> {
        let (mut via, rest) = self.split_top_via()?;
        via.stamp(source);
        let value = format!("{via}{rest}");
        self.replace_first(&HeaderName::Via, value);
        Ok(via)
    }

    /// Puts another Via in the place of the topmost.
    pub(crate) fn set_top_via(&mut self, via: &Via) {
        let value = match self.split_top_via() {
            Ok((_, rest)) => format!("{via}{rest}"),
            Err(_) => via.to_string(),
        };
        self.replace_first(&HeaderName::Via, value);
    }

    /// Who sends the request.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.one(HeaderName::From, name_addr)
    }

    /// Whom the request is for.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.one(HeaderName::To, name_addr)
    }

    /// The tag of From; `None` for a peer of RFC 2543.
    pub fn from_tag(&self) -> Result<Option<Box<str>>, HeaderError> {
        self.one(HeaderName::From, tag).map(|tag| tag.map(Box::from))
    }

    /// The tag of To; `None` outside of dialogs.
    pub fn to_tag(&self) -> Result<Option<Box<str>>, HeaderError> {
        self.one(HeaderName::To, tag).map(|tag| tag.map(Box::from))
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        self.one(HeaderName::CallId, callid)
    }

    /// The CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.one(HeaderName::CSeq, cseq)
    }

    /// All Contact values except `*`.
    pub fn contacts(&self) -> Result<Vec<NameAddr>, HeaderError> {
        if self.contact_is_star() { Ok(Vec::new()) } else { self.list(&HeaderName::Contact, name_addr) }
    }

    /// The one Contact that an INVITE, SUBSCRIBE, REFER or their 2xx must have (RFC 3261 §8.1.1.8).
    pub fn contact(&self) -> Result<NameAddr, HeaderError> {
        let mut all = self.contacts()?.into_iter();
        match (all.next(), all.next()) {
            (Some(contact), None) => Ok(contact),
            (Some(_), Some(_)) => Err(HeaderError::Repeated(HeaderName::Contact)),
            (None, _) => Err(HeaderError::Missing(HeaderName::Contact)),
        }
    }

    /// Whether Contact is `*`, as in a REGISTER that removes all bindings.
    pub fn contact_is_star(&self) -> bool {
        self.first(&HeaderName::Contact).is_some_and(|value| value.trim() == "*")
    }

    /// The Route values, first hop first.
    pub fn route(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(&HeaderName::Route, name_addr)
    }

    /// The Path values, first hop first (RFC 3327 §5).
    pub fn path(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(&HeaderName::Path, name_addr)
    }

    /// The Record-Route values in their order.
    pub fn record_route(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(&HeaderName::RecordRoute, name_addr)
    }

    /// Max-Forwards, from 0 to 255 (RFC 3261 §20.22).
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.optional(HeaderName::MaxForwards, number)
    }
}

/// What the UAS checks.
impl Headers {
    /// The option tags of Require.
    pub fn require(&self) -> Result<Vec<&str>, HeaderError> {
        self.list(&HeaderName::Require, token)
    }

    /// The option tags of Proxy-Require.
    pub fn proxy_require(&self) -> Result<Vec<&str>, HeaderError> {
        self.list(&HeaderName::ProxyRequire, token)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> Vec<&str> {
        self.list(&HeaderName::Supported, token).unwrap_or_default()
    }

    /// Whether Supported or Require names the option tag.
    pub fn supports(&self, option: &str) -> bool {
        self.supported()
            .into_iter()
            .chain(self.require().unwrap_or_default())
            .any(|own| own.eq_ignore_ascii_case(option))
    }

    /// The option tags of Unsupported.
    pub fn unsupported(&self) -> Vec<&str> {
        self.list(&HeaderName::Unsupported, token).unwrap_or_default()
    }

    /// The methods of Allow; `None` if it is not said.
    pub fn allow(&self) -> Option<Vec<Method>> {
        self.has(&HeaderName::Allow)
            .then(|| self.list(&HeaderName::Allow, token).unwrap_or_default().into_iter().map(Method::from).collect())
    }

    /// The event packages of Allow-Events.
    pub fn allow_events(&self) -> Vec<&str> {
        self.list(&HeaderName::AllowEvents, token).unwrap_or_default()
    }

    /// The media ranges of Accept; `None` if it is not there, which for an INVITE means `application/sdp`
    /// (RFC 3261 §20.1).
    pub fn accept(&self) -> Result<Option<Vec<MediaType>>, HeaderError> {
        if self.has(&HeaderName::Accept) { self.list(&HeaderName::Accept, media_type).map(Some) } else { Ok(None) }
    }

    /// The content codings of Accept-Encoding or languages of Accept-Language, without their parameters.
    pub fn tokens(&self, name: &HeaderName) -> Vec<&str> {
        self.list(name, |input| {
            let (rest, found) = token_or_range(input)?;
            super::grammar::params(rest).map(|(rest, _)| (rest, found))
        })
        .unwrap_or_default()
    }

    /// The type of the body.
    pub fn content_type(&self) -> Result<Option<MediaType>, HeaderError> {
        self.optional(HeaderName::ContentType, media_type)
    }

    /// What the body is for.
    pub fn content_disposition(&self) -> Result<Option<TokenParams>, HeaderError> {
        self.optional(HeaderName::ContentDisposition, token_params)
    }

    /// The coding of the body if it has one.
    pub fn content_encoding(&self) -> Option<&str> {
        self.first(&HeaderName::ContentEncoding)
    }

    /// The length that the header block claims; the framing has checked it.
    pub fn content_length(&self) -> Option<u64> {
        self.first(&HeaderName::ContentLength).and_then(|value| whole(value, number))
    }

    /// Expires in seconds; malformed is absent (RFC 4475 §3.1.2.4).
    pub fn expires(&self) -> Option<u32> {
        self.first(&HeaderName::Expires).and_then(|value| whole(value, number))
    }

    /// Min-Expires in seconds.
    pub fn min_expires(&self) -> Option<u32> {
        self.first(&HeaderName::MinExpires).and_then(|value| whole(value, number))
    }

    /// Session-Expires (RFC 4028 §4).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.optional(HeaderName::SessionExpires, session_expires)
    }

    /// Min-SE in seconds (RFC 4028 §5).
    pub fn min_se(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinSe, |input| {
            let (rest, (seconds, _)) = nom::Parser::parse(&mut (delta_seconds, super::grammar::params), input)?;
            Ok((rest, seconds))
        })
    }

    /// Retry-After in seconds, without comment and parameters.
    pub fn retry_after(&self) -> Option<u32> {
        delta_seconds(self.first(&HeaderName::RetryAfter)?.trim_start()).ok().map(|(_, seconds)| seconds)
    }

    /// The warnings.
    pub fn warning(&self) -> Vec<Warning> {
        self.list(&HeaderName::Warning, warning_value).unwrap_or_default()
    }
}

/// What concerns identity, subscriptions and references.
impl Headers {
    /// The event package (RFC 6665 §8.4).
    pub fn event(&self) -> Result<Option<TokenParams>, HeaderError> {
        self.optional(HeaderName::Event, token_params)
    }

    /// The state of a subscription, with `reason`, `expires` and `retry-after` as parameters.
    pub fn subscription_state(&self) -> Result<Option<TokenParams>, HeaderError> {
        self.optional(HeaderName::SubscriptionState, token_params)
    }

    /// The privacy values (RFC 3323 §4.2).
    pub fn privacy(&self) -> Vec<&str> {
        let values = self.all(&HeaderName::Privacy).flat_map(|value| value.split([';', ',']));
        values.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// The asserted identities; to be believed of trusted peers only (RFC 3325 §9.1).
    pub fn p_asserted_identity(&self) -> Vec<NameAddr> {
        self.list(&HeaderName::PAssertedIdentity, name_addr).unwrap_or_default()
    }

    /// The Refer-To of a REFER: exactly one (SIP-80).
    pub fn refer_to(&self) -> Result<ReferTo, HeaderError> {
        self.one(HeaderName::ReferTo, name_addr).map(ReferTo)
    }

    /// Who refers.
    pub fn referred_by(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.optional(HeaderName::ReferredBy, name_addr)
    }

    /// Whether a REFER wants the implicit subscription (RFC 4488 §4); it does unless it says `false`.
    pub fn refer_sub(&self) -> bool {
        !self.first(&HeaderName::ReferSub).is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    }

    /// The dialog to replace: at most one (SIP-84).
    pub fn replaces(&self) -> Result<Option<Replaces>, HeaderError> {
        self.optional(HeaderName::Replaces, replaces)
    }

    /// The dialog to join: at most one (SIP-83).
    pub fn join(&self) -> Result<Option<Replaces>, HeaderError> {
        self.optional(HeaderName::Join, replaces)
    }

    /// The subject.
    pub fn subject(&self) -> Option<&str> {
        self.first(&HeaderName::Subject)
    }

    /// The Date as the time since 1970-01-01T00:00:00Z; malformed is absent (RFC 4475 §3.1.2.12).
    pub fn date(&self) -> Option<Duration> {
        self.first(&HeaderName::Date).and_then(super::date::since_epoch)
    }

    /// The product of the client.
    pub fn user_agent(&self) -> Option<&str> {
        self.first(&HeaderName::UserAgent)
    }
}

impl Headers {
    /// A field that must be there once.
    fn one<'a, T>(&'a self, name: HeaderName, rule: Rule<'a, T>) -> Result<T, HeaderError> {
        match self.optional(name.clone(), rule)? {
            Some(value) => Ok(value),
            None => Err(HeaderError::Missing(name)),
        }
    }

    /// A field that may be there once.
    fn optional<'a, T>(&'a self, name: HeaderName, rule: Rule<'a, T>) -> Result<Option<T>, HeaderError> {
        let mut all = self.all(&name);
        let Some(value) = all.next() else {
            return Ok(None);
        };
        if all.next().is_some() {
            return Err(HeaderError::Repeated(name));
        }
        whole(value, rule).map(Some).ok_or(HeaderError::Malformed(name))
    }

    /// A comma-separated list over all fields of that name; a field may be empty.
    fn list<'a, T>(&'a self, name: &HeaderName, rule: Rule<'a, T>) -> Result<Vec<T>, HeaderError> {
        let mut found = Vec::new();
        for value in self.all(name).filter(|value| !value.trim().is_empty()) {
            found.extend(comma_list(value, rule).ok_or_else(|| HeaderError::Malformed(name.clone()))?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> Headers {
        let mut headers = Headers::new();
        lines.iter().for_each(|(name, value)| headers.push(name.clone(), value));
        headers
    }

    #[test]
    fn lists_go_over_commas_and_lines() {
        let headers = headers(&[
            (HeaderName::Supported, "timer, replaces"),
            (HeaderName::Supported, ""),
            (HeaderName::Supported, "100rel"),
            (HeaderName::Contact, "\"a, b\" <sip:a@b;x=1>;q=0.5, <sip:c@d>"),
        ]);
        assert_eq!(headers.supported(), ["timer", "replaces", "100rel"]);
        assert!(headers.supports("Timer") && !headers.supports("path"));
        assert_eq!(headers.contacts().unwrap().len(), 2);
        assert_eq!(headers.contact(), Err(HeaderError::Repeated(HeaderName::Contact)));
    }

    #[test]
    fn single_fields_may_not_be_repeated() {
        let headers = headers(&[(HeaderName::CallId, "a"), (HeaderName::CallId, "b"), (HeaderName::To, "nobody")]);
        assert_eq!(headers.call_id(), Err(HeaderError::Repeated(HeaderName::CallId)));
        assert_eq!(headers.to(), Err(HeaderError::Malformed(HeaderName::To)));
        assert_eq!(headers.from(), Err(HeaderError::Missing(HeaderName::From)));
    }

    #[test]
    fn the_topmost_via_is_replaced_alone() {
        let mut headers =
            headers(&[(HeaderName::Via, "SIP/2.0/UDP a, SIP/2.0/UDP b"), (HeaderName::Via, "SIP/2.0/TCP c")]);
        let mut top = headers.top_via().unwrap();
        top.params.set("received", "192.0.2.1");
        headers.set_top_via(&top);
        let all: Vec<String> = headers.via().unwrap().iter().map(Via::to_string).collect();
        assert_eq!(all, ["SIP/2.0/UDP a;received=192.0.2.1", "SIP/2.0/UDP b", "SIP/2.0/TCP c"]);
    }
}
