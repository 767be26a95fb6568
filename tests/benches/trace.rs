//! How long the core takes. `cargo xtask bench` makes a table of it.

use divan::{Bencher, black_box};
use kubehop_core::wire::{IpSpec, Packet, dissect, udp};

fn main() {
    divan::main();
}

fn datagram() -> Packet {
    let ip = IpSpec { src: [10, 244, 0, 2].into(), dst: [10, 244, 1, 2].into(), ttl: 64, df: true, id: 7 };
    udp(ip, 40000, 53, &[0; 100])
}

/// Building a datagram with its checksums.
#[divan::bench]
fn build_datagram(bencher: Bencher) {
    bencher.bench(|| black_box(datagram()));
}

/// Naming every field of a datagram, as the inspector shows it.
#[divan::bench]
fn dissect_datagram(bencher: Bencher) {
    let packet = datagram();
    bencher.bench(|| dissect(black_box(&packet)));
}
