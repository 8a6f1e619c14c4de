//! Session timers (RFC 4028).

use crate::{Reject, Settings};
use parlor_sip::{HeaderName, Headers, Refresher, SessionExpires};
use std::time::Duration;

/// The session timer that a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The interval in seconds.
    pub(crate) seconds: u32,
    /// Who refreshes, seen from the request.
    pub(crate) refresher: Refresher,
    require: bool,
}

/// The session timer of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    /// The interval in seconds.
    pub(crate) seconds: u32,
    /// Whether it is we who refresh.
    pub(crate) ours: bool,
}

impl Granted {
    /// What to answer to an INVITE or UPDATE; `None`: no session timer.
    ///
    /// # Errors
    /// [`Reject::IntervalTooSmall`], [`Reject::Header`]
    pub(crate) fn answering(request: &Headers, settings: &Settings) -> Result<Option<Self>, Reject> {
        let supported = request.supports("timer");
        let minimum = seconds(settings.min_se).max(LEAST);
        let wanted = seconds(settings.session_expires).max(minimum);
        let asked = request.session_expires()?;
        // RFC 4028 §5: the requester's own minimum, never taken beyond what we would ever grant.
        let floor = request.min_se()?.unwrap_or(0).min(seconds(settings.limits.session_interval));
        let granted = match asked {
            // SIP-100: only who supports timers understands 422; others get no timer, as their
            // interval may not be raised.
            Some(asked) if asked.seconds < minimum && supported => {
                return Err(Reject::IntervalTooSmall(minimum));
            }
            Some(asked) if asked.seconds < minimum => return Ok(None),
            // SIP-101: lowered, but not below the requester's minimum; never raised.
            Some(asked) => asked.seconds.min(wanted.max(floor)),
            None => wanted.max(floor),
        };
        let chosen = asked.and_then(|asked| asked.refresher);
        let refresher = refresher(supported, chosen);
        Ok(Some(Self { seconds: granted, refresher, require: supported }))
    }

    /// Adds the headers to the 2xx. SIP-104: Min-SE is not among them.
    pub(crate) fn declare(self, headers: &mut Headers) {
        if self.require {
            headers.push(HeaderName::Require, "timer");
        }
        let expires = SessionExpires { seconds: self.seconds, refresher: Some(self.refresher) };
        headers.push(HeaderName::SessionExpires, expires);
    }

    /// The dialog's timer, the request being the peer's.
    pub(crate) fn timer(self) -> SessionTimer {
        SessionTimer { seconds: self.seconds, ours: self.refresher == Refresher::Uas }
    }
}

/// RFC 4028 §9, table 2; when the choice is ours the caller refreshes (SIP-102).
fn refresher(supported: bool, chosen: Option<Refresher>) -> Refresher {
    match (supported, chosen) {
        (false, None | Some(_)) | (true, Some(Refresher::Uas)) => Refresher::Uas,
        (true, None | Some(Refresher::Uac)) => Refresher::Uac,
    }
}

impl SessionTimer {
    /// Adds the headers to a refresh of ours.
    pub(crate) fn declare(self, headers: &mut Headers) {
        let expires = SessionExpires { seconds: self.seconds, refresher: Some(Refresher::Uac) };
        headers.push(HeaderName::SessionExpires, expires);
    }

    /// What the 2xx to a refresh of ours makes of the timer.
    pub(crate) fn refreshed(self, response: &Headers, settings: &Settings) -> Self {
        match response.session_expires() {
            Ok(Some(agreed)) => Self {
                // RFC 4028 §7.2: the interval of the 2xx counts; below our minimum it is junk.
                seconds: agreed.seconds.clamp(LEAST, seconds(settings.limits.session_interval)),
                ours: agreed.refresher != Some(Refresher::Uas),
            },
            // RFC 4028 §7.2: the peer knows no timers, so the refreshing stays with us.
            Ok(None) | Err(_) => Self { ours: true, ..self },
        }
    }

    /// The longer interval that a 422 asks for, if it is one we would take.
    pub(crate) fn raised(self, response: &Headers, settings: &Settings) -> Option<Self> {
        let minimum = response.min_se().ok().flatten()?;
        let within = minimum > self.seconds && minimum <= seconds(settings.limits.session_interval);
        within.then_some(Self { seconds: minimum, ..self })
    }

    /// When we refresh (SIP-103).
    pub(crate) fn refresh_after(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds)) / 2
    }

    /// When the session is over: a little early if the peer should have refreshed (SIP-103).
    pub(crate) fn expires_after(self) -> Duration {
        let interval = Duration::from_secs(u64::from(self.seconds));
        if self.ours { interval } else { interval - (interval / 3).min(Duration::from_secs(32)) }
    }
}

/// RFC 4028 §4: the absolute minimum of a session interval.
const LEAST: u32 = 90;

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_room::Hosts;
    use std::sync::Arc;

    fn settings() -> Settings {
        Settings::new(Arc::new(Hosts::new("example.com", [])))
    }

    fn request(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(HeaderName::from(*name), value);
        }
        headers
    }

    /// SIP-100, 101, 102: RFC 4028 §9, table 2, and the rules on intervals.
    #[test]
    fn the_answer_follows_the_table() {
        type Row<'a> = (&'a [(&'a str, &'a str)], u32, Refresher, bool);
        const TIMER: (&str, &str) = ("Supported", "timer");
        let (uac, uas) = (Refresher::Uac, Refresher::Uas);
        let rows: [Row<'_>; 10] = [
            (&[], 1800, uas, false),
            (&[TIMER], 1800, uac, true),
            (&[("Require", "timer")], 1800, uac, true),
            (&[TIMER, ("Session-Expires", "600")], 600, uac, true),
            (&[TIMER, ("x", "600;refresher=uas")], 600, uas, true),
            (&[TIMER, ("Session-Expires", "600;refresher=uac")], 600, uac, true),
            (&[("Session-Expires", "600;refresher=uac")], 600, uas, false),
            (&[TIMER, ("Session-Expires", "7200")], 1800, uac, true),
            (&[TIMER, ("Session-Expires", "7200"), ("Min-SE", "3600")], 3600, uac, true),
            (&[TIMER, ("Min-SE", "3600")], 3600, uac, true),
        ];
        for (fields, seconds, refresher, require) in rows {
            let granted = Granted::answering(&request(fields), &settings()).unwrap();
            assert_eq!(granted, Some(Granted { seconds, refresher, require }), "{fields:?}");
        }
    }

    #[test]
    fn a_short_interval_is_refused_to_those_who_understand_it() {
        // SIP-100
        let short = [("Supported", "timer"), ("Session-Expires", "89")];
        let refused = Granted::answering(&request(&short), &settings());
        assert_eq!(refused, Err(Reject::IntervalTooSmall(90)));
        let ignorant = Granted::answering(&request(&short[1..]), &settings());
        assert_eq!(ignorant, Ok(None));
    }

    #[test]
    fn a_huge_minimum_is_bounded() {
        let headers = request(&[("Min-SE", "4294967295")]);
        let granted = Granted::answering(&headers, &settings()).unwrap().unwrap();
        assert_eq!(u64::from(granted.seconds), settings().limits.session_interval.as_secs());
    }

    #[test]
    fn times_are_half_and_the_end_or_a_little_before_it() {
        // SIP-103
        let ours = SessionTimer { seconds: 1800, ours: true };
        assert_eq!(ours.refresh_after(), Duration::from_secs(900));
        assert_eq!(ours.expires_after(), Duration::from_secs(1800));
        let theirs = SessionTimer { ours: false, ..ours };
        assert_eq!(theirs.expires_after(), Duration::from_secs(1768));
        let short = SessionTimer { seconds: 90, ours: false };
        assert_eq!(short.expires_after(), Duration::from_secs(60));
    }

    #[test]
    fn answers_to_our_refresh_are_followed() {
        let ours = SessionTimer { seconds: 1800, ours: true };
        let read = |value: &str| ours.refreshed(&request(&[("Session-Expires", value)]), &settings());
        assert_eq!(read("600;refresher=uac"), SessionTimer { seconds: 600, ours: true });
        assert_eq!(read("600;refresher=uas"), SessionTimer { seconds: 600, ours: false });
        assert_eq!(read("1"), SessionTimer { seconds: 90, ours: true });
        assert_eq!(ours.refreshed(&request(&[]), &settings()), ours);
        assert_eq!(ours.raised(&request(&[("Min-SE", "3600")]), &settings()).unwrap().seconds, 3600);
        assert_eq!(ours.raised(&request(&[("Min-SE", "90")]), &settings()), None);
        assert_eq!(ours.raised(&request(&[("Min-SE", "999999")]), &settings()), None);
    }
}
