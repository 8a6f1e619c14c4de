//! What people write to us, wherever we are.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parlor_client::{Account, AccountEvent, PagerMessage, Presence};

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
                AccountEvent::Composing { who, active: true } => self.typing(&who.uri),
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
        let from = self.people.called(&message.from.uri);
        self.people.know(&message.from.uri);
        let (name, whence) = match &message.author {
            // A room passes on what its members say, and vouches for that itself.
            Some(author) => (self.people.called(&author.uri), format!(" in {from}")),
            None => (from, " to you".to_owned()),
        };
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

    fn typing(&mut self, uri: &str) {
        if self.typing.as_mut().is_some_and(|typing| typing.is_news(Instant::now(), uri)) {
            let name = harmless::line(&self.people.called(uri));
            self.screen.notice(&format!("{name} is typing to you"));
        }
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
