//! The URL fragment: the page's whole state in words that people can read and change.
//!
//! Pure text in, values out. `do` may stand there several times, in the order of what is done. A key that is not known here is kept as it stands.

use std::rc::Rc;

use data_encoding::BASE64URL_NOPAD;
use kubehop_core::api::{CniMode, ProxyMode};

use super::compare::{from_word, to_word};
use super::scenario::proxy_name;
use super::{Choice, Scenario};

/// What a fragment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// What to compute.
    pub scenario: Scenario,
    /// What else to show beside it: each a choice that is made otherwise there.
    pub with: Vec<Choice>,
    /// Id of the step to show.
    pub step: Option<String>,
    /// Keys that this version does not know, in order, as they stood.
    pub unknown: Vec<(String, String)>,
}

/// Why a fragment cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// A cluster of this size cannot come out of a link: it is no longer a link then.
const MAX_CLUSTER_BYTES: usize = 8 << 20;
/// NIC MTUs that exist: the least that IPv4 asks for, and jumbo frames with room.
const MTUS: std::ops::RangeInclusive<usize> = 68..=65535;

impl Link {
    /// Reads a fragment, with or without its `#`.
    ///
    /// # Errors
    /// Names the first part that cannot be read.
    pub fn parse(fragment: &str) -> Result<Self, Unreadable> {
        let mut link = Self::default();
        let text = fragment.strip_prefix('#').unwrap_or(fragment);
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, raw) =
                pair.split_once('=').ok_or_else(|| Unreadable(format!("{pair:?} is no key with a value")))?;
            let value = decode(raw).ok_or_else(|| Unreadable(format!("{key}: {raw:?} is not encoded as a link is")))?;
            link.take(key, raw, value)?;
        }
        Ok(link)
    }

    fn take(&mut self, key: &str, raw: &str, value: String) -> Result<(), Unreadable> {
        let expected = |what: &str| Unreadable(format!("{key}={value}: expected {what}"));
        let scenario = &mut self.scenario;
        match key {
            "v" if value == "1" => {}
            "v" => return Err(Unreadable(format!("its version is {value:?}, and this page reads version 1"))),
            "s" => scenario.walk = Some(value),
            "from" => scenario.from = Some(value),
            "to" => scenario.to = Some(value),
            "cni" => {
                let mode = CniMode::ALL.iter().map(|(_, _, mode)| *mode).find(|mode| mode.name() == value);
                scenario.cni = Some(mode.ok_or_else(|| expected(&modes()))?);
            }
            "proxy" => {
                let mode = ProxyMode::ALL.iter().find(|(name, _)| *name == value).map(|(_, mode)| *mode);
                scenario.proxy = Some(mode.ok_or_else(|| expected("iptables, ipvs, nftables or none"))?);
            }
            "via" => scenario.via = Some(value),
            "fault" => scenario.faults = value.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
            "do" => scenario.actions.push(value),
            "mtu" => {
                let mtu = value.parse().ok().filter(|mtu| MTUS.contains(mtu));
                scenario.mtu = Some(mtu.ok_or_else(|| expected("a number of bytes from 68 to 65535"))?);
            }
            "seed" => scenario.seed = value.parse().map_err(|_| expected("a number"))?,
            "size" => scenario.size = value.parse().map_err(|_| expected("a number of bytes"))?,
            "reply" => scenario.reply = value.parse().map_err(|_| expected("a number of bytes"))?,
            "df" => {
                scenario.df = match value.as_str() {
                    "1" | "true" => true,
                    "0" | "false" => false,
                    _ => return Err(expected("0 or 1")),
                }
            }
            "with" => {
                for word in value.split(',').filter(|word| !word.is_empty()) {
                    let choice =
                        from_word(word).ok_or_else(|| expected("cni:, proxy:, mtu: or fault: with a value"))?;
                    self.with.push(choice);
                }
            }
            "step" => self.step = Some(value),
            "z" => {
                let cluster = unpack(&value).ok_or_else(|| Unreadable("z: it holds no cluster".to_owned()))?;
                scenario.cluster = Some(cluster);
            }
            _ => self.unknown.push((key.to_owned(), raw.to_owned())),
        }
        Ok(())
    }

    /// The fragment, without its `#`; empty for the built-in walk at its first step. Defaults are left out.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        let scenario = &self.scenario;
        let default = Scenario::default();
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut add = |key, value: Option<String>| pairs.extend(value.map(|value| (key, value)));
        let changed = |value: usize, default: usize| (value != default).then(|| value.to_string());
        add("s", scenario.walk.as_deref().map(encode));
        add("from", scenario.from.as_deref().map(encode));
        add("to", scenario.to.as_deref().map(encode));
        add("cni", scenario.cni.map(|mode| mode.name().to_owned()));
        add("proxy", scenario.proxy.map(|mode| proxy_name(mode).to_owned()));
        add("via", scenario.via.as_deref().map(encode));
        add("mtu", scenario.mtu.map(|mtu| mtu.to_string()));
        add("fault", (!scenario.faults.is_empty()).then(|| encode(&scenario.faults.join(","))));
        let with: Vec<String> = self.with.iter().filter_map(to_word).collect();
        add("with", (!with.is_empty()).then(|| encode(&with.join(","))));
        add("seed", (scenario.seed != default.seed).then(|| scenario.seed.to_string()));
        add("size", changed(scenario.size, default.size));
        add("reply", changed(scenario.reply, default.reply));
        add("df", scenario.df.then(|| "1".to_owned()));
        for action in &scenario.actions {
            add("do", Some(encode(action)));
        }
        add("step", self.step.as_deref().map(encode));
        add("z", scenario.cluster.as_deref().map(pack));
        let unknown = self.unknown.iter().map(|(key, value)| format!("{key}={value}"));
        let known = pairs.iter().map(|(key, value)| format!("{key}={value}"));
        let all: Vec<String> = known.chain(unknown).collect();
        if all.is_empty() { String::new() } else { format!("v=1&{}", all.join("&")) }
    }
}

fn modes() -> String {
    CniMode::ALL.iter().map(|(_, _, mode)| mode.name()).collect::<Vec<_>>().join(" or ")
}

/// Text as a cluster in a link: raw deflate, then base64 for URLs.
#[must_use]
pub(super) fn pack(text: &str) -> String {
    BASE64URL_NOPAD.encode(&miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 8))
}

/// The other way; `None` if it is no packed text, or a bomb.
fn unpack(packed: &str) -> Option<Rc<str>> {
    let deflated = BASE64URL_NOPAD.decode(packed.trim_end_matches('=').as_bytes()).ok()?;
    let bytes = miniz_oxide::inflate::decompress_to_vec_with_limit(&deflated, MAX_CLUSTER_BYTES).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    (!text.trim().is_empty()).then(|| text.into())
}

/// Percent-encodes what would end a value, and leaves the rest readable.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'/' | b':' | b'?' | b'@' | b'!' | b',' | b';' | b'*' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `None` for a `%` without two digits behind it, or bytes that are no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{Link, decode, encode, pack};
    use crate::state::{Choice, Scenario};
    use kubehop_core::api::{CniMode, ProxyMode};

    #[test]
    fn the_default_needs_no_fragment() {
        assert_eq!(Link::default().to_fragment(), "");
        assert_eq!(Link::parse(""), Ok(Link::default()));
        assert_eq!(Link::parse("#v=1"), Ok(Link::default()));
    }

    #[test]
    fn whatever_was_chosen_comes_back() {
        // A small generator of its own: every mix of present and absent keys, with values that need encoding.
        for bits in 0_u32..1024 {
            let has = |bit: u32| bits & (1 << bit) != 0;
            let link = Link {
                scenario: Scenario {
                    walk: has(0).then(|| "first steps&more".to_owned()),
                    cluster: has(1).then(|| "kind: Pod # ü\n".into()),
                    from: has(2).then(|| "pod/default/client/curl".to_owned()),
                    to: has(3).then(|| "http://10.244.1.2:8080/a?b=c&d=%20#e".to_owned()),
                    cni: has(4).then_some(CniMode::FlannelHostGw),
                    mtu: has(5).then_some(9000),
                    seed: if has(6) { u64::MAX } else { 1 },
                    size: if has(7) { 4000 } else { 100 },
                    reply: if has(8) { 0 } else { 100 },
                    df: has(3),
                    proxy: has(9).then_some(ProxyMode::Ipvs),
                    via: has(9).then(|| "node-b".to_owned()),
                    faults: if has(2) { vec!["veth-down".to_owned(), "cni-mtu".to_owned()] } else { Vec::new() },
                    actions: if has(9) {
                        ["-100 delete pod/default/web-1", "20 scale=3 web"].map(str::to_owned).to_vec()
                    } else {
                        Vec::new()
                    },
                },
                with: if has(6) {
                    vec![
                        Choice::Cni(CniMode::CalicoBgp),
                        Choice::Proxy(ProxyMode::Nftables),
                        Choice::Mtu(1400),
                        Choice::Fault(None),
                    ]
                } else {
                    Vec::new()
                },
                step: has(5).then(|| "http.syn.node-a.neigh-resume.2".to_owned()),
                unknown: if has(7) {
                    vec![("panel".to_owned(), "a%2Cb".to_owned()), ("x".to_owned(), String::new())]
                } else {
                    Vec::new()
                },
            };
            let fragment = link.to_fragment();
            assert_eq!(Link::parse(&fragment), Ok(link), "{fragment}");
            assert!(fragment.is_ascii() && !fragment.contains([' ', '#', '"', '<']), "{fragment}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_which_part() {
        for (fragment, part) in [
            ("#v=2&step=a", "version"),
            ("#cni=flannel/ipip", "cni="),
            ("#proxy=haproxy", "proxy="),
            ("#mtu=12", "mtu="),
            ("#mtu=much", "mtu="),
            ("#seed=-1", "seed="),
            ("#size=1e3", "size="),
            ("#df=yes", "df="),
            ("#with=cni:weave", "with="),
            ("#to=%zz", "to:"),
            ("#to=%ff", "to:"),
            ("#z=!!", "z:"),
            ("#z=AAAA", "z:"),
            ("#something", "something"),
        ] {
            let error = Link::parse(fragment).expect_err(fragment);
            assert!(error.0.contains(part), "{fragment}: {}", error.0);
        }
    }

    #[test]
    fn unknown_keys_survive_in_order() {
        let fragment = "v=1&mtu=9000&mode=icmp%2dblocked&panel=";
        assert_eq!(Link::parse(fragment).expect("a link").to_fragment(), fragment);
    }

    #[test]
    fn a_bomb_is_no_cluster() {
        let bomb = pack(&"a".repeat(9 << 20));
        assert!(Link::parse(&format!("z={bomb}")).is_err());
    }

    #[test]
    fn a_value_stays_readable() {
        assert_eq!(encode("http://10.244.1.2:8080/"), "http://10.244.1.2:8080/");
        assert_eq!(encode("a b&c=d"), "a%20b%26c%3Dd");
        assert_eq!(decode("a+b%2Bc").as_deref(), Some("a b+c"));
    }
}
