//! Finding the servers of a domain (RFC 3263), within bounds of time and number.

mod dns;
mod records;
mod targets;

use dns::Dns;
use parlor_sip::{Transport, Uri};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long it may take, with the wait for others that look something up.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many may look something up at once.
const AT_ONCE: usize = 64;

/// Asks the name servers, and knows what they said for as long as it holds.
#[derive(Debug)]
pub(crate) struct Resolver {
    dns: Dns,
    turns: Semaphore,
}

/// A server of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// There is no such domain, or nobody serves SIP there.
    Unknown,
    /// The name servers do not answer.
    Silent,
    /// It is served by nothing that we have.
    Transport,
}

impl Resolver {
    /// One that asks these name servers, or those of the system if there are none.
    pub(crate) fn new(name_servers: &[SocketAddr]) -> Self {
        Self { dns: Dns::new(name_servers), turns: Semaphore::new(AT_ONCE) }
    }

    /// The servers for a URI in the order in which they are to be tried, by the transports that we have, those that we like
    /// best first.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn resolve(&self, uri: &Uri, ours: &[Transport]) -> Result<Vec<Target>, Unresolved> {
        let found = timeout(PATIENCE, async {
            let _turn = self.turns.acquire().await.map_err(|_| Unresolved::Silent)?;
            targets::of(&self.dns, uri, ours).await
        });
        found.await.unwrap_or(Err(Unresolved::Silent))
    }
}
