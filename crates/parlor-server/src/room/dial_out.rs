//! Calling somebody: where to.

use super::task::RoomTask;
use crate::metrics::Rejected;
use crate::sip::Unlocated;
use parlor_focus::{Found, RequestId};
use parlor_sip::Uri;
use std::sync::Arc;
use std::time::Instant;

impl RoomTask {
    /// Finds out where somebody is, who has a place among the sessions of the server from now on.
    pub(super) fn locate(&mut self, id: RequestId, uri: Uri) {
        let Some(reservation) = self.shared.table.reserve() else {
            self.shared.metrics.reject(Rejected::SipTooManySessions);
            return self.focus.handle_located(Instant::now(), &mut self.room, id, Err(503));
        };
        self.reserved.push(reservation);
        let (handle, shared) = (Arc::clone(&self.handle), Arc::clone(&self.shared));
        tokio::spawn(async move {
            let found = shared.locator.locate(&uri).await;
            handle.located(id, found);
        });
    }

    pub(super) fn located(&mut self, now: Instant, id: RequestId, found: Result<Found, Unlocated>) {
        if found.as_ref().is_err_and(|why| *why == Unlocated::Forbidden) {
            self.shared.metrics.reject(Rejected::SipDialOut);
        }
        self.focus.handle_located(now, &mut self.room, id, found.map_err(Unlocated::status));
    }
}
