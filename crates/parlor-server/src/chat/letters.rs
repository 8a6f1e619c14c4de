//! What people write to us, wherever we are.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parlor_client::{Account, AccountEvent, Address, PagerMessage, Presence};

use super::harmless;
use super::outlets::{self, People};
use super::screen::{self, Screen};
use super::typing::Typing;
use crate::clock::since_epoch;

/// Shows what comes from people.
pub(super) struct Letters {
    screen: Arc<Screen>,
    people: People,
    /// Who is typing, if that is shown.
    typing: Option<Typing>,
}

impl Letters {
    /// `interactive`: who is typing is of no use to a script.
    pub(super) fn new(screen: Arc<Screen>, people: People, interactive: bool) -> Self {
        Self { screen, people, typing: interactive.then(Typing::default) }
    }

    /// Shows what comes as long as the account is used.
    pub(super) async fn run(&mut self, account: &mut Account) -> std::convert::Infallible {
        loop {
            match account.next_event().await {
                AccountEvent::Message(message) => self.message(&message),
                AccountEvent::Composing { from, author, active: true } => self.typing(&from.uri, author),
                AccountEvent::Presence { who, presence } => self.presence(&who.to_string(), presence),
                AccountEvent::NotShown { who, code } => self.not_shown(&who.to_string(), code),
                AccountEvent::Registered => self.screen.notice("people reach you again"),
                AccountEvent::NotRegistered(why) => {
                    self.screen.problem(&format!("people do not reach you: {}", harmless::line(&why.to_string())));
                }
                _ => {}
            }
        }
    }

    fn message(&self, message: &PagerMessage) {
        self.people.heard_of(&message.from.uri);
        let from = self.people.called(&message.from.uri);
        let author = message.author.as_ref().map(|author| self.people.called(&author.uri));
        let (name, whence) = heading(from, author, self.people.is_room(&message.from.uri));
        let subject = message.subject.as_ref().filter(|subject| **subject != *message.text);
        let subject = subject.map(|subject| format!(" [{subject}]")).unwrap_or_default();
        let late = message.date.filter(|date| date.elapsed().is_ok_and(|since| since > LATE));
        let late = late.map(|date| format!(" (sent {})", day_and_time(date))).unwrap_or_default();
        self.screen.said(&name, &format!("{whence}{late}{subject}"), &message.text);
    }

    fn presence(&self, uri: &str, presence: Presence) {
        self.screen.notice(&outlets::shown(&self.people.called(uri), Some(&presence)));
        self.people.set_presence(uri, Some(presence));
    }

    fn not_shown(&self, uri: &str, code: Option<u16>) {
        self.people.set_presence(uri, None);
        let why = match code {
            Some(404 | 604) => "there is nobody of that address".to_owned(),
            Some(405 | 489 | 501) => "the server tells nobody's presence".to_owned(),
            Some(code @ (401 | 407)) => format!("the server wants to know who you are ({code})"),
            Some(403 | 603) | None => "they do not let you".to_owned(),
            Some(code) => code.to_string(),
        };
        let name = harmless::line(&self.people.called(uri));
        self.screen.problem(&format!("whether {name} is online is not told: {why}"));
    }

    fn typing(&mut self, from: &str, author: Option<Address>) {
        let author = author.filter(|_| self.people.is_room(from));
        let uri = author.as_ref().map_or(from, |author| &author.uri);
        if self.typing.as_mut().is_some_and(|typing| typing.is_news(Instant::now(), uri)) {
            let called = |uri| harmless::line(&self.people.called(uri));
            let place = if author.is_some() { format!("in {}", called(from)) } else { "to you".to_owned() };
            self.screen.notice(&format!("{} is typing {place}", called(uri)));
        }
    }
}

/// Who says something, and where: a room that we are in vouches for what its members say; anybody else may only claim to
/// pass something on.
fn heading(from: String, author: Option<String>, is_room: bool) -> (String, String) {
    match author.filter(|author| *author != from) {
        Some(author) if is_room => (author, format!(" in {from}")),
        Some(author) => (from, format!(" to you, as if from {author}")),
        None => (from, " to you".to_owned()),
    }
}

fn day_and_time(date: SystemTime) -> String {
    let since = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (day, clock) = (since.as_secs() / 86_400, screen::clock_at(since));
    match since_epoch().as_secs() / 86_400 - day {
        0 => clock,
        1 => format!("yesterday, {clock}"),
        days => format!("{days} days ago, {clock}"),
    }
}

/// What took longer has waited for us.
const LATE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_it_comes_first() {
        let heading = |author: &str, is_room| {
            let author = Some(author.to_owned()).filter(|author| !author.is_empty());
            let (name, whence) = heading("mallory".to_owned(), author, is_room);
            name + &whence
        };
        assert_eq!(heading("carol", false), "mallory to you, as if from carol");
        assert_eq!(heading("carol", true), "carol in mallory");
        assert_eq!(heading("mallory", false), "mallory to you");
        assert_eq!(heading("", false), "mallory to you");
    }
}
