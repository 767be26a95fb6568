//! How much of what is on the wire is payload, against the MTU, for every way of wrapping a packet.

use kubehop_core::api::DeviceKind;

use super::cast::Machine;
use super::chart::{Axis, Chart, Placed, draw, log};
use super::geometry::Tenths;

/// Headers of IP and TCP, without options.
const HEADERS: u32 = 40;
/// What goes around every packet of IP on a wire: Ethernet header 14, check sequence 4, preamble 8, gap 12.
const AROUND: u32 = 38;
/// Ways of wrapping, with the bytes of their envelope. VXLAN's and Geneve's are as long, and share a line.
const ENVELOPES: [(&str, u32); 3] = [("no envelope", 0), ("IPIP", 20), ("VXLAN, Geneve", 50)];
/// MTUs along the axis.
const MTUS: [u32; 5] = [576, 1500, 2500, 4500, 9000];
/// Points of a line.
const N_POINTS: u32 = 48;

/// The chart, and the sums of the MTU that is marked.
#[derive(Clone, Debug, PartialEq)]
pub struct Efficiency {
    /// The lines.
    pub chart: Chart,
    /// One row for each envelope: its name, the sum, and whether it is the lab's.
    pub rows: Vec<(&'static str, String, bool)>,
}

/// Payload in tenths of a per mille of what is on the wire.
fn share(mtu: u32, envelope: u32) -> u32 {
    mtu.saturating_sub(envelope + HEADERS) * 10_000 / (mtu + AROUND)
}

/// Tenths of a per mille as per cent.
fn percent(share: u32) -> Tenths {
    Tenths(f64::from(share) / 100.0)
}

impl Efficiency {
    /// For a NIC's MTU, and the envelope that a machine's tunnel device makes.
    #[must_use]
    pub fn new(mtu: usize, machine: &Machine) -> Option<Self> {
        let mtu = u32::try_from(mtu).ok()?;
        let envelope = machine.overlay().map_or(0, |device| if device.kind == DeviceKind::Ipip { 20 } else { 50 });
        let (least, most) = (MTUS[0].min(mtu), MTUS[MTUS.len() - 1].max(mtu));
        let line = |(name, envelope): &(&str, u32)| -> Placed {
            let at = |n: u32| least + (most - least) * n * n / (N_POINTS * N_POINTS);
            // Close to each other where the line bends.
            let points = (0..=N_POINTS).map(|n| (log(at(n)), share(at(n), *envelope).max(LEAST)));
            (format!("{name} {} %", percent(share(most, *envelope))), points.collect())
        };
        let here = (log(mtu), share(mtu, envelope).max(LEAST));
        let lines: Vec<Placed> = ENVELOPES.iter().map(line).collect();
        let ticks = MTUS.iter().filter(|tick| **tick <= most).map(|tick| (log(*tick), tick.to_string()));
        let across = Axis { range: (log(least), log(most)), ticks: ticks.collect() };
        let ticks = (LEAST / 500..=20).map(|n| (n * 500, format!("{} %", n * 5)));
        let upwards = Axis { range: (LEAST, 10_000), ticks: ticks.collect() };
        let chart = draw(&lines, &across, &upwards, Some(here))?;
        let rows = ENVELOPES.iter().map(|(name, bytes)| {
            let payload = mtu.saturating_sub(bytes + HEADERS);
            let around = if *bytes == 0 { String::new() } else { format!(" − {bytes}") };
            let sum =
                format!("{mtu}{around} − 20 − 20 = {payload} of {} B: {} %", mtu + AROUND, percent(share(mtu, *bytes)));
            (*name, sum, *bytes == envelope)
        });
        Some(Self { rows: rows.collect(), chart })
    }
}

/// Where the axis begins.
const LEAST: u32 = 7500;

#[cfg(test)]
mod tests {
    use super::{Efficiency, share};
    use crate::scene::CHART;
    use crate::state::{Scenario, Walk};
    use kubehop_core::api::CniMode;

    #[test]
    fn an_envelope_of_fifty_costs_three_per_cent_at_1500_and_half_a_per_cent_at_9000() {
        assert_eq!([share(1500, 0), share(1500, 50), share(9000, 0), share(9000, 50)], [9492, 9167, 9913, 9858]);
        assert_eq!(share(60, 50), 0);
    }

    #[test]
    fn the_lab_is_marked_on_the_line_of_its_own_envelope() {
        for ((_, _, mode), name) in CniMode::ALL.into_iter().zip([
            "VXLAN, Geneve",
            "no envelope",
            "VXLAN, Geneve",
            "IPIP",
            "no envelope",
            "VXLAN, Geneve",
            "VXLAN, Geneve",
            "no envelope",
        ]) {
            for mtu in [1400, 1500, 9000] {
                let walk = Walk::new(&Scenario { cni: Some(mode), ..Scenario::default() }).expect("a walk");
                let drawn = Efficiency::new(mtu, &walk.cast.left).expect("a chart");
                let own: Vec<&str> =
                    drawn.rows.iter().filter(|(_, _, is_own)| *is_own).map(|(name, ..)| *name).collect();
                assert_eq!(own, [name], "{}", mode.name());
                assert_eq!(drawn.chart.lines.len(), 3);
                let here = drawn.chart.mark.expect("a mark");
                assert!(here.x < f64::from(CHART.0) && here.y < f64::from(CHART.1));
            }
        }
    }
}
