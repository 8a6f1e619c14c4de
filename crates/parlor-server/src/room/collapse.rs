//! When a room's task panics, which is a fault of ours: the room ends like one that is closed, and leaves nothing behind.

use super::MsrpInput;
use super::mailbox::Letters;
use super::task::RoomTask;
use crate::panics::caught;
use std::pin::pin;
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::{error, info};

impl RoomTask {
    /// Works until the room has ended. After a panic its participants get BYE; a second one ends it on the spot.
    pub(super) async fn run(mut self, mut sip: Letters, mut msrp: mpsc::Receiver<MsrpInput>) {
        info!("room opened");
        if caught(pin!(self.work(&mut sip, &mut msrp))).await.is_err() {
            error!("the room panicked and is closed");
            self.shared.metrics.room_panics.inc();
            let drain = pin!(async {
                self.collapse();
                self.work(&mut sip, &mut msrp).await;
            });
            if caught(drain).await.is_err() {
                error!("the room panicked again and is dropped");
            }
        }
        info!("room closed");
    }

    fn collapse(&mut self) {
        self.close_room(Instant::now());
        self.move_outputs();
    }
}

/// Whatever its task came to: nobody finds the room any more, its sessions are nobody's, their connections get their places
/// back and are closed.
impl Drop for RoomTask {
    fn drop(&mut self) {
        self.rooms.forget(&self.handle);
        self.leave_family();
        let prefix = format!("{:x}-", self.handle.id());
        self.shared.locator.directory.remove_all(&prefix);
        self.shared.whereabouts.closed(&prefix);
        let metrics = &self.shared.metrics;
        metrics.participants.sub(i64::try_from(self.participants).unwrap_or(i64::MAX));
        metrics.subscriptions.sub(i64::try_from(self.subscriptions).unwrap_or(i64::MAX));
        metrics.pagers.sub(i64::try_from(self.pagers.len()).unwrap_or(i64::MAX));
        for (session, entries) in std::mem::take(&mut self.entries) {
            self.shared.metrics.msrp_sessions.dec();
            entries.remove_from(&self.shared.table);
            self.switch.close(session);
        }
    }
}
