//! A script read into steps.

/// One step, with the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) action: Action,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A key of the configuration.
    Config { key: String, value: String },
    /// A room with one further line.
    Room { name: String, line: String },
    /// A client does something that is not written down byte for byte.
    Does { who: String, what: String },
    /// A client sends these lines in one write.
    Sends { who: String, lines: Vec<String> },
    /// A client gets a message of these lines.
    Expects { who: String, lines: Vec<String> },
}

/// Reads all steps of a script.
pub(super) fn read(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut together = false;
    for (index, line) in text.lines().enumerate() {
        let continued = std::mem::take(&mut together);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let action = action(line).unwrap_or_else(|| panic!("line {}: not understood: {line}", index + 1));
        together = matches!(action, Action::Sends { .. } | Action::Expects { .. });
        let joined = continued && steps.last_mut().is_some_and(|last| join(&mut last.action, &action));
        if !joined {
            steps.push(Step { line: index + 1, action });
        }
    }
    steps
}

/// Adds the lines of `next` to `last` if both are one message.
fn join(last: &mut Action, next: &Action) -> bool {
    match (last, next) {
        (Action::Sends { who, lines }, Action::Sends { who: same, lines: more })
        | (Action::Expects { who, lines }, Action::Expects { who: same, lines: more })
            if who == same =>
        {
            lines.extend_from_slice(more);
            true
        }
        _ => false,
    }
}

fn action(line: &str) -> Option<Action> {
    if let Some((who, rest)) = client_line(line, '>') {
        return Some(Action::Sends { who, lines: vec![rest] });
    }
    if let Some((who, rest)) = client_line(line, '<') {
        return Some(Action::Expects { who, lines: vec![rest] });
    }
    let (first, rest) = line.split_once(' ')?;
    let rest = rest.trim();
    match first {
        "config" => {
            let (key, value) = rest.split_once(" = ")?;
            Some(Action::Config { key: key.to_owned(), value: value.to_owned() })
        }
        "room" => {
            let (name, line) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(Action::Room { name: name.to_owned(), line: line.to_owned() })
        }
        who => Some(Action::Does { who: who.to_owned(), what: rest.to_owned() }),
    }
}

/// `alice> text` or `alice>` for an empty line.
fn client_line(line: &str, sign: char) -> Option<(String, String)> {
    let (who, rest) = line.split_once(sign)?;
    let is_name = !who.is_empty() && who.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let text = if rest.is_empty() { Some("") } else { rest.strip_prefix(' ') };
    text.filter(|_| is_name).map(|text| (who.to_owned(), text.to_owned()))
}
