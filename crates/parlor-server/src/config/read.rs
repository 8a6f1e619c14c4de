//! Walks a TOML document along the declared keys and collects every mistake with its line.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::NONE;
use super::value::{Problems, Value};

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The line it stands in, from 1.
    pub line: usize,
    /// The key with its section, such as `sip.listen[1]`; empty in front of the first one.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.line, self.message);
        }
        write!(f, "{}: {}: {}", self.line, self.key, self.message)
    }
}

/// What reading one document has found: where its keys stand, and its mistakes.
pub(super) struct Findings {
    /// The offset of each line's first byte.
    line_starts: Vec<usize>,
    places: BTreeMap<String, usize>,
    mistakes: Vec<Mistake>,
}

impl Findings {
    pub(super) fn new(text: &str) -> Self {
        let newlines = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(offset, _)| offset + 1)).collect();
        Self { line_starts, places: BTreeMap::new(), mistakes: Vec::new() }
    }

    /// The line of a key, or of the nearest table around it that is written.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(&offset) = self.places.get(key) {
                return self.line_at(offset);
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 1,
            }
        }
    }

    /// Whether the document has that key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Reports a mistake at a key.
    pub(super) fn mistake(&mut self, key: &str, message: impl Into<String>) {
        let (line, key, message) = (self.line_of(key), key.to_owned(), message.into());
        self.mistakes.push(Mistake { line, key, message });
    }

    pub(super) fn mistake_at(&mut self, offset: usize, key: String, message: String) {
        let line = self.line_at(offset);
        self.mistakes.push(Mistake { line, key, message });
    }

    /// Reports a mistake in the text itself, at the key that stands there.
    pub(super) fn mistake_near(&mut self, text: &str, offset: usize, message: String) {
        let until = text.bytes().skip(offset).position(|byte| byte == b'\n').map_or(text.len(), |rest| offset + rest);
        self.mistake_at(offset, last_key(&text[..until]), message);
    }

    /// The configuration if there is no mistake, else the mistakes by line.
    pub(super) fn into_result<C>(mut self, config: C) -> Result<C, Vec<Mistake>> {
        self.mistakes.sort();
        self.mistakes.dedup();
        if self.mistakes.is_empty() { Ok(config) } else { Err(self.mistakes) }
    }

    fn place(&mut self, key: String, offset: usize) {
        self.places.insert(key, offset);
    }

    fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset)
    }
}

/// One table of the document while its keys are read.
pub(super) struct Table<'f, 'd> {
    findings: &'f mut Findings,
    /// `None` where the document has no such table.
    entries: Option<&'d DeTable<'d>>,
    path: String,
    known: Vec<&'static str>,
}

impl<'f, 'd> Table<'f, 'd> {
    pub(super) fn root(findings: &'f mut Findings, entries: &'d DeTable<'d>) -> Self {
        Self { findings, entries: Some(entries), path: String::new(), known: Vec::new() }
    }

    /// The value of a key, or `default` where it is missing or wrong.
    pub(super) fn value<T: Value + Clone>(&mut self, name: &'static str, default: &T) -> T {
        let Some(value) = self.entry(name) else {
            return default.clone();
        };
        let key = self.key(name);
        if let Some(array) = value.get_ref().as_array() {
            for (index, element) in array.iter().enumerate() {
                self.findings.place(format!("{key}[{index}]"), element.span().start);
            }
        }
        let mut problems = Problems::default();
        let read = T::read(value, &mut problems);
        for problem in problems.0 {
            let key = match problem.index {
                Some(index) => format!("{key}[{index}]"),
                None => key.clone(),
            };
            self.findings.mistake_at(problem.offset, key, problem.message);
        }
        read.unwrap_or_else(|| default.clone())
    }

    /// Reports a value that is written and lies outside `least` to `most`.
    pub(super) fn within<T: Value + PartialOrd>(&mut self, name: &str, value: &T, least: &str, most: &str) {
        let fits = declared::<T>(least) <= *value && *value <= declared::<T>(most);
        let key = self.key(name);
        if !fits && self.findings.has(&key) {
            let (least, most) = (least.trim_matches('"'), most.trim_matches('"'));
            self.findings.mistake(&key, format!("must be from {least} to {most}"));
        }
    }

    /// Whether the table has that key.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(name))
    }

    /// Reports a mistake at one of the table's keys.
    pub(super) fn mistake(&mut self, name: &str, message: &str) {
        self.findings.mistake(&self.key(name), message);
    }

    /// Reads the table under a key: `[name]`.
    pub(super) fn table<R>(&mut self, name: &'static str, read: impl FnOnce(&mut Table<'_, 'd>) -> R) -> R {
        let path = self.key(name);
        let entries = match self.entry(name).map(|value| (value, value.get_ref().as_table())) {
            Some((value, None)) => {
                let message = format!("this is a section: write [{path}]");
                self.findings.mistake_at(value.span().start, path.clone(), message);
                None
            }
            Some((_, entries)) => entries,
            None => None,
        };
        self.open(entries, path, read)
    }

    /// Reads each table under a key: `[[name]]`.
    pub(super) fn tables<R>(&mut self, name: &'static str, mut read: impl FnMut(&mut Table<'_, 'd>) -> R) -> Vec<R> {
        let Some(value) = self.entry(name) else {
            return Vec::new();
        };
        let array = value.get_ref().as_array();
        let tables = array.map(|array| array.iter().map(|element| (element, element.get_ref().as_table())));
        let mut all = Vec::new();
        for (index, (element, entries)) in tables.into_iter().flatten().enumerate() {
            let path = format!("{}[{index}]", self.key(name));
            self.findings.place(path.clone(), element.span().start);
            match entries {
                Some(_) => all.push(self.open(entries, path, &mut read)),
                None => self.findings.mistake(&path, format!("this is a section: write [[{name}]]")),
            }
        }
        if array.is_none() {
            self.mistake(name, &format!("there may be several of this section: write [[{name}]]"));
        }
        all
    }

    /// Reports every key that nothing has asked for. `elsewhere` names the section that has such a key.
    fn finish(self, elsewhere: impl Fn(&str) -> Option<String>) {
        let Some(entries) = self.entries else { return };
        for name in entries.keys() {
            let text = name.get_ref().as_ref();
            if self.known.contains(&text) {
                continue;
            }
            let mut message = "unknown key".to_owned();
            if let Some(near) = nearest(text, &self.known) {
                message.push_str(&format!(", perhaps `{near}`"));
            } else if let Some(section) = elsewhere(text) {
                message.push_str(&format!(", it belongs {section}"));
            }
            let key = join(&self.path, text);
            self.findings.mistake_at(name.span().start, key, message);
        }
    }

    fn open<R>(
        &mut self,
        entries: Option<&'d DeTable<'d>>,
        path: String,
        read: impl FnOnce(&mut Table<'_, 'd>) -> R,
    ) -> R {
        let mut table = Table { findings: self.findings, entries, path, known: Vec::new() };
        let result = read(&mut table);
        table.finish(super::keys::section_of);
        result
    }

    /// Finds a key, marks it as known and notes its place.
    fn entry(&mut self, name: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.push(name);
        let (key, value) = self.entries?.get_key_value(name)?;
        self.findings.place(self.key(name), key.span().start);
        Some(value)
    }

    fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

/// Reads a whole document: `read` gets its root table.
pub(super) fn document<R>(text: &str, findings: &mut Findings, read: impl FnOnce(&mut Table<'_, '_>) -> R) -> R {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        findings.mistake_near(text, offset, error.message().replace('\n', ", "));
    }
    let mut root = Table::root(findings, document.get_ref());
    let result = read(&mut root);
    root.finish(super::keys::section_of);
    result
}

/// Reads a value that this crate itself declares.
pub(super) fn declared<T: Value>(toml: &str) -> T {
    if toml == NONE {
        return T::absent().expect("only a key that may be absent is declared without default");
    }
    let value = DeValue::parse(toml).expect("a declared value is TOML");
    T::read(&value, &mut Problems::default()).expect("a declared value is one of its type")
}

/// The last key of a text that may be no TOML, as far as its lines tell: `[section]`, `[[section]]`, `key =`.
fn last_key(text: &str) -> String {
    let (mut section, mut key) = (String::new(), "");
    let mut repeated = BTreeMap::new();
    for line in text.lines() {
        let header = line.trim_start();
        if let Some(name) = header.strip_prefix("[[").and_then(|rest| name_before(rest, "]]")) {
            let count = repeated.entry(name).or_insert(0_usize);
            (section, key) = (format!("{name}[{count}]"), "");
            *count += 1;
        } else if let Some(name) = header.strip_prefix('[').and_then(|rest| name_before(rest, "]")) {
            (section, key) = (name.to_owned(), "");
        } else if let Some(name) = name_before(line, "=") {
            key = name;
        }
    }
    if key.is_empty() { section } else { join(&section, key) }
}

fn name_before<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    let name = text.split_once(end)?.0.trim().trim_matches(['"', '\'']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// The name that was probably meant.
fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let most = text.chars().count().div_ceil(3).min(3);
    let near = known.iter().map(|&name| (distance(text, name), name));
    near.filter(|&(distance, _)| distance <= most).min().map(|(_, name)| name)
}

/// How many letters must be put in, taken out or replaced to make `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A misspelt name finds the one meant, and a name like no other finds none.
    #[test]
    fn nearest_name() {
        let known = ["listen", "advertised", "min_se"];
        assert_eq!(nearest("listne", &known), Some("listen"));
        assert_eq!(nearest("advertized", &known), Some("advertised"));
        assert_eq!(nearest("min-se", &known), Some("min_se"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    /// Lines count from 1, and a key that is not written has the line of the section around it.
    #[test]
    fn lines() {
        let mut findings = Findings::new("a\nb\n\nc");
        findings.place("sip".to_owned(), 2);
        assert_eq!([0, 1, 2, 4, 5, 9].map(|offset| findings.line_at(offset)), [1, 1, 2, 3, 4, 4]);
        assert_eq!(findings.line_of("sip.listen[0]"), 2);
        assert_eq!(findings.line_of("msrp"), 1);
    }
}
