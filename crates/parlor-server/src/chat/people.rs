//! `/nick`, `/msg` and `/who`: what people are called, and what we say to one of them.

use parlor_client::{Participant, SendError, Sender, Uri};

use super::harmless;
use super::names::{self, Unknown};
use super::talk::Talker;

impl Talker {
    /// Takes a nickname, or gives ours up.
    pub(super) async fn nick(&self, nickname: Option<&str>) {
        let Some(room) = self.room() else { return };
        let _turn = self.turn.lock().await;
        match (room.set_nickname(nickname).await, nickname) {
            (Ok(()), Some(nickname)) => self.screen.notice(&format!("you are {nickname}")),
            (Ok(()), None) => self.screen.notice("you have no nickname"),
            (Err(error), Some(nickname)) => self.complain(&format!("you are not {nickname}: {error}")),
            (Err(error), None) => self.complain(&format!("you keep your nickname: {error}")),
        }
    }

    /// Says something to one person.
    pub(super) async fn msg(&self, user: &str, text: &str) {
        let Some((room, uri)) = self.uri_of(user) else { return };
        let _turn = self.turn.lock().await;
        if let Err(error) = room.send_private(&uri, text).await {
            self.complain(&format!("not sent to {user}: {}", refusal(&error)));
        }
    }

    /// Tells who is there.
    pub(super) fn who(&self) {
        let Some(room) = self.room() else { return };
        let Some(roster) = room.roster() else {
            return self.complain("the room does not tell who is there");
        };
        let own = &room.identity().uri;
        let us = names::participant(&roster, own).map(|one| one.uri.clone());
        let entries: Vec<String> =
            roster.participants.iter().map(|one| entry(one, us.as_ref() == Some(&one.uri))).collect();
        self.screen.notice(&format!("{} here\n{}", entries.len(), entries.join("\n")));
    }

    /// The room, and the URI of somebody in it; if it is nobody's, that is told.
    pub(super) fn uri_of(&self, user: &str) -> Option<(Sender, Uri)> {
        let room = self.room()?;
        match names::find(room.roster().as_deref(), &room.identity().uri, user) {
            Ok(uri) => Some((room, uri)),
            Err(Unknown::Nobody) => {
                self.complain(&format!("{user} is not here; /who tells who is"));
                None
            }
            Err(Unknown::Several(uris)) => {
                self.complain(&format!("several are called {user}: {}", uris.join(", ")));
                None
            }
        }
    }
}

/// A line of `/who`. The URI stands with every name, as it alone tells people apart.
fn entry(one: &Participant, us: bool) -> String {
    let name = if one.name() == one.uri { String::new() } else { format!("{}  ", harmless::line(one.name())) };
    let mut more: Vec<String> = one.roles.iter().map(|role| harmless::line(role)).collect();
    if one.devices > 1 {
        more.push(format!("{} devices", one.devices));
    }
    if us {
        more.push("you".to_owned());
    }
    let more = if more.is_empty() { String::new() } else { format!("  ({})", more.join(", ")) };
    format!("{name}<{}>{more}", harmless::line(&one.uri))
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
