//! Figures of the sockets and media workers, read from their counters whenever metrics are asked for.

use crate::server::net::NetStats;
use crate::server::rtp::MediaStats;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of ours with its metric.
type Read<T> = (IntCounter, fn(&T) -> &AtomicU64);

/// Shows the counters of both planes.
struct Planes {
    net: Arc<NetStats>,
    media: Arc<MediaStats>,
    net_counters: Vec<Read<NetStats>>,
    media_counters: Vec<Read<MediaStats>>,
    connections: IntGauge,
    sessions: IntGauge,
}

/// Registers the figures.
///
/// # Errors
/// When a name is taken, which is our own mistake.
pub(crate) fn watch(
    registry: &Registry,
    net: Arc<NetStats>,
    media: Arc<MediaStats>,
) -> prometheus::Result<()> {
    let counter = |name, help| IntCounter::new(name, help);
    let net_counters: Vec<Read<NetStats>> = vec![
        (counter("dozvon_sip_datagrams_total", "SIP datagrams received.")?, |s| &s.datagrams),
        (
            counter(
                "dozvon_sip_inbox_full_total",
                "SIP datagrams dropped: the switch's inbox was full.",
            )?,
            |s| &s.inbox_full,
        ),
        (counter("dozvon_sip_unsent_total", "SIP messages that could not be sent.")?, |s| {
            &s.unsent
        }),
        (
            counter("dozvon_sip_connections_refused_total", "SIP connections refused by a bound.")?,
            |s| &s.connections_refused,
        ),
    ];
    let media_counters: Vec<Read<MediaStats>> = vec![
        (counter("dozvon_media_datagrams_received_total", "Media datagrams read.")?, |s| {
            &s.received
        }),
        (counter("dozvon_media_datagrams_sent_total", "Media datagrams sent.")?, |s| &s.sent),
        (
            counter(
                "dozvon_media_datagrams_unsent_total",
                "Media datagrams that the system did not take.",
            )?,
            |s| &s.unsent,
        ),
        (counter("dozvon_media_late_ticks_total", "Media ticks more than one frame late.")?, |s| {
            &s.late_ticks
        }),
        (
            counter(
                "dozvon_media_reports_shed_total",
                "Media reports thrown away: the switch did not keep up.",
            )?,
            |s| &s.reports_shed,
        ),
        (
            counter(
                "dozvon_media_orders_lost_total",
                "Orders thrown away: a media worker is stuck.",
            )?,
            |s| &s.orders_lost,
        ),
    ];
    registry.register(Box::new(Planes {
        net,
        media,
        net_counters,
        media_counters,
        connections: IntGauge::new("dozvon_sip_connections", "SIP connections over TCP now.")?,
        sessions: IntGauge::new("dozvon_media_sessions", "Media sessions now.")?,
    }))
}

fn collect<T>(counters: &[Read<T>], stats: &T) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    for (counter, read) in counters {
        // The metric goes on to where the counter stands; scrapes are one at a time.
        let value = read(stats).load(Ordering::Relaxed);
        counter.inc_by(value.saturating_sub(counter.get()));
        families.extend(counter.collect());
    }
    families
}

impl Collector for Planes {
    fn desc(&self) -> Vec<&Desc> {
        let net = self.net_counters.iter().flat_map(|(counter, _)| counter.desc());
        let media = self.media_counters.iter().flat_map(|(counter, _)| counter.desc());
        net.chain(media).chain(self.connections.desc()).chain(self.sessions.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now =
            |value: &AtomicU64| i64::try_from(value.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        self.connections.set(now(&self.net.connections));
        self.sessions.set(now(&self.media.sessions));
        let mut families = collect(&self.net_counters, &self.net);
        families.extend(collect(&self.media_counters, &self.media));
        families.extend(self.connections.collect());
        families.extend(self.sessions.collect());
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_shown_as_they_stand() {
        let registry = Registry::new();
        let (net, media) = (Arc::new(NetStats::default()), Arc::new(MediaStats::default()));
        watch(&registry, net.clone(), media.clone()).unwrap();
        let value = |name: &str| {
            let family = registry.gather().into_iter().find(|f| f.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        net.datagrams.store(5, Ordering::Relaxed);
        media.sessions.store(2, Ordering::Relaxed);
        assert_eq!(
            (value("dozvon_sip_datagrams_total"), value("dozvon_media_sessions")),
            (5.0, 2.0)
        );
        net.datagrams.store(9, Ordering::Relaxed);
        assert_eq!(value("dozvon_sip_datagrams_total"), 9.0, "counted once, not added up");
    }
}
