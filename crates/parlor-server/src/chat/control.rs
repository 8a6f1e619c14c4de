//! `/topic`, `/invite` and `/kick`: what the room is about and who is in it.

use parlor_client::ReferError;

use super::talk::Talker;

impl Talker {
    /// Tells the topic, or sets it.
    pub(super) async fn topic(&self, topic: Option<&str>) {
        let Some(room) = self.room() else { return };
        let Some(topic) = topic else {
            let shown = room.topic().map_or_else(|| "no topic".to_owned(), |topic| format!("topic: {topic}"));
            return self.screen.notice(&shown);
        };
        match room.set_topic(topic).await {
            // The roster tells everybody.
            Ok(true) => {}
            Ok(false) => self.complain("the room shows another topic: it may not be yours to set"),
            Err(error) => self.complain(&format!("the topic was not sent: {error}")),
        }
    }

    /// Has the room call somebody.
    pub(super) async fn invite(&self, whom: &str) {
        let Some(room) = self.room() else { return };
        let Ok(uri) = whom.parse() else {
            return self.complain(&format!("{whom} is no SIP URI, such as sip:carol@example.com"));
        };
        self.screen.notice(&format!("calling {whom}"));
        match room.invite(&uri).await {
            Ok(()) => self.screen.notice(&format!("{whom} has taken the call")),
            Err(error) => self.complain(&format!("{whom} was not brought in: {}", reason(&error, "invite"))),
        }
    }

    /// Has the room send somebody away.
    pub(super) async fn kick(&self, whom: &str) {
        let Some((room, uri)) = self.uri_of(whom) else { return };
        match room.remove(&uri).await {
            Ok(()) => self.screen.notice(&format!("{whom} was sent away")),
            Err(error) => self.complain(&format!("{whom} stays: {}", reason(&error, "remove"))),
        }
    }
}

/// Why not, for people.
fn reason(error: &ReferError, what: &str) -> String {
    match error {
        ReferError::Refused(why) => match why.code {
            403 | 603 => format!("you may not {what} anybody here"),
            405 | 501 => format!("this room cannot {what} anybody"),
            _ => error.to_string(),
        },
        ReferError::Failed { code: 404, .. } => "there is nobody of that address".to_owned(),
        ReferError::Failed { code: 486 | 600, .. } => "busy".to_owned(),
        ReferError::Failed { code: 408 | 480 | 487, .. } => "no answer".to_owned(),
        ReferError::Failed { code: 603, .. } => "the call was declined".to_owned(),
        ReferError::Failed { .. } | ReferError::Unanswered | ReferError::Closed => error.to_string(),
    }
}
