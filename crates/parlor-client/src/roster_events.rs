//! The roster told as events.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::watch;

use crate::event::Event;
use crate::msrp::EventSender;
use crate::roster::{Roster, RosterChange};

/// Tells what is new in the roster whenever there is room for it among the events. However much happens meanwhile, one
/// event waits.
pub(crate) async fn tell(mut roster: watch::Receiver<Option<Arc<Roster>>>, events: EventSender) -> Infallible {
    let mut told: Option<Arc<Roster>> = None;
    loop {
        let Ok(()) = roster.changed().await else { return std::future::pending().await };
        let Some(now) = roster.borrow_and_update().clone() else { continue };
        let change = RosterChange::between(told.as_deref(), &now);
        if !change.is_empty() {
            let event = Event::Roster(Box::new(change));
            let Some(room) = events.reserve(&event).await else { return std::future::pending().await };
            room.fill(event);
        }
        told = Some(now);
    }
}
