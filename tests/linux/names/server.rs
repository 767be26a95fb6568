//! The scripted server on real sockets.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kubehop_core::app::resolver::{Query, Reply, Socket, Transport};
use kubehop_core::wire::RecordType;

use super::{SERVERS, halves, serve};
use crate::netns::KernelNs;
use crate::scripted::{Does, outcome};

const TICK: Duration = Duration::from_millis(20);

/// Servers that run until they are stopped.
pub(super) struct Running {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

struct State {
    begun: Instant,
    is_over: AtomicBool,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    seen: Vec<(u128, Query, &'static str)>,
    /// The client's ports in the order in which they came.
    ports: Vec<u16>,
    n_lost: usize,
}

/// Starts the servers on port 53; they listen when this returns.
pub(super) fn start(ns: &KernelNs) -> Running {
    let state = Arc::new(State { begun: Instant::now(), is_over: AtomicBool::new(false), log: Mutex::default() });
    let bind = |server: IpAddr| {
        let datagrams = soon(|| UdpSocket::bind((server, 53)));
        datagrams.set_read_timeout(Some(TICK)).unwrap();
        let connections = soon(|| TcpListener::bind((server, 53)));
        connections.set_nonblocking(true).unwrap();
        (server, datagrams, connections)
    };
    let sockets = ns.inside(|| SERVERS.map(bind));
    let threads = sockets.map(|(server, datagrams, connections)| {
        let (by_udp, by_tcp) = (state.clone(), state.clone());
        [
            ns.spawn(move || by_udp.datagrams(server, &datagrams)),
            ns.spawn(move || by_tcp.connections(server, &connections)),
        ]
    });
    Running { state, threads: threads.into_iter().flatten().collect() }
}

/// Another test's child has the last server's sockets until it is a program of its own.
fn soon<T>(bind: impl Fn() -> io::Result<T>) -> T {
    for _ in 0..100 {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::sleep(TICK),
            bound => return bound.unwrap(),
        }
    }
    bind().unwrap()
}

impl Running {
    /// Ends them, and says when what came.
    pub(super) fn stop(self) -> Vec<(u128, Query, &'static str)> {
        self.state.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        std::mem::take(&mut self.state.log.lock().unwrap().seen)
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn datagrams(&self, server: IpAddr, socket: &UdpSocket) {
        let mut buffer = [0; 1500];
        while !self.is_over() {
            let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
            if let Some(answer) = self.answer(&buffer[..len], server, from, Transport::Udp) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    }

    fn connections(&self, server: IpAddr, listener: &TcpListener) {
        while !self.is_over() {
            match listener.accept() {
                Ok((stream, from)) => self.connection(server, stream, from),
                Err(_) => std::thread::sleep(TICK),
            }
        }
    }

    fn connection(&self, server: IpAddr, mut stream: TcpStream, from: SocketAddr) {
        stream.set_nonblocking(false).unwrap();
        let mut len = [0; 2];
        while stream.read_exact(&mut len).is_ok() {
            let mut message = vec![0; u16::from_be_bytes(len).into()];
            stream.read_exact(&mut message).unwrap();
            if let Some(answer) = self.answer(&message, server, from, Transport::Tcp) {
                let len = u16::try_from(answer.len()).unwrap();
                stream.write_all(&[&len.to_be_bytes(), answer.as_slice()].concat()).unwrap();
            }
        }
    }

    fn answer(&self, message: &[u8], server: IpAddr, from: SocketAddr, transport: Transport) -> Option<Vec<u8>> {
        let mut log = self.log.lock().unwrap();
        let at = log.ports.iter().position(|port| *port == from.port()).unwrap_or(log.ports.len());
        if at == log.ports.len() {
            log.ports.push(from.port());
        }
        let (query, question_end) = read(message, server, Socket(u32::try_from(at).unwrap()), transport);
        let does = serve(&query, &mut log.n_lost);
        log.seen.push((halves(self.begun.elapsed().as_millis()), query, outcome(&does)));
        match does {
            Does::Drops => None,
            Does::Answers(reply) => Some(write(&message[..question_end], &reply)),
        }
    }
}

/// Reads a question, and says where it ends.
fn read(message: &[u8], server: IpAddr, socket: Socket, transport: Transport) -> (Query, usize) {
    let (mut at, mut name) = (12, String::new());
    while message[at] != 0 {
        let end = at + 1 + usize::from(message[at]);
        name += std::str::from_utf8(&message[at + 1..end]).unwrap();
        name.push('.');
        at = end;
    }
    let kind = match message[at + 2] {
        1 => RecordType::A,
        28 => RecordType::AAAA,
        other => panic!("a question of type {other}"),
    };
    let (edns, authentic_data) = ((message[11] > 0).then_some(1200), message[3] & 0x20 != 0);
    (Query { number: 0, name, kind, server, socket, transport, edns, authentic_data }, at + 5)
}

/// The answer to a message of which `question` is the header and the question.
fn write(question: &[u8], reply: &Reply) -> Vec<u8> {
    let mut answer = question.to_vec();
    // QR, AA, RD and RA.
    answer[2] = 0x85;
    answer[3] = 0x80 | u8::try_from(reply.rcode).unwrap();
    answer[7] = u8::try_from(reply.n_answers).unwrap();
    answer[8..12].fill(0);
    let record = |kind: u8, data: &[u8]| {
        let len = u8::try_from(data.len()).unwrap();
        [&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 5, 0, len], data].concat()
    };
    for address in &reply.addresses {
        answer.extend(match address {
            IpAddr::V4(ip) => record(1, &ip.octets()),
            IpAddr::V6(ip) => record(28, &ip.octets()),
        });
    }
    if reply.n_answers > reply.addresses.len() {
        answer.extend(record(5, b"\x06target\x04test\x00"));
    }
    answer
}
