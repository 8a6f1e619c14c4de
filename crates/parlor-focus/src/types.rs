//! Lists of media types, kept once.

use parlor_room::TypeList;
use std::collections::VecDeque;

/// The lists that peers sent last. Most clients of a make send the same, so that keeping one for
/// all of them saves the most of what a session needs.
#[derive(Debug, Default)]
pub(crate) struct TypeLists(VecDeque<TypeList>);

/// How many different lists are remembered.
const REMEMBERED: usize = 16;

impl TypeLists {
    /// The same list, shared with whoever sent it before.
    pub(crate) fn share(&mut self, list: TypeList) -> TypeList {
        if let Some(known) = self.0.iter().find(|known| **known == list) {
            return known.clone();
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(list.clone());
        list
    }
}
