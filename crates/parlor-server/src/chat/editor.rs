//! The line editor: completes words, and tells the others that we are typing.

use std::cell::RefCell;

use parlor_client::Sender;
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor};

use super::command::Line;
use super::complete::complete;
use super::names;
use super::outlets::Outlets;

/// A line editor.
pub(super) type RoomEditor = Editor<Helper, DefaultHistory>;

/// What the editor asks while a line is typed.
pub(super) struct Helper {
    outlets: Outlets,
    /// The line as it was last.
    line: RefCell<String>,
}

pub(super) fn editor(outlets: Outlets) -> rustyline::Result<RoomEditor> {
    let config = Config::builder().auto_add_history(true).completion_type(CompletionType::List).build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Helper { outlets, line: RefCell::default() }));
    Ok(editor)
}

impl Helper {
    /// Whether something is typed.
    pub(super) fn has_line(&self) -> bool {
        !self.line.borrow().is_empty()
    }

    /// Tells those for whom the line is.
    fn typed(&self, line: &str) {
        match Line::parse(line) {
            Line::Text(_) => {
                if let Some(room) = &self.outlets.room {
                    room.typing(None);
                }
            }
            Line::Msg(user, _) => {
                if let Some(room) = &self.outlets.room
                    && let Ok(uri) = names::find(room.roster().as_deref(), &room.identity().uri, user)
                {
                    room.typing(Some(&uri));
                }
            }
            Line::Dm(user, _) => {
                if let Some(people) = &self.outlets.people
                    && let Some(uri) = people.find(user)
                {
                    people.messenger.typing(&uri);
                }
            }
            Line::Nothing
            | Line::Send(_)
            | Line::Nick(_)
            | Line::Watch(_)
            | Line::Unwatch(_)
            | Line::Status(..)
            | Line::Who
            | Line::Topic(_)
            | Line::Invite(_)
            | Line::Kick(_)
            | Line::Help
            | Line::Quit
            | Line::Incomplete(_)
            | Line::Unknown(_) => {}
        }
    }
}

impl Completer for Helper {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let (room, people) = (self.outlets.room.as_ref(), self.outlets.people.as_ref());
        let roster = room.and_then(Sender::roster);
        let own = room.map_or("", |room| &room.identity().uri);
        Ok(complete(roster.as_deref(), own, |begun| people.map(|people| people.begun(begun)), &line[..pos]))
    }
}

impl Hinter for Helper {
    type Hint = String;

    /// Asked for with every key. There are no hints, but this tells that something was typed.
    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        let last = self.line.replace(line.to_owned());
        if last != line {
            self.typed(line);
        }
        None
    }
}

impl Highlighter for Helper {}

impl Validator for Helper {}

impl rustyline::Helper for Helper {}
