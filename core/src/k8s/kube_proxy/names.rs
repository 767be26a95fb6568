//! Names of chains. iptables has 28 characters for them, so there they are hashes; nftables has enough for the words, and a
//! hash in front that tells names apart at first sight.
//!
//! Models pkg/proxy/iptables/proxier.go portProtoHash, servicePortEndpointChainName, and pkg/proxy/nftables/proxier.go
//! hashAndTruncate, servicePortChainNameBase, servicePortEndpointChainNameBase.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// The alphabet of base 32 (RFC 4648).
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// What names of nftables are cut to, so that there is room for a prefix.
const LONGEST: usize = 240;

/// `PREFIX` and the first 16 characters, in base 32, of the hash of all `parts` one after the other.
pub(super) fn chain(prefix: &str, parts: &[&str]) -> Arc<str> {
    let mut name = String::with_capacity(prefix.len() + 16);
    name.push_str(prefix);
    push_hash(&mut name, parts, 16);
    name.into()
}

/// What chains of nftables are called behind `service-`, `external-` and so on: the port of a service, or one endpoint of it.
/// `service` is `NAMESPACE/NAME:PORT`, `endpoint` `ADDRESS:PORT`.
pub(super) fn readable(service: &str, protocol: &str, endpoint: Option<&str>) -> String {
    let (service, port) = service.split_once(':').unwrap_or((service, ""));
    let mut words = format!("{service}/{protocol}/{port}");
    if let Some((ip, port)) = endpoint.and_then(|endpoint| endpoint.rsplit_once(':')) {
        words.push_str("__");
        words.push_str(ip);
        words.push('/');
        words.push_str(port);
    }
    let mut name = String::with_capacity(words.len() + 9);
    push_hash(&mut name, &[&words], 8);
    name.push('-');
    name.push_str(&words);
    if name.len() > LONGEST {
        let end = (0..=LONGEST - 3).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
        name.truncate(end);
        name.push_str("...");
    }
    name
}

/// The first `n_digits` of the hash of all `parts`: a multiple of eight.
fn push_hash(name: &mut String, parts: &[&str], n_digits: usize) {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part.as_bytes()));
    // Five bytes are eight characters.
    for five in hasher.finalize()[..n_digits / 8 * 5].chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        name.extend((0..8).rev().map(|digit| char::from(ALPHABET[(bits >> (5 * digit) & 31) as usize])));
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, chain, readable};

    #[test]
    fn chains_of_a_real_cluster_have_these_names() {
        assert_eq!(&*chain("KUBE-SVC-", &["default/kubernetes:https", "tcp"]), "KUBE-SVC-NPX46M4PTMTKRN6Y");
        assert_eq!(&*chain("KUBE-SVC-", &["kube-system/kube-dns:dns", "udp"]), "KUBE-SVC-TCOU7JCQXEZGVUNU");
        assert_eq!(&*chain("KUBE-SEP-", &["ns1/svc1:p80", "tcp", "10.180.0.1:80"]), "KUBE-SEP-SXIVWICOYRO3J4NJ");
    }
    #[test]
    fn names_of_nftables_say_what_they_are_of() {
        assert_eq!(readable("ns1/svc1:p80", "tcp", None), "ULMVA6XW-ns1/svc1/tcp/p80");
        let endpoint = readable("ns1/svc1:p80", "tcp", Some("10.180.0.1:80"));
        assert_eq!(endpoint, "5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80");
        assert!(readable("ns/unnamed", "udp", None).ends_with("-ns/unnamed/udp/"));
        let long = readable(&format!("ns/{}", "a".repeat(300)), "tcp", None);
        assert!(long.len() == LONGEST && long.ends_with("aaa..."), "{long}");
    }
}
