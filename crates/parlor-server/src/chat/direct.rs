//! `/dm`: what we write to people wherever they are.

use parlor_client::{MessageError, Receipt, Uri};

use super::outlets::People;
use super::talk::Talker;

impl Talker {
    /// Writes to somebody, in a room or not.
    pub(super) async fn dm(&self, user: &str, text: &str) {
        let Some((people, uri)) = self.person(user) else { return };
        people.write_to(&uri, text);
        match people.messenger.send_text(&uri, text).await {
            Ok(Receipt::Delivered) => {}
            Ok(Receipt::Accepted) => self.screen.notice(&format!("{user} will get it later")),
            Err(error) => self.complain(&format!("not sent to {user}: {}", reason(&error))),
        }
    }

    /// Those we can write to; if there is nobody, that is told.
    pub(super) fn people(&self) -> Option<People> {
        if self.outlets.people.is_none() {
            self.complain("people are known to users of the server alone: begin with --user NAME");
        }
        self.outlets.people.clone()
    }

    /// The same, and the address of one of them.
    pub(super) fn person(&self, user: &str) -> Option<(People, Uri)> {
        let people = self.people()?;
        let Some(uri) = people.find(user) else {
            self.complain(&format!("{user} is no user, and no SIP URI such as sip:carol@example.com"));
            return None;
        };
        Some((people, uri))
    }
}

/// Why not, for people.
fn reason(error: &MessageError) -> String {
    let MessageError::Refused(why) = error else { return error.to_string() };
    match why.code {
        403 => "the server does not let you".to_owned(),
        404 | 604 => "there is nobody of that address".to_owned(),
        408 | 480 => "nobody is there to get it".to_owned(),
        413 => "it is too large".to_owned(),
        415 => "they take no text".to_owned(),
        486 | 600 => "busy".to_owned(),
        603 => "they do not want it".to_owned(),
        _ => error.to_string(),
    }
}
