//! What was asked for and goes on, so that no line waits for what another has asked for.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::task::{AbortHandle, Id, JoinSet};

/// What goes on. They begin in the order in which they were asked for, as one thread runs them.
#[derive(Debug, Default)]
pub(super) struct Errands {
    tasks: JoinSet<()>,
    under_way: BTreeMap<Id, (Errand, AbortHandle)>,
}

/// What is known of one.
#[derive(Debug)]
pub(super) struct Errand {
    /// What is told when it is given up.
    pub(super) given_up: String,
    /// Whether it may last, as files and people do.
    pub(super) lasts: bool,
}

impl Errands {
    pub(super) fn begin(&mut self, errand: Errand, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.under_way.insert(handle.id(), (errand, handle));
    }

    /// Whether one more may begin.
    pub(super) fn have_room(&self) -> bool {
        self.tasks.len() < MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits until one is over; for ever, if there is none. May be dropped at any time without loss.
    pub(super) async fn one_over(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(given_up)) => given_up.id(),
            None => return std::future::pending().await,
        };
        self.under_way.remove(&id);
    }

    /// Waits until all are over.
    pub(super) async fn all_over(&mut self) {
        while !self.tasks.is_empty() {
            self.one_over().await;
        }
    }

    /// Gives up all, or only those that may last; what is to be told.
    pub(super) fn give_up(&mut self, only_lasting: bool) -> Vec<String> {
        let meant = self.under_way.extract_if(.., |_, (errand, _)| errand.lasts || !only_lasting);
        let given_up = meant.filter(|(_, (_, handle))| !handle.is_finished()).map(|(_, (errand, handle))| {
            handle.abort();
            errand.given_up
        });
        given_up.collect()
    }
}

/// So many go on at one time; no line is taken then until one is over.
const MOST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn errand(given_up: &str, lasts: bool) -> Errand {
        Errand { given_up: given_up.to_owned(), lasts }
    }

    /// What lasts holds up nothing; given up is told once, of what is over nothing; their number is bounded.
    #[tokio::test]
    async fn errands_go_on_side_by_side() {
        let mut errands = Errands::default();
        errands.begin(errand("call", true), std::future::pending());
        errands.begin(errand("line", false), async {});
        errands.one_over().await;
        assert_eq!(errands.under_way.len(), 1);
        errands.begin(errand("silence", false), std::future::pending());
        assert_eq!(errands.give_up(true), ["call"]);
        assert_eq!(errands.give_up(false), ["silence"]);
        assert_eq!(errands.give_up(false), [""; 0]);
        errands.all_over().await;
        (0..MOST).for_each(|_| errands.begin(errand("", false), async {}));
        assert!(!errands.have_room());
        errands.all_over().await;
        assert!(errands.have_room() && errands.under_way.is_empty());
    }
}
