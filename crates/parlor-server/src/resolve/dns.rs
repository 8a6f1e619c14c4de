//! The name servers.

use super::Unresolved;
use super::records::{Naptr, Srv, transport_of};
use super::targets::Names;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tracing::{debug, warn};

/// How long one question may take; it is asked twice.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How many answers are remembered.
const REMEMBERED: u64 = 1024;
/// For how long at the most, and how long that there is none.
const REMEMBERED_FOR: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(60));
/// How many records of an answer are looked at.
const RECORDS: usize = 32;

/// Asks them.
#[derive(Debug)]
pub(super) struct Dns(Option<TokioResolver>);

impl Dns {
    /// Those at these addresses, or those of the system if there are none.
    pub(super) fn new(name_servers: &[SocketAddr]) -> Self {
        let mut builder = match name_servers {
            [] => TokioResolver::builder_tokio().unwrap_or_else(|error| {
                warn!(%error, "no name server is known: only what the hosts file names is found");
                TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
            }),
            servers => {
                let config = ResolverConfig::from_name_servers(servers.iter().map(name_server).collect());
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        bound(builder.options_mut());
        let built = builder.build().inspect_err(|error| warn!(%error, "names cannot be looked up"));
        Self(built.ok())
    }

    fn resolver(&self) -> Result<&TokioResolver, Unresolved> {
        self.0.as_ref().ok_or(Unresolved::Silent)
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    connections.iter_mut().for_each(|connection| connection.port = address.port());
    NameServerConfig::new(address.ip(), true, connections)
}

fn bound(options: &mut ResolverOpts) {
    options.timeout = PATIENCE;
    options.attempts = 1;
    options.cache_size = REMEMBERED;
    options.positive_max_ttl = Some(REMEMBERED_FOR.0);
    options.negative_max_ttl = Some(REMEMBERED_FOR.1);
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}

impl Names for Dns {
    async fn naptr(&self, domain: &str) -> Result<Vec<Naptr>, Unresolved> {
        let found = answers(self.resolver()?.lookup(absolute(domain), RecordType::NAPTR).await)?;
        // RFC 3263 §4.1: only those count that lead to an SRV.
        let read = |data: &RData| match data {
            RData::NAPTR(naptr) if naptr.flags.eq_ignore_ascii_case(b"s") && naptr.regexp.is_empty() => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                transport: transport_of(std::str::from_utf8(&naptr.services).ok()?)?,
                srv: naptr.replacement.to_ascii(),
            }),
            _ => None,
        };
        Ok(records(&found, read))
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, Unresolved> {
        let found = answers(self.resolver()?.lookup(absolute(name), RecordType::SRV).await)?;
        let read = |data: &RData| match data {
            RData::SRV(srv) => {
                Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, host: srv.target.to_ascii() })
            }
            _ => None,
        };
        Ok(records(&found, read))
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let found = self.resolver()?.lookup_ip(absolute(host)).await.map(|found| found.as_lookup().clone());
        Ok(records(&answers(found)?, RData::ip_addr))
    }
}

/// That there is nothing is an answer.
fn answers(found: Result<Lookup, NetError>) -> Result<Option<Lookup>, Unresolved> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(None),
        Err(error) => {
            debug!(%error, "no answer of a name server");
            Err(Unresolved::Silent)
        }
    }
}

fn records<T>(found: &Option<Lookup>, read: impl Fn(&RData) -> Option<T>) -> Vec<T> {
    let answers = found.iter().flat_map(|found| found.answers());
    answers.take(RECORDS).filter_map(|record| read(&record.data)).collect()
}

/// RFC 3861 §3: names are whole; nothing of ours is put behind them.
fn absolute(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}
