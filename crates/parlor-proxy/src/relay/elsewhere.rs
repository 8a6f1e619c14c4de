//! Messages of our users to other domains (MSG-61, RFC 3263).

use super::load::Taken;
use super::target::Target;
use super::{Asker, Mark, Origin, admission, forward};
use crate::{Output, Proxy, Reject, Sender, Way};
use parlor_room::Identity;
use parlor_sip::{Request, Scheme, ServerTransactionId, Uri};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Names a search for the servers of another domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SearchId(pub u64);

/// A message that waits until it is known where it goes.
#[derive(Debug)]
pub(crate) struct Search {
    tx: ServerTransactionId,
    /// Who sends it.
    user: Box<str>,
    request: Request,
    mark: Mark,
    taken: Taken,
}

impl Proxy {
    /// Takes a message to another domain, if its sender may send there.
    pub(super) fn relay_elsewhere(
        &mut self,
        tx: ServerTransactionId,
        request: &Request,
        mark: Mark,
        sender: &Sender,
    ) -> Result<(), Reject> {
        let user = self.sender_to(&request.uri, sender).ok_or(Reject::Forbidden)?;
        let mut request = request.clone();
        admission::prepare(&mut request, &self.settings);
        let of_sip = of_sip(&request.uri)?;
        let wanted = std::mem::replace(&mut request.uri, of_sip);
        let (limits, searches) = (&self.settings.limits, &self.relays.searches);
        let of_user = searches.values().filter(|search| search.user == user).count();
        let too_many = searches.len() >= limits.searches || of_user >= limits.searches_of_user;
        if too_many {
            return Err(Reject::Overload);
        }
        // Here, and with the server.
        let taken = self.relays.load.take(sender.aor(), 2 * request.octets(), limits)?;
        let id = SearchId(self.relays.name());
        let is_large = forward::needs_stream(&request);
        self.relays.searches.insert(id, Search { tx, user, request, mark, taken });
        self.emit(Output::Search { id, uri: wanted, is_large });
        Ok(())
    }

    /// MSG-61: no open relay. Only who is proven to be a user of ours sends through us, to where that is allowed.
    fn sender_to(&self, uri: &Uri, sender: &Sender) -> Option<Box<str>> {
        let user = match sender {
            Sender::Known(own) => self.settings.hosts.local_user(&own.aor)?,
            Sender::Believed | Sender::Vouched | Sender::Stranger => return None,
        };
        self.settings.send_to.has(&Identity::of(uri.clone())).then(|| user.into())
    }

    /// The servers of another domain, in the order in which they are to be tried, or why none is.
    pub fn handle_found(&mut self, now: Instant, id: SearchId, found: Result<Vec<Way>, Reject>) {
        let Some(Search { tx, request, mark, taken, .. }) = self.relays.searches.remove(&id) else { return };
        let target = |way| Target::at(request.uri.clone(), way);
        let mut targets: VecDeque<Target> = found.iter().flatten().cloned().map(target).collect();
        let Some(first) = targets.pop_front() else {
            let reject = found.err().unwrap_or(Reject::NotFound);
            self.relays.load.give_back(taken);
            return self.refuse(tx, reject.response(&request), reject);
        };
        let group = vec![Target { others: targets, ..first }];
        // It is nobody's of ours, and not kept.
        self.begin(
            now,
            Origin::Sender(Asker::Sender(tx), false),
            Arc::from(""),
            request,
            Some(mark),
            [group].into(),
            taken,
        );
    }
}

/// MSG-14: an im: URI is that of the same user by SIP.
fn of_sip(uri: &Uri) -> Result<Uri, Reject> {
    match uri.scheme() {
        Scheme::Sip | Scheme::Sips => Ok(uri.clone()),
        Scheme::Im | Scheme::Pres => {
            let (user, host) = (uri.user_decoded(), uri.host().ok_or(Reject::NotFound)?);
            Uri::sip(user.as_deref(), host, None).map_err(|_| Reject::NotFound)
        }
        Scheme::Tel | Scheme::Other(_) => Err(Reject::NotFound),
    }
}
