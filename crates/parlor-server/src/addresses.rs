//! How many connections there may be, in all and of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts connections by the address they come from. A /64 network counts as one IPv6 address; loopback is not limited.
#[derive(Clone, Debug)]
pub(crate) struct PerAddress {
    counts: Arc<Mutex<HashMap<IpAddr, u32>>>,
    limit: u32,
}

/// One connection of an address, for as long as this lives.
#[derive(Debug)]
pub(crate) struct OneOfAddress {
    counts: Arc<Mutex<HashMap<IpAddr, u32>>>,
    address: IpAddr,
}

/// The limits on one kind of connection, accepted and opened ones together.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    per_address: PerAddress,
}

/// One connection within the limits, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Admitted {
    _permit: OwnedSemaphorePermit,
    _one_of_address: OneOfAddress,
}

impl Admission {
    /// So many in all, and of each address.
    pub(crate) fn new(connections: usize, of_each_address: u32) -> Self {
        Self { permits: Arc::new(Semaphore::new(connections)), per_address: PerAddress::new(of_each_address) }
    }

    /// One more connection of this address, as soon as there may be one more in all; `None` if the address has too many.
    pub(crate) async fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let one_of_address = self.per_address.admit(address)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        Some(Admitted { _permit: permit, _one_of_address: one_of_address })
    }

    /// One more connection of this address, if there may be one now.
    pub(crate) fn try_admit(&self, address: IpAddr) -> Option<Admitted> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Admitted { _permit: permit, _one_of_address: self.per_address.admit(address)? })
    }
}

impl PerAddress {
    /// At most `limit` connections of each address.
    pub(crate) fn new(limit: u32) -> Self {
        Self { counts: Arc::default(), limit }
    }

    /// One more connection of this address; `None` if it has too many.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<OneOfAddress> {
        let address = network_of(address);
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if *count >= self.limit && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(OneOfAddress { counts: Arc::clone(&self.counts), address })
    }
}

impl Drop for OneOfAddress {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: of IPv6 a /64 network.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

fn lock(counts: &Mutex<HashMap<IpAddr, u32>>) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_have_two_limits() {
        let admission = Admission::new(2, 1);
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let first = admission.try_admit(ip("192.0.2.1"));
        assert!(first.is_some() && admission.try_admit(ip("192.0.2.1")).is_none(), "of one address");
        let second = admission.try_admit(ip("192.0.2.2"));
        assert!(second.is_some() && admission.try_admit(ip("192.0.2.3")).is_none(), "in all");
        drop(first);
        assert!(admission.try_admit(ip("192.0.2.3")).is_some());
    }

    #[test]
    fn an_address_has_at_most_so_many_connections() {
        let per_address = PerAddress::new(1);
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let first = per_address.admit(ip("2001:db8::1")).expect("the first");
        assert!(per_address.admit(ip("2001:db8::2")).is_none(), "a /64 is one address");
        assert!(per_address.admit(ip("192.0.2.1")).is_some());
        drop(first);
        assert!(per_address.admit(ip("2001:db8::2")).is_some());
        let held: Vec<_> = (0..9).filter_map(|_| per_address.admit(ip("127.0.0.1"))).collect();
        assert_eq!(held.len(), 9);
    }
}
