//! A server of static files that answers as a careful host of the page would.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tiny_http::{Header, Method, Request, Response};

/// What the page is developed and tested under: it brings all its files, and talks to nobody.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                                           img-src 'self' data:; connect-src 'self'";

/// A browser asks for several files at once, and keeps its connections.
const THREADS: usize = 4;

/// A folder to serve, and how.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder whose files are served.
    pub folder: PathBuf,
    /// The path under which they appear: starts and ends with a slash.
    pub under: String,
    /// Whether other origins may read the files; a sandboxed frame is one.
    pub cross_origin: bool,
}

impl Site {
    /// Serves a folder at the root, to every origin.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, under: "/".to_owned(), cross_origin: true }
    }

    /// Starts serving on 127.0.0.1; port 0 lets the system choose one.
    pub fn serve(self, port: u16) -> io::Result<Server> {
        let http = Arc::new(tiny_http::Server::http(("127.0.0.1", port)).map_err(io::Error::other)?);
        let address = http.server_addr().to_ip().ok_or_else(|| io::Error::other("not an IP socket"))?;
        let url = format!("http://{address}{}", self.under);
        let site = Arc::new(self);
        let threads = (0..THREADS).map(|_| {
            let (http, site) = (Arc::clone(&http), Arc::clone(&site));
            thread::spawn(move || {
                while let Ok(request) = http.recv() {
                    // A browser that hangs up before it has everything is not this side's problem.
                    let _ = site.answer(request);
                }
            })
        });
        Ok(Server { threads: threads.collect(), http, address, url })
    }

    fn answer(&self, request: Request) -> io::Result<()> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return request.respond(self.with_headers(Response::from_string("only GET\n").with_status_code(405)));
        }
        let Some(path) = self.file_for(request.url()) else {
            return request.respond(self.with_headers(Response::from_string("not found\n").with_status_code(404)));
        };
        // A length instead of chunks lets a browser show how far it is.
        let response = Response::from_file(File::open(&path)?).with_chunked_threshold(usize::MAX);
        request.respond(self.with_headers(response.with_header(header("Content-Type", media_type(&path)))))
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

    fn with_headers<R: io::Read>(&self, response: Response<R>) -> Response<R> {
        let response = response
            .with_header(header("Content-Security-Policy", CONTENT_SECURITY_POLICY))
            .with_header(header("Cache-Control", "no-cache"))
            .with_header(header("X-Content-Type-Options", "nosniff"));
        if self.cross_origin { response.with_header(header("Access-Control-Allow-Origin", "*")) } else { response }
    }
}

/// A running server; dropping it stops it.
pub struct Server {
    http: Arc<tiny_http::Server>,
    threads: Vec<JoinHandle<()>>,
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
        for thread in self.threads.drain(..) {
            // A thread only ends by a panic, which it has reported.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for _ in &self.threads {
            self.http.unblock();
        }
    }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("our headers are ASCII")
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
