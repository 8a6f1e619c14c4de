use std::borrow::Cow;
use std::fmt;

use crate::header::grammar::{is_token, quote, unquote};

/// Parameters of a URI or a header field value, `;name=value;flag`, in their order; names are compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<Param>);

/// One parameter as written: a quoted value keeps its quotes, an escaped one its escapes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// The name as written.
    pub name: Box<str>,
    /// What follows the `=`.
    pub value: Option<Box<str>>,
}

impl Params {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    /// Whether the parameter is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value as written; `None` also for a parameter without one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.find(name)?.value.as_deref()
    }

    /// The value with quotes and their escapes undone.
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.value(name).map(unquote)
    }

    /// Sets or replaces a value; one that is not a token or host is quoted.
    pub fn set(&mut self, name: &str, value: &str) {
        let plain = !value.is_empty() && value.bytes().all(is_plain);
        let value: Box<str> = if plain { value.into() } else { quote(value).into() };
        self.put(name, Some(value));
    }

    /// Sets a parameter without a value.
    pub fn set_flag(&mut self, name: &str) {
        self.put(name, None);
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|param| !same_name(&param.name, name));
    }

    /// With one more behind the others, if there is one.
    pub(crate) fn with(mut self, param: Option<Param>) -> Self {
        self.0.extend(param);
        self
    }

    fn put(&mut self, name: &str, value: Option<Box<str>>) {
        debug_assert!(is_token(name), "parameter names are constants of the program");
        match self.0.iter_mut().find(|param| same_name(&param.name, name)) {
            Some(param) => param.value = value,
            None => self.0.push(Param { name: name.into(), value }),
        }
    }

    fn find(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|param| same_name(&param.name, name))
    }
}

/// `%6C%72` is `lr` (RFC 4475 §3.1.1.3).
pub(crate) fn same_name(written: &str, name: &str) -> bool {
    if written.contains('%') {
        crate::uri::escape::normalise(written).eq_ignore_ascii_case(name)
    } else {
        written.eq_ignore_ascii_case(name)
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~[]:/$()&@".contains(&byte)
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|param| {
            f.write_str(";")?;
            param.fmt(f)
        })
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let Some(value) = &self.value else { return Ok(()) };
        f.write_str("=")?;
        f.write_str(value)
    }
}
