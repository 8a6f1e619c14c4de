//! What both ends of a file answer.

use bytes::Bytes;
use parlor_msrp::{
    ByteRange, FailureReport, MessageId, Method, Path, Report, Request, TransactionId, Uri, encode_report,
    encode_response, reason,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::VecDeque;

/// Something to be queued before any message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The whole response or report.
    pub encoded: Bytes,
    /// The code of a response.
    pub code: Option<u16>,
}

/// The request that is coming in, as far as it is needed to answer it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) tid: TransactionId,
    method: Method,
    from_path: Path,
    pub(super) message_id: Option<MessageId>,
    failure_report: FailureReport,
    pub(super) success_report: bool,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            tid: request.tid,
            method: request.method.clone(),
            from_path: request.from_path.detach(),
            message_id: request.message_id,
            failure_report: request.failure_report,
            success_report: request.success_report,
        }
    }

    fn wants(&self, code: u16) -> bool {
        match (&self.method, self.failure_report) {
            (Method::Report, _) | (Method::Send, FailureReport::No) => false, // MSRP-54
            (Method::Send, FailureReport::Partial) => code != 200,
            (Method::Send, FailureReport::Yes) | (Method::Nickname | Method::Auth | Method::Other(_), _) => true,
        }
    }
}

/// Writes answers on one session.
#[derive(Debug)]
pub(super) struct Answers {
    local: Uri,
    pub(super) rng: StdRng,
    queue: VecDeque<Control>,
    /// Whether a request of the peer's was dealt with: its bind is answered before anything else is sent.
    pub(super) has_answered: bool,
}

impl Answers {
    pub(super) fn new(local: Uri, rng: StdRng) -> Self {
        Self { local, rng, queue: VecDeque::new(), has_answered: false }
    }

    pub(super) fn poll(&mut self) -> Option<Control> {
        self.queue.pop_front()
    }

    /// Answers as the request wants to be (spec/msrp.md §4).
    pub(super) fn respond(&mut self, asked: &Asked, code: u16) {
        self.has_answered = true;
        if !asked.wants(code) {
            return;
        }
        let mut encoded = Vec::with_capacity(192);
        match asked.method {
            // MSRP-60: a SEND is answered to the nearest hop alone.
            Method::Send => {
                encode_response(&mut encoded, &asked.tid, code, reason(code), asked.from_path.first(), &self.local);
            }
            Method::Report | Method::Nickname | Method::Auth | Method::Other(_) => {
                encode_response(&mut encoded, &asked.tid, code, reason(code), &asked.from_path, &self.local);
            }
        }
        self.push(encoded, Some(code));
    }

    /// Tells that these octets have come, if that is wanted (MSRP-50).
    pub(super) fn report(&mut self, asked: &Asked, range: ByteRange) {
        let Some(id) = asked.message_id.filter(|_| asked.success_report) else { return };
        let tid = TransactionId::from_random(self.rng.random(), self.rng.random());
        let mut encoded = Vec::with_capacity(256);
        let report = Report {
            tid: &tid,
            to: &asked.from_path,
            from: &self.local,
            message_id: &id,
            range,
            code: 200,
            comment: reason(200),
            wrapped: None,
        };
        encode_report(&mut encoded, &report);
        self.push(encoded, None);
    }

    fn push(&mut self, encoded: Vec<u8>, code: Option<u16>) {
        // Of its own size: many may wait.
        self.queue.push_back(Control { encoded: Bytes::from(encoded.into_boxed_slice()), code });
    }
}

/// Whether a SEND carries nothing: a binding, a keepalive (MSRP-99, MSRP-E7; interop.md §2).
pub(super) fn is_empty(request: &Request) -> bool {
    let is_heartbeat = |kind: &str| kind.eq_ignore_ascii_case(crate::send::HEARTBEAT);
    request.method == Method::Send && (!request.has_body || request.media_type().is_some_and(is_heartbeat))
}
