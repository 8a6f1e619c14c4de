//! Who is writing, by what comes (RFC 3994).

use std::time::Instant;

use parlor_events::Limits;
use parlor_events::iscomposing::{CONTENT_TYPE, IsComposing};

use super::session::Session;
use crate::composing::{News, Writer};
use crate::event::{Event, Header, Message};

impl Session {
    /// Hands on what has come. Who is writing and who no longer is stands in place of how their clients say so.
    pub(super) fn sift(&mut self, now: Instant) {
        while let Some(event) = self.fresh.pop_front() {
            let news = match &event {
                Event::Message(message) if message.header.essence() == CONTENT_TYPE => {
                    let news = self.status(now, message);
                    self.events.extend(news.map(Event::from));
                    continue;
                }
                Event::Message(Message { header, .. }) => self.composing.handle_content(writer(header)),
                Event::Start { header, .. } => self.composing.handle_content(writer(header)),
                Event::Notice(_)
                | Event::Chunk { .. }
                | Event::End { .. }
                | Event::Report(_)
                | Event::Composing { .. }
                | Event::Roster(_)
                | Event::Closed(_) => None,
            };
            self.events.extend(news.map(Event::from));
            self.events.push_back(event);
        }
    }

    /// What our own other devices say is no news, and what is no status is nothing.
    fn status(&mut self, now: Instant, message: &Message) -> Option<News> {
        let status = IsComposing::read(&message.body, &Limits::default()).ok()?;
        let of_others = !self.incoming.is_own(&message.header.from.uri);
        of_others.then(|| self.composing.handle_status(now, writer(&message.header), &status)).flatten()
    }
}

/// Who wrote it: the room vouches for that.
fn writer(Header { from, private, .. }: &Header) -> Writer<'_> {
    Writer { from, author: None, private: *private }
}
