use std::fmt;
use std::hash::{Hash, Hasher};

macro_rules! header_names {
    ($($variant:ident $name:literal $($compact:literal)?,)*) => {
        /// The name of a header field. Names are compared without case and compact forms are the same name
        /// (RFC 3261 §7.3).
        #[derive(Clone, Debug)]
        #[allow(missing_docs)]
        pub enum HeaderName {
            $($variant,)*
            /// A name that nothing here reads.
            Other(Box<str>),
        }

        impl HeaderName {
            /// The name in its long form, spelled as registered.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for HeaderName {
            fn from(name: &str) -> Self {
                $(if name.eq_ignore_ascii_case($name) $(|| name.eq_ignore_ascii_case($compact))? {
                    return Self::$variant;
                })*
                Self::Other(name.into())
            }
        }
    };
}

header_names! {
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq",
    Contact "Contact" "m",
    MaxForwards "Max-Forwards",
    MaxBreadth "Max-Breadth",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    UserAgent "User-Agent",
    Allow "Allow",
    Supported "Supported" "k",
    Route "Route",
    RecordRoute "Record-Route",
    Expires "Expires",
    Accept "Accept",
    Subject "Subject" "s",
    Require "Require",
    ProxyRequire "Proxy-Require",
    Unsupported "Unsupported",
    SessionExpires "Session-Expires" "x",
    MinSe "Min-SE",
    MinExpires "Min-Expires",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AllowEvents "Allow-Events" "u",
    Authorization "Authorization",
    AuthenticationInfo "Authentication-Info",
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" "e",
    ContentId "Content-ID",
    ContentLanguage "Content-Language",
    Date "Date",
    Event "Event" "o",
    Identity "Identity" "y",
    InReplyTo "In-Reply-To",
    Join "Join",
    MimeVersion "MIME-Version",
    Organization "Organization",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    Path "Path",
    Priority "Priority",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    RAck "RAck",
    RSeq "RSeq",
    Reason "Reason",
    ReferSub "Refer-Sub",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    Replaces "Replaces",
    ReplyTo "Reply-To",
    RetryAfter "Retry-After",
    Server "Server",
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    SubscriptionState "Subscription-State",
    Timestamp "Timestamp",
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
    AcceptContact "Accept-Contact" "a",
    RejectContact "Reject-Contact" "j",
    RequestDisposition "Request-Disposition" "d",
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(own), Self::Other(other)) => own.eq_ignore_ascii_case(other),
            (own, other) => std::mem::discriminant(own) == std::mem::discriminant(other),
        }
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().bytes().for_each(|byte| byte.to_ascii_lowercase().hash(state));
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SIP-32: compact forms are the same names, whatever the case.
    #[test]
    fn compact_forms_and_case_do_not_matter() {
        let long = "Via From To Call-ID Contact Content-Length Supported Subject Allow-Events Event Refer-To Referred-By \
                    Accept-Contact Session-Expires Content-Encoding Content-Type";
        let compact = "v f t i m L k s u o R b a x e C";
        for (long, compact) in long.split_whitespace().zip(compact.split_whitespace()) {
            assert_eq!(HeaderName::from(compact).as_str(), long);
            assert_eq!(HeaderName::from(&*long.to_uppercase()).as_str(), long);
        }
        assert_eq!(HeaderName::from("X-Thing"), HeaderName::from("x-thinG"));
        assert_ne!(HeaderName::from("C%6Fntact"), HeaderName::Contact);
    }
}
