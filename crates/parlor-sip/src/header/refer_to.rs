use super::NameAddr;
use crate::method::Method;

/// Whom to contact, and how (RFC 3515 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferTo(pub NameAddr);

impl ReferTo {
    /// The method to use. SIP-E2: without angle brackets the URI's parameter is the header field's.
    pub fn method(&self) -> Method {
        let named = self.0.uri.param("method").or_else(|| self.0.params.value("method"));
        named.map_or(Method::Invite, Method::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;
    use crate::header::name_addr::name_addr;

    /// SIP-E2: the method is found with and without angle brackets.
    #[test]
    fn the_method_is_found_in_both_places() {
        let method = |text| ReferTo(whole(text, name_addr).unwrap()).method();
        assert_eq!(method("<sip:carol@x;method=BYE>"), Method::Bye);
        assert_eq!(method("sip:carol@x;method=BYE"), Method::Bye);
        assert_eq!(method("<sip:carol@x>"), Method::Invite);
    }
}
