//! The program that boot.js and kube-hop.js start: it only brings along what they call.

use kubehop_web as _;

fn main() {}
