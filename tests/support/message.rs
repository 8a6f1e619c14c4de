//! What SIP and MSRP messages have in common: a start line, headers and a body.

/// Header lines in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(pub(crate) Vec<(String, String)>);

impl Headers {
    /// Reads `Name: value` lines, exactly so, as the strictest known clients do.
    pub(crate) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let read = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
            assert!(!name.is_empty() && !name.contains([' ', '\t', ':']), "a header's name: {line:?}");
            assert!(!value.starts_with(' ') && !value.ends_with(' '), "spaces around a header's value: {line:?}");
            (name.to_owned(), value.to_owned())
        };
        Self(lines.map(read).collect())
    }

    /// The value of the only header of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} twice in {self:?}");
        values.first().copied()
    }

    /// The values of all headers of that name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}
