//! Who is typing, as lines: one a person in a while, however often they pause.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Those of whom it was told.
#[derive(Debug, Default)]
pub(super) struct Typing {
    told: BTreeMap<String, Instant>,
}

impl Typing {
    /// Whether it is to be told now that the one of that URI is typing.
    pub(super) fn is_news(&mut self, now: Instant, uri: &str) -> bool {
        self.told.retain(|_, at| *at + PAUSE > now);
        let is_news = !self.told.contains_key(uri);
        if is_news {
            self.told.insert(uri.to_owned(), now);
        }
        is_news
    }
}

/// Between two lines on the same person.
const PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_minute() {
        let (mut typing, now) = (Typing::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(typing.is_news(now, "a") && typing.is_news(now, "b"));
        assert!(!typing.is_news(after(59), "a"));
        assert!(typing.is_news(after(60), "a"));
    }
}
