//! What a line that was typed asks for.

use std::path::Path;

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Nothing,
    Text(&'a str),
    Send(&'a Path),
    /// Take that nickname, or give ours up.
    Nick(Option<&'a str>),
    /// Say something to one person in the room.
    Msg(&'a str, &'a str),
    /// Write to somebody, wherever they are.
    Dm(&'a str, &'a str),
    /// Watch whether somebody is there, or tell who is.
    Watch(Option<&'a str>),
    /// Watch somebody no more.
    Unwatch(&'a str),
    /// Say of us whether we are there.
    Status(Status, Option<&'a str>),
    Who,
    /// Tell the topic, or set it.
    Topic(Option<&'a str>),
    /// Have somebody called.
    Invite(&'a str),
    /// Have somebody sent away.
    Kick(&'a str),
    Help,
    Quit,
    /// A command without what it needs: how it is written.
    Incomplete(&'static str),
    Unknown(&'a str),
}

/// What we say of ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Open,
    Closed,
    Away,
}

/// A command, how it is written and what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) name: &'static str,
    usage: &'static str,
    does: &'static str,
}

/// All of them, in the order in which they are told of.
pub(super) const COMMANDS: [Usage; 13] = [
    Usage {
        name: "/msg",
        usage: "/msg USER TEXT",
        does: "say it to one person in the room; USER is a name or a SIP URI",
    },
    Usage {
        name: "/dm",
        usage: "/dm USER TEXT",
        does: "write to somebody, here or not; USER is of your server, or a SIP URI",
    },
    Usage { name: "/watch", usage: "/watch [USER]", does: "tell when USER comes and goes; without it, how those are" },
    Usage { name: "/unwatch", usage: "/unwatch USER", does: "tell that no more" },
    Usage {
        name: "/status",
        usage: "/status STATE [NOTE]",
        does: "tell those who watch you that you are open, closed or away",
    },
    Usage { name: "/nick", usage: "/nick [NAME]", does: "be called NAME; without it, give the nickname up" },
    Usage { name: "/who", usage: "/who", does: "tell who is in the room" },
    Usage { name: "/send", usage: "/send FILE", does: "send a file to the room" },
    Usage { name: "/topic", usage: "/topic [TEXT]", does: "tell what the room is about, or set it; \"\" removes it" },
    Usage { name: "/invite", usage: "/invite SIP-URI", does: "have the room call somebody in" },
    Usage { name: "/kick", usage: "/kick USER", does: "have the room send somebody away" },
    Usage {
        name: "/quit",
        usage: "/quit",
        does: "leave, as do Ctrl-D and Ctrl-C; Ctrl-C first drops the line, then gives up what goes on",
    },
    Usage { name: "/help", usage: "/help", does: "tell this" },
];

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a str) -> Self {
        // A space before it must not make public what is for one.
        let Some(command) = line.trim_start().strip_prefix('/') else {
            return if line.trim().is_empty() { Self::Nothing } else { Self::Text(line) };
        };
        // Two slashes are one of text.
        if command.starts_with('/') {
            return Self::Text(command);
        }
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        let given = Some(rest).filter(|rest| !rest.is_empty());
        match word {
            "quit" | "q" | "leave" => Self::Quit,
            "help" | "?" => Self::Help,
            "send" => given.map_or_else(|| incomplete("/send"), |file| Self::Send(Path::new(file))),
            "nick" => Self::Nick(given.map(unquoted)),
            "who" => Self::Who,
            "topic" => Self::Topic(given.map(unquoted)),
            "invite" => given.map_or_else(|| incomplete("/invite"), |whom| Self::Invite(unquoted(whom))),
            "kick" => given.map_or_else(|| incomplete("/kick"), |whom| Self::Kick(unquoted(whom))),
            "msg" => match person(rest) {
                (user, text) if user.is_empty() || text.is_empty() => incomplete("/msg"),
                (user, text) => Self::Msg(user, text),
            },
            "watch" => Self::Watch(given.map(unquoted)),
            "unwatch" => given.map_or_else(|| incomplete("/unwatch"), |user| Self::Unwatch(unquoted(user))),
            "status" => status(rest),
            "dm" => match person(rest) {
                (user, text) if user.is_empty() || text.is_empty() => incomplete("/dm"),
                (user, text) => Self::Dm(user, text),
            },
            _ => Self::Unknown(line),
        }
    }
}

/// What `/help` tells.
pub(super) fn help() -> String {
    let said = "TEXT                 say it to the room (begin with // to say something that begins with /)";
    let lines = COMMANDS.iter().map(|Usage { usage, does, .. }| format!("{usage:<20} {does}"));
    std::iter::once(said.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Somebody's name, in quotes if it has spaces, or URI, and what follows.
fn person(text: &str) -> (&str, &str) {
    let (person, rest) = match text.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
        Some(found) => found,
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    };
    (person, rest.trim())
}

/// What we are, and what else we say.
fn status(text: &str) -> Line<'_> {
    let (word, note) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let status = match word {
        "open" => Status::Open,
        "closed" => Status::Closed,
        "away" => Status::Away,
        _ => return incomplete("/status"),
    };
    Line::Status(status, Some(unquoted(note.trim())).filter(|note| !note.is_empty()))
}

fn unquoted(name: &str) -> &str {
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name)
}

fn incomplete(name: &str) -> Line<'static> {
    let command = COMMANDS.iter().find(|command| command.name == name).expect("it is one of them");
    Line::Incomplete(command.usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, parsed) in [
            ("hello /quit", Line::Text("hello /quit")),
            ("  indented", Line::Text("  indented")),
            (" ", Line::Nothing),
            ("//shrug", Line::Text("/shrug")),
            ("/quit", Line::Quit),
            ("/send  my file.txt ", Line::Send(Path::new("my file.txt"))),
            ("/send", Line::Incomplete("/send FILE")),
            ("/nick", Line::Nick(None)),
            ("/nick  Alice in W ", Line::Nick(Some("Alice in W"))),
            ("/nick \"Al\"", Line::Nick(Some("Al"))),
            (" /msg bob hi", Line::Msg("bob", "hi")),
            ("/msg bob hi there", Line::Msg("bob", "hi there")),
            ("/msg \"Bob B.\" hi", Line::Msg("Bob B.", "hi")),
            ("/msg sip:bob@b  hi", Line::Msg("sip:bob@b", "hi")),
            ("/msg \"Bob hi", Line::Msg("\"Bob", "hi")),
            ("/msg bob", Line::Incomplete("/msg USER TEXT")),
            ("/msg \"\" hi", Line::Incomplete("/msg USER TEXT")),
            ("/dm bob  hi there", Line::Dm("bob", "hi there")),
            ("/dm bob", Line::Incomplete("/dm USER TEXT")),
            ("/watch bob", Line::Watch(Some("bob"))),
            ("/watch", Line::Watch(None)),
            ("/unwatch bob", Line::Unwatch("bob")),
            ("/unwatch", Line::Incomplete("/unwatch USER")),
            ("/status away  at tea ", Line::Status(Status::Away, Some("at tea"))),
            ("/status open", Line::Status(Status::Open, None)),
            ("/status closed \"\"", Line::Status(Status::Closed, None)),
            ("/status asleep", Line::Incomplete("/status STATE [NOTE]")),
            ("/who", Line::Who),
            ("/topic", Line::Topic(None)),
            ("/topic \"\"", Line::Topic(Some(""))),
            ("/topic Tea  time", Line::Topic(Some("Tea  time"))),
            ("/invite sip:bob@b", Line::Invite("sip:bob@b")),
            ("/invite", Line::Incomplete("/invite SIP-URI")),
            ("/kick \"Bob B.\"", Line::Kick("Bob B.")),
            ("/kick Bob B.", Line::Kick("Bob B.")),
            ("/quiet", Line::Unknown("/quiet")),
            ("/help", Line::Help),
        ] {
            assert_eq!(Line::parse(line), parsed, "{line:?}");
        }
    }

    #[test]
    fn help_tells_of_all() {
        for line in help().lines().skip(1) {
            let word = line.split_whitespace().next().unwrap();
            assert!(!matches!(Line::parse(word), Line::Unknown(_)), "{word}");
        }
    }
}
