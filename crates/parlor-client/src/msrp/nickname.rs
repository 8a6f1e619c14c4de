//! Nicknames (RFC 7701 §7).

use parlor_msrp::encode_nickname;
use tokio::sync::oneshot;

use super::session::{HEAD, Session, Waiting};
use crate::error::NicknameError;

/// A nickname that is wanted; an empty one gives up the present one (CHAT-88).
#[derive(Debug)]
pub(crate) struct Nickname {
    pub(crate) nickname: String,
    /// Told what the room says.
    pub(crate) done: oneshot::Sender<Result<(), NicknameError>>,
}

impl Session {
    pub(super) fn ask_for_nickname(&mut self, wish: Nickname) {
        let tid = self.tid();
        let mut out = Vec::with_capacity(HEAD);
        encode_nickname(&mut out, &tid, &self.peer, &self.local, &wish.nickname);
        self.push(out, Some((tid, Waiting::Nickname(wish.done))));
    }
}

/// What the room says of it.
pub(super) fn answer(code: u16) -> Result<(), NicknameError> {
    match code {
        200 => Ok(()),
        403 => Err(NicknameError::Forbidden),
        424 => Err(NicknameError::Malformed),
        425 => Err(NicknameError::Taken),
        501 => Err(NicknameError::Unsupported),
        code => Err(NicknameError::Refused { code }),
    }
}
