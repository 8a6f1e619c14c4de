//! Finding the servers of a domain (RFC 3263), within bounds of time and number.

mod dns;
mod records;
mod targets;

use dns::Dns;
use parlor_sip::{Transport, Uri};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long it may take, with the wait for others that look something up for the same purpose.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many may look something up at once for one purpose: for messages as many as the proxy lets, so that none waits for
/// others; for calls those of dozens of participants, each of whom has a few in a room.
const AT_ONCE: usize = 256;

/// Asks the name servers, and knows what they said for as long as it holds.
#[derive(Debug)]
pub(crate) struct Resolver {
    dns: Arc<Dns>,
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
        Self { dns: Arc::new(Dns::new(name_servers)), turns: Semaphore::new(AT_ONCE) }
    }

    /// One for another purpose: it knows what this one was told, and waits for nobody who waits here.
    pub(crate) fn apart(&self) -> Self {
        Self { dns: Arc::clone(&self.dns), turns: Semaphore::new(AT_ONCE) }
    }

    /// The servers for a URI in the order in which they are to be tried, by the transports that we have, those that we like
    /// best first.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn resolve(&self, uri: &Uri, ours: &[Transport]) -> Result<Vec<Target>, Unresolved> {
        let found = timeout(PATIENCE, async {
            let _turn = self.turns.acquire().await.map_err(|_| Unresolved::Silent)?;
            targets::of(&*self.dns, uri, ours).await
        });
        found.await.unwrap_or(Err(Unresolved::Silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever looks up what nobody answers for, others who want it for another purpose do not wait; and all messages that may be
    /// looked up at once are.
    #[tokio::test(start_paused = true)]
    async fn one_purpose_does_not_wait_for_another() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let calls = Arc::new(Resolver::new(&[silent.local_addr().expect("its address")]));
        let messages = calls.apart();
        for n in 0..2 * AT_ONCE {
            let (calls, uri) = (Arc::clone(&calls), format!("sip:x@n{n}.silent.test").parse().expect("a URI"));
            tokio::spawn(async move { calls.resolve(&uri, &[Transport::Udp]).await });
        }
        while calls.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let (began, there) = (tokio::time::Instant::now(), "sip:carol@192.0.2.9".parse().expect("a URI"));
        assert!(messages.resolve(&there, &[Transport::Udp]).await.is_ok());
        assert!(began.elapsed().is_zero(), "{:?}", began.elapsed());
        assert!(parlor_proxy::Limits::default().searches <= AT_ONCE);
    }
}
