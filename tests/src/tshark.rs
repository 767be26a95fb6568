//! What Wireshark's dissectors say against a capture.

use std::fs;
use std::process::Command;

/// What marks a frame that no real machine would send. Wireshark's other warnings are about how a connection goes.
const FAULTY: &str = "_ws.malformed or _ws.short or ip.checksum.status == \"Bad\" or udp.checksum.status == \"Bad\" \
                      or tcp.checksum.status == \"Bad\" or icmp.checksum.status == \"Bad\"";

/// Wireshark trusts checksums unless told not to, because network cards fill them in.
const CHECKED: &[&str] = &["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE"];

/// The frames of a pcapng file that tshark finds faulty, a line for each.
///
/// # Panics
/// If there is no tshark, or if it cannot read the file at all.
#[must_use]
pub fn faulty_frames(pcapng: &[u8]) -> Vec<String> {
    matching_frames(pcapng, FAULTY)
}

/// The frames of a pcapng file that a display filter of tshark lets through, a line for each.
///
/// # Panics
/// If there is no tshark, or if it cannot read the file or the filter.
#[must_use]
pub fn matching_frames(pcapng: &[u8], filter: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("capture.pcapng");
    fs::write(&file, pcapng).expect("the temporary folder takes a file");
    let mut tshark = Command::new("tshark");
    // Linux's VXLAN port is not the one that IANA gave it later, and a run over UDP carries filler on any port.
    tshark.args(["-n", "-d", "udp.port==8472,vxlan", "-Y", filter, "-r"]).arg(&file);
    for preference in CHECKED {
        tshark.args(["-o", preference]);
    }
    let output = tshark.output().expect("tshark is installed");
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
}
