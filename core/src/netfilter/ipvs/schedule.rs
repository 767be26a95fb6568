//! Which real server gets a new connection.
//!
//! Models net/netfilter/ipvs/ip_vs_rr.c, ip_vs_wrr.c, ip_vs_lc.c and ip_vs_sh.c. Where the turn stands when a walk begins
//! is drawn: the connections before it are not known, and the order in which kube-proxy adds real servers is that of a Go
//! map. For the same reason one of several with equally few connections is drawn.

use std::net::IpAddr;

use super::conn::Load;
use super::{RealServer, Scheduler, VirtualServer};
use crate::base::Dice;

/// Where a scheduler stands (`sched_data`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// The real server that was picked last.
    last: Option<(IpAddr, u16)>,
    /// `wrr`: the weight that is wanted now.
    weight: u32,
}

/// The real server that is picked, and each that could have been with its probability.
type Picked = (usize, Vec<(usize, f64)>);

pub(super) fn schedule(
    service: &VirtualServer,
    mark: &mut Mark,
    load: impl Fn(&RealServer) -> Load,
    client: IpAddr,
    dice: &mut Dice,
) -> Option<Picked> {
    let servers = &service.real_servers;
    match service.scheduler {
        Scheduler::Rr => {
            let picked = round_robin(servers, mark, dice)?;
            mark.last = Some(servers[picked].address);
            Some((picked, shares(servers, |server| u32::from(server.weight > 0))))
        }
        Scheduler::Wrr => {
            let picked = weighted_round_robin(servers, mark, dice)?;
            mark.last = Some(servers[picked].address);
            Some((picked, shares(servers, |server| server.weight)))
        }
        Scheduler::Lc => {
            // Models ip_vs_dest_conn_overhead.
            let overhead = |server: &RealServer| {
                let (n_active, n_inactive) = load(server);
                (n_active << 8) + n_inactive
            };
            let least = servers.iter().filter(|server| server.weight > 0).map(overhead).min()?;
            let all = shares(servers, |server| u32::from(server.weight > 0 && overhead(server) == least));
            Some((all[draw(all.len(), dice)].0, all))
        }
        Scheduler::Sh => {
            let picked = source_hash(servers, client)?;
            Some((picked, vec![(picked, 1.0)]))
        }
    }
}

/// Everyone's share in the sum.
fn shares(servers: &[RealServer], share: impl Fn(&RealServer) -> u32) -> Vec<(usize, f64)> {
    let of_each: Vec<u32> = servers.iter().map(share).collect();
    let sum = f64::from(of_each.iter().sum::<u32>());
    let positive = of_each.into_iter().enumerate().filter(|(_, share)| *share > 0);
    positive.map(|(idx, share)| (idx, f64::from(share) / sum)).collect()
}

fn draw(n: usize, dice: &mut Dice) -> usize {
    if n < 2 { 0 } else { dice.below(u32::try_from(n).unwrap_or(u32::MAX)) as usize }
}

/// The place after the last that was picked.
fn turn(servers: &[RealServer], mark: &Mark, dice: &mut Dice) -> usize {
    let last = mark.last.and_then(|last| servers.iter().position(|server| server.address == last));
    last.map_or_else(|| draw(servers.len(), dice), |idx| idx + 1)
}

/// Models ip_vs_rr_schedule.
fn round_robin(servers: &[RealServer], mark: &Mark, dice: &mut Dice) -> Option<usize> {
    let first = turn(servers, mark, dice);
    let in_turn = (0..servers.len()).map(|n| (first + n) % servers.len());
    in_turn.into_iter().find(|idx| servers[*idx].weight > 0)
}

/// Models ip_vs_wrr_schedule: those that have the weight wanted, each in turn; then the weight wanted falls.
fn weighted_round_robin(servers: &[RealServer], mark: &mut Mark, dice: &mut Dice) -> Option<usize> {
    let weights = || servers.iter().map(|server| server.weight).filter(|weight| *weight > 0);
    let step = weights().reduce(gcd)?;
    let highest = weights().max()? - (step - 1);
    let mut idx = turn(servers, mark, dice);
    if mark.weight == 0 || mark.weight > highest {
        mark.weight = highest;
    }
    // One pass for each weight that may be wanted, and the rest of the one that was begun.
    for _ in 0..servers.len() * (highest.div_ceil(step) as usize + 2) {
        if idx >= servers.len() {
            idx = 0;
            mark.weight = if mark.weight > step { mark.weight - step } else { highest };
        }
        if servers[idx].weight >= mark.weight {
            return Some(idx);
        }
        idx += 1;
    }
    None
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Models ip_vs_sh_hashkey and ip_vs_sh_reassign: 256 buckets, filled by one server after the other as its weight says.
fn source_hash(servers: &[RealServer], client: IpAddr) -> Option<usize> {
    /// `GOLDEN_RATIO_32`.
    const GOLDEN_RATIO: u32 = 0x61C8_8647;
    let IpAddr::V4(client) = client else { return None };
    let bucket = u32::from(client).wrapping_mul(GOLDEN_RATIO) >> 24;
    let width = |server: &RealServer| server.weight.max(1);
    let mut left = bucket % servers.iter().map(width).sum::<u32>().max(1);
    let picked = servers.iter().position(|server| {
        let is_here = left < width(server);
        left = left.saturating_sub(width(server));
        is_here
    });
    picked.filter(|idx| servers[*idx].weight > 0)
}
