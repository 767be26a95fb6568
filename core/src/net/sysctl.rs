//! Kernel settings: those that this version knows, by path, with their defaults.
//!
//! Models Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst and include/linux/inetdevice.h. What a device
//! has is kept only where somebody has set it: else it has what `conf.default` has.
//! Not modelled: a device keeps what `conf.default` was when it was made.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use thiserror::Error;

use super::Interface;
use crate::base::sort_by;

/// Why a setting cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SysctlError {
    /// There is no such path.
    #[error("no such setting")]
    NoSuchPath,
    /// The value is none for it.
    #[error("expected {expected}")]
    Value {
        /// What it takes.
        expected: String,
    },
}

/// A value of a setting, as `sysctl` reads and prints it.
trait Value: Sized {
    fn read(text: &str, range: RangeInclusive<u32>) -> Option<Self>;
    fn print(&self) -> String;
    fn expected(range: RangeInclusive<u32>) -> String;
}

impl Value for bool {
    fn read(text: &str, _: RangeInclusive<u32>) -> Option<Self> {
        match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }

    fn print(&self) -> String {
        u8::from(*self).to_string()
    }

    fn expected(_: RangeInclusive<u32>) -> String {
        "0 or 1".to_owned()
    }
}

impl Value for u32 {
    fn read(text: &str, range: RangeInclusive<u32>) -> Option<Self> {
        text.parse().ok().filter(|number| range.contains(number))
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn expected(range: RangeInclusive<u32>) -> String {
        format!("a number {}-{}", range.start(), range.end())
    }
}

impl Value for u8 {
    fn read(text: &str, range: RangeInclusive<u32>) -> Option<Self> {
        u32::read(text, range).and_then(|number| Self::try_from(number).ok())
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn expected(range: RangeInclusive<u32>) -> String {
        u32::expected(range)
    }
}

impl Value for (u16, u16) {
    fn read(text: &str, range: RangeInclusive<u32>) -> Option<Self> {
        let numbers: Option<Vec<u16>> = text.split_whitespace().map(|word| port(word, &range)).collect();
        match numbers?[..] {
            [first, last] if first <= last => Some((first, last)),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{}\t{}", self.0, self.1)
    }

    fn expected(_: RangeInclusive<u32>) -> String {
        "the first and the last port, like \"32768 60999\"".to_owned()
    }
}

fn port(word: &str, range: &RangeInclusive<u32>) -> Option<u16> {
    u32::read(word, range.clone()).and_then(|number| u16::try_from(number).ok())
}

/// A setting of the whole namespace.
struct Known {
    path: &'static str,
    set: fn(&mut Sysctls, &str) -> bool,
    print: fn(&Sysctls) -> String,
    expected: fn() -> String,
}

/// Makes the fields, their defaults and the table of paths from one list.
macro_rules! settings {
    ($($path:literal $field:ident: $kind:ty = $default:expr, $range:expr;)*) => {
        /// The settings of a namespace.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Sysctls {
            $(#[doc = concat!("`", $path, "`.")] pub $field: $kind,)*
            /// What somebody has set below `net.ipv4.conf`, by device.
            conf: BTreeMap<(String, Conf), u8>,
        }

        impl Default for Sysctls {
            /// As the kernel has them, with `br_netfilter` loaded.
            fn default() -> Self {
                Self { $($field: $default,)* conf: BTreeMap::new() }
            }
        }

        /// Everything but `net.ipv4.conf`, sorted.
        const KNOWN: &[Known] = &[$(Known {
            path: $path,
            set: |sysctls, text| match <$kind>::read(text, $range) {
                Some(value) => {
                    sysctls.$field = value;
                    true
                }
                None => false,
            },
            print: |sysctls| sysctls.$field.print(),
            expected: || <$kind>::expected($range),
        },)*];
    };
}

settings! {
    "net.bridge.bridge-nf-call-iptables" bridge_nf_call_iptables: bool = true, 0..=1;
    "net.ipv4.ip_default_ttl" ip_default_ttl: u8 = 64, 1..=255;
    "net.ipv4.ip_forward" ip_forward: bool = false, 0..=1;
    "net.ipv4.ip_forward_use_pmtu" ip_forward_use_pmtu: bool = false, 0..=1;
    "net.ipv4.ip_local_port_range" ip_local_port_range: (u16, u16) = (32768, 60999), 1..=65535;
    "net.ipv4.tcp_retries2" tcp_retries2: u8 = 15, 0..=255;
    "net.ipv4.tcp_syn_retries" tcp_syn_retries: u8 = 6, 1..=127;
    "net.ipv4.tcp_synack_retries" tcp_synack_retries: u8 = 5, 0..=255;
    "net.netfilter.nf_conntrack_icmp_timeout" nf_conntrack_icmp_timeout: u32 = 30, 1..=2_147_483;
    "net.netfilter.nf_conntrack_tcp_be_liberal" nf_conntrack_tcp_be_liberal: bool = false, 0..=1;
    "net.netfilter.nf_conntrack_tcp_loose" nf_conntrack_tcp_loose: bool = true, 0..=1;
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait" nf_conntrack_tcp_timeout_close_wait: u32 = 60, 1..=2_147_483;
    "net.netfilter.nf_conntrack_tcp_timeout_established" nf_conntrack_tcp_timeout_established: u32 = 432_000, 1..=2_147_483;
    "net.netfilter.nf_conntrack_udp_timeout" nf_conntrack_udp_timeout: u32 = 30, 1..=2_147_483;
    "net.netfilter.nf_conntrack_udp_timeout_stream" nf_conntrack_udp_timeout_stream: u32 = 120, 1..=2_147_483;
}

/// A setting that every device has: `net.ipv4.conf.DEVICE.NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conf {
    /// `accept_local`: takes packets whose source is an own address.
    AcceptLocal,
    /// `forwarding`: what comes in by the device may go on.
    Forwarding,
    /// `proxy_arp`: answers questions for addresses that lie elsewhere.
    ProxyArp,
    /// `route_localnet`: takes packets from and to 127.0.0.0/8.
    RouteLocalnet,
    /// `rp_filter`: 1 wants the way back to lead out of the same device, 2 out of any.
    RpFilter,
}

/// What all paths of [`Conf`] begin with.
const CONF: &str = "net.ipv4.conf.";

impl Conf {
    const ALL: [(&'static str, Self, u8); 5] = [
        ("accept_local", Self::AcceptLocal, 1),
        ("forwarding", Self::Forwarding, 1),
        ("proxy_arp", Self::ProxyArp, 1),
        ("route_localnet", Self::RouteLocalnet, 1),
        ("rp_filter", Self::RpFilter, 2),
    ];
}

impl Sysctls {
    /// Every path that is known; `*` stands for `all`, `default` or a device.
    pub fn known() -> impl Iterator<Item = String> {
        let conf = Conf::ALL.iter().map(|(name, ..)| format!("{CONF}*.{name}"));
        KNOWN.iter().map(|known| known.path.to_owned()).chain(conf)
    }

    /// Sets the setting at `path`, as `sysctl -w` does.
    ///
    /// # Errors
    /// If there is no such path, or the value is none for it.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), SysctlError> {
        if let Some((dev, name)) = path.strip_prefix(CONF).and_then(|rest| rest.rsplit_once('.')) {
            let (_, conf, max) = Conf::ALL.iter().find(|(known, ..)| *known == name).ok_or(SysctlError::NoSuchPath)?;
            let expected = || if *max == 1 { "0 or 1".to_owned() } else { format!("a number 0-{max}") };
            let number = value.parse().ok().filter(|number| number <= max);
            self.set_conf(dev, *conf, number.ok_or_else(|| SysctlError::Value { expected: expected() })?);
            return Ok(());
        }
        let known = KNOWN.iter().find(|known| known.path == path).ok_or(SysctlError::NoSuchPath)?;
        if !(known.set)(self, value) {
            return Err(SysctlError::Value { expected: (known.expected)() });
        }
        if path == "net.ipv4.ip_forward" {
            self.set_conf("all", Conf::Forwarding, u8::from(self.ip_forward));
        }
        Ok(())
    }

    /// Makes all of `settings`; what is none is left aside. The general come first, for `ip_forward` is a setting of all
    /// devices (inet_forward_change).
    pub fn apply(&mut self, settings: &BTreeMap<String, String>) {
        let rank = |path: &str| match path {
            "net.ipv4.ip_forward" => 0,
            path if path.starts_with("net.ipv4.conf.all.") => 1,
            path if path.starts_with("net.ipv4.conf.default.") => 2,
            _ => 3,
        };
        let mut ordered: Vec<(&String, &String)> = settings.iter().collect();
        sort_by(&mut ordered, |(a, _), (b, _)| rank(a).cmp(&rank(b)));
        for (path, value) in ordered {
            // Whoever reads the settings has said what is wrong with them.
            let _ = self.set(path, value);
        }
    }

    /// Sets what a device, `all` or `default` has.
    pub fn set_conf(&mut self, dev: &str, conf: Conf, value: u8) {
        if (dev, conf) == ("all", Conf::Forwarding) {
            self.ip_forward = value != 0;
            self.conf.retain(|(_, other), _| *other != Conf::Forwarding);
        } else {
            self.conf.insert((dev.to_owned(), conf), value);
        }
    }

    /// A device has gone, and what was set of it.
    pub(super) fn forget_device(&mut self, dev: &str) {
        self.conf.retain(|(other, _), _| other != dev);
    }

    /// What a device, `all` or `default` has.
    #[must_use]
    pub fn conf(&self, dev: &str, conf: Conf) -> u8 {
        let own = |dev: &str| self.conf.get(&(dev.to_owned(), conf)).copied();
        match (own(dev), conf) {
            (Some(value), _) => value,
            (None, Conf::Forwarding) => u8::from(self.ip_forward),
            (None, _) if dev == "all" => 0,
            (None, _) => own("default").unwrap_or(0),
        }
    }

    /// The larger of what the device and `all` have (`IN_DEV_MAXCONF`).
    fn max_conf(&self, dev: &str, conf: Conf) -> u8 {
        self.conf(dev, conf).max(self.conf("all", conf))
    }

    /// Whether what comes in by the device may go on.
    #[must_use]
    pub fn forwards(&self, dev: &str) -> bool {
        self.conf(dev, Conf::Forwarding) != 0
    }

    /// How sources are validated of what comes in by the device.
    #[must_use]
    pub fn rp_filter(&self, dev: &str) -> u8 {
        self.max_conf(dev, Conf::RpFilter)
    }

    /// Whether the device takes packets whose source is an own address.
    #[must_use]
    pub fn accepts_local(&self, dev: &str) -> bool {
        self.max_conf(dev, Conf::AcceptLocal) != 0
    }

    /// Whether the device takes packets from and to 127.0.0.0/8.
    #[must_use]
    pub fn routes_localnet(&self, dev: &str) -> bool {
        self.max_conf(dev, Conf::RouteLocalnet) != 0
    }

    /// Whether the device answers ARP for addresses that lie elsewhere.
    #[must_use]
    pub fn answers_for_others(&self, dev: &str) -> bool {
        self.max_conf(dev, Conf::ProxyArp) != 0
    }

    /// Path and value of everything that is known, sorted as `sysctl -a` prints it; a dot in a device's name is a slash.
    #[must_use]
    pub fn rows(&self, interfaces: &[Interface]) -> Vec<(String, String)> {
        let devices = interfaces.iter().map(|interface| &**interface.name()).chain(["all", "default"]);
        let of_device = |dev: &str| -> Vec<(String, String)> {
            let path = |name| format!("{CONF}{}.{name}", dev.replace('.', "/"));
            Conf::ALL.iter().map(|(name, conf, _)| (path(name), self.conf(dev, *conf).to_string())).collect()
        };
        let mut rows: Vec<(String, String)> = devices.flat_map(of_device).collect();
        rows.extend(KNOWN.iter().map(|known| (known.path.to_owned(), (known.print)(self))));
        sort_by(&mut rows, Ord::cmp);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::{Conf, SysctlError, Sysctls};

    fn set(settings: &[(&str, &str)]) -> Sysctls {
        let mut sysctls = Sysctls::default();
        sysctls.apply(&settings.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect());
        sysctls
    }

    #[test]
    fn the_larger_of_all_and_the_device_filters() {
        for (all, device, filter) in [("0", "0", 0), ("0", "1", 1), ("1", "0", 1), ("2", "1", 2), ("1", "2", 2)] {
            let sysctls = set(&[("net.ipv4.conf.all.rp_filter", all), ("net.ipv4.conf.flannel.1.rp_filter", device)]);
            assert_eq!(sysctls.rp_filter("flannel.1"), filter, "all {all}, device {device}");
        }
    }

    #[test]
    fn ip_forward_is_a_setting_of_all_devices_and_a_device_may_differ() {
        let sysctls = set(&[("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.eth0.forwarding", "0")]);
        assert_eq!((sysctls.forwards("eth0"), sysctls.forwards("eth1")), (false, true));
        let mut written_again = sysctls;
        written_again.set_conf("all", Conf::Forwarding, 1);
        assert!(written_again.forwards("eth0"));
    }

    #[test]
    fn what_is_no_setting_or_no_value_is_refused() {
        let value = |expected: &str| SysctlError::Value { expected: expected.to_owned() };
        let cases = [
            ("net.ipv4.ip_forwad", "1", SysctlError::NoSuchPath),
            ("net.ipv4.conf.eth0.rp_filte", "1", SysctlError::NoSuchPath),
            ("net.ipv4.conf.eth0.rp_filter", "3", value("a number 0-2")),
            ("net.ipv4.conf.all.proxy_arp", "2", value("0 or 1")),
            ("net.ipv4.ip_forward", "yes", value("0 or 1")),
            ("net.ipv4.ip_default_ttl", "256", value("a number 1-255")),
            ("net.ipv4.ip_local_port_range", "60999 32768", value("the first and the last port, like \"32768 60999\"")),
        ];
        for (path, text, error) in cases {
            assert_eq!(Sysctls::default().set(path, text), Err(error), "{path} = {text}");
        }
    }
}
