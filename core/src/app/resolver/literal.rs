//! Addresses where a name could stand, and the name that every machine knows: nobody is asked.

use std::net::{IpAddr, Ipv4Addr};

use super::{Families, LookupError};

/// Models inet_aton and inet_pton.
pub(super) fn parse(name: &str) -> Option<IpAddr> {
    name.parse().ok().or_else(|| inet_aton(name).map(IpAddr::V4))
}

/// The line of `/etc/hosts` that stands there everywhere.
pub(super) fn localhost(name: &str) -> Option<IpAddr> {
    name.eq_ignore_ascii_case("localhost").then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// What an address is to somebody who asks for one family.
pub(super) fn of_family(ip: IpAddr, families: Families) -> Result<IpAddr, LookupError> {
    match families {
        Families::Ipv4 if ip.is_ipv6() => Err(LookupError::NoName),
        Families::Ipv6 if ip.is_ipv4() => Err(LookupError::NoName),
        Families::Both | Families::Ipv4 | Families::Ipv6 => Ok(ip),
    }
}

/// One to four numbers, the last of which fills what is left: `127.1`, `0x7f000001`.
fn inet_aton(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = name.split('.').map(number).collect::<Option<_>>()?;
    let (last, before) = parts.split_last().filter(|(_, before)| before.len() < 4)?;
    let n_left = 32 - 8 * u32::try_from(before.len()).ok()?;
    if before.iter().any(|part| *part > 255) || u64::from(*last) >= 1 << n_left {
        return None;
    }
    let high = before.iter().enumerate().map(|(at, part)| part << (24 - 8 * at)).sum::<u32>();
    Some(Ipv4Addr::from(high | last))
}

fn number(part: &str) -> Option<u32> {
    let digits = |text: &str, radix| match text.starts_with(['+', '-']) {
        true => None,
        false => u32::from_str_radix(text, radix).ok(),
    };
    match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => digits(hex, 16),
        None if part.len() > 1 && part.starts_with('0') => digits(part, 8),
        None => digits(part, 10),
    }
}
