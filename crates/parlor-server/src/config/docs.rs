//! Writes the documentation of the keys and the example file from their declarations.

use std::fmt::Write as _;

use super::keys::{SECTIONS, Section};
use super::section::Key;

/// The text of `docs/configuration.md`.
pub fn documentation() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS {
        section_documentation(section, &mut text);
    }
    text.push_str("\n## The whole file with its defaults\n\nA key behind `#` has no default; what it shows is an example.\n\n```toml\n");
    text.push_str(&example());
    text.push_str("```\n");
    text
}

/// A file with every key and its default, which reads as the defaults.
pub fn example() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        for (index, group) in section.own_groups().iter().enumerate() {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(&comment(group.doc));
            if index == 0 && !section.name.is_empty() {
                let _ = writeln!(text, "{}", section.header());
            }
            for key in group.keys {
                text.push_str(&comment(key.doc));
                text.push_str(&assignment(key));
            }
        }
    }
    text
}

fn section_documentation(section: &Section, text: &mut String) {
    let title = if section.name.is_empty() { "Before the first section" } else { &format!("`{}`", section.header()) };
    let _ = write!(text, "\n## {title}\n");
    for group in section.own_groups() {
        let _ = write!(text, "\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n", sentence(group.doc));
        for key in group.keys {
            let default = if key.is_optional() { "none" } else { &format!("`{}`", one_line(key.default)) };
            let _ = writeln!(text, "| `{}` | {} | {default} | {} |", key.name, value(key), sentence(key.doc));
        }
    }
    if section.repeated {
        text.push_str(
            "\nThe keys of `[rooms]` from `topic` on may stand here too and then count for this room alone.\n",
        );
    }
}

fn value(key: &Key) -> String {
    match key.range {
        Some((least, most)) => {
            format!("{}, from {} to {}", key.kind, least.trim_matches('"'), most.trim_matches('"'))
        }
        None => key.kind.to_owned(),
    }
}

fn assignment(key: &Key) -> String {
    match (key.is_optional(), key.example) {
        (true, Some(example)) if key.name == "name" => {
            format!("{} = {}\n", key.name, one_line(example))
        }
        (true, Some(example)) => format!("# {} = {}\n", key.name, one_line(example)),
        (false, Some(example)) => {
            format!("{} = {}  # such as {}\n", key.name, one_line(key.default), one_line(example))
        }
        (_, None) => format!("{} = {}\n", key.name, one_line(key.default)),
    }
}

fn comment(doc: &[&str]) -> String {
    doc.iter().map(|line| format!("# {}\n", line.trim())).collect()
}

fn sentence(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn one_line(toml: &str) -> String {
    toml.split_whitespace().collect::<Vec<_>>().join(" ")
}

const INTRODUCTION: &str = "\
# Configuration

`parlor serve --config parlor.toml` reads one TOML file. Every key has a default, so the file holds only what differs; \
without `--config`, `parlor.toml` in the working directory is read if it is there. `parlor check-config` names the line \
and the key of each mistake, and a key that is not listed here is one. `parlor example-config` prints the file at the \
end of this page.

Sizes are numbers of bytes, or text such as `\"64 KiB\"` with B, KiB, MiB or GiB. Times are numbers of seconds, or text \
such as `\"30s\"` with ms, s, m, h or d. Relative paths count from the working directory.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The example file reads as the defaults.
    #[test]
    fn example_is_the_defaults() {
        assert_eq!(Config::parse(&example()), Ok(Config::default()));
    }

    /// Each value shown as an example is one that its key takes.
    #[test]
    fn examples_are_valid() {
        for section in SECTIONS {
            for key in section.own_groups().iter().flat_map(|group| group.keys) {
                let Some(example) = key.example else { continue };
                let text = format!("{}\n{} = {example}\n", section.header(), key.name);
                let mistakes = Config::parse(&text).err().unwrap_or_default();
                assert!(mistakes.iter().all(|mistake| !mistake.message.contains("expected")), "{text}: {mistakes:?}");
            }
        }
    }

    /// `docs/configuration.md` is what the declarations say; `parlor config-docs` writes it anew.
    #[test]
    fn documentation_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let written = std::fs::read_to_string(file).unwrap();
        assert!(written == documentation(), "run: cargo run -- config-docs > docs/configuration.md");
    }
}
