//! Messages to people (RFC 3428).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use parlor_events::iscomposing::{self, IsComposing};
use parlor_sip::{ClientTransactionId, HeaderName, Method, Request, Response, Transport, Uri};
use tokio::sync::oneshot;

use crate::account::{MessageError, Receipt};
use crate::sip::core::Core;
use crate::sip::invite::rejection;

/// Something to be sent to somebody.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) to: Uri,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Text {
        text: String,
        /// Told what became of it.
        done: oneshot::Sender<Result<Receipt, MessageError>>,
    },
    /// Whether we are writing (RFC 3994).
    Status(IsComposing),
}

/// What is under way, and what waits for it.
#[derive(Debug, Default)]
pub(super) struct Pager {
    /// By [`Uri::user_key`].
    targets: BTreeMap<Box<str>, Target>,
    /// All that waits.
    waiting: usize,
}

/// RFC 3428 §8: to one URI nothing is sent while something is pending.
#[derive(Debug)]
struct Target {
    pending: Pending,
    waiting: VecDeque<Letter>,
}

#[derive(Debug)]
struct Pending {
    tx: ClientTransactionId,
    request: Request,
    letter: Letter,
}

impl Pager {
    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.targets.is_empty()
    }

    /// Sends something, or has it wait for what is pending.
    pub(super) fn send(&mut self, now: Instant, core: &mut Core, letter: Letter) {
        let key = letter.to.user_key();
        let Some(target) = self.targets.get_mut(&key) else {
            if let Some(pending) = begin(now, core, letter) {
                self.targets.insert(key, Target { pending, waiting: VecDeque::new() });
            }
            return;
        };
        if matches!(letter.content, Content::Status(_)) {
            // Of what we do only the last counts.
            let before = target.waiting.len();
            target.waiting.retain(|waiting| matches!(waiting.content, Content::Text { .. }));
            self.waiting -= before - target.waiting.len();
        }
        if self.waiting >= MOST_WAITING {
            return letter.finish(Err(MessageError::Overflow));
        }
        self.waiting += 1;
        target.waiting.push_back(letter);
    }

    /// A response, if it is to a MESSAGE of ours: to whom then, if they do not understand that we are writing.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        response: &Response,
    ) -> Option<Option<Uri>> {
        let key = self.key_of(tx)?;
        let pending = &mut self.targets.get_mut(&key)?.pending;
        if let Some(again) = core.send_again(now, &mut pending.request, response) {
            pending.tx = again;
            return Some(None);
        }
        let is_status = matches!(pending.letter.content, Content::Status(_));
        // EVT-106; others that will not change their mind are asked no more either.
        let refusing = is_status && matches!(response.code, 403 | 404 | 405 | 415 | 501 | 603);
        let refusing = refusing.then(|| pending.letter.to.clone());
        self.finish(now, core, &key, outcome(response));
        Some(refusing)
    }

    /// A MESSAGE of ours had no response.
    pub(super) fn handle_failure(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        lost: bool,
    ) -> bool {
        let Some(key) = self.key_of(tx) else { return false };
        self.finish(now, core, &key, Err(if lost { MessageError::Lost } else { MessageError::Unanswered }));
        true
    }

    /// What was pending is done with: the next one.
    fn finish(&mut self, now: Instant, core: &mut Core, key: &str, result: Result<Receipt, MessageError>) {
        let Some(Target { pending, mut waiting }) = self.targets.remove(key) else { return };
        pending.letter.finish(result);
        while let Some(letter) = waiting.pop_front() {
            self.waiting -= 1;
            if let Some(pending) = begin(now, core, letter) {
                self.targets.insert(key.into(), Target { pending, waiting });
                return;
            }
        }
    }

    fn key_of(&self, tx: ClientTransactionId) -> Option<Box<str>> {
        self.targets.iter().find(|(_, target)| target.pending.tx == tx).map(|(key, _)| key.clone())
    }
}

impl Letter {
    fn finish(self, result: Result<Receipt, MessageError>) {
        match self.content {
            // Nobody may wait any more.
            Content::Text { done, .. } => drop(done.send(result)),
            Content::Status(_) => {}
        }
    }
}

/// Sends a letter, unless it is too large.
fn begin(now: Instant, core: &mut Core, letter: Letter) -> Option<Pending> {
    // RFC 3428 §4: no Contact.
    let mut request = core.request(Method::Message, &letter.to);
    match &letter.content {
        Content::Text { text, .. } => {
            request.headers.push(HeaderName::ContentType, "text/plain;charset=UTF-8");
            request.body = text.clone().into();
        }
        Content::Status(status) => {
            request.headers.push(HeaderName::ContentType, iscomposing::CONTENT_TYPE);
            // MSG-23: now or never.
            request.headers.push(HeaderName::Expires, 0);
            request.body = status.to_xml().into();
        }
    }
    core.complete(&mut request);
    if core.flow.transport == Transport::Udp && octets(core, &request) > LARGEST_DATAGRAM {
        letter.finish(Err(MessageError::TooLarge));
        return None;
    }
    let tx = core.send_complete(now, &request);
    Some(Pending { tx, request, letter })
}

fn outcome(response: &Response) -> Result<Receipt, MessageError> {
    match response.code {
        // MSG-12: who has taken it on has not delivered it.
        202 => Ok(Receipt::Accepted),
        200..=299 => Ok(Receipt::Delivered),
        _ => Err(MessageError::Refused(rejection(response))),
    }
}

/// How long it is with Via, and with what proves who we are, should that be asked for.
fn octets(core: &Core, request: &Request) -> usize {
    let mut encoded = Vec::new();
    request.encode(&mut encoded);
    let proven =
        [HeaderName::Authorization, HeaderName::ProxyAuthorization].iter().any(|name| request.headers.has(name));
    let proof = if proven || core.identity.login.is_none() { 0 } else { PROOF };
    encoded.len() + VIA + proof
}

/// RFC 3428 §8: the largest where hops are not known to be safe from congestion.
const LARGEST_DATAGRAM: usize = 1300;
/// What those take at the most, or nearly.
const VIA: usize = 120;
const PROOF: usize = 450;
/// What waits, to all together.
const MOST_WAITING: usize = 1024;
