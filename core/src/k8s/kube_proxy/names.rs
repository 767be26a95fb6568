//! Names of chains, which are hashes so that they fit into the kernel's 28 characters.
//!
//! Models pkg/proxy/iptables/proxier.go portProtoHash, servicePortEndpointChainName.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// The alphabet of base 32 (RFC 4648).
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `PREFIX` and the first 16 characters, in base 32, of the hash of all `parts` one after the other.
pub(super) fn chain(prefix: &str, parts: &[&str]) -> Arc<str> {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part.as_bytes()));
    let hash = hasher.finalize();
    let mut name = String::with_capacity(prefix.len() + 16);
    name.push_str(prefix);
    // Five bytes are eight characters.
    for five in hash[..10].chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        name.extend((0..8).rev().map(|digit| char::from(ALPHABET[(bits >> (5 * digit) & 31) as usize])));
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::chain;

    #[test]
    fn chains_of_a_real_cluster_have_these_names() {
        assert_eq!(&*chain("KUBE-SVC-", &["default/kubernetes:https", "tcp"]), "KUBE-SVC-NPX46M4PTMTKRN6Y");
        assert_eq!(&*chain("KUBE-SVC-", &["kube-system/kube-dns:dns", "udp"]), "KUBE-SVC-TCOU7JCQXEZGVUNU");
        assert_eq!(&*chain("KUBE-SEP-", &["ns1/svc1:p80", "tcp", "10.180.0.1:80"]), "KUBE-SEP-SXIVWICOYRO3J4NJ");
    }
}
