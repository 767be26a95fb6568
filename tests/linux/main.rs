//! The judge: the same traffic in the simulator and on a Linux kernel, compared frame by frame.
//!
//! `KUBEHOP_KERNEL=live` asks this machine's kernel, `record` also keeps what it did; without either, the recordings are
//! the judge. `cargo xtask test kernel` and `cargo xtask kernel --record` set it.

use std::process::Command;

#[test]
fn this_machine_can_make_a_network_when_its_kernel_is_the_judge() {
    if std::env::var_os("KUBEHOP_KERNEL").is_none() {
        return;
    }
    let made = Command::new("unshare")
        .args([
            "--net",
            "sh",
            "-c",
            "ip link add a type veth peer name b && ip link add v type vxlan id 1 dstport 8472",
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
