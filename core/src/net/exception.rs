//! Route exceptions: what a path turned out to take, less than the devices and routes say.
//!
//! Models net/ipv4/route.c __ip_rt_update_pmtu and update_or_create_fnhe. They belong to next hops there and to the
//! namespace here, by destination alone. Not modelled: redirects, the limit of their number, `mtu_expires` running out
//! (ten minutes; no run lasts that long).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::Instant;

/// The smallest MTU that is believed: `net.ipv4.route.min_pmtu`.
const MIN_PMTU: usize = 552;
/// How long one is remembered: `net.ipv4.route.mtu_expires`.
const MTU_EXPIRES: Duration = Duration::from_secs(600);

/// What is known of the way to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteException {
    /// The destination.
    pub dst: IpAddr,
    /// Bytes that a packet may have.
    pub mtu: usize,
    /// A router asked for less than can be believed: packets go without DF instead.
    pub locked: bool,
    /// When it was learned.
    pub learned: Instant,
}

impl RouteException {
    /// As `ip route get` prints it at `now`, behind `cache`.
    #[must_use]
    pub fn print(&self, now: Instant) -> String {
        let left = MTU_EXPIRES.saturating_sub(now - self.learned).as_secs();
        format!("expires {left}sec {self}")
    }
}

impl fmt::Display for RouteException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mtu {}{}", if self.locked { "lock " } else { "" }, self.mtu)
    }
}

/// The exceptions of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    rows: Vec<RouteException>,
}

impl Exceptions {
    /// What is known of the way to `dst`.
    #[must_use]
    pub fn get(&self, dst: IpAddr) -> Option<&RouteException> {
        self.rows.iter().find(|row| row.dst == dst)
    }

    /// A router says that only `mtu` bytes go through to `dst`, where `old_mtu` were believed to. Returns what is known
    /// now, if that is news.
    pub fn learn(&mut self, dst: IpAddr, old_mtu: usize, mtu: usize, now: Instant) -> Option<RouteException> {
        let known = self.rows.iter().position(|row| row.dst == dst);
        if known.is_some_and(|idx| self.rows[idx].locked) || old_mtu < mtu {
            return None;
        }
        let locked = mtu < MIN_PMTU;
        let mtu = if locked { old_mtu.min(MIN_PMTU) } else { mtu };
        // Repeated news renew nothing in the first half of the time.
        if !locked
            && known.is_some_and(|idx| self.rows[idx].mtu == mtu && now - self.rows[idx].learned < MTU_EXPIRES / 2)
        {
            return None;
        }
        let row = RouteException { dst, mtu, locked, learned: now };
        match known {
            Some(idx) => self.rows[idx] = row,
            None => self.rows.push(row),
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::Exceptions;
    use crate::base::Instant;

    #[test]
    fn what_routers_say_is_believed_downwards_and_not_below_552() {
        let dst = IpAddr::from([203, 0, 113, 2]);
        let mut exceptions = Exceptions::default();
        let mut old_mtu = 9000;
        for (told, known) in [
            (9500, None),
            (1500, Some("mtu 1500")),
            (1500, None),
            (1400, Some("mtu 1400")),
            (1450, None),
            (68, Some("mtu lock 552")),
            (60, None),
        ] {
            let learned = exceptions.learn(dst, old_mtu, told, Instant::START).map(|row| row.to_string());
            assert_eq!(learned.as_deref(), known, "{told}");
            old_mtu = exceptions.get(dst).map_or(old_mtu, |row| row.mtu);
        }
        let later = Instant::START + Duration::from_millis(1);
        assert_eq!(exceptions.get(dst).map(|row| row.print(later)), Some("expires 599sec mtu lock 552".to_owned()));
        assert_eq!(exceptions.get(IpAddr::from([203, 0, 113, 3])), None);
    }
}
