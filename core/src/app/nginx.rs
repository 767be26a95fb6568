//! What ingress-nginx makes of a request, of a reply, and of nothing at all: bytes in, bytes out.
//!
//! Models rootfs/etc/nginx/template/nginx.tmpl with the controller's defaults: the headers that it sets, in its order, then
//! the client's own, and no `Connection` towards the upstream, which stays open. Not modelled: `Date`, for there is no
//! clock; buffers, TLS, annotations.

use std::fmt::Write as _;
use std::net::IpAddr;

/// A request that a client has sent, taken to pieces.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    line: &'a str,
    headers: &'a str,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        Some(Self { line, headers, body: bytes.get(end + 4..)? })
    }

    fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.headers.split("\r\n").filter_map(|line| line.split_once(": "))
    }
}

/// A request as a proxy passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The host that was asked, without its port.
    pub host: String,
    /// The path, without the query.
    pub path: String,
    /// What the upstream is sent.
    pub request: Vec<u8>,
}

/// What is passed on of `request`, which came from `client` to `port`; `None` if it is not HTTP. `id` identifies it.
#[must_use]
pub fn forwarded(request: &[u8], client: IpAddr, port: u16, id: &str) -> Option<Forwarded> {
    let request = Request::read(request)?;
    let path = request.line.split(' ').nth(1).filter(|path| path.starts_with('/'))?;
    let host = request.headers().find(|(name, _)| name.eq_ignore_ascii_case("host")).map_or("", |(_, host)| host);
    let mut text = format!("{}\r\nHost: {host}\r\n", request.line);
    let set = [
        ("X-Request-ID", id),
        ("X-Real-IP", &client.to_string()),
        ("X-Forwarded-For", &client.to_string()),
        ("X-Forwarded-Host", host),
        ("X-Forwarded-Port", &port.to_string()),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Scheme", "http"),
        ("X-Scheme", "http"),
    ];
    let is_set = |name: &str| {
        ["Host", "Connection"].into_iter().chain(set.iter().map(|it| it.0)).any(|it| it.eq_ignore_ascii_case(name))
    };
    for (name, value) in set.into_iter().chain(request.headers().filter(|(name, _)| !is_set(name))) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    Some(Forwarded {
        host: host.split(':').next().unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        request: [text.as_bytes(), request.body].concat(),
    })
}

/// What the client is sent of an upstream's reply: it, and that this connection may stay.
#[must_use]
pub fn relayed(reply: &[u8]) -> Vec<u8> {
    match reply.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(end) => [&reply[..end + 2], b"Connection: keep-alive\r\n", &reply[end + 2..]].concat(),
        None => reply.to_vec(),
    }
}

/// What nginx says by itself: `404 Not Found`.
#[must_use]
pub fn error_page(status: &str) -> Vec<u8> {
    let body = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    let headers = format!("Content-Type: text/html\r\nContent-Length: {}\r\nConnection: keep-alive\r\n", body.len());
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{error_page, forwarded, relayed};

    #[test]
    fn the_upstream_is_told_who_asked_and_whom() {
        let request = b"GET /api/x?y=1 HTTP/1.1\r\nHost: app.example:8080\r\nx-forwarded-for: 6.6.6.6\r\nAccept: */*\r\nContent-Length: 2\r\n\r\nab";
        let found = forwarded(request, [203, 0, 113, 2].into(), 80, "0123").expect("HTTP");
        assert_eq!((&*found.host, &*found.path), ("app.example", "/api/x"));
        let expected = "GET /api/x?y=1 HTTP/1.1\r\nHost: app.example:8080\r\nX-Request-ID: 0123\r\nX-Real-IP: 203.0.113.2\r\n\
            X-Forwarded-For: 203.0.113.2\r\nX-Forwarded-Host: app.example:8080\r\nX-Forwarded-Port: 80\r\n\
            X-Forwarded-Proto: http\r\nX-Forwarded-Scheme: http\r\nX-Scheme: http\r\nAccept: */*\r\nContent-Length: 2\r\n\r\nab";
        assert_eq!(String::from_utf8(found.request).expect("text"), expected);
        assert_eq!(forwarded(b"abcdef", [10, 0, 0, 1].into(), 80, ""), None);
    }

    #[test]
    fn a_reply_is_passed_on_with_one_header_more() {
        let reply = relayed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
        assert_eq!(reply, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nab");
        // The page is known to have 146 bytes.
        assert!(String::from_utf8(error_page("404 Not Found")).expect("text").contains("\r\nContent-Length: 146\r\n"));
    }
}
