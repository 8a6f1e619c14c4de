//! What the headers of a message say (RFC 3862 §4).

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::char;
use nom::multi::fold_many0;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::address::{self, Address};
use crate::error::CpimError;
use crate::escape::unescape;
use crate::lines::lines;
use crate::mime_header::{self, MimeHeaders};
use crate::namespace::{CORE_NAMESPACE, Namespaces, is_name_char};

/// Who a message is from and to, and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who wrote it.
    pub from: Address,
    /// Who it is for, never empty, in the order of the headers.
    pub to: Vec<Address>,
    /// Who else is told to have got it.
    pub cc: Vec<Address>,
    /// When it was written, as it stands there.
    pub date_time: Option<String>,
    /// The first Subject.
    pub subject: Option<String>,
    /// What a receiver has to understand.
    pub require: Vec<HeaderName>,
    /// The Content-Type of the content with its parameters.
    pub content_type: Option<String>,
    /// The Content-Disposition of the content in lower case, without parameters.
    pub content_disposition: Option<String>,
    /// Where the content begins.
    pub headers_len: usize,
    essence: Option<Cow<'static, str>>,
}

/// A header or feature that Require names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeaderName {
    /// The URI of its namespace; empty when its prefix is not declared.
    pub namespace: String,
    /// The name in the namespace.
    pub name: String,
}

/// How the headers of a message are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// An empty line, ending here, and then the MIME headers.
    Separate(usize),
    /// CPIM-40: MIME headers directly after the others.
    Joined,
}

impl Envelope {
    /// The media type of the content in lower case, without parameters.
    pub fn essence(&self) -> Option<&str> {
        self.essence.as_deref()
    }

    /// Whether Require names something as a header of RFC 3862 that this does not define. What others define is for those
    /// who get the message (CPIM-33).
    pub fn requires_unknown(&self) -> bool {
        let mut own = self.require.iter().filter(|required| required.namespace == CORE_NAMESPACE);
        own.any(|required| Core::parse(&required.name).is_none())
    }

    /// Reads headers that are complete.
    pub(crate) fn parse(headers: &[u8], layout: Layout) -> Result<Self, CpimError> {
        let headers = str::from_utf8(headers).map_err(|_| CpimError::NotUtf8)?;
        let (block, mime_block) = match layout {
            Layout::Separate(end) => headers.split_at(end),
            Layout::Joined => (headers, ""),
        };
        let mut fields = Fields::default();
        let mut mime = MimeHeaders::parse(mime_block)?;
        for line in lines(block) {
            fields.line(line, (layout == Layout::Joined).then_some(&mut mime))?;
        }
        fields.finish(mime, headers.len())
    }
}

/// The headers found so far.
#[derive(Debug, Default)]
struct Fields<'a> {
    namespaces: Namespaces<'a>,
    from: Option<Address>,
    to: Vec<Address>,
    cc: Vec<Address>,
    date_time: Option<String>,
    subject: Option<String>,
    require: Vec<HeaderName>,
}

impl<'a> Fields<'a> {
    fn line(&mut self, line: &'a str, mime: Option<&mut MimeHeaders>) -> Result<(), CpimError> {
        // CPIM-11: no control characters; a tab does no harm.
        if has_control_character(line) {
            return Err(CpimError::ControlCharacter);
        }
        if let Some(mime) = mime
            && (mime.content_type.is_some() && line.starts_with([' ', '\t'])
                || line.split_once(':').is_some_and(|(name, _)| mime_header::is_mime_name(name.trim_ascii_end())))
        {
            return mime.line(line);
        }
        let (name, rest) = line.split_once(':').ok_or(CpimError::Syntax)?;
        if name.is_empty() || !name.bytes().all(is_name_char) {
            return Err(CpimError::Syntax);
        }
        let (value, ()) = parameters(rest).map_err(|_| CpimError::Syntax)?;
        self.header(name, value.trim_ascii())
    }

    fn header(&mut self, name: &'a str, value: &'a str) -> Result<(), CpimError> {
        let core = match self.namespaces.resolve(name) {
            // RFC 3862 §3.4 does not say how else to leave a changed default again.
            _ if name == "NS" => Some(Core::Ns),
            Some((CORE_NAMESPACE, name)) => Core::parse(name),
            Some(_) | None => None,
        };
        match core {
            Some(Core::From) => set(&mut self.from, Address::parse(value).ok_or(CpimError::Address)?)?,
            Some(Core::To) => self.to.push(Address::parse(value).ok_or(CpimError::Address)?),
            Some(Core::Cc) => self.cc.push(Address::parse(value).ok_or(CpimError::Address)?),
            Some(Core::DateTime) => set(&mut self.date_time, value.to_owned())?,
            Some(Core::Subject) => {
                self.subject.get_or_insert_with(|| unescape(value).into_owned());
            }
            Some(Core::Ns) => self.namespaces.declare(value)?,
            Some(Core::Require) => self.require(value),
            None => {} // CPIM-13: unknown headers are ignored.
        }
        Ok(())
    }

    fn require(&mut self, value: &'a str) {
        let names = value.split(',').map(str::trim_ascii).filter(|name| !name.is_empty());
        for written in names {
            let (namespace, name) = self.namespaces.resolve(written).unwrap_or(("", written));
            self.require.push(HeaderName { namespace: namespace.to_owned(), name: name.to_owned() });
        }
    }

    fn finish(self, mime: MimeHeaders, headers_len: usize) -> Result<Envelope, CpimError> {
        if self.to.is_empty() && self.from.is_some() {
            return Err(CpimError::NoTo);
        }
        Ok(Envelope {
            from: self.from.ok_or(CpimError::NoFrom)?,
            to: self.to,
            cc: self.cc,
            date_time: self.date_time,
            subject: self.subject,
            require: self.require,
            content_type: mime.content_type,
            content_disposition: mime.content_disposition,
            headers_len,
            essence: mime.essence,
        })
    }
}

/// The headers of RFC 3862.
#[derive(Debug, Clone, Copy)]
enum Core {
    From,
    To,
    Cc,
    DateTime,
    Subject,
    Ns,
    Require,
}

impl Core {
    /// CPIM-10: names have a case, but RFC 4975 §13 writes CC.
    fn parse(name: &str) -> Option<Self> {
        match name {
            "From" => Some(Self::From),
            "To" => Some(Self::To),
            "cc" | "Cc" | "CC" => Some(Self::Cc),
            "DateTime" => Some(Self::DateTime),
            "Subject" => Some(Self::Subject),
            "NS" => Some(Self::Ns),
            "Require" => Some(Self::Require),
            _ => None,
        }
    }
}

/// Whether there is a control character other than a tab; looked for without stopping, which takes many octets at once.
fn has_control_character(line: &str) -> bool {
    line.bytes().fold(false, |found, octet| found | (octet < b' ' && octet != b'\t') | (octet == 0x7f))
}

/// CPIM-34: what may be there once.
fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), CpimError> {
    match slot {
        Some(_) => Err(CpimError::Duplicate),
        None => {
            *slot = Some(value);
            Ok(())
        }
    }
}

/// `*( ";" Parameter )`
fn parameters(input: &str) -> IResult<&str, ()> {
    fold_many0(preceded(char(';'), parameter), || (), |(), ()| ()).parse(input)
}

/// `Parameter = Param-name "=" (Token / Number / String)`
fn parameter(input: &str) -> IResult<&str, ()> {
    let token = take_while1(|c: char| !c.is_ascii() || u8::try_from(c).is_ok_and(is_name_char));
    let name = take_while1(|c: char| u8::try_from(c).is_ok_and(is_name_char));
    (name, char('='), alt((address::string, token))).map(|_| ()).parse(input)
}
