//! The name that somebody probably meant.

/// The one of `names` that is closest to `wanted`, if any is close enough to be worth a mention.
#[must_use]
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong; references share long prefixes, so at least two always may.
    let tolerated = (wanted.chars().count() / 3).max(2);
    names
        .map(|name| (strsim::osa_distance(wanted, name), name))
        .filter(|(distance, name)| *distance <= tolerated && *distance < name.chars().count().max(2))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_closest_name_is_named_and_a_strange_one_is_not() {
        let names = ["node-a", "node-b", "vxlan", "host-gw"];
        let cases = [
            ("node-c", Some("node-a")),
            ("nodeb", Some("node-b")),
            ("vxlna", Some("vxlan")),
            ("hostgw", Some("host-gw")),
            ("kubernetes", None),
            ("", None),
        ];
        for (wanted, expected) in cases {
            assert_eq!(nearest(wanted, names.into_iter()), expected, "{wanted}");
        }
    }
}
