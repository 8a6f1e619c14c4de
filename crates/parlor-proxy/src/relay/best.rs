//! Which of several failures the sender is told (RFC 3261 §16.7 step 6).

use parlor_sip::{HeaderName, Response};

/// The best failure so far.
#[derive(Debug, Default)]
pub(crate) struct Best(Option<Response>);

impl Best {
    /// One more device has failed.
    pub(crate) fn note(&mut self, response: Response) {
        match &mut self.0 {
            Some(best) if rank(best.code) <= rank(response.code) => take_challenges(best, &response),
            best => {
                let mut response = response;
                if let Some(former) = best.take() {
                    take_challenges(&mut response, &former);
                }
                *best = Some(response);
            }
        }
    }

    /// It, if any device has said anything.
    pub(crate) fn take(&mut self) -> Option<Response> {
        self.0.take()
    }
}

impl Best {
    /// Whether all that is known is that the devices could not be reached for now (MSG-18).
    pub(crate) fn is_unavailable(&self) -> bool {
        self.0.as_ref().is_none_or(|best| is_unavailable(best.code))
    }
}

/// 6xx is final; else the lowest class counts, and in it what helps the sender most.
fn rank(code: u16) -> u8 {
    match code {
        600.. => 0,
        300..400 => 1,
        401 | 407 | 415 | 420 | 484 => 2,
        400..600 if is_unavailable(code) => 5,
        400..500 => 3,
        500..600 => 4,
        ..300 => 6,
    }
}

pub(super) fn is_unavailable(code: u16) -> bool {
    matches!(code, 408 | 430 | 480 | 486 | 500 | 503 | 504)
}

/// RFC 3261 §16.7 step 7: who is asked for a password is asked by all who ask.
fn take_challenges(best: &mut Response, other: &Response) {
    if matches!((best.code, other.code), (401 | 407, 401 | 407)) {
        for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
            best.headers.copy(&other.headers, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MSG-60: 6xx before all, then the lowest class, and a reason before mere absence.
    #[test]
    fn the_best_is_told() {
        for (codes, told) in [
            (&[404, 603][..], 603),
            (&[486, 415, 404], 415),
            (&[500, 404, 480], 404),
            (&[480, 501], 501),
            (&[480, 503], 480),
            (&[404, 302], 302),
        ] {
            let mut best = Best::default();
            codes.iter().for_each(|code| best.note(Response::new(*code, "")));
            assert_eq!(best.take().map(|response| response.code), Some(told), "{codes:?}");
        }
    }

    #[test]
    fn all_challenges_are_told() {
        let mut best = Best::default();
        for (code, name) in [
            (401, HeaderName::WwwAuthenticate),
            (480, HeaderName::WwwAuthenticate),
            (407, HeaderName::ProxyAuthenticate),
        ] {
            let mut response = Response::new(code, "");
            response.headers.push(name, format!("Digest realm=\"{code}\""));
            best.note(response);
        }
        let best = best.take().unwrap();
        assert_eq!(best.code, 401);
        assert_eq!(best.headers.all(&HeaderName::WwwAuthenticate).count(), 1);
        assert_eq!(best.headers.all(&HeaderName::ProxyAuthenticate).count(), 1);
    }
}
