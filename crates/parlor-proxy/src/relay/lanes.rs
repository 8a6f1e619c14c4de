//! One message at a time to each device (MSG-17).

use super::SendId;
use parlor_sip::Uri;
use std::collections::{HashMap, VecDeque};

/// What waits for which device; the first of each lane is on its way.
#[derive(Debug, Default)]
pub(crate) struct Lanes(HashMap<Uri, VecDeque<SendId>>);

/// Whether a message may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It may.
    Go,
    /// When those before it have been answered.
    Wait,
    /// Too many wait already.
    Full,
}

impl Lanes {
    /// One more for that device, if no more than so many would wait.
    pub(crate) fn enter(&mut self, device: &Uri, id: SendId, waiting: usize) -> Entry {
        let lane = self.0.entry(device.clone()).or_default();
        if lane.len() > waiting {
            return Entry::Full;
        }
        lane.push_back(id);
        if lane.len() == 1 { Entry::Go } else { Entry::Wait }
    }

    /// The one on its way has arrived, or is given up; the next one that may go.
    pub(crate) fn leave(&mut self, device: &Uri) -> Option<SendId> {
        let lane = self.0.get_mut(device)?;
        lane.pop_front();
        let next = lane.front().copied();
        if next.is_none() {
            self.0.remove(device);
        }
        next
    }

    /// Nobody is there: all that wait are given up.
    pub(crate) fn clear(&mut self, device: &Uri) -> impl Iterator<Item = SendId> + use<> {
        self.0.remove(device).into_iter().flatten().skip(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn one_goes_at_a_time() {
        let (mut lanes, there, elsewhere) = (Lanes::default(), uri("sip:a@192.0.2.1"), uri("sip:a@192.0.2.2"));
        let entered = [1, 2, 3, 4].map(|id| lanes.enter(&there, SendId(id), 2));
        assert_eq!(entered, [Entry::Go, Entry::Wait, Entry::Wait, Entry::Full]);
        assert_eq!(lanes.enter(&elsewhere, SendId(5), 2), Entry::Go);
        assert_eq!(lanes.leave(&there), Some(SendId(2)));
        assert_eq!(lanes.enter(&there, SendId(6), 2), Entry::Wait);
        assert_eq!(lanes.clear(&there).collect::<Vec<_>>(), [SendId(3), SendId(6)]);
        assert_eq!((lanes.leave(&there), lanes.0.len()), (None, 1));
    }
}
