//! Notices that a message was delivered, shown or processed (RFC 5438).

use crate::tree::{Element, Namespace};
use crate::write::Xml;
use crate::{Limits, XmlError};

/// The type of such a body (CPIM-51).
pub const CONTENT_TYPE: &str = "message/imdn+xml";

/// What became of a message, in one respect (CPIM-52).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// `delivery-notification`
    Delivery(Status<Delivery>),
    /// `display-notification`
    Display(Status<Display>),
    /// `processing-notification`, which intermediaries send (CPIM-54).
    Processing(Status<Processing>),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status<T> {
    /// It was tried, with this outcome.
    Is(T),
    /// Somebody forbids to tell.
    Forbidden,
    /// It could not be found out.
    Error,
}

/// Outcomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The recipient has it.
    Delivered,
    /// It could not be delivered.
    Failed,
}

/// Outcomes of showing a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Display {
    /// It was shown.
    Displayed,
}

/// Outcomes of what an intermediary does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Processing {
    /// It was passed on.
    Processed,
    /// It is kept to be passed on later.
    Stored,
}

/// A notice about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imdn {
    /// The `imdn.Message-ID` of the message.
    pub message_id: String,
    /// The DateTime of the message.
    pub date_time: String,
    /// Who the message was for, as its last sender knew it.
    pub recipient_uri: Option<String>,
    /// Who the message was for, as its first sender knew it.
    pub original_recipient_uri: Option<String>,
    /// The Subject of the message.
    pub subject: Option<String>,
    /// What became of it.
    pub disposition: Disposition,
}

impl Imdn {
    /// Reads a notice.
    ///
    /// # Errors
    /// An [`XmlError`] when it is none, or says not of which message, or nothing of it.
    pub fn read(xml: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        let root = Element::root(xml, Namespace::Imdn, "imdn", limits)?;
        let optional = |name| root.child_text(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self {
            message_id: optional("message-id").ok_or(XmlError::Incomplete)?,
            date_time: optional("datetime").ok_or(XmlError::Incomplete)?,
            recipient_uri: optional("recipient-uri"),
            original_recipient_uri: optional("original-recipient-uri"),
            subject: optional("subject"),
            disposition: root.children.iter().find_map(disposition).ok_or(XmlError::Incomplete)?,
        })
    }

    /// The notice as a document.
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::document();
        xml.element("imdn", &[("xmlns", Namespace::IMDN)], |xml| {
            xml.text("message-id", &self.message_id);
            xml.text("datetime", &self.date_time);
            // RFC 5438 §11.1.9: the schema has both or neither, and the subject only with them.
            let uris = [&self.recipient_uri, &self.original_recipient_uri];
            if let Some(either) = uris.into_iter().flatten().next() {
                xml.uri("recipient-uri", self.recipient_uri.as_ref().unwrap_or(either));
                xml.uri("original-recipient-uri", self.original_recipient_uri.as_ref().unwrap_or(either));
                xml.optional("subject", self.subject.as_deref());
            }
            let (notification, status) = self.disposition.names();
            xml.element(notification, &[], |xml| xml.element("status", &[], |xml| xml.empty(status, &[])));
        });
        xml.finish()
    }
}

const ALL: [Disposition; 11] = [
    Disposition::Delivery(Status::Is(Delivery::Delivered)),
    Disposition::Delivery(Status::Is(Delivery::Failed)),
    Disposition::Delivery(Status::Forbidden),
    Disposition::Delivery(Status::Error),
    Disposition::Display(Status::Is(Display::Displayed)),
    Disposition::Display(Status::Forbidden),
    Disposition::Display(Status::Error),
    Disposition::Processing(Status::Is(Processing::Processed)),
    Disposition::Processing(Status::Is(Processing::Stored)),
    Disposition::Processing(Status::Forbidden),
    Disposition::Processing(Status::Error),
];

impl Disposition {
    /// The elements that say so.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Delivery(status) => {
                let name = |outcome| match outcome {
                    Delivery::Delivered => "delivered",
                    Delivery::Failed => "failed",
                };
                ("delivery-notification", status.name(name))
            }
            Self::Display(status) => ("display-notification", status.name(|Display::Displayed| "displayed")),
            Self::Processing(status) => {
                let name = |outcome| match outcome {
                    Processing::Processed => "processed",
                    Processing::Stored => "stored",
                };
                ("processing-notification", status.name(name))
            }
        }
    }
}

impl<T> Status<T> {
    fn name(self, outcome: impl FnOnce(T) -> &'static str) -> &'static str {
        match self {
            Self::Is(result) => outcome(result),
            Self::Forbidden => "forbidden",
            Self::Error => "error",
        }
    }
}

/// What a notification says; nothing if it is none that is known.
fn disposition(notification: &Element) -> Option<Disposition> {
    let status = notification.child("status")?;
    ALL.into_iter().find(|known| {
        let (name, outcome) = known.names();
        *notification.name == *name && status.child(outcome).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imdn(disposition: Disposition) -> Imdn {
        Imdn {
            message_id: "34jk324j".into(),
            date_time: "2006-04-04T12:16:49-05:00".into(),
            recipient_uri: Some("im:bob@example.com".into()),
            original_recipient_uri: Some("im:bob@example.com".into()),
            subject: Some("Lunch & more".into()),
            disposition,
        }
    }

    /// CPIM-52: each disposition is read as it is written.
    #[test]
    fn every_disposition() {
        for disposition in ALL {
            let imdn = imdn(disposition);
            assert_eq!(Imdn::read(imdn.to_xml().as_bytes(), &Limits::default()), Ok(imdn));
        }
    }

    /// The form of RFC 5438 §7.2.1.1.
    #[test]
    fn the_form_of_the_rfc() {
        let xml = "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">\n <message-id>34jk324j</message-id>\n\
                   <datetime>2008-04-04T12:16:49-05:00</datetime>\n <display-notification>\n  <status>\n\
                   <displayed/>\n </status>\n </display-notification>\n</imdn>";
        let imdn = Imdn::read(xml.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(imdn.disposition, Disposition::Display(Status::Is(Display::Displayed)));
        assert_eq!((imdn.message_id.as_str(), imdn.recipient_uri), ("34jk324j", None));
    }

    /// What says nothing is an error.
    #[test]
    fn incomplete() {
        let id = "<message-id>1</message-id><datetime>2</datetime>";
        for content in [
            String::new(),
            id.to_owned(),
            format!("{id}<display-notification/>"),
            format!("{id}<display-notification><status><delivered/></status></display-notification>"),
            "<message-id>1</message-id><display-notification><status><displayed/></status></display-notification>"
                .into(),
        ] {
            let xml = format!("<imdn>{content}</imdn>");
            assert_eq!(Imdn::read(xml.as_bytes(), &Limits::default()), Err(XmlError::Incomplete), "{xml}");
        }
    }
}
