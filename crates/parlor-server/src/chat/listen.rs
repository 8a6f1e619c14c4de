//! What others say.

use std::path::PathBuf;
use std::sync::Arc;

use parlor_client::{Closed, Event, Header, Message, Room};

use super::comings;
use super::harmless;
use super::names;
use super::save::Saver;
use super::screen::Screen;

/// Shows what comes and saves files.
pub(super) struct Listener {
    screen: Arc<Screen>,
    saver: Option<Saver>,
    /// The topic that was told last.
    topic: Option<String>,
}

impl Listener {
    /// Files go to `directory`, or nowhere. `topic` is known.
    pub(super) fn new(screen: Arc<Screen>, directory: Option<PathBuf>, topic: Option<String>) -> Self {
        Self { saver: directory.map(|directory| Saver::new(directory, Arc::clone(&screen))), screen, topic }
    }

    /// Runs until the session is over.
    pub(super) async fn run(&mut self, room: &mut Room) -> Closed {
        while let Some(event) = room.next_event().await {
            match event {
                Event::Message(message) => self.message(room, &message).await,
                Event::Notice(message) => match message.text() {
                    Some(text) => self.screen.notice(&text),
                    None => self.message(room, &message).await,
                },
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
                Event::Roster(change) => {
                    comings::lines(&change, &mut self.topic).iter().for_each(|line| self.screen.notice(line));
                }
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

    async fn message(&mut self, room: &Room, message: &Message) {
        let header = &message.header;
        if let Some(text) = message.text() {
            return self.screen.said(&speaker(room, header), &text);
        }
        // What clients tell each other; people need not see it.
        if ["application/im-iscomposing+xml", "message/imdn+xml"].contains(&&*header.essence()) {
            return;
        }
        self.announce(room, header, Some(message.body.len() as u64));
        if let Some(saver) = &mut self.saver {
            saver.begin(message.id, header).await;
            saver.write(message.id, &message.body).await;
            saver.end(message.id, true).await;
        }
    }

    fn announce(&self, room: &Room, header: &Header, size: Option<u64>) {
        let file = header.file_name.as_ref().map(|name| format!("{name:?}, ")).unwrap_or_default();
        let size = size.map_or_else(|| "unknown size".to_owned(), |size| indicatif::HumanBytes(size).to_string());
        let saved = if self.saver.is_some() { "" } else { "; --save DIR would save it" };
        self.screen.notice(&format!(
            "{} sends {file}{}, {size}{saved}",
            harmless::line(&speaker(room, header)),
            header.essence()
        ));
    }
}

/// The name of a sender, and whether only we hear it.
fn speaker(room: &Room, header: &Header) -> String {
    let name = names::shown(room.roster().as_deref(), &header.from);
    if header.private { format!("{name} (to you alone)") } else { name }
}
