//! Dialogs (RFC 3261 §12).

mod id;
#[cfg(test)]
mod tests;

pub use id::DialogId;

use crate::flow::{Flow, Transport};
use crate::header::{CSeq, HeaderError, HeaderName, Headers, NameAddr};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::uri::{Scheme, Uri};

/// A dialog: what requests within it have in common and in which order they come. Kept small, as there is one for every
/// participant.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    /// Our address and tag, as From of our requests.
    local: Box<str>,
    /// The peer's address and tag, as To of our requests.
    remote: Box<str>,
    remote_target: Uri,
    routes: Box<[NameAddr]>,
    local_seq: u32,
    remote_seq: Option<u32>,
    secure: bool,
}

/// A request does not fit its dialog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// Its CSeq is not higher than the last one.
    #[error("CSeq out of order")]
    OutOfOrder,
    /// A header field that is needed cannot be used.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl DialogError {
    /// The status code to answer with (RFC 3261 §12.2.2).
    pub fn status(&self) -> u16 {
        match self {
            Self::OutOfOrder => 500,
            Self::Header(_) => 400,
        }
    }
}

impl Dialog {
    /// The dialog that our answer with `local_tag` to a received request forms (RFC 3261 §12.1.1). The request's Contact
    /// is needed.
    pub fn uas(request: &Request, local_tag: &str, transport: Transport) -> Result<Self, HeaderError> {
        let headers = &request.headers;
        let (from, mut to) = (headers.from()?, headers.to()?);
        to.params.set("tag", local_tag);
        Ok(Self {
            id: DialogId {
                call_id: headers.call_id()?.into(),
                local_tag: local_tag.into(),
                // RFC 3261 §12.1.1: a peer of RFC 2543 may have no tag, which counts as empty.
                remote_tag: from.tag().unwrap_or_default().into(),
            },
            local: to.to_string().into(),
            remote: from.to_string().into(),
            remote_target: headers.contact()?.uri,
            routes: headers.record_route()?.into(),
            local_seq: 0,
            remote_seq: Some(headers.cseq()?.seq),
            secure: transport == Transport::Tls && *request.uri.scheme() == Scheme::Sips,
        })
    }

    /// The dialog that a received response with a To tag to our request forms (RFC 3261 §12.1.2). The response's Contact
    /// is needed.
    pub fn uac(request: &Request, response: &Response, transport: Transport) -> Result<Self, HeaderError> {
        let headers = &response.headers;
        let id = DialogId::of_response(response)?.ok_or(HeaderError::Malformed(HeaderName::To))?;
        Ok(Self {
            id,
            local: request.headers.from()?.to_string().into(),
            remote: headers.to()?.to_string().into(),
            remote_target: headers.contact()?.uri,
            routes: reversed_routes(headers)?,
            local_seq: request.headers.cseq()?.seq,
            remote_seq: None,
            secure: transport == Transport::Tls && *request.uri.scheme() == Scheme::Sips,
        })
    }

    /// The dialog that a received NOTIFY forms with our SUBSCRIBE or REFER, `asked` (RFC 6665 §4.4.1). The NOTIFY's Contact
    /// is needed.
    pub fn of_notify(asked: &Request, notify: &Request, transport: Transport) -> Result<Self, HeaderError> {
        let local_tag = asked.headers.from_tag()?.ok_or(HeaderError::Malformed(HeaderName::From))?;
        let dialog = Self::uas(notify, &local_tag, transport)?;
        // Our numbers go on from that of the request.
        Ok(Self { local_seq: asked.headers.cseq()?.seq, ..dialog })
    }

    /// What identifies it.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Where the peer wants requests: its Contact.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// Where the next request is sent to: the first route, else the remote target (RFC 3261 §8.1.2).
    pub fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.remote_target, |route| &route.uri)
    }

    /// Where the next request is sent to when the peer was last heard over this flow: to the first route or the remote
    /// target, if that is where the peer's requests come from; else there: the peer is behind NAT, or wants us to send to
    /// somebody else.
    pub fn next_hop_of(&self, flow: Flow) -> Uri {
        let target = self.next_hop();
        if target.host_ip() == Some(flow.remote.ip()) {
            return target.clone();
        }
        let source = Uri::of_address(flow.remote);
        match flow.transport {
            Transport::Udp => source,
            Transport::Tcp => source.with_param("transport", "tcp"),
            Transport::Tls => source.with_param("transport", "tls"),
        }
    }

    /// Whether all requests must go over `sips`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The CSeq number of our last request; 0 before the first.
    pub fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// Takes in a received request: its CSeq must be higher than the last one (RFC 3261 §12.2.2). An ACK, whose number is its
    /// INVITE's, is always let through.
    pub fn accept_request(&mut self, request: &Request) -> Result<(), DialogError> {
        if request.method == Method::Ack {
            return Ok(());
        }
        let seq = request.headers.cseq()?.seq;
        // A repeated number under another branch is no retransmission: those the transaction has absorbed.
        if self.remote_seq.is_some_and(|last| seq <= last) {
            return Err(DialogError::OutOfOrder);
        }
        self.remote_seq = Some(seq);
        Ok(())
    }

    /// A received request is answered with a 2xx: a target refresh changes where our requests go (RFC 3261 §12.2.2).
    pub fn refresh_target(&mut self, request: &Request) -> Result<(), DialogError> {
        Ok(self.move_target(&request.method, &request.headers)?)
    }

    /// Takes in a 2xx to a request of ours, which may change where our requests go (RFC 3261 §12.2.1.2).
    pub fn accept_response(&mut self, response: &Response) -> Result<(), DialogError> {
        let CSeq { method, .. } = response.headers.cseq()?;
        if response.is_success() {
            self.move_target(&method, &response.headers)?;
        }
        Ok(())
    }

    /// The next request of ours, with From, To, Call-ID, CSeq, Route and Max-Forwards (RFC 3261 §12.2.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        self.local_seq += 1;
        self.with_seq(method, self.local_seq)
    }

    /// The ACK of a 2xx to our INVITE with that CSeq number (RFC 3261 §13.2.2.4).
    pub fn ack_for(&self, invite_seq: u32) -> Request {
        self.with_seq(Method::Ack, invite_seq)
    }

    fn with_seq(&self, method: Method, seq: u32) -> Request {
        let (uri, routes) = self.request_uri_and_routes();
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        routes.into_iter().for_each(|route| headers.push(HeaderName::Route, route));
        headers.push(HeaderName::From, &self.local);
        headers.push(HeaderName::To, &self.remote);
        headers.push(HeaderName::CallId, &self.id.call_id);
        headers.push(HeaderName::CSeq, CSeq { seq, method });
        headers.push(HeaderName::MaxForwards, 70);
        request
    }

    fn request_uri_and_routes(&self) -> (Uri, Vec<NameAddr>) {
        let target = || self.remote_target.clone().into_request_uri();
        match self.routes.split_first() {
            None => (target(), Vec::new()),
            Some((first, _)) if first.uri.has_param("lr") => (target(), self.routes.to_vec()),
            // The first hop routes strictly: it takes the Request-URI from the last Route when it forwards.
            Some((first, rest)) => {
                let last = NameAddr::new(self.remote_target.clone());
                let routes = rest.iter().cloned().chain(std::iter::once(last)).collect();
                (first.uri.clone().into_request_uri(), routes)
            }
        }
    }

    fn move_target(&mut self, method: &Method, headers: &Headers) -> Result<(), HeaderError> {
        if is_target_refresh(method) && headers.has(&HeaderName::Contact) {
            let target = headers.contact()?.uri;
            // Requests cannot be sent to anything else.
            if !target.is_sip() {
                return Err(HeaderError::Malformed(HeaderName::Contact));
            }
            self.remote_target = target;
        }
        Ok(())
    }
}

/// RFC 3261 §12.2, RFC 3311 §5, RFC 3515 §2.4.4, RFC 6665 §3.1.
fn is_target_refresh(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}

/// The route set of a UAC is the Record-Route in reverse (RFC 3261 §12.1.2).
fn reversed_routes(headers: &Headers) -> Result<Box<[NameAddr]>, HeaderError> {
    let mut routes = headers.record_route()?;
    routes.reverse();
    Ok(routes.into())
}
