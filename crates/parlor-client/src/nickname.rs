//! The name that we go by in a room (RFC 7701 §7).

use std::sync::PoisonError;

use parlor_cpim::Address;
use tokio::sync::oneshot;

use crate::error::NicknameError;
use crate::msrp::{Command, Nickname};
use crate::sender::{Sender, Session};

impl Sender {
    /// Takes a nickname, or gives ours up. The room sees to it that nobody else has it; it may have spaces and any
    /// letters. What we say from then on is in that name.
    ///
    /// # Errors
    /// [`NicknameError`]: we keep the one that we have.
    pub async fn set_nickname(&self, nickname: Option<&str>) -> Result<(), NicknameError> {
        // CHAT-88: an empty one is none.
        let wanted = nickname.unwrap_or_default();
        if nickname == Some("") || wanted.len() > LONGEST || wanted.chars().any(char::is_control) {
            return Err(NicknameError::Malformed);
        }
        let (done, told) = oneshot::channel();
        let wish = Nickname { nickname: wanted.to_owned(), done };
        self.0.command(Command::Nickname(wish)).await.map_err(|_| NicknameError::Closed)?;
        told.await.map_err(|_| NicknameError::Closed)??;
        *self.0.nickname.lock().unwrap_or_else(PoisonError::into_inner) = nickname.map(str::to_owned);
        Ok(())
    }
}

impl Session {
    /// Who we are, by our nickname if we have one.
    pub(crate) fn speaker(&self) -> Address {
        let nickname = self.nickname.lock().unwrap_or_else(PoisonError::into_inner);
        match &*nickname {
            Some(nickname) => self.identity.clone().named(&**nickname),
            None => self.identity.clone(),
        }
    }
}

/// Octets of a nickname (RFC 7701 §7.1).
const LONGEST: usize = 1023;
