//! A server of static files that answers as a careful host of the page would.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the page is developed and tested under: it brings all its files, and talks to nobody.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                                           img-src 'self' data:; connect-src 'self'";

/// Longer heads are no browser's.
const MAX_HEAD_BYTES: u64 = 64 << 10;
/// A connection on which nothing is asked, as browsers open some in advance, is closed after this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to serve, and how.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder whose files are served.
    pub folder: PathBuf,
    /// The path under which they appear: starts and ends with a slash.
    pub under: String,
    /// Whether other origins may read the files; a sandboxed frame is one.
    pub cross_origin: bool,
    /// The content security policy that comes with every file; none if it is empty.
    pub policy: &'static str,
}

impl Site {
    /// Serves a folder at the root, to every origin.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, under: "/".to_owned(), cross_origin: true, policy: CONTENT_SECURITY_POLICY }
    }

    /// Starts serving on 127.0.0.1; port 0 lets the system choose one.
    ///
    /// Each connection has a thread of its own and is closed after one answer: a browser opens several at once, some of
    /// them only to have them, and none may wait for another.
    pub fn serve(self, port: u16) -> io::Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}{}", self.under);
        let site = Arc::new(self);
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), site) = (stream, Arc::clone(&site)) else { continue };
                // A browser that hangs up before it has everything is not this side's problem.
                thread::spawn(move || site.answer(&stream));
            }
        });
        Ok(Server { thread: Some(thread), is_stopped, address, url })
    }

    fn answer(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.take(MAX_HEAD_BYTES)).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        // What is not read before closing would make the system reset the connection.
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let mut words = first.split(' ');
        let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match (method, self.file_for(address)) {
            ("GET" | "HEAD", Some(path)) => {
                let body = fs::read(&path)?;
                self.respond(stream, "200 OK", media_type(&path), &body, method == "GET")
            }
            ("GET" | "HEAD", None) => {
                self.respond(stream, "404 Not Found", media_type("a.txt".as_ref()), b"not found\n", true)
            }
            _ => self.respond(stream, "405 Method Not Allowed", media_type("a.txt".as_ref()), b"only GET\n", true),
        }
    }

    fn respond(
        &self,
        mut stream: &TcpStream,
        status: &str,
        media_type: &str,
        body: &[u8],
        with_body: bool,
    ) -> io::Result<()> {
        let origin = if self.cross_origin { "Access-Control-Allow-Origin: *\r\n" } else { "" };
        let policy = match self.policy {
            "" => String::new(),
            policy => format!("Content-Security-Policy: {policy}\r\n"),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
             {policy}Cache-Control: no-cache\r\n\
             X-Content-Type-Options: nosniff\r\n{origin}Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        if with_body {
            stream.write_all(body)?;
        }
        stream.flush()
    }

    /// The file that an address names, if there is one inside the folder.
    fn file_for(&self, address: &str) -> Option<PathBuf> {
        let path = address.split(['?', '#']).next()?.strip_prefix(&self.under)?;
        let relative = Path::new(path);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let mut file = self.folder.join(relative);
        if file.is_dir() {
            file.push("index.html");
        }
        file.is_file().then_some(file)
    }
}

/// A running server; dropping it stops it.
pub struct Server {
    thread: Option<JoinHandle<()>>,
    is_stopped: Arc<AtomicBool>,
    address: SocketAddr,
    url: String,
}

impl Server {
    /// Where the folder's index.html is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address and port it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread only ends by a panic, which it has reported.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // It waits for a connection, and looks whether it should stop when there is one.
        if TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" | "yaml" | "yml" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::project;

    fn fetch(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn serve(change: impl FnOnce(&mut Site)) -> Server {
        let mut site = Site::new(project::root().join("static"));
        change(&mut site);
        site.serve(0).unwrap()
    }

    #[test]
    fn a_file_comes_with_its_type_and_the_strict_headers() {
        let answer = fetch(&serve(|_| {}), "GET /boot.js?x=1");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for line in [
            "Content-Type: text/javascript; charset=utf-8",
            "Content-Security-Policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'",
            "Access-Control-Allow-Origin: *",
            "Cache-Control: no-cache",
            "X-Content-Type-Options: nosniff",
        ] {
            assert!(answer.contains(&format!("{line}\r\n")), "no {line} in {answer}");
        }
    }

    #[test]
    fn a_site_can_lie_under_a_path_and_be_closed_to_other_origins() {
        let server = serve(|site| {
            site.under = "/docs/net/".to_owned();
            site.cross_origin = false;
        });
        assert!(server.url().ends_with("/docs/net/"));
        let answer = fetch(&server, "GET /docs/net/boot.js");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("Access-Control"), "{answer}");
        assert!(fetch(&server, "GET /boot.js").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let server = serve(|_| {});
        for path in ["/../Cargo.toml", "/x/../../Cargo.toml", "//etc/hostname", "/nothing.js"] {
            assert!(fetch(&server, &format!("GET {path}")).starts_with("HTTP/1.1 404"), "{path}");
        }
        assert!(fetch(&server, "POST /boot.js").starts_with("HTTP/1.1 405"));
    }
}
