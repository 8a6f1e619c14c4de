//! Who takes part by MESSAGE alone (MSG-52): what is said goes to the focus, which sends it on.

use super::labels::end_of;
use super::task::{RoomTask, date_time};
use crate::metrics::PageResult;
use crate::sip::SipOutput;
use parlor_focus::{Ask, EndReason, PageFate, Reject, Spoken};
use parlor_room::SessionId;
use parlor_sip::{Request, ServerTransactionId};
use parlor_switch::Heard;
use std::time::Instant;
use tracing::debug;

impl RoomTask {
    /// Hands on what was said since this was last done.
    pub(super) fn hand_on_what_was_heard(&mut self) {
        while let Some(heard) = self.switch.poll_heard() {
            let spoken = Spoken {
                from: heard.from,
                is_private: heard.to.is_some(),
                essence: &heard.essence,
                size: heard.size.saturating_sub(heard.headers_len as u64),
                cpim: heard.message(),
                text: text_of(&heard),
            };
            self.tell_of_mentions(&heard, &spoken);
            let is_for = |session, participant| heard.is_for(session, participant);
            self.focus.page(Instant::now(), &mut self.room, &spoken, is_for);
        }
    }

    /// Has those told who were named and are not here.
    fn tell_of_mentions(&mut self, heard: &Heard, spoken: &Spoken<'_>) {
        let Some(text) = spoken.text.filter(|_| heard.to.is_none()) else { return };
        let now = Instant::now();
        for to in self.room.mentioned(now, heard.from, text) {
            let request = self.focus.mention(now, &self.room, &to, spoken);
            self.for_users.push_back(SipOutput::Mention { to, request: Box::new(request) });
        }
    }

    /// Somebody asks for something, not more often than it may say something (CHAT-170).
    pub(super) fn asked(&mut self, tx: ServerTransactionId, request: &Request, ask: &Ask) {
        let now = Instant::now();
        let tempos = self.tempos(ask.session);
        let may_try = !ask.is_for_nickname() || tempos.nicknames.try_step(now);
        if may_try && tempos.messages.is_none_or(|tempo| tempo.try_step(now)) {
            self.focus.handle_posted(tx, request, Ok(()));
            self.focus.handle_asked(now, &mut self.room, ask);
        } else {
            self.focus.handle_posted(tx, request, Err(Reject::Overload));
        }
    }

    /// The room says something to everybody, however they take part.
    pub(super) fn say_to_all(&mut self, text: &str) {
        self.switch.notify_all(&self.room, &date_time(), text);
        self.focus.page_all(Instant::now(), &self.room, text);
    }

    pub(super) fn pager_joined(&mut self, session: SessionId) {
        self.pagers.insert(session, self.tempos(session));
        self.follow_pagers();
        self.shared.metrics.pagers.inc();
        debug!(session = session.0, "joined by MESSAGE");
    }

    pub(super) fn pager_left(&mut self, session: SessionId, reason: EndReason) {
        if self.pagers.remove(&session).is_some() {
            self.shared.metrics.pagers.dec();
            self.shared.metrics.sessions_closed.of(end_of(reason)).inc();
        }
        self.follow_pagers();
        debug!(session = session.0, "no longer in by MESSAGE");
    }

    /// Nothing is gathered where nobody needs it.
    pub(super) fn follow_pagers(&mut self) {
        self.switch.hear(!self.pagers.is_empty() || self.room.rules().keep_mentions);
    }
}

/// The content, if it is text that stands there as it is.
fn text_of(heard: &Heard) -> Option<&str> {
    let content = heard.content().filter(|_| &*heard.essence == "text/plain")?;
    let head = std::str::from_utf8(heard.message()?.get(..heard.headers_len)?).ok()?.to_ascii_lowercase();
    let coding = head.lines().find_map(|line| line.strip_prefix("content-transfer-encoding:"));
    let as_it_is = coding.is_none_or(|coding| matches!(coding.trim(), "7bit" | "8bit" | "binary"));
    std::str::from_utf8(content).ok().filter(|_| as_it_is)
}

/// How a message to them counts.
pub(super) fn result_of(fate: PageFate) -> PageResult {
    match fate {
        PageFate::Delivered => PageResult::Delivered,
        PageFate::Told => PageResult::Told,
        PageFate::Dropped => PageResult::Dropped,
        PageFate::Refused => PageResult::Refused,
        PageFate::Unreached => PageResult::Unreached,
    }
}
