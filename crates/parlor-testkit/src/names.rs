//! Nicknames, said plainly: who asks for which, who has it, and what everybody is to be told (CHAT-83 … 89).

use parlor_msrp::{Request, TransactionId};
use parlor_room::Rules;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How many names there are. Each has several spellings.
pub const NAMES: usize = 3;

/// A name as somebody spells it.
pub fn spelt(name: usize, how: usize) -> String {
    match how % 4 {
        0 => format!("Name {name}"),
        1 => format!("NAME {name}"),
        2 => format!("  name   {name} "),
        _ => format!("n\u{ff41}me\u{a0}{name}"),
    }
}

/// What somebody asks for: a name, or to have none.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Whose session asks.
    pub member: usize,
    /// Which user that is.
    pub user: usize,
    /// Which name.
    pub name: Option<usize>,
}

/// The names of all rooms.
#[derive(Debug, Default)]
pub struct Names {
    wishes: BTreeMap<TransactionId, Wish>,
    held: BTreeMap<(usize, usize), Holding>,
    /// The room and the name of each member that has one.
    own: BTreeMap<usize, (usize, usize)>,
    answers: BTreeMap<TransactionId, u16>,
}

#[derive(Debug)]
struct Holding {
    user: usize,
    members: BTreeSet<usize>,
    /// From when on it is anybody's, if nobody has it.
    free_at: Instant,
}

impl Names {
    /// Makes a request known that will be sent.
    pub fn expect(&mut self, tid: TransactionId, wish: Wish) {
        self.wishes.insert(tid, wish);
    }

    /// What is to be answered to it, if its room has heard it.
    pub fn answer(&self, tid: &TransactionId) -> Option<u16> {
        self.answers.get(tid).copied()
    }

    /// A room hears a request.
    pub fn heard(&mut self, now: Instant, room: usize, request: &Request) {
        let wish = self.wishes[&request.tid];
        let code = self.take(now, room, wish);
        assert!(self.answers.insert(request.tid, code).is_none(), "one request, one answer");
    }

    /// A member's session has ended.
    pub fn left(&mut self, now: Instant, member: usize) {
        let Some(own) = self.own.remove(&member) else { return };
        let Some(holding) = self.held.get_mut(&own) else { return };
        holding.members.remove(&member);
        if holding.members.is_empty() {
            holding.free_at = now + Rules::default().nickname_quarantine;
        }
    }

    fn take(&mut self, now: Instant, room: usize, wish: Wish) -> u16 {
        let Wish { member, user, name } = wish;
        let Some(name) = name.map(|name| (room, name)) else {
            self.left(now, member);
            return 200;
        };
        if self.own.get(&member) == Some(&name) {
            return 200;
        }
        let held = self.held.get(&name);
        if held.is_some_and(|held| held.user != user && !(held.members.is_empty() && held.free_at <= now)) {
            return 425;
        }
        self.left(now, member);
        let holding = Holding { user, members: BTreeSet::new(), free_at: now };
        let held = self.held.entry(name).or_insert(holding);
        if held.user != user {
            *held = Holding { user, members: BTreeSet::new(), free_at: now };
        }
        held.members.insert(member);
        self.own.insert(member, name);
        200
    }
}
