//! The attribute `a=chatroom` (RFC 7701 §8).

use parlor_room::Rules;

/// The optional parts of a chat room that a side supports, or allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chatroom {
    /// `nickname`
    pub nickname: bool,
    /// `private-messages`
    pub private_messages: bool,
}

const NICKNAME: &str = "nickname";
const PRIVATE_MESSAGES: &str = "private-messages";

impl Chatroom {
    /// All of it.
    pub(super) const FULL: Self = Self { nickname: true, private_messages: true };

    /// What the rules of a room allow (CHAT-19).
    pub fn allowed_by(rules: &Rules) -> Self {
        Self { nickname: rules.nicknames, private_messages: rules.private_messages }
    }

    /// Reads the attribute's value; no value means that nothing optional is supported (CHAT-18).
    pub(super) fn parse(value: Option<&str>) -> Self {
        let mut read = Self::default();
        for token in value.unwrap_or("").split_ascii_whitespace() {
            // CHAT-20: §8 itself once writes "nicknames". CHAT-19: other tokens are ignored.
            if token.eq_ignore_ascii_case(NICKNAME) || token.eq_ignore_ascii_case("nicknames") {
                read.nickname = true;
            } else if token.eq_ignore_ascii_case(PRIVATE_MESSAGES) {
                read.private_messages = true;
            }
        }
        read
    }

    /// The attribute's value: each token once (CHAT-16); none if there are none (CHAT-18).
    pub(super) fn value(self) -> Option<String> {
        let tokens = [(self.nickname, NICKNAME), (self.private_messages, PRIVATE_MESSAGES)];
        let said: Vec<&str> = tokens.into_iter().filter_map(|(said, token)| said.then_some(token)).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }
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
    fn our_tokens_are_what_the_rules_allow() {
        // CHAT-16, 18, 19
        let rules = |nicknames, private_messages| Rules { nicknames, private_messages, ..Rules::default() };
        let value = |rules| Chatroom::allowed_by(&rules).value();
        assert_eq!(value(rules(true, true)).as_deref(), Some("nickname private-messages"));
        assert_eq!(value(rules(false, true)).as_deref(), Some("private-messages"));
        assert_eq!(value(rules(false, false)), None);
    }
}
