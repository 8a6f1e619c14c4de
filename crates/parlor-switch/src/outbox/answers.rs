//! Whether a peer answers the copies that ask for an answer (MSRP-59).

use std::time::{Duration, Instant};

/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts the frames that ask for an answer and the answers, and remembers since when some are owed.
///
/// A peer answers in the order in which it is asked, so one mark is enough: when all that were written at its time have
/// been answered, those that were written since are given the same time from then on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answers {
    asked: u64,
    given: u64,
    owed: Option<Owed>,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    since: Instant,
    up_to: u64,
}

impl Answers {
    /// The kernel has the last octet of a frame that asks.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked += 1;
        self.owed.get_or_insert(Owed { since: now, up_to: self.asked });
    }

    pub(super) fn give(&mut self, now: Instant) {
        self.given = self.asked.min(self.given + 1);
        if self.owed.is_some_and(|owed| owed.up_to <= self.given) {
            self.owed = (self.given < self.asked).then_some(Owed { since: now, up_to: self.asked });
        }
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.owed.is_some_and(|owed| now.saturating_duration_since(owed.since) >= PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_overdue_after_thirty_seconds_and_only_if_none_came() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut answers = Answers::default();
        answers.ask(at(0));
        answers.ask(at(1));
        answers.give(at(20));
        assert!(!answers.is_overdue(at(40)));
        assert!(answers.is_overdue(at(50)));
        answers.give(at(50));
        answers.give(at(50));
        assert!(!answers.is_overdue(at(500)), "nothing is owed");
        answers.ask(at(500));
        assert!(!answers.is_overdue(at(529)) && answers.is_overdue(at(530)));
    }
}
