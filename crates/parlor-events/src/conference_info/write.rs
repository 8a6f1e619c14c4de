//! The elements, in the order of the schema (EVT-59, EVT-E5).

use super::{
    AvailableMedia, ConferenceState, Description, Endpoint, Execution, File, HostInfo, Media, Sidebars, UriEntry, User,
};
use crate::tree::Namespace;
use crate::write::{Xml, any_uri};

impl Description {
    pub(super) fn write(&self, xml: &mut Xml) {
        xml.element("conference-description", &[], |xml| {
            xml.optional("display-text", self.display_text.as_deref());
            xml.optional("subject", self.subject.as_deref());
            xml.optional("free-text", self.free_text.as_deref());
            words(xml, "keywords", &self.keywords);
            uris(xml, "conf-uris", &self.conf_uris);
            uris(xml, "service-uris", &self.service_uris);
            xml.optional("maximum-user-count", self.maximum_user_count.map(|count| count.to_string()).as_deref());
            list(xml, "available-media", &self.available_media, AvailableMedia::write);
            if let Some(files) = &self.files {
                write_files(xml, files);
            }
        });
    }
}

impl HostInfo {
    pub(super) fn write(&self, xml: &mut Xml) {
        xml.element("host-info", &[], |xml| {
            xml.optional("display-text", self.display_text.as_deref());
            optional_uri(xml, "web-page", self.web_page.as_deref());
            uris(xml, "uris", &self.uris);
        });
    }
}

impl ConferenceState {
    pub(super) fn write(&self, xml: &mut Xml) {
        xml.element("conference-state", &[], |xml| {
            xml.optional("user-count", self.user_count.map(|count| count.to_string()).as_deref());
            xml.optional("active", self.active.map(boolean));
            xml.optional("locked", self.locked.map(boolean));
        });
    }
}

impl Sidebars {
    /// Nothing when the list is empty and that is no news, as the schema wants an entry.
    pub(super) fn write(&self, xml: &mut Xml) {
        if !self.list.is_empty() {
            xml.element("sidebars-by-ref", &[("state", self.state.as_str())], |xml| {
                self.list.iter().for_each(|entry| entry.write(xml));
            });
        }
    }
}

impl User {
    pub(super) fn write(&self, xml: &mut Xml) {
        let entity = any_uri(&self.entity);
        let mut attributes = vec![("entity", &*entity), ("state", self.state.as_str())];
        if let Some(nickname) = &self.nickname {
            attributes.push(("xcon:nickname", nickname)); // CHAT-111
        }
        xml.element("user", &attributes, |xml| {
            xml.optional("display-text", self.display_text.as_deref());
            uris(xml, "associated-aors", &self.associated_aors);
            list(xml, "roles", &self.roles, |role, xml| xml.text("entry", role));
            words(xml, "languages", &self.languages);
            optional_uri(xml, "cascaded-focus", self.cascaded_focus.as_deref());
            self.endpoints.iter().for_each(|endpoint| endpoint.write(xml));
        });
    }
}

impl Endpoint {
    fn write(&self, xml: &mut Xml) {
        xml.element("endpoint", &[("entity", &self.entity), ("state", self.state.as_str())], |xml| {
            xml.optional("display-text", self.display_text.as_deref());
            execution(xml, "referred", self.referred.as_ref());
            xml.optional("status", self.status.map(|status| status.as_str()));
            xml.optional("joining-method", self.joining_method.map(|method| method.as_str()));
            execution(xml, "joining-info", self.joining_info.as_ref());
            xml.optional("disconnection-method", self.disconnection_method.map(|method| method.as_str()));
            execution(xml, "disconnection-info", self.disconnection_info.as_ref());
            self.media.iter().for_each(|media| media.write(xml));
        });
    }
}

impl Media {
    fn write(&self, xml: &mut Xml) {
        xml.element("media", &[("id", &self.id)], |xml| {
            xml.optional("display-text", self.display_text.as_deref());
            xml.optional("type", self.media_type.as_deref());
            xml.optional("label", self.label.as_deref());
            xml.optional("src-id", self.src_id.as_deref());
            xml.optional("status", self.status.map(|status| status.as_str()));
        });
    }
}

impl AvailableMedia {
    fn write(&self, xml: &mut Xml) {
        xml.element("entry", &[("label", &self.label)], |xml| {
            xml.optional("display-text", self.display_text.as_deref());
            xml.text("type", &self.media_type);
            xml.optional("status", self.status.map(|status| status.as_str()));
        });
    }
}

impl UriEntry {
    fn write(&self, xml: &mut Xml) {
        xml.element("entry", &[], |xml| {
            xml.uri("uri", &self.uri);
            xml.optional("display-text", self.display_text.as_deref());
            xml.optional("purpose", self.purpose.as_deref());
            execution(xml, "modified", self.modified.as_ref());
        });
    }
}

/// The file list of Blink and SylkServer, which stands behind what RFC 4575 defines.
fn write_files(xml: &mut Xml, files: &[File]) {
    xml.element("agp-conf:resources", &[("xmlns:agp-conf", Namespace::AG_CONFERENCE)], |xml| {
        xml.element("agp-conf:files", &[], |xml| {
            for file in files {
                let size = file.size.to_string();
                let attributes = [
                    ("name", file.name.as_str()),
                    ("hash", &file.hash),
                    ("size", &size),
                    ("sender", &file.sender),
                    ("status", &file.status),
                ];
                xml.empty("agp-conf:file", &attributes);
            }
        });
    });
}

/// The schema wants at least one entry in a list that is there.
fn list<T>(xml: &mut Xml, name: &str, entries: &[T], write: impl Fn(&T, &mut Xml)) {
    if !entries.is_empty() {
        xml.element(name, &[], |xml| entries.iter().for_each(|entry| write(entry, xml)));
    }
}

fn uris(xml: &mut Xml, name: &str, entries: &[UriEntry]) {
    list(xml, name, entries, UriEntry::write);
}

fn words(xml: &mut Xml, name: &str, words: &[String]) {
    if !words.is_empty() {
        xml.text(name, &words.join(" "));
    }
}

fn execution(xml: &mut Xml, name: &str, execution: Option<&Execution>) {
    if let Some(Execution { when, reason, by }) = execution {
        xml.element(name, &[], |xml| {
            xml.optional("when", when.as_deref());
            xml.optional("reason", reason.as_deref());
            optional_uri(xml, "by", by.as_deref());
        });
    }
}

fn optional_uri(xml: &mut Xml, name: &str, uri: Option<&str>) {
    if let Some(uri) = uri {
        xml.uri(name, uri);
    }
}

fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
