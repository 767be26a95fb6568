//! What a reverse proxy reads to decide who is asked: hosts and paths, and the servers behind them.
//!
//! Models how nginx chooses a server by the request's host and a location by its path: of hosts the exact one, then a
//! wildcard, then the one for all others; of its paths an exact one, then the longest.

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::Writer;
use crate::trace::{Consulted, Row, Why};

/// The configuration of a reverse proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// In the order in which they are written.
    pub routes: Vec<ProxyRoute>,
}

/// One host and path, and who serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRoute {
    /// Host, which may begin with `*.`; empty for all that no other route has.
    pub host: String,
    /// Path.
    pub path: String,
    /// How the path is compared.
    pub matching: PathMatching,
    /// What it leads to, in words: `default/web:80`.
    pub backend: String,
    /// Addresses and ports that serve it.
    pub servers: Vec<(IpAddr, u16)>,
}

/// How a path is compared with a request's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathMatching {
    /// It is the same.
    Exact,
    /// The request's path begins with it, element by element.
    Prefix,
    /// The request's path begins with it, letter by letter.
    #[default]
    Letters,
}

impl PathMatching {
    fn matches(self, path: &str, asked: &str) -> bool {
        match self {
            Self::Exact => path == asked,
            Self::Letters => asked.starts_with(path),
            Self::Prefix => {
                let path = path.trim_end_matches('/');
                asked.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// As a rule of an Ingress writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "Exact",
            Self::Prefix => "Prefix",
            Self::Letters => "ImplementationSpecific",
        }
    }
}

impl Proxy {
    /// Who serves a request for this path at this host, which is without port.
    #[must_use]
    pub fn lookup(self: &Arc<Self>, host: &str, path: &str) -> ProxyLookup {
        let host = self.server(host);
        let of_host = self.routes.iter().enumerate().filter(|(_, route)| Some(&*route.host) == host);
        let matching = of_host.filter(|(_, route)| route.matching.matches(&route.path, path));
        // Of equal ones the first: the oldest Ingress keeps its path.
        let matched = matching.rev().max_by_key(|(_, route)| (route.matching == PathMatching::Exact, route.path.len()));
        let matched = matched.map(|(idx, _)| idx);
        ProxyLookup { proxy: self.clone(), host: host.map(str::to_owned), path: path.to_owned(), matched }
    }

    /// The host of the server that takes requests for `host`.
    fn server(&self, host: &str) -> Option<&str> {
        let hosts = || self.routes.iter().map(|route| route.host.as_str());
        let is_wildcard_of = |wildcard: &&str| {
            let domain = wildcard.strip_prefix('*').unwrap_or_default();
            domain.starts_with('.') && host.len() > domain.len() && host.ends_with(domain)
        };
        let exact = hosts().find(|other| !other.is_empty() && other.eq_ignore_ascii_case(host));
        exact.or_else(|| hosts().filter(is_wildcard_of).max_by_key(|other| other.len())).or(Some(""))
    }
}

/// A lookup in a proxy's configuration.
#[derive(Clone, Debug)]
pub struct ProxyLookup {
    proxy: Arc<Proxy>,
    /// The host of the server that was chosen.
    host: Option<String>,
    path: String,
    matched: Option<usize>,
}

impl ProxyLookup {
    /// The route, if one matched.
    #[must_use]
    pub fn route(&self) -> Option<&ProxyRoute> {
        self.matched.map(|idx| &self.proxy.routes[idx])
    }
}

impl Consulted for ProxyLookup {
    fn command(&self) -> String {
        "kubectl get ingress -A".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.proxy.routes.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let route = &self.proxy.routes[idx];
        let host = if route.host.is_empty() { "*" } else { &route.host };
        let servers: Vec<String> = route.servers.iter().map(|(ip, port)| format!("{ip}:{port}")).collect();
        let text = format!("{host} {} {} {} ({})", route.path, route.matching.name(), route.backend, servers.join(","));
        let why = if self.matched == Some(idx) {
            Why::Matched(format!("{host}, and {} is the longest path that fits {}", route.path, self.path))
        } else if self.host.as_deref() != Some(&*route.host) {
            Why::Missed("another host".to_owned())
        } else if route.matching.matches(&route.path, &self.path) {
            Why::Missed("a longer path fits".to_owned())
        } else {
            Why::Missed(format!("does not fit {}", self.path))
        };
        Row { text, writer: Writer::Admin, why }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{PathMatching, Proxy, ProxyRoute};

    #[test]
    fn the_host_is_chosen_first_and_then_the_longest_path() {
        use PathMatching::{Exact, Letters, Prefix};
        let routes = [
            ("", "/", Prefix),
            ("a.example", "/api", Prefix),
            ("a.example", "/api/v1", Exact),
            ("a.example", "/raw", Letters),
            ("*.example", "/", Prefix),
        ];
        let route = |(host, path, matching): &(&str, &str, PathMatching)| ProxyRoute {
            host: (*host).to_owned(),
            path: (*path).to_owned(),
            matching: *matching,
            backend: format!("{host}{path}"),
            servers: Vec::new(),
        };
        let proxy = Arc::new(Proxy { routes: routes.iter().map(route).collect() });
        let cases = [
            ("10.0.0.1", "/x", Some("/")),
            ("a.example", "/api", Some("a.example/api")),
            ("a.example", "/api/", Some("a.example/api")),
            ("a.example", "/api/v1", Some("a.example/api/v1")),
            ("a.example", "/api/v1/x", Some("a.example/api")),
            ("a.example", "/apis", None),
            ("A.Example", "/rawest", Some("a.example/raw")),
            ("b.example", "/x", Some("*.example/")),
        ];
        for (host, path, expected) in cases {
            let found = proxy.lookup(host, path);
            assert_eq!(found.route().map(|route| &*route.backend), expected, "{host}{path}");
        }
    }
}
