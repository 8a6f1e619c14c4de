//! `/watch`, `/unwatch` and `/status`: whether others are there, and what we say of ourselves.

use parlor_client::{Presence, PublishError};

use super::command::Status;
use super::talk::Talker;

impl Talker {
    /// Watches somebody, or tells how those are whom we watch.
    pub(super) async fn watch(&self, user: Option<&str>) {
        let Some(user) = user else {
            let Some(people) = self.people() else { return };
            let watched = people.watched();
            return self.screen.notice(&match &watched[..] {
                [] => "you watch nobody".to_owned(),
                lines => lines.join("\n"),
            });
        };
        let Some((people, uri)) = self.person(user) else { return };
        if let Err(error) = people.watch(&uri).await {
            self.complain(&format!("{user} is not watched: {error}"));
        }
    }

    /// Watches somebody no more.
    pub(super) async fn unwatch(&self, user: &str) {
        let Some((people, uri)) = self.person(user) else { return };
        if people.unwatch(&uri).await {
            self.screen.notice(&format!("you watch {user} no more"));
        } else {
            self.complain(&format!("you do not watch {user}"));
        }
    }

    /// Says of us whether we are there.
    pub(super) async fn status(&self, status: Status, note: Option<&str>) {
        let Some(people) = self.people() else { return };
        let (open, note) = match (status, note) {
            (Status::Open, note) => (true, note.map(str::to_owned)),
            (Status::Closed, note) => (false, note.map(str::to_owned)),
            (Status::Away, Some(note)) => (true, Some(format!("away: {note}"))),
            (Status::Away, None) => (true, Some("away".to_owned())),
        };
        match people.messenger.publish(Presence { open, note }).await {
            Ok(()) => self.screen.notice("those who watch you know"),
            Err(error) => self.complain(&format!("those who watch you do not know: {}", reason(&error))),
        }
    }
}

/// Why not, for people.
fn reason(error: &PublishError) -> String {
    let PublishError::Refused(why) = error else { return error.to_string() };
    match why.code {
        403 => "the server does not let you say it".to_owned(),
        404 | 405 | 489 | 501 => "the server tells nobody's presence".to_owned(),
        _ => error.to_string(),
    }
}
