//! What the server counts, for Prometheus.
//!
//! Every family is declared here. A counter is an atomic that is found without a lookup, so counting costs nothing on
//! the way of a message. Labels are closed sets: no user, no room, nothing that a peer wrote.

mod label;
mod rejected;

use std::sync::OnceLock;

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

pub use self::label::{
    CallEnd, CodeCounters, Counters, DropReason, Label, LookupEnd, MessageKind, MsrpMethod, PageResult, PagerFate,
    SessionEnd, SipMethod, SubscriptionEnd, TransferEnd, WithheldKind,
};
pub use self::rejected::Rejected;
use self::rejected::Rejections;

/// All metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Rooms that exist.
    pub rooms: IntGauge,
    /// Rooms that ended by a fault of the server.
    pub room_panics: IntCounter,
    /// MSRP connections that ended by a fault of the server.
    pub connection_panics: IntCounter,
    /// Participants in all rooms.
    pub participants: IntGauge,
    /// Open SIP connections over TCP and TLS.
    pub sip_connections: IntGauge,
    /// SIP transactions under way.
    pub sip_transactions: IntGauge,
    /// Those that were answered and ended early, to make room.
    pub sip_transactions_cut_short: IntCounter,
    /// Devices of users that are registered.
    pub registrations: IntGauge,
    /// Messages that wait for their users.
    pub kept_messages: IntGauge,
    /// What users publish of themselves.
    pub publications: IntGauge,
    /// Subscriptions to the presence of users.
    pub watchers: IntGauge,
    /// Those that ended, by reason.
    pub watchers_ended: Counters<SubscriptionEnd>,
    /// NOTIFYs of presence.
    pub presence_notifies: IntCounter,
    /// Bytes of the documents in them.
    pub presence_notify_bytes: IntCounter,
    /// MESSAGEs to users that have come to an end, by which.
    pub pager_messages: Counters<PagerFate>,
    /// Devices that are in rooms by MESSAGE alone.
    pub pagers: IntGauge,
    /// MESSAGEs of rooms to these, by what became of them.
    pub pages: Counters<PageResult>,
    /// MESSAGEs to users who were named in a room that they were not in.
    pub mentions: IntCounter,
    /// SIP requests received, by method.
    pub sip_requests: Counters<SipMethod>,
    /// SIP responses sent, by status code.
    pub sip_responses: CodeCounters,
    /// Searches for the servers of other domains, by what came of them.
    pub lookups: Counters<LookupEnd>,
    /// Calls of ours that ended, by how.
    pub dial_outs: Counters<CallEnd>,
    /// Subscriptions to rosters.
    pub subscriptions: IntGauge,
    /// Subscriptions that ended, by reason.
    pub subscriptions_ended: Counters<SubscriptionEnd>,
    /// Rosters sent, whole or in part.
    pub notifies: IntCounter,
    /// Bytes of them.
    pub notify_bytes: IntCounter,
    /// Open MSRP connections.
    pub msrp_connections: IntGauge,
    /// MSRP sessions, bound or waiting to be.
    pub msrp_sessions: IntGauge,
    /// MSRP requests received, by method; each chunk is one.
    pub msrp_requests: Counters<MsrpMethod>,
    /// MSRP responses sent, by status code.
    pub msrp_responses: CodeCounters,
    /// How often a connection was not read for a while, as its participant sends more than it may.
    pub msrp_rate_waits: IntCounter,
    /// Bytes read from MSRP connections.
    pub msrp_bytes_received: IntCounter,
    /// Bytes written to MSRP connections.
    pub msrp_bytes_sent: IntCounter,
    /// Sessions and connections that did not bind in time.
    pub msrp_bind_timeouts: IntCounter,
    /// Requests whose From-Path matched by session id alone.
    pub msrp_path_lenient_matches: IntCounter,
    /// Sessions that ended, by reason.
    pub sessions_closed: Counters<SessionEnd>,
    /// Messages accepted for delivery, by kind.
    pub messages: Counters<MessageKind>,
    /// Messages that were accepted and passed on to nobody, by kind.
    pub messages_withheld: Counters<WithheldKind>,
    /// Copies of messages handed to recipients.
    pub deliveries: IntCounter,
    /// Bytes of message bodies in those copies.
    pub delivery_bytes: IntCounter,
    /// Copies that were skipped or broken off, by reason.
    pub deliveries_dropped: Counters<DropReason>,
    /// Sessions whose recipient does not keep up.
    pub congested_sessions: IntGauge,
    /// From the last byte of a chunk read to its place in the last recipient's outbox.
    pub fanout_seconds: Histogram,
    /// Bytes that wait in all outboxes.
    pub outbox_bytes: IntGauge,
    /// Files that are coming in or going out.
    pub file_transfers: IntGauge,
    /// Files that came in, by how that ended.
    pub file_pushes: Counters<TransferEnd>,
    /// Files that went out, by how that ended.
    pub file_pulls: Counters<TransferEnd>,
    /// Bytes of files that are kept or promised space.
    pub spool_bytes: IntGauge,
    /// Files that are kept or arriving.
    pub spool_files: IntGauge,
    /// Whether the server takes work.
    pub ready: IntGauge,
    rejected: Rejections,
    measure: OnceLock<Measure>,
}

/// Sets gauges that are sums over what there is at that moment.
struct Measure(Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measure")
    }
}

impl Metrics {
    /// Declares all families, with those of the process, in a registry of their own.
    pub fn new() -> Self {
        let families = Families(Registry::new());
        families.build_info();
        families.process();
        Self {
            rooms: families.gauge("parlor_rooms", "Rooms that exist."),
            room_panics: families.counter("parlor_room_panics_total", "Rooms that ended by a fault of the server."),
            connection_panics: families
                .counter("parlor_connection_panics_total", "MSRP connections that ended by a fault of the server."),
            participants: families.gauge("parlor_participants", "Participants in all rooms."),
            sip_connections: families.gauge("parlor_sip_connections", "Open SIP connections over TCP and TLS."),
            sip_transactions: families.gauge("parlor_sip_transactions", "SIP transactions under way."),
            sip_transactions_cut_short: families.counter(
                "parlor_sip_transactions_cut_short_total",
                "SIP transactions that were answered and ended early, to make room.",
            ),
            registrations: families.gauge("parlor_registrations", "Devices of users that are registered."),
            kept_messages: families.gauge("parlor_kept_messages", "SIP MESSAGEs that wait for users who are away."),
            publications: families.gauge("parlor_publications", "What users publish of themselves."),
            watchers: families.gauge("parlor_watchers", "Subscriptions to the presence of users."),
            watchers_ended: families.labelled(
                "parlor_watchers_ended_total",
                "Subscriptions to the presence of users that ended, by reason.",
                "reason",
            ),
            presence_notifies: families
                .counter("parlor_presence_notifies_total", "NOTIFY requests that told of presence."),
            presence_notify_bytes: families
                .counter("parlor_presence_notify_bytes_total", "Bytes of the documents in them."),
            pager_messages: families.labelled(
                "parlor_pager_messages_total",
                "SIP MESSAGEs to users that were passed on.",
                "result",
            ),
            pagers: families.gauge("parlor_pagers", "Devices that are in rooms by SIP MESSAGE alone."),
            pages: families.labelled(
                "parlor_pages_total",
                "SIP MESSAGEs of rooms to devices that are in by MESSAGE alone.",
                "result",
            ),
            mentions: families.counter(
                "parlor_mentions_total",
                "SIP MESSAGEs to users who were named in a room that they were not in.",
            ),
            sip_requests: families.labelled("parlor_sip_requests_total", "SIP requests received.", "method"),
            sip_responses: families.codes("parlor_sip_responses_total", "SIP responses sent."),
            lookups: families.labelled("parlor_lookups_total", "Searches for the servers of other domains.", "result"),
            dial_outs: families.labelled(
                "parlor_dial_outs_total",
                "Calls to users that were to be brought in.",
                "result",
            ),
            subscriptions: families.gauge("parlor_subscriptions", "Subscriptions to who is in a room."),
            subscriptions_ended: families.labelled(
                "parlor_subscriptions_ended_total",
                "Subscriptions that ended.",
                "reason",
            ),
            notifies: families.counter("parlor_notifies_total", "NOTIFY requests sent to subscribers."),
            notify_bytes: families.counter("parlor_notify_bytes_total", "Bytes of the documents in them."),
            msrp_connections: families.gauge("parlor_msrp_connections", "Open MSRP connections."),
            msrp_sessions: families.gauge("parlor_msrp_sessions", "MSRP sessions, bound or waiting to be."),
            msrp_requests: families.labelled(
                "parlor_msrp_requests_total",
                "MSRP requests received; each chunk of a message is one.",
                "method",
            ),
            msrp_responses: families.codes("parlor_msrp_responses_total", "MSRP responses sent."),
            msrp_rate_waits: families.counter(
                "parlor_msrp_rate_waits_total",
                "Times that a connection was not read for a while, as its participant sends more than it may.",
            ),
            msrp_bytes_received: families
                .counter("parlor_msrp_bytes_received_total", "Bytes read from MSRP connections."),
            msrp_bytes_sent: families.counter("parlor_msrp_bytes_sent_total", "Bytes written to MSRP connections."),
            msrp_bind_timeouts: families.counter(
                "parlor_msrp_bind_timeouts_total",
                "Sessions that nobody bound in time, and connections that bound none.",
            ),
            msrp_path_lenient_matches: families.counter(
                "parlor_msrp_path_lenient_matches_total",
                "Requests whose From-Path matched by session id alone, as behind a middlebox that rewrites hosts.",
            ),
            sessions_closed: families.labelled("parlor_sessions_closed_total", "Sessions that ended.", "reason"),
            messages: families.labelled("parlor_messages_total", "Messages accepted for delivery.", "kind"),
            messages_withheld: families.labelled(
                "parlor_messages_withheld_total",
                "Messages that were accepted and passed on to nobody.",
                "kind",
            ),
            deliveries: families
                .counter("parlor_deliveries_total", "Copies of messages written to recipients to their end."),
            delivery_bytes: families
                .counter("parlor_delivery_bytes_total", "Bytes of message bodies written to recipients."),
            deliveries_dropped: families.labelled(
                "parlor_deliveries_dropped_total",
                "Copies that a recipient did not get, or not to their end.",
                "reason",
            ),
            congested_sessions: families
                .gauge("parlor_congested_sessions", "Sessions whose recipient does not keep up."),
            fanout_seconds: families.histogram(
                "parlor_fanout_seconds",
                "From the last byte of a chunk read to its place in the last recipient's outbox.",
                FANOUT_SECONDS,
            ),
            outbox_bytes: families.gauge("parlor_outbox_bytes", "Bytes that wait in all outboxes."),
            file_transfers: families.gauge("parlor_file_transfers", "Files that are coming in or going out."),
            file_pushes: families.labelled("parlor_file_pushes_total", "Files that were sent to rooms.", "outcome"),
            file_pulls: families.labelled("parlor_file_pulls_total", "Files that were fetched from rooms.", "outcome"),
            spool_bytes: families.gauge("parlor_spool_bytes", "Bytes of files that are kept or promised space."),
            spool_files: families.gauge("parlor_spool_files", "Files that are kept or arriving."),
            ready: families.gauge("parlor_ready", "1 while the server takes work, 0 while it starts or drains."),
            rejected: Rejections::new(&families.vector(
                "parlor_rejected_total",
                "What was refused, by protocol layer and reason.",
                &["layer", "reason"],
            )),
            measure: OnceLock::new(),
            registry: families.0,
        }
    }

    /// Counts something refused.
    pub fn reject(&self, rejected: Rejected) {
        self.rejected.of(rejected).inc();
    }

    /// Has `measure` called before each scrape, to set gauges that are not kept up with every change.
    pub fn measure_with(&self, measure: impl Fn() + Send + Sync + 'static) {
        // Set once, when the server starts; a second one would have nothing else to measure.
        let _ = self.measure.set(Measure(Box::new(measure)));
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        if let Some(Measure(measure)) = self.measure.get() {
            measure();
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts one in a gauge for as long as it lives.
#[derive(Debug)]
pub struct Counted(IntGauge);

impl Counted {
    /// Counts one up now and down when dropped.
    pub fn in_gauge(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Makes families and registers them.
struct Families(Registry);

impl Families {
    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::new(name, help))
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::new(name, help))
    }

    fn vector(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn labelled<L: Label>(&self, name: &str, help: &str, label: &str) -> Counters<L> {
        Counters::new(&self.vector(name, help, &[label]))
    }

    fn codes(&self, name: &str, help: &str) -> CodeCounters {
        CodeCounters::new(self.vector(name, help, &["code"]))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn build_info(&self) {
        let opts = Opts::new("parlor_build_info", "1, with the version of this server.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        self.registered(IntGauge::with_opts(opts)).set(1);
    }

    #[cfg(target_os = "linux")]
    fn process(&self) {
        self.register(prometheus::process_collector::ProcessCollector::for_self());
    }

    #[cfg(not(target_os = "linux"))]
    fn process(&self) {}

    fn registered<C: Collector + Clone + 'static>(&self, family: prometheus::Result<C>) -> C {
        let family = family.expect("a family's name and labels are well formed");
        self.register(family.clone());
        family
    }

    fn register(&self, family: impl Collector + 'static) {
        self.0.register(Box::new(family)).expect("a family's name is declared once");
    }
}

/// Ten microseconds to ten seconds.
const FANOUT_SECONDS: &[f64] = &[
    10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1.0,
    2.5, 5.0, 10.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted is what is shown, under the names that dashboards use.
    #[test]
    fn shown_as_counted() {
        let metrics = Metrics::new();
        metrics.sip_requests.of(SipMethod::of("INVITE")).inc();
        metrics.sip_responses.of(200).inc_by(2);
        metrics.sip_responses.of(65535).inc();
        metrics.msrp_requests.of(MsrpMethod::of("PARTY")).inc();
        metrics.msrp_responses.of(481).inc();
        metrics.messages.of(MessageKind::Room).inc();
        metrics.deliveries_dropped.of(DropReason::Stalled).inc();
        metrics.reject(Rejected::CpimForeignSender);
        metrics.fanout_seconds.observe(20e-6);
        metrics.outbox_bytes.set(7);
        let text = metrics.render().unwrap();
        for line in [
            "parlor_sip_requests_total{method=\"INVITE\"} 1",
            "parlor_sip_requests_total{method=\"BYE\"} 0",
            "parlor_sip_responses_total{code=\"200\"} 2",
            "parlor_sip_responses_total{code=\"other\"} 1",
            "parlor_msrp_requests_total{method=\"other\"} 1",
            "parlor_msrp_responses_total{code=\"481\"} 1",
            "parlor_messages_total{kind=\"room\"} 1",
            "parlor_deliveries_total 0",
            "parlor_delivery_bytes_total 0",
            "parlor_deliveries_dropped_total{reason=\"stalled\"} 1",
            "parlor_rejected_total{layer=\"cpim\",reason=\"foreign_sender\"} 1",
            "parlor_rejected_total{layer=\"sip\",reason=\"overload\"} 0",
            "parlor_fanout_seconds_bucket{le=\"0.00001\"} 0",
            "parlor_fanout_seconds_bucket{le=\"0.000025\"} 1",
            "parlor_outbox_bytes 7",
            "parlor_rooms 0",
            "parlor_participants 0",
            "parlor_subscriptions 0",
            "parlor_subscriptions_ended_total{reason=\"failed\"} 0",
            "parlor_msrp_connections 0",
            "parlor_msrp_sessions 0",
            "parlor_congested_sessions 0",
            concat!("parlor_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }

    /// The process' own metrics stand beside ours.
    #[cfg(target_os = "linux")]
    #[test]
    fn process_metrics() {
        let text = Metrics::new().render().unwrap();
        for family in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"] {
            assert!(text.lines().any(|line| line.starts_with(family)), "{family}");
        }
    }

    /// A thing counted in a gauge is counted until it is dropped, on each way out.
    #[test]
    fn counted_until_dropped() {
        let metrics = Metrics::new();
        let one = Counted::in_gauge(&metrics.msrp_connections);
        let two = Counted::in_gauge(&metrics.msrp_connections);
        assert_eq!(metrics.msrp_connections.get(), 2);
        drop((one, two));
        assert_eq!(metrics.msrp_connections.get(), 0);
    }
}
