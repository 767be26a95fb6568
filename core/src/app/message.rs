//! What applications say: exactly as many bytes as asked for.

/// `len` bytes of text without meaning.
#[must_use]
pub fn filler(len: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(len).collect()
}

/// The data of a datagram: `len` zeros, which also read as an empty message on a port that has a protocol, DNS above all.
#[must_use]
pub fn datagram(len: usize) -> Vec<u8> {
    vec![0; len]
}

/// The data of a ping: `len` bytes that count up, as `ping` fills them.
#[must_use]
pub fn echo_payload(len: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(len).collect()
}

/// An HTTP/1.1 request of `len` bytes, or its bare headers if those are longer.
#[must_use]
pub fn http_request(host: &str, path: &str, len: usize) -> Vec<u8> {
    pad(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"), len)
}

/// A bare HTTP/1.1 request with these headers, in this order.
#[must_use]
pub fn http_get(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\n{headers}\r\n").into_bytes()
}

/// An HTTP/1.1 reply of `len` bytes, or its bare headers if those are longer.
#[must_use]
pub fn http_reply(len: usize) -> Vec<u8> {
    pad("HTTP/1.1 200 OK\r\n", len)
}

/// Ends the headers, and pads in the body.
fn pad(headers: &str, len: usize) -> Vec<u8> {
    let bare = headers.len() + "\r\n".len();
    let fixed = bare + "Content-Length: \r\n".len();
    // The length of the body decides how many digits it is written with, and these are counted too; where no number
    // comes out even, a leading zero does (RFC 9110 section 8.6 allows it).
    let text = (1..=20).find_map(|n_digits| {
        let body_len = len.checked_sub(fixed + n_digits)?;
        let digits = format!("{body_len:0n_digits$}");
        (digits.len() == n_digits).then(|| (format!("{headers}Content-Length: {digits}\r\n\r\n"), body_len))
    });
    match text {
        Some((head, body_len)) => [head.into_bytes(), filler(body_len)].concat(),
        None => format!("{headers}\r\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::{http_reply, http_request};

    #[test]
    fn a_message_has_the_length_asked_for_unless_its_headers_are_longer() {
        for len in 80..1200 {
            assert_eq!(http_request("10.244.1.2:8080", "/", len).len(), len, "request of {len}");
            assert_eq!(http_reply(len).len(), len, "reply of {len}");
        }
        assert_eq!(http_reply(3), b"HTTP/1.1 200 OK\r\n\r\n");
    }

    #[test]
    fn the_body_has_the_length_that_the_headers_state() {
        let message = String::from_utf8(http_reply(140)).expect("text");
        let (head, body) = message.split_once("\r\n\r\n").expect("headers and body");
        let stated = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        assert_eq!(stated.parse(), Ok(body.len()));
    }
}
