//! What the room itself says (CHAT-120, CHAT-121).

use crate::frame::{CPIM, Frame, FrameHeaders, FrameTid, Place};
use crate::recipients::wake;
use crate::switch::{Counted, Dropped, Switch, receiving};
use crate::{Credit, deliver};
use bytes::Bytes;
use parlor_msrp::Flag;
use parlor_room::{Room, SessionId};
use std::sync::Arc;

/// The longest text that the room says at once, in octets.
const LONGEST_NOTICE: usize = 4096;

impl Switch {
    /// Says `text` to one session; `date_time` is the wall time as CPIM writes it. Longer texts are cut.
    pub fn notify(&mut self, room: &Room, session: SessionId, date_time: &str, text: &str) {
        let frame = self.notice(room, date_time, text);
        self.send_notice(room, session, &frame);
        self.count(Counted::Direct);
    }

    /// Says `text` to everybody.
    pub fn notify_all(&mut self, room: &Room, date_time: &str, text: &str) {
        let frame = self.notice(room, date_time, text);
        let sessions: Vec<SessionId> = receiving(&self.sessions, room).map(|recipient| recipient.session).collect();
        for session in sessions {
            self.send_notice(room, session, &frame);
        }
        self.count(Counted::Notice);
    }

    fn send_notice(&mut self, room: &Room, session: SessionId, frame: &Arc<Frame>) {
        let takes = room.session(session).is_some_and(|own| {
            own.capabilities().direction.receives() && own.capabilities().wrapped_types.accepts("text/plain")
        });
        let state = self.sessions.get(&session).filter(|state| takes && state.ready);
        let Some(attached) = state.and_then(|state| state.attached.clone()) else { return };
        let (pushed, waker) = attached.outbox.push_notice(attached.slot, Arc::clone(frame));
        wake(waker);
        self.count_dropped(Dropped::Stalled, pushed.stalled as usize);
    }

    fn notice(&mut self, room: &Room, date_time: &str, text: &str) -> Arc<Frame> {
        let room_uri = room.uri().to_string();
        let text = &text[..text.floor_char_boundary(LONGEST_NOTICE)];
        let body = Bytes::from(parlor_cpim::write_text(&room_uri, &room_uri, date_time, text));
        let random = deliver::random_id(&mut self.fanout.rng);
        let message_id = Bytes::copy_from_slice(&random);
        let headers = FrameHeaders {
            message_id: &message_id,
            // CHAT-120: nobody is to answer.
            failure_report: "no",
            start: 1,
            end: (body.len() <= deliver::LARGEST_FIXED_CHUNK).then_some(body.len() as u64),
            total: Some(body.len() as u64),
            content: &CPIM,
        };
        Arc::new(Frame {
            message: self.next_key(),
            place: Place::First,
            flag: Flag::Complete,
            tid: FrameTid::new(&random, 0),
            headers: headers.encode(),
            message_id: message_id.clone(),
            failure_report: "no",
            content: CPIM,
            start: 1,
            body,
            credit: Credit::none(),
        })
    }
}
