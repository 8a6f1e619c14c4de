//! Where the servers of other domains are that messages go to.

use super::reach::{Carrier, Reach, Unlocated};
use parlor_proxy::{Reject, SearchId, Way};
use parlor_sip::Uri;
use tokio::sync::mpsc;

/// What was found for a message.
pub(super) type Found = (SearchId, Result<Vec<Way>, Reject>);

/// Looks for them, and tells.
#[derive(Debug)]
pub(super) struct Elsewhere {
    reach: Reach,
    tell: mpsc::UnboundedSender<Found>,
    /// No more can wait here than the proxy looks for at once.
    told: mpsc::UnboundedReceiver<Found>,
}

impl Elsewhere {
    pub(super) fn new(reach: Reach) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self { reach, tell, told }
    }

    /// The next thing that was found, or not.
    pub(super) async fn next(&mut self) -> Option<Found> {
        self.told.recv().await
    }

    /// The same, if there is one already.
    pub(super) fn try_next(&mut self) -> Option<Found> {
        self.told.try_recv().ok()
    }

    /// Looks for where messages for that user go.
    pub(super) fn search(&self, id: SearchId, uri: Uri, is_large: bool) {
        let (reach, tell) = (self.reach.clone(), self.tell.clone());
        tokio::spawn(async move {
            let carrier = if is_large { Carrier::Stream } else { Carrier::Any };
            let found = reach.next_hops(&uri, carrier).await;
            let ways = found.map(|hops| hops.into_iter().map(|hop| Way { flow: hop.flow, uri: hop.uri }).collect());
            let _ = tell.send((id, ways.map_err(reject)));
        });
    }
}

fn reject(why: Unlocated) -> Reject {
    match why {
        Unlocated::Unknown => Reject::NotFound,
        Unlocated::Unreachable => Reject::Unavailable,
        Unlocated::Forbidden => Reject::Forbidden,
    }
}
