//! How long an answer takes, and how long to wait for one.
//!
//! Models net/ipv4/tcp_input.c tcp_rtt_estimator and tcp_set_rto, and the waiting time of tcp_output.c
//! tcp_schedule_loss_probe. Not modelled: the slower fall of the deviation, and rounding to ticks of the clock.
//! Read first: RFC 6298, RFC 8985 section 7.2.

use std::time::Duration;

/// Waiting time before anything was measured (`TCP_TIMEOUT_INIT`).
const INITIAL_RTO: Duration = Duration::from_secs(1);
/// The least that is waited on top of a round trip (`TCP_RTO_MIN`).
const MIN_RTO: Duration = Duration::from_millis(200);
/// The most that is ever waited (`TCP_RTO_MAX`).
const MAX_RTO: Duration = Duration::from_secs(120);
/// What a probe waits on top of two round trips: two ticks of a 250 Hz clock (`TCP_TIMEOUT_MIN`).
const PROBE_MARGIN: Duration = Duration::from_millis(8);

/// The round-trip time as one end knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rtt {
    smoothed: Option<Duration>,
    deviation: Duration,
    min: Option<Duration>,
    /// How often in a row nobody answered.
    n_timeouts: u32,
}

impl Rtt {
    /// Something was answered after this long.
    pub(super) fn sample(&mut self, rtt: Duration) {
        self.min = Some(self.min.map_or(rtt, |min| min.min(rtt)));
        (self.smoothed, self.deviation) = match self.smoothed {
            None => (Some(rtt), rtt / 2),
            Some(smoothed) => (Some(smoothed * 7 / 8 + rtt / 8), self.deviation * 3 / 4 + rtt.abs_diff(smoothed) / 4),
        };
    }

    /// The shortest that was measured.
    pub(super) fn min(&self) -> Duration {
        self.min.unwrap_or_default()
    }

    /// The time after which silence means loss: doubled each time that nobody answers.
    pub(super) fn timeout(&self) -> Duration {
        let first = self.smoothed.map_or(INITIAL_RTO, |smoothed| smoothed + MIN_RTO.max(self.deviation * 4));
        first.saturating_mul(1 << self.n_timeouts.min(16)).min(MAX_RTO)
    }

    /// The time after which the last segment is sent once more, to see whether anything comes back. A lone segment may
    /// have been met by a receiver that delays its acknowledgment.
    pub(super) fn probe_timeout(&self, is_alone: bool) -> Duration {
        let two_trips = self.smoothed.unwrap_or(INITIAL_RTO) * 2;
        (two_trips + if is_alone { MIN_RTO } else { PROBE_MARGIN }).min(self.timeout())
    }

    /// How far segments may overtake each other before one counts as lost: a quarter of a round trip (RFC 8985).
    pub(super) fn reordering_window(&self) -> Duration {
        self.min().min(self.smoothed.unwrap_or_default() / 2) / 4
    }

    /// Nobody answered in time.
    pub(super) fn timed_out(&mut self) {
        self.n_timeouts += 1;
    }

    /// Somebody answered.
    pub(super) fn answered(&mut self) {
        self.n_timeouts = 0;
    }

    /// A router said that the way is blocked just now: one doubling less. Models tcp_ipv4.c tcp_ld_RTO_revert.
    pub(super) fn revert(&mut self) {
        self.n_timeouts = self.n_timeouts.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rtt;

    #[test]
    fn the_timeout_is_a_round_trip_and_200_ms_and_doubles() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), Duration::from_secs(1));
        rtt.sample(Duration::from_millis(1));
        assert_eq!(rtt.timeout(), Duration::from_millis(201));
        rtt.timed_out();
        rtt.timed_out();
        assert_eq!(rtt.timeout(), Duration::from_millis(804));
        rtt.revert();
        assert_eq!(rtt.timeout(), Duration::from_millis(402));
        rtt.answered();
        assert_eq!(rtt.timeout(), Duration::from_millis(201));
    }

    #[test]
    fn a_probe_waits_longer_for_a_lone_segment() {
        let mut rtt = Rtt::default();
        rtt.sample(Duration::from_millis(1));
        assert_eq!(rtt.probe_timeout(false), Duration::from_millis(10));
        assert_eq!(rtt.probe_timeout(true), Duration::from_millis(201));
    }
}
