//! Writing XML: what is written is well-formed, whatever text it is given.

use std::borrow::Cow;
use std::fmt::Write as _;

/// XML that grows at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A document that begins with its declaration.
    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned())
    }

    /// An element with what `content` writes into it.
    pub(crate) fn element(&mut self, name: &str, attributes: &[(&str, &str)], content: impl FnOnce(&mut Self)) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
        let opened = self.0.len();
        self.0.push('>');
        content(self);
        if self.0.len() == opened + 1 {
            self.0.truncate(opened);
            self.0.push_str("/>");
        } else {
            write!(self.0, "</{name}>").expect("a String takes all");
        }
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element with attributes and text.
    pub(crate) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.element(name, attributes, |xml| xml.escaped(text, Place::Text));
    }

    /// An element with a URI.
    pub(crate) fn uri(&mut self, name: &str, uri: &str) {
        self.text(name, &any_uri(uri));
    }

    /// An element with text, if there is one.
    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.element(name, attributes, |_| {});
    }

    /// XML that was written before.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }

    /// How much has been written, in octets.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn attribute(&mut self, name: &str, value: &str) {
        write!(self.0, " {name}=\"").expect("a String takes all");
        self.escaped(value, Place::Attribute);
        self.0.push('"');
    }

    fn escaped(&mut self, text: &str, place: Place) {
        for letter in text.chars() {
            match (letter, place) {
                ('&', _) => self.0.push_str("&amp;"),
                ('<', _) => self.0.push_str("&lt;"),
                // XML 1.0 §2.4: "]]>" must not stand in text.
                ('>', _) => self.0.push_str("&gt;"),
                ('"', Place::Attribute) => self.0.push_str("&quot;"),
                // XML 1.0 §2.11, §3.3.3: as they stand they would be read as something else.
                ('\r', _) | ('\n' | '\t', Place::Attribute) => {
                    write!(self.0, "&#{};", u32::from(letter)).expect("a String takes all");
                }
                _ if is_character(letter) => self.0.push(letter),
                _ => self.0.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }
}

/// Where text stands.
#[derive(Clone, Copy)]
enum Place {
    Text,
    Attribute,
}

/// A URI as `xs:anyURI` takes it (RFC 3986 §2): clients are known that drop a document over the brackets of an IPv6 address,
/// which SIP has where RFC 3986 has none.
pub(crate) fn any_uri(uri: &str) -> Cow<'_, str> {
    let is_hex = |at: usize| uri.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_fine = |at: usize, letter: char| match letter {
        '%' => is_hex(at + 1) && is_hex(at + 2),
        '#' => uri.find('#') == Some(at),
        _ => !letter.is_ascii() || letter.is_ascii_alphanumeric() || "-._~:/?@!$&'()*+,;=".contains(letter),
    };
    if uri.char_indices().all(|(at, letter)| is_fine(at, letter)) {
        return uri.into();
    }
    let written = uri.char_indices().map(|(at, letter)| match is_fine(at, letter) {
        true => letter.to_string(),
        false => format!("%{:02X}", u32::from(letter)),
    });
    written.collect()
}

/// XML 1.0 §2.2: what may stand in a document, escaped or not.
pub(crate) fn is_character(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that is no XML becomes text in XML, and elements without content are closed at once.
    #[test]
    fn escaped() {
        let mut xml = Xml::new();
        xml.element("a", &[("b", "<\"&'\n>")], |xml| {
            xml.text("c", "]]> \"&\" \u{1}\r\n");
            xml.optional("d", None);
            xml.text("e", "");
        });
        let expected = "<a b=\"&lt;&quot;&amp;'&#10;&gt;\"><c>]]&gt; \"&amp;\" \u{FFFD}&#13;\n</c><e/></a>";
        assert_eq!(xml.finish(), expected);
    }

    /// A URI of SIP is written so that it is one of RFC 3986, and stays as it is if it was one.
    #[test]
    fn uris() {
        for same in ["sip:alice@example.com;transport=tcp", "tel:+1-555", "sip:a%20b@x?c=d", "https://x/y#z", "sip:é@x"]
        {
            assert_eq!(any_uri(same), same);
        }
        assert_eq!(any_uri("sip:a@[::1]:5060"), "sip:a@%5B::1%5D:5060");
        assert_eq!(any_uri("a%2 b#c#<\n"), "a%252%20b#c%23%3C%0A");
    }
}
