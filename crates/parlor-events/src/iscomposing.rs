//! Whether somebody is writing a message (RFC 3994).

use crate::tree::{Element, Namespace};
use crate::write::Xml;
use crate::{Limits, XmlError};
use std::time::Duration;

/// The type of such a body (EVT-100).
pub const CONTENT_TYPE: &str = "application/im-iscomposing+xml";

/// How long a state holds that says nothing of it (EVT-103).
pub const DEFAULT_REFRESH: Duration = Duration::from_secs(120);

/// What somebody does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing, or something that is not known here (EVT-101).
    #[default]
    Idle,
    /// They are writing.
    Active,
}

/// An indication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IsComposing {
    /// What they do.
    pub state: State,
    /// When they last did (`lastactive`), as written.
    pub last_active: Option<String>,
    /// The type of the message they are writing, as written.
    pub content_type: Option<String>,
    /// In how many seconds they will say so again.
    pub refresh: Option<u32>,
}

impl IsComposing {
    /// Reads an indication. What is optional is absent when it is malformed, as it changes little.
    ///
    /// # Errors
    /// An [`XmlError`] when it is none.
    pub fn read(xml: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        let root = Element::root(xml, Namespace::IsComposing, "isComposing", limits)?;
        let owned = |name| root.child_text(name).filter(|text| !text.is_empty()).map(str::to_owned);
        // RFC 3994 §3.5: a state that is not known counts as idle.
        let state =
            if root.child_text("state").ok_or(XmlError::Incomplete)? == "active" { State::Active } else { State::Idle };
        let refresh = root.child_text("refresh").and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
        Ok(Self { state, last_active: owned("lastactive"), content_type: owned("contenttype"), refresh })
    }

    /// How long the state holds unless it is said again.
    pub fn holds(&self) -> Duration {
        self.refresh.map_or(DEFAULT_REFRESH, |seconds| Duration::from_secs(seconds.into()))
    }

    /// The indication as a document.
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::document();
        let state = match self.state {
            State::Idle => "idle",
            State::Active => "active",
        };
        xml.element("isComposing", &[("xmlns", Namespace::IS_COMPOSING)], |xml| {
            xml.text("state", state);
            xml.optional("lastactive", self.last_active.as_deref());
            xml.optional("contenttype", self.content_type.as_deref());
            xml.optional("refresh", self.refresh.map(|seconds| seconds.to_string()).as_deref());
        });
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<IsComposing, XmlError> {
        IsComposing::read(xml.as_bytes(), &Limits::default())
    }

    /// EVT-100, EVT-E1: the form of Blink, and that of the RFC with a schema location that is none.
    #[test]
    fn forms_in_the_field() {
        let blink = "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state>\
                     <contenttype>text</contenttype><refresh>15</refresh></isComposing>";
        let indication = read(blink).unwrap();
        assert_eq!((indication.state, indication.holds()), (State::Active, Duration::from_secs(15)));
        assert_eq!(indication.content_type.as_deref(), Some("text"));
        let rfc = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<isComposing \
                   xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\" \
                   xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n \
                   xsi:schemaLocation=\"urn:ietf:params:xml:ns:im-composing iscomposing.xsd\">\n  <state> idle </state>\n\
                   <lastactive>2003-01-27T10:43:00Z</lastactive>\n<contenttype>audio</contenttype>\n</isComposing>";
        let indication = read(rfc).unwrap();
        assert_eq!((indication.state, indication.holds()), (State::Idle, DEFAULT_REFRESH));
        assert_eq!(indication.last_active.as_deref(), Some("2003-01-27T10:43:00Z"));
    }

    /// EVT-101, EVT-103: other states are idle, a refresh that is none is absent, a missing state is an error.
    #[test]
    fn odd_values() {
        let state = |content: &str| read(&format!("<isComposing>{content}</isComposing>"));
        assert_eq!(state("<state>dreaming</state>").unwrap().state, State::Idle);
        for refresh in ["0", "-1", "soon", "99999999999", ""] {
            let read = state(&format!("<state>active</state><refresh>{refresh}</refresh>")).unwrap();
            assert_eq!(read.refresh, None, "{refresh}");
        }
        assert_eq!(state("<refresh>60</refresh>"), Err(XmlError::Incomplete));
        assert_eq!(read("<imdn><state>active</state></imdn>"), Err(XmlError::Root));
    }

    #[test]
    fn written_and_read() {
        let indication = IsComposing {
            state: State::Active,
            last_active: Some("2026-03-02T15:02:20Z".into()),
            content_type: Some("text/plain".into()),
            refresh: Some(90),
        };
        assert_eq!(read(&indication.to_xml()), Ok(indication));
        assert_eq!(read(&IsComposing::default().to_xml()), Ok(IsComposing::default()));
    }
}
