//! `/nick` and `/msg`: what we are called, and what we say to one person.

use parlor_client::{SendError, Uri};

use super::talk::Talker;

impl Talker {
    /// Takes a nickname, or gives ours up.
    pub(super) async fn nick(&mut self, nickname: Option<&str>) {
        match (self.sender.set_nickname(nickname).await, nickname) {
            (Ok(()), Some(nickname)) => self.screen.notice(&format!("you are {nickname}")),
            (Ok(()), None) => self.screen.notice("you have no nickname"),
            (Err(error), Some(nickname)) => self.complain(&format!("you are not {nickname}: {error}")),
            (Err(error), None) => self.complain(&format!("you keep your nickname: {error}")),
        }
    }

    /// Says something to one person.
    pub(super) async fn msg(&mut self, user: &str, text: &str) {
        let Some(uri) = self.uri_of(user) else {
            return self.complain(&format!("{user} is no name and no SIP URI"));
        };
        if let Err(error) = self.sender.send_private(&uri, text).await {
            self.complain(&format!("not sent to {user}: {}", refusal(&error)));
        }
    }

    /// The URI of somebody: as it is written, or of that name where we are.
    fn uri_of(&self, user: &str) -> Option<Uri> {
        if let Some(uri) = user.parse().ok().filter(|_| user.contains(':')) {
            return Some(uri);
        }
        let own: Uri = self.sender.identity().uri.parse().ok()?;
        Uri::sip(Some(user), own.host()?, None).ok()
    }
}

/// Why a private message was not taken, for people (RFC 7701 §6.2).
fn refusal(error: &SendError) -> String {
    let SendError::Refused { code } = error else { return error.to_string() };
    match code {
        403 => "this room allows no private messages".to_owned(),
        404 => "nobody of that name is in the room".to_owned(),
        428 => "takes no private messages".to_owned(),
        _ => error.to_string(),
    }
}
