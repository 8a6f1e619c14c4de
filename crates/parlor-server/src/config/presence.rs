//! Presence: its keys, and who may watch whom.

use std::collections::BTreeMap;
use std::time::Duration;

use parlor_room::UserList;
use toml::Spanned;
use toml::de::DeValue;

use super::section::section;
use super::value::{Problems, Value};

section! {
    /// Who is there: SIP SUBSCRIBE to a user, and PUBLISH by it. Served where users can register. Nobody is asked: who may not
    /// watch somebody is told that nobody is there.
    pub Presence {
        /// Who may watch users, in the form of `allow` of `[rooms]`. Without it, all users of our domain. Everybody must prove
        /// who it is; everybody may watch oneself.
        allow: Option<UserList> = none, example ["example.org", "sip:bob@example.net"];
        /// The same for single users, by their names: `["*"]` is everybody, `[]` nobody.
        allow_of: UserLists = {}, example { bob = ["sip:alice@example.org"] };
        /// Who may watch nobody even though `allow` has it.
        deny: UserList = [], example ["sip:mallory@example.org"];
        /// Whether it is told in which rooms a user is, to those who may watch it: rooms that everybody may join, not those
        /// of the factory, sidebars, or rooms with a password or a list of who may join.
        rooms: bool = false;
        /// A change after a quiet time is told at once; what changes within this time after that is told together.
        interval: Duration = "5s", from "100ms" to "10m";
        /// How long a subscription or a publication lasts at the most without being refreshed.
        expires: Duration = "1h", from "1m" to "1d";
        /// How long it lasts at the least: one that is to last less than this and than an hour gets 423.
        min_expires: Duration = "1m", from "1s" to "1h";
    }
}

/// Lists of users, by the user that each is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserLists(pub BTreeMap<String, UserList>);

impl Value for UserLists {
    const KIND: &'static str = "a table of lists of users";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            problems.add(value, format!("expected {}", Self::KIND));
            return None;
        };
        let list = |(name, list): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            Some((name.to_string(), UserList::read(list, problems)?))
        };
        table.iter().map(list).collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    /// Lists may stand on the line of their key or in a section of their own; what is none is named.
    #[test]
    fn lists_of_users() {
        for text in [
            "[presence]\nallow_of = { bob = [\"*\"], \"c d\" = [] }",
            "[presence.allow_of]\nbob = [\"*\"]\n\"c d\" = []",
        ] {
            let config = Config::parse(text).expect("a configuration");
            let lists = &config.presence.allow_of.0;
            assert_eq!(lists.keys().map(String::as_str).collect::<Vec<_>>(), ["bob", "c d"]);
            assert!(lists["c d"].is_empty() && !lists["bob"].is_empty());
        }
        for text in ["allow_of = []", "allow_of = { bob = \"alice\" }", "allow_of = { bob = [\"a b\"] }"] {
            let mistakes = Config::parse(&format!("[presence]\n{text}")).expect_err("a mistake");
            assert_eq!((mistakes.len(), mistakes[0].line), (1, 2), "{mistakes:?}");
        }
    }
}
