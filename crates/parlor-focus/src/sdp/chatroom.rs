//! The attribute `a=chatroom` (RFC 7701 §8).

/// What a peer's `a=chatroom` declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chatroom {
    /// `nickname`
    pub nickname: bool,
    /// `private-messages`
    pub private_messages: bool,
}

impl Chatroom {
    /// Reads the attribute's value; no value means that nothing optional is supported (CHAT-18).
    pub(super) fn parse(value: Option<&str>) -> Self {
        let mut read = Self::default();
        for token in value.unwrap_or("").split_ascii_whitespace() {
            // CHAT-20: §8 itself once writes "nicknames". CHAT-19: other tokens are ignored.
            if token.eq_ignore_ascii_case("nickname") || token.eq_ignore_ascii_case("nicknames") {
                read.nickname = true;
            } else if token.eq_ignore_ascii_case("private-messages") {
                read.private_messages = true;
            }
        }
        read
    }
}

/// The value of our own `a=chatroom`: `tokens` in order, each once (CHAT-16).
pub(super) fn value<T: AsRef<str>>(tokens: &[T]) -> Option<String> {
    let mut said: Vec<&str> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !said.contains(&token.as_ref()) {
            said.push(token.as_ref());
        }
    }
    (!said.is_empty()).then(|| said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_nickname_count_and_unknown_tokens_do_not() {
        // CHAT-16, 19, 20
        let read = Chatroom::parse(Some("com.example.chat.foo nicknames  Private-Messages"));
        assert_eq!(read, Chatroom { nickname: true, private_messages: true });
        assert_eq!(Chatroom::parse(None), Chatroom::default());
        assert_eq!(Chatroom::parse(Some("nick")), Chatroom::default());
    }

    #[test]
    fn our_tokens_never_repeat() {
        // CHAT-16, 18
        assert_eq!(value(&["nickname", "x", "nickname"]).as_deref(), Some("nickname x"));
        assert_eq!(value::<&str>(&[]), None);
    }
}
