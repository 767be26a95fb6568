//! How a run ends for whoever sits at the client: the line that curl, ping or an application's error says.

use crate::base::Place;
use crate::trace::{Disposition, RejectReason, Trace};

/// What the client of `trace` sees, which talked to `target`.
///
/// The words are those of curl, iputils' ping and glibc's `strerror`; how far the exchange came decides between a
/// connection that is not made and one that goes silent. Newer versions of curl say "Couldn't connect to server" of
/// every connection that is not made, and the socket's error only with `-v`: here it stands in its place.
#[must_use]
pub fn symptom(trace: &Trace, target: &str) -> String {
    let (scheme, rest) = target.split_once("://").unwrap_or(("", target));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let connected = trace.journeys.iter().any(|it| matches!(it.flow, "http" | "tcp") && it.name.starts_with("request"));
    if let Disposition::Rejected { reason: reason @ RejectReason::NameNotFound, .. } = trace.disposition {
        let name = host.split(':').next().unwrap_or_default();
        return match scheme {
            "http" => format!("curl: (6) Could not resolve host: {name}"),
            "ping" => format!("ping: {name}: {}", error(reason)),
            _ => format!("getaddrinfo: {}", error(reason)),
        };
    }
    if scheme == "ping" {
        return ping(trace);
    }
    let error = match &trace.disposition {
        Disposition::Delivered { .. } if scheme == "http" => return "curl: HTTP/1.1 200 OK".to_owned(),
        Disposition::Delivered { .. } => return "answered".to_owned(),
        Disposition::Dropped { .. } => "Connection timed out",
        Disposition::Rejected { reason: RejectReason::NoSocket, .. } if connected => "Connection reset by peer",
        Disposition::Rejected { reason, .. } => error(*reason),
    };
    let is_silent = matches!(trace.disposition, Disposition::Dropped { .. });
    match scheme {
        "http" if connected => format!("curl: (56) Recv failure: {error}"),
        "http" => {
            let (host, port) = host.rsplit_once(':').unwrap_or((host, "80"));
            let code = if is_silent { 28 } else { 7 };
            format!("curl: ({code}) Failed to connect to {host} port {port}: {error}")
        }
        "tcp" if connected => format!("recv: {error}"),
        "tcp" => format!("connect: {error}"),
        "udp" if is_silent => "recv: no answer".to_owned(),
        "udp" => format!("send: {error}"),
        _ if is_silent => "no answer".to_owned(),
        _ => error.to_owned(),
    }
}

/// A socket's error, as `strerror` says it.
fn error(reason: RejectReason) -> &'static str {
    use RejectReason::{
        IcmpExcTtl, IcmpFragNeeded, IcmpHostAno, IcmpHostUnreach, IcmpNetAno, IcmpNetUnreach, IcmpPktFiltered,
        IcmpPortUnreach, IcmpProtUnreach, Inval, NameNotFound, NoSocket,
    };
    match reason {
        NameNotFound => "Name or service not known",
        NoSocket | IcmpPortUnreach => "Connection refused",
        IcmpFragNeeded => "Message too long",
        IcmpNetUnreach | IcmpNetAno => "Network is unreachable",
        IcmpHostUnreach | IcmpHostAno | IcmpPktFiltered | IcmpExcTtl => "No route to host",
        IcmpProtUnreach => "Protocol not available",
        Inval => "Invalid argument",
    }
}

fn ping(trace: &Trace) -> String {
    let mut hops = trace.hops.iter();
    let client = hops.find(|hop| trace.journey(hop.journey).flow == "ping").map(|hop| &*hop.at);
    let told = |words: &str, at: &Place| format!("ping: From {}: {words}", at.short());
    match &trace.disposition {
        Disposition::Delivered { .. } => "ping: 1 received, 0% packet loss".to_owned(),
        Disposition::Dropped { .. } => "ping: 0 received, 100% packet loss".to_owned(),
        Disposition::Rejected { reason, at } => match reason {
            // Its own kernel tells it by an error of the socket, not by a packet.
            RejectReason::IcmpFragNeeded if client == Some(at) => "ping: local error: message too long".to_owned(),
            RejectReason::IcmpNetUnreach if client == Some(at) => "ping: connect: Network is unreachable".to_owned(),
            RejectReason::IcmpFragNeeded => told("Frag needed and DF set", at),
            RejectReason::IcmpExcTtl => told("Time to live exceeded", at),
            RejectReason::IcmpHostUnreach => told("Destination Host Unreachable", at),
            RejectReason::IcmpNetUnreach => told("Destination Net Unreachable", at),
            RejectReason::IcmpPortUnreach => told("Destination Port Unreachable", at),
            reason => told(error(*reason), at),
        },
    }
}
