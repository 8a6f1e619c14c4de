//! What the code cites is listed in docs/rfcs.md, and what that page names is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every `RFC 1234` in the source of a crate has its row, or part of a row.
#[test]
fn every_cited_rfc_is_listed() {
    let page = page();
    let listed: BTreeSet<_> = rows(&page).flat_map(|row| rfcs(cells(row)[0])).collect();
    let cited: BTreeSet<_> = sources().iter().flat_map(|source| rfcs(source)).collect();
    let missing: Vec<_> = cited.difference(&listed).collect();
    assert!(missing.is_empty(), "cited and not in docs/rfcs.md: {missing:?}");
}

/// Every requirement that the code or a test names is of a group of that page.
#[test]
fn every_requirement_is_of_a_group() {
    let page = page();
    let groups: Vec<_> = rows(&page).filter_map(|row| group(cells(row)[0])).collect();
    let mut unknown = BTreeSet::new();
    for source in sources() {
        for (name, number) in requirements(&source) {
            let is_known = groups.iter().any(|(known, from, to)| *known == name && (*from..=*to).contains(&number));
            if !is_known {
                unknown.insert(format!("{name}{number}"));
            }
        }
    }
    assert!(unknown.is_empty(), "of no group in docs/rfcs.md: {unknown:?}");
}

/// Every test that the page names exists.
#[test]
fn every_named_test_exists() {
    let page = page();
    let paths = page.split(['|', ',', ' ', '`', '\n']).map(str::trim);
    let paths: BTreeSet<_> = paths.filter(|word| word.starts_with("tests/") || word.starts_with("crates/")).collect();
    let missing: Vec<_> = paths.iter().filter(|path| !path.ends_with('…') && !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/rfcs.md")).unwrap()
}

/// The lines of its tables.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with("| "))
}

fn cells(row: &str) -> Vec<&str> {
    row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

/// All source of all crates.
fn sources() -> Vec<String> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        collect(&entry.unwrap().path().join("src"), &mut sources);
    }
    assert!(sources.len() > 50);
    sources
}

fn collect(directory: &Path, sources: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The numbers behind `RFC `.
fn rfcs(text: &str) -> Vec<u32> {
    text.split("RFC ").skip(1).filter_map(leading_number).collect()
}

/// `MSRP-30 … 47` as (`MSRP-`, 30, 47), `MSRP-E1 … 13` as (`MSRP-E`, 1, 13).
fn group(cell: &str) -> Option<(String, u32, u32)> {
    let (first, last) = cell.split_once(" … ")?;
    let (name, from) = requirements(first).pop()?;
    Some((name, from, last.parse().ok()?))
}

/// Every id such as `CHAT-42` or `SIP-E3`, cut before its number.
fn requirements(text: &str) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for name in ["MSRP-", "CHAT-", "SIP-", "CPIM-", "EVT-", "MSG-"] {
        for (at, _) in text.match_indices(name) {
            let is_word = !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '-');
            let rest = &text[at + name.len()..];
            let (name, rest) = match rest.strip_prefix('E') {
                Some(rest) => (format!("{name}E"), rest),
                None => (name.to_owned(), rest),
            };
            if let (true, Some(number)) = (is_word, leading_number(rest)) {
                found.push((name, number));
            }
        }
    }
    found
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}
