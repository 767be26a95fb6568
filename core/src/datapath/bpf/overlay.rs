//! What came out of an envelope.
//!
//! Models bpf/bpf_overlay.c handle_ipv4. The tunnel key's identifier is the sender's security identity.

use std::ops::ControlFlow;

use super::{Passed, Run, Verdict};
use crate::net::EndpointKind;
use crate::trace::{Decision, DropReason};

pub(super) fn from_overlay(mut run: Run<'_, '_, '_>) -> Verdict {
    run.translate_frag_needed();
    let mut run = match run.answer_to_node_port() {
        ControlFlow::Break(next) => return Verdict::Break(next),
        ControlFlow::Continue(run) => run,
    };
    let Some((_, dst)) = run.addresses() else { return run.pass() };
    let endpoint = run.endpoint(dst);
    let Some(EndpointKind::Pod { mac, node_mac, .. }) = endpoint else { return Verdict::Break(run.host_delivery()) };
    if run.has_kube_proxy_replacement() {
        return match endpoint {
            Some(pod) => Verdict::Break(run.local_delivery(&pod, true)),
            None => run.pass(),
        };
    }
    // kube-proxy's translations are undone in the stack, so that is where the packet must go.
    if !run.l3(Some(node_mac), mac) {
        return Verdict::Break(run.drop(DropReason::BpfTtlExceeded));
    }
    run.record(Decision::BpfPass);
    Verdict::Continue(Passed { skb: run.skb, is_host: true })
}
