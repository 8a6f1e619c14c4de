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

/// A line editor for that room.
pub(super) type RoomEditor = Editor<Helper, DefaultHistory>;

/// What the editor asks while a line is typed.
pub(super) struct Helper {
    sender: Sender,
    /// The line as it was last.
    line: RefCell<String>,
}

pub(super) fn editor(sender: Sender) -> rustyline::Result<RoomEditor> {
    let config = Config::builder().auto_add_history(true).completion_type(CompletionType::List).build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Helper { sender, line: RefCell::default() }));
    Ok(editor)
}

impl Helper {
    /// Tells those for whom the line is.
    fn typed(&self, line: &str) {
        match Line::parse(line) {
            Line::Text(_) => self.sender.typing(None),
            Line::Msg(user, _) => {
                let roster = self.sender.roster();
                if let Ok(uri) = names::find(roster.as_deref(), &self.sender.identity().uri, user) {
                    self.sender.typing(Some(&uri));
                }
            }
            Line::Nothing
            | Line::Send(_)
            | Line::Nick(_)
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
        let roster = self.sender.roster();
        Ok(complete(roster.as_deref(), &self.sender.identity().uri, &line[..pos]))
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
