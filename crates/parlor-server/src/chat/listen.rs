//! What others say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use parlor_client::{Address, Closed, Event, Header, Message, Room, RosterChange};

use super::comings;
use super::harmless;
use super::names;
use super::save::Saver;
use super::screen::Screen;
use super::size;
use super::typing::Typing;

/// Shows what comes and saves files.
pub(super) struct Listener {
    screen: Arc<Screen>,
    saver: Option<Saver>,
    /// The topic that was told last.
    topic: Option<String>,
    /// What the room said last.
    notice: String,
    /// Who is typing, if that is shown.
    typing: Option<Typing>,
}

impl Listener {
    /// Files go to `directory`, or nowhere. `topic` is known.
    pub(super) fn new(screen: Arc<Screen>, directory: Option<PathBuf>, topic: Option<String>) -> Self {
        Self {
            saver: directory.map(|directory| Saver::new(directory, Arc::clone(&screen))),
            screen,
            topic,
            notice: String::new(),
            typing: None,
        }
    }

    /// Shows who is typing: to a person, it is of no use to a script.
    pub(super) fn show_typing(&mut self) {
        self.typing = Some(Typing::default());
    }

    /// Runs until the session is over.
    pub(super) async fn run(&mut self, room: &mut Room) -> Closed {
        while let Some(event) = room.next_event().await {
            match event {
                Event::Message(message) => self.message(room, &message).await,
                Event::Notice(message) => self.room_says(room, &message).await,
                Event::Start { id, header, size } => {
                    self.announce(room, &header, size);
                    if let Some(saver) = &mut self.saver {
                        saver.begin(id, &header).await;
                    }
                }
                Event::Chunk { id, bytes } => {
                    if let Some(saver) = &mut self.saver {
                        saver.write(id, &bytes).await;
                    }
                }
                Event::End { id, complete } => match &mut self.saver {
                    Some(saver) => saver.end(id, complete).await,
                    None if complete => {}
                    None => self.screen.notice("that did not come to its end"),
                },
                Event::Report(report) => self.screen.problem(&format!("a message was not delivered: {}", report.code)),
                Event::Composing { who, private, active: true } => self.typing(room, &who, private),
                Event::Roster(change) => self.comings(&change),
                Event::Closed(closed) => return closed,
                _ => {}
            }
        }
        Closed::Left
    }

    /// Removes files that did not come to their end.
    pub(super) async fn give_up(&mut self) {
        if let Some(saver) = &mut self.saver {
            saver.give_up().await;
        }
    }

    async fn room_says(&mut self, room: &Room, message: &Message) {
        match message.text() {
            Some(text) => {
                self.screen.notice(&text);
                self.notice = text.into_owned();
            }
            None => self.message(room, message).await,
        }
    }

    fn comings(&mut self, change: &RosterChange) {
        // The room may have said so itself.
        if change.topic.as_ref().is_some_and(|topic| self.notice.contains(topic)) {
            self.topic.clone_from(&change.topic);
        }
        comings::lines(change, &mut self.topic).iter().for_each(|line| self.screen.notice(line));
    }

    async fn message(&mut self, room: &Room, message: &Message) {
        let header = &message.header;
        if let Some(text) = message.text() {
            let about = header.subject.as_ref().filter(|subject| **subject != *text);
            let about = about.map(|subject| format!(" [{subject}]")).unwrap_or_default();
            let (name, alone) = speaker(room, header);
            return self.screen.said(&name, &format!("{alone}{about}"), &text);
        }
        // What clients tell each other; people need not see it.
        if header.essence() == "message/imdn+xml" {
            return;
        }
        self.announce(room, header, Some(message.body.len() as u64));
        if let Some(saver) = &mut self.saver {
            saver.begin(message.id, header).await;
            saver.write(message.id, &message.body).await;
            saver.end(message.id, true).await;
        }
    }

    fn typing(&mut self, room: &Room, who: &Address, private: bool) {
        if self.typing.as_mut().is_some_and(|typing| typing.is_news(Instant::now(), &who.uri)) {
            let name = harmless::line(&names::shown(room.roster().as_deref(), who));
            self.screen.notice(&format!("{name} is typing{}", if private { " to you alone" } else { "" }));
        }
    }

    fn announce(&self, room: &Room, header: &Header, size: Option<u64>) {
        let file = header.file_name.as_ref().map(|name| format!("{name:?}, ")).unwrap_or_default();
        let size = size.map_or_else(|| "unknown size".to_owned(), size::shown);
        let saved = if self.saver.is_some() { "" } else { "; --save DIR would save it" };
        let (name, alone) = speaker(room, header);
        let (name, essence) = (harmless::line(&name), harmless::line(&header.essence()));
        self.screen.notice(&format!("{name}{alone} sends {file}{essence}, {size}{saved}"));
    }
}

/// The name of a sender, and whether only we hear it.
fn speaker(room: &Room, header: &Header) -> (String, &'static str) {
    let name = names::shown(room.roster().as_deref(), &header.from);
    (name, if header.private { " (to you alone)" } else { "" })
}
