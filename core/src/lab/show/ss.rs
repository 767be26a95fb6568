//! `ss -tunl`: who listens. Models iproute2 misc/ss.c where it does not write to a terminal, for addresses of IPv4 and
//! ports as numbers.
//!
//! The length of a listener's queue is the system's greatest, which is what Go programs ask for; programs that ask for
//! less are not told apart.

use crate::net::{Listener, NetNs, TransportProtocol};

/// UDP first, then TCP, each in order of binding.
pub(super) fn listeners(ns: &NetNs) -> String {
    print(ns.sockets.listeners())
}

fn print(listeners: &[Listener]) -> String {
    let port_len = |listener: &Listener| listener.port.to_string().len();
    let width = listeners.iter().map(port_len).max().unwrap_or(0).max("Port".len());
    let line = |[name, state, received, queue, address, port, peer, peer_port]: [&str; 8]| {
        format!("{name:<5} {state:<6} {received:<6} {queue:<6} {address:>13}:{port:<width$} {peer:>12}:{peer_port:<4}")
    };
    let mut out = line(["Netid", "State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port"]);
    out += "Process\n";
    for (protocol, name, state, queue) in
        [(TransportProtocol::Udp, "udp", "UNCONN", "0"), (TransportProtocol::Tcp, "tcp", "LISTEN", "4096")]
    {
        for listener in listeners.iter().filter(|listener| listener.protocol == protocol) {
            out += &line([name, state, "0", queue, "0.0.0.0", &listener.port.to_string(), "0.0.0.0", "*"]);
            out += "       \n";
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::print;
    use crate::net::{Answer, Listener, TransportProtocol};

    #[test]
    fn it_is_what_ss_of_iproute2_printed() {
        let listener = |protocol, port| Listener {
            protocol,
            port,
            program: "it".into(),
            answer: Answer::Asked,
            addresses: Vec::new(),
        };
        let (tcp, udp) = (TransportProtocol::Tcp, TransportProtocol::Udp);
        let listeners = [(tcp, 80), (tcp, 9090), (tcp, 10250), (udp, 8125), (udp, 53)];
        let expected = "\
Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
udp   UNCONN 0      0            0.0.0.0:8125       0.0.0.0:*          
udp   UNCONN 0      0            0.0.0.0:53         0.0.0.0:*          
tcp   LISTEN 0      4096         0.0.0.0:80         0.0.0.0:*          
tcp   LISTEN 0      4096         0.0.0.0:9090       0.0.0.0:*          
tcp   LISTEN 0      4096         0.0.0.0:10250      0.0.0.0:*          
";
        assert_eq!(print(&listeners.map(|(protocol, port)| listener(protocol, port))), expected);
    }
}
