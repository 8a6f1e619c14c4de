//! A server under test and the people who use it.

pub(crate) mod callee;
pub(crate) mod cpim;
pub(crate) mod device;
pub(crate) mod digest;
pub(crate) mod dns;
pub(crate) mod file;
pub(crate) mod message;
pub(crate) mod msrp;
pub(crate) mod openssl;
pub(crate) mod pager;
pub(crate) mod participant;
pub(crate) mod presence;
pub(crate) mod schema;
pub(crate) mod scrape;
pub(crate) mod server;
pub(crate) mod sip;
pub(crate) mod tls;
pub(crate) mod watcher;
pub(crate) mod wire;

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for what must happen. Generous, since machines may be busy; nothing waits longer than it has to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `met` gives a value.
pub(crate) fn eventually<T>(what: &str, mut met: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = met() {
            return value;
        }
        assert!(Instant::now() < until, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until `read` gives `wanted`; says what it gave instead.
pub(crate) fn settles<T: PartialEq + Debug>(what: &str, wanted: &T, mut read: impl FnMut() -> T) {
    let until = Instant::now() + PATIENCE;
    loop {
        let value = read();
        if value == *wanted {
            return;
        }
        assert!(Instant::now() < until, "{what}: {value:?} instead of {wanted:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A word that this run has not used yet, for branches, tags, Call-IDs, session ids and transaction ids.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Spread over the alphabet, so that nothing is a prefix of anything by accident.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{prefix}{spread:016x}")
}
