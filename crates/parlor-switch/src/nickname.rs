//! NICKNAME (RFC 7701 §7): refused until a room may allow it.

use crate::refusal::Refusal;
use crate::switch::{Counted, Switch};
use parlor_msrp::{Request, encode_response, reason};
use parlor_room::{NicknameReject, SessionId};

impl Switch {
    /// CHAT-81: 403 where nicknames are not allowed. The response carries the whole path (MSRP-61).
    pub(crate) fn handle_nickname(&mut self, session: SessionId, request: &Request) {
        let Some(state) = self.sessions.get(&session) else { return };
        let refusal = if request.has_report_headers || request.use_nickname.is_none() {
            Refusal::MalformedRequest
        } else {
            Refusal::Nickname(NicknameReject::NotAllowed)
        };
        let mut encoded = Vec::with_capacity(192);
        let code = refusal.code();
        encode_response(&mut encoded, &request.tid, code, reason(code), &request.from_path, &state.local);
        self.push_control(session, encoded);
        self.count(Counted::Response(refusal.code()));
        self.count(Counted::Refused(refusal));
        self.make_ready(session);
    }
}
