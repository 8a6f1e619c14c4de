//! NICKNAME (RFC 7701 §7).

use crate::refusal::Refusal;
use crate::switch::{Counted, Switch};
use parlor_msrp::{Request, encode_response, read_nickname, reason};
use parlor_room::{NicknameReject, Room, SessionId};
use std::time::Instant;

impl Switch {
    /// A request for a nickname, or to give one up. It is always answered, along the whole path (CHAT-84, MSRP-61).
    pub(crate) fn handle_nickname(&mut self, now: Instant, room: &mut Room, session: SessionId, request: &Request) {
        let code = match self.take_nickname(now, room, session, request) {
            Ok(()) => 200,
            Err(refusal) => {
                self.count_refused(refusal);
                refusal.code()
            }
        };
        let Some(state) = self.sessions.get(&session) else { return };
        let mut encoded = Vec::with_capacity(192);
        encode_response(&mut encoded, &request.tid, code, reason(code), &request.from_path, &state.local);
        self.push_control(session, encoded);
        self.count(Counted::Response(code));
        self.make_ready(session);
    }

    fn take_nickname(
        &self,
        now: Instant,
        room: &mut Room,
        session: SessionId,
        request: &Request,
    ) -> Result<(), Refusal> {
        // CHAT-80
        let value = request.use_nickname.as_ref().filter(|_| !request.has_report_headers && !request.has_body);
        let value = value.ok_or(Refusal::MalformedRequest)?;
        // RFC 7701 §7.1: whether nicknames are allowed is looked at first.
        if !room.rules().nicknames {
            return Err(Refusal::Nickname(NicknameReject::NotAllowed));
        }
        let wanted = read_nickname(value, self.settings.nickname_quotes);
        let wanted = wanted.ok_or(Refusal::Nickname(NicknameReject::Malformed))?;
        // CHAT-88: an empty one gives up what there is.
        let wanted = (!wanted.is_empty()).then_some(wanted);
        room.set_nickname(now, session, wanted.as_deref()).map_err(Refusal::Nickname)
    }
}
