//! Messages of rooms to those who take part by MESSAGE alone: through the proxy, in one line with what others send them
//! (MSG-17, MSG-52).

use super::task::SipTask;
use crate::room::SipInput;
use parlor_focus::{NextHop, Page, RequestId};
use parlor_proxy::{PageId, Paged, Way};
use parlor_sip::{Request, Response, Uri};
use std::collections::HashMap;
use std::time::Instant;

/// Which rooms wait to hear what became of a message.
#[derive(Debug, Default)]
pub(super) struct Pages {
    waiting: HashMap<PageId, (u64, RequestId)>,
    last: u64,
}

impl Pages {
    fn name(&mut self, room: u64, id: RequestId) -> PageId {
        self.last += 1;
        let name = PageId(self.last);
        self.waiting.insert(name, (room, id));
        name
    }
}

impl SipTask {
    /// Takes a message to the devices of its recipient.
    pub(super) fn page(&mut self, now: Instant, room: u64, id: RequestId, page: Page) {
        let Page { request, to, next_hop: NextHop { flow, uri } } = page;
        let Some(proxying) = &mut self.proxying else { return self.tell(room, SipInput::Failed(id)) };
        let account = self.gate.owner(&to).map(|account| account.aor);
        let user = proxying.hosts.local_user(account.as_ref().unwrap_or(&to));
        let elsewhere = Some((request.uri.clone(), Way { flow, uri }));
        let name = proxying.pages.name(room, id);
        proxying.proxy.handle_page(now, name, user, elsewhere, request);
    }

    /// Takes a message to somebody who has an account, or keeps it.
    pub(super) fn mention(&mut self, now: Instant, to: &Uri, request: Request) {
        let Some(proxying) = self.proxying.as_mut().filter(|proxying| proxying.storing.is_some()) else { return };
        let account = self.gate.owner(to).map(|account| account.aor);
        if let Some(user) = account.as_ref().and_then(|aor| proxying.hosts.local_user(aor)) {
            self.metrics.mentions.inc();
            proxying.proxy.handle_mention(now, user, request);
        }
    }

    /// A message has come to its end, or could not be sent now, which its room is told.
    pub(super) fn paged(&mut self, id: PageId, paged: Paged) {
        let room = self.proxying.as_mut().and_then(|proxying| proxying.pages.waiting.remove(&id));
        if let Some((room, id)) = room {
            self.tell(
                room,
                match paged {
                    Paged::Ended(code) => {
                        SipInput::Response { id, response: Box::new(Response::new(code, "")), spare: false }
                    }
                    Paged::Delayed => SipInput::Delayed(id),
                },
            );
        }
    }
}
