//! Namespaces of header names (RFC 3862 §3.4, §4.6).

use crate::error::CpimError;

/// The namespace of the headers that RFC 3862 defines.
pub const CORE_NAMESPACE: &str = "urn:ietf:params:cpim-headers:";

/// More declarations than any message has; the more there are, the longer each name takes.
const MAX_DECLARATIONS: usize = 32;

/// What the NS headers so far have declared.
#[derive(Debug, Default)]
pub(crate) struct Namespaces<'a> {
    /// Prefix, empty for the default, and URI; later ones count.
    declared: Vec<(&'a str, &'a str)>,
}

impl<'a> Namespaces<'a> {
    /// Reads the value of an NS: `[Name-prefix SP] "<" URI ">"`.
    pub(crate) fn declare(&mut self, value: &'a str) -> Result<(), CpimError> {
        let (prefix, rest) = value.split_once('<').ok_or(CpimError::Namespace)?;
        // CPIM-E3: an example of RFC 5438 has a full stop after the bracket.
        let (uri, _) = rest.split_once('>').ok_or(CpimError::Namespace)?;
        let prefix = prefix.trim_ascii();
        let is_prefix = prefix.bytes().all(|octet| is_name_char(octet) && octet != b'.');
        if !is_prefix || uri.is_empty() || self.declared.len() == MAX_DECLARATIONS {
            return Err(CpimError::Namespace);
        }
        self.declared.push((prefix, uri));
        Ok(())
    }

    /// CPIM-31: the namespace and the name in it; `None` when the prefix is not declared.
    pub(crate) fn resolve(&self, header_name: &'a str) -> Option<(&'a str, &'a str)> {
        let (prefix, name) = header_name.split_once('.').unwrap_or(("", header_name));
        let declared = self.declared.iter().rev().find(|(known, _)| *known == prefix);
        match declared {
            Some((_, uri)) => Some((uri, name)),
            None if prefix.is_empty() => Some((CORE_NAMESPACE, name)),
            None => None,
        }
    }
}

/// `NAMECHAR`, and the "." between prefix and name.
pub(crate) fn is_name_char(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'^'..=b'`' | b'|' | b'~' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_has_no_meaning_of_its_own_cpim_31() {
        let mut namespaces = Namespaces::default();
        assert_eq!(namespaces.resolve("imdn.Message-ID"), None);
        namespaces.declare("imdn <urn:a>").expect("NS");
        namespaces.declare("x<urn:a>.").expect("NS");
        assert_eq!(namespaces.resolve("imdn.Message-ID"), Some(("urn:a", "Message-ID")));
        assert_eq!(namespaces.resolve("x.Message-ID"), Some(("urn:a", "Message-ID")));
        assert_eq!(namespaces.resolve("From"), Some((CORE_NAMESPACE, "From")));
    }

    #[test]
    fn default_can_be_changed_and_changed_back_cpim_30() {
        let mut namespaces = Namespaces::default();
        namespaces.declare("<urn:other>").expect("NS");
        assert_eq!(namespaces.resolve("To"), Some(("urn:other", "To")));
        namespaces.declare("<urn:ietf:params:cpim-headers:>").expect("NS");
        assert_eq!(namespaces.resolve("To"), Some((CORE_NAMESPACE, "To")));
    }

    #[test]
    fn wrong_declarations_are_refused() {
        let mut namespaces = Namespaces::default();
        for wrong in ["", "imdn", "imdn <", "imdn <>", "a b <urn:x>", "a.b <urn:x>", "urn:x>"] {
            assert_eq!(namespaces.declare(wrong), Err(CpimError::Namespace), "{wrong}");
        }
        for _ in 0..MAX_DECLARATIONS {
            namespaces.declare("a <urn:x>").expect("NS");
        }
        assert_eq!(namespaces.declare("a <urn:x>"), Err(CpimError::Namespace));
    }
}
