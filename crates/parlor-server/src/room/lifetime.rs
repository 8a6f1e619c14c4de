//! How long a room that was made on demand may stay open.

use std::time::{Duration, Instant};

/// By so much everybody is told before.
const NOTICE: Duration = Duration::from_secs(60);

/// When a room ends, if it does not do so before.
#[derive(Debug, Default)]
pub(super) struct Lifetime {
    notice: Option<Instant>,
    end: Option<Instant>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Everybody is to be told that it ends in a minute.
    Notice,
    /// It ends.
    End,
}

impl Lifetime {
    /// From now on; zero stands for ever.
    pub(super) fn new(now: Instant, time: Duration) -> Self {
        let end = now.checked_add(time).filter(|_| !time.is_zero());
        // Who gets only a short while need not be told in the middle of it.
        let notice = end.and_then(|end| end.checked_sub(NOTICE)).filter(|_| time >= 2 * NOTICE);
        Self { notice, end }
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.notice.or(self.end)
    }

    /// What is due by now; each comes once.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        if self.end.take_if(|end| *end <= now).is_some() {
            self.notice = None;
            return Some(Due::End);
        }
        self.notice.take_if(|notice| *notice <= now).map(|_| Due::Notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_announced_a_minute_before() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut lifetime = Lifetime::new(now, hour);
        assert_eq!((lifetime.next(), lifetime.take_due(now)), (Some(now + hour - NOTICE), None));
        assert_eq!(lifetime.take_due(now + hour - NOTICE), Some(Due::Notice));
        assert_eq!((lifetime.next(), lifetime.take_due(now + hour - NOTICE)), (Some(now + hour), None));
        assert_eq!(lifetime.take_due(now + hour), Some(Due::End));
        assert_eq!((lifetime.next(), lifetime.take_due(now + hour)), (None, None));
        assert_eq!(Lifetime::new(now, NOTICE).next(), Some(now + NOTICE), "a short one is not announced");
        assert_eq!(Lifetime::new(now, Duration::ZERO).next(), None);
    }
}
