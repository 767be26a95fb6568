//! Real programs on the kernel's side: servers on every port that something listens on, and the one client.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kubehop_core::api::Run;
use kubehop_core::app;
use kubehop_core::base::{Instant, Place};
use kubehop_core::net::{Answer, NsId, Proxy, Topology, TransportProtocol};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::netns::KernelNs;
use crate::realise::Realised;

/// How long the client waits for anything.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long everything else that the client caused may take: delayed acknowledgments, the server's close.
pub(crate) const SETTLE: Duration = Duration::from_millis(250);
/// How often a server looks whether it is still wanted.
const SERVER_TICK_MS: i64 = 50;

/// What a client says, to whom.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) host: Ipv4Addr,
    pub(crate) port: u16,
    /// The client's port; 0 for any.
    pub(crate) own_port: u16,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Ping { size: usize, df: bool, ttl: Option<u8> },
    Udp { request: Vec<u8>, reply: Vec<u8>, ttl: Option<u8> },
    Tcp { request: Vec<u8>, reply: Vec<u8>, is_http: bool },
}

impl Talk {
    /// Reads a run as the command line's contract has it.
    pub(crate) fn of(run: &Run) -> Self {
        let (scheme, rest) = run.to.split_once("://").expect("a scheme");
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let filler = |len| app::filler(len);
        let kind = match scheme {
            "ping" => Kind::Ping { size: run.size, df: run.df, ttl: run.ttl },
            "udp" => Kind::Udp { request: filler(run.size), reply: filler(run.reply_size), ttl: run.ttl },
            "tcp" => Kind::Tcp { request: filler(run.size), reply: filler(run.reply_size), is_http: false },
            "http" => Kind::Tcp {
                request: app::http_request(authority, path, run.size),
                reply: app::http_reply(run.reply_size),
                is_http: true,
            },
            other => panic!("{other}:// is not spoken here"),
        };
        Self { host: host.parse().expect("an address"), port: port.parse().expect("a port"), own_port: 0, kind }
    }

    /// By the port of an entry that a connection table has of this talk already, if one has.
    pub(crate) fn remembered(self, topo: &Topology) -> Self {
        let target = (IpAddr::V4(self.host), self.port);
        let mut rows = topo.namespaces().flat_map(|ns| ns.netfilter.conntrack.rows(Instant::START));
        let own_port = rows.find(|row| row.original.dst == target).map_or(0, |row| row.original.src.1);
        Self { own_port, ..self }
    }
}

/// The servers of a lab. Dropping them ends them.
pub(crate) struct Servers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Servers {
    /// Opens a socket wherever the simulator has a listener, and where `talk` leads to a machine outside the cluster.
    pub(crate) fn start(topo: &Topology, realised: &Realised, talk: &Talk) -> Self {
        let mut servers = Self { stop: Arc::default(), threads: Vec::new() };
        for (ns, kernel) in topo.namespaces().zip(&realised.places) {
            for listener in ns.sockets.listeners() {
                servers.serve(kernel, listener.protocol, listener.port, &listener.answer, talk);
            }
            if matches!(*ns.place, Place::Host(_)) && ns.is_local(IpAddr::V4(talk.host)) {
                match talk.kind {
                    Kind::Ping { .. } => {}
                    Kind::Udp { .. } => servers.serve(kernel, TransportProtocol::Udp, talk.port, &Answer::Asked, talk),
                    Kind::Tcp { .. } => servers.serve(kernel, TransportProtocol::Tcp, talk.port, &Answer::Asked, talk),
                }
            }
        }
        servers
    }

    fn serve(&mut self, kernel: &KernelNs, protocol: TransportProtocol, port: u16, answer: &Answer, talk: &Talk) {
        let at = (Ipv4Addr::UNSPECIFIED, port);
        let stop = self.stop.clone();
        let thread = match (protocol, talk.kind.clone()) {
            (TransportProtocol::Tcp, Kind::Tcp { request, reply, is_http }) => {
                let listener = kernel.inside(|| TcpListener::bind(at)).unwrap();
                let answer = answer.clone();
                let request_len = (!is_http).then_some(request.len());
                let serve = move || {
                    // What a proxy has opened stays open.
                    let mut upstreams = Vec::new();
                    while let Some((stream, _)) = when_ready(&listener, &stop, || listener.accept()) {
                        // A client that gives up is a result, not a failure of the server.
                        let _ = serve_tcp(stream, request_len, |request, client| match &answer {
                            // No case here looks a name up.
                            Answer::Asked | Answer::Named => Ok(reply.clone()),
                            Answer::Fixed(bytes) => Ok(bytes.to_vec()),
                            Answer::Forwarded(proxy) => forward(proxy, request, client, port, &mut upstreams),
                        });
                    }
                };
                kernel.spawn(serve)
            }
            (TransportProtocol::Udp, Kind::Udp { request, reply, .. }) => {
                let socket = kernel.inside(|| UdpSocket::bind(at)).unwrap();
                thread::spawn(move || {
                    let mut buffer = vec![0; request.len() + 1];
                    while let Some((_, from)) = when_ready(&socket, &stop, || socket.recv_from(&mut buffer)) {
                        let _ = socket.send_to(&reply, from);
                    }
                })
            }
            // Nobody will ask.
            _ => return,
        };
        self.threads.push(thread);
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What `take` returns once `socket` has something; `None` when nobody wants it any more.
fn when_ready<T>(socket: &impl AsFd, stop: &AtomicBool, mut take: impl FnMut() -> io::Result<T>) -> Option<T> {
    let tick = Timespec { tv_sec: 0, tv_nsec: SERVER_TICK_MS * 1_000_000 };
    while !stop.load(Ordering::Relaxed) {
        if poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&tick)).is_ok_and(|n_ready| n_ready > 0)
            && let Ok(taken) = take()
        {
            return Some(taken);
        }
    }
    None
}

fn serve_tcp(
    mut stream: TcpStream,
    request_len: Option<usize>,
    answer: impl FnOnce(&[u8], IpAddr) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = read_message(&mut stream, request_len)?;
    let reply = answer(&request, stream.peer_addr()?.ip())?;
    stream.write_all(&reply)?;
    // The client closes first.
    stream.read_to_end(&mut Vec::new())?;
    stream.shutdown(Shutdown::Both)
}

/// Asks whom a proxy would ask, of the first that serves the path.
fn forward(
    proxy: &Arc<Proxy>,
    request: &[u8],
    client: IpAddr,
    port: u16,
    upstreams: &mut Vec<TcpStream>,
) -> io::Result<Vec<u8>> {
    let forwarded = app::forwarded(request, client, port, &"0".repeat(32)).ok_or(ErrorKind::InvalidData)?;
    let lookup = proxy.lookup(&forwarded.host, &forwarded.path);
    let Some(route) = lookup.route() else { return Ok(app::error_page("404 Not Found")) };
    for _ in 0..3 {
        let Some(server) = route.servers.first() else {
            return Ok(app::error_page("503 Service Temporarily Unavailable"));
        };
        if let Ok(mut upstream) = TcpStream::connect_timeout(&SocketAddr::from(*server), PATIENCE) {
            upstream.set_read_timeout(Some(PATIENCE))?;
            upstream.write_all(&forwarded.request)?;
            let reply = read_message(&mut upstream, None)?;
            upstreams.push(upstream);
            return Ok(app::relayed(&reply));
        }
    }
    Ok(app::error_page("502 Bad Gateway"))
}

/// A message of this length, or as long as its HTTP headers say.
fn read_message(stream: &mut TcpStream, len: Option<usize>) -> io::Result<Vec<u8>> {
    if let Some(len) = len {
        let mut message = vec![0; len];
        stream.read_exact(&mut message)?;
        return Ok(message);
    }
    let mut message = Vec::new();
    loop {
        let head = message.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&message[..head]).into_owned();
            let stated = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
            if message.len() >= head + stated.unwrap_or(0_usize) {
                return Ok(message);
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => message.extend(&piece[..n]),
        }
    }
}

/// Runs the client in its namespace. Returns how it came out, in the words of the trace's disposition.
pub(crate) fn talk(realised: &Realised, client: NsId, talk: &Talk) -> &'static str {
    let kernel = &realised.places[client.0];
    let to = SocketAddr::from((talk.host, talk.port));
    let result = match &talk.kind {
        Kind::Ping { size, df, ttl } => return ping(kernel, talk.host, *size, *df, *ttl),
        Kind::Udp { request, reply, ttl } => {
            kernel.inside(|| ask_by_udp(talk.own_port, to, request, reply.len(), *ttl))
        }
        Kind::Tcp { request, reply, is_http } => {
            let reply_len = (!is_http).then_some(reply.len());
            kernel.inside(|| ask_by_tcp(to, request, reply_len))
        }
    };
    match result.map_err(|error| error.kind()) {
        Ok(()) => "delivered",
        Err(ErrorKind::TimedOut | ErrorKind::WouldBlock) => "dropped",
        Err(_) => "rejected",
    }
}

fn ask_by_tcp(to: SocketAddr, request: &[u8], reply_len: Option<usize>) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    read_message(&mut stream, reply_len).map(drop)
}

fn ask_by_udp(own_port: u16, to: SocketAddr, request: &[u8], reply_len: usize, ttl: Option<u8>) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, own_port))?;
    if let Some(ttl) = ttl {
        socket.set_ttl(ttl.into())?;
    }
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    socket.send(request)?;
    let n_received = socket.recv(&mut vec![0; reply_len + 1])?;
    assert_eq!(n_received, reply_len);
    Ok(())
}

fn ping(kernel: &KernelNs, host: Ipv4Addr, size: usize, df: bool, ttl: Option<u8>) -> &'static str {
    let (host, size, patience) = (host.to_string(), size.to_string(), PATIENCE.as_secs().to_string());
    let ttl = ttl.map(|ttl| ttl.to_string());
    let mut command = vec!["ping", "-n", "-c1", "-W", &patience, "-s", &size];
    command.extend(df.then_some(["-M", "do"]).iter().flatten());
    command.extend(ttl.iter().flat_map(|ttl| ["-t", ttl]));
    command.push(&host);
    let said = kernel.output(&command);
    match () {
        () if said.contains("1 received") => "delivered",
        () if said.contains("+1 errors") || said.contains("unreachable") => "rejected",
        () => "dropped",
    }
}
