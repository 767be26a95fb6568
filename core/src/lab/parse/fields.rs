//! Reading a mapping field by field: a wrong type is a problem with its position, an absent field is not.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{BTreeMap, Span};
use crate::lab::nearest::nearest;
use crate::lab::yaml::{Node, Resolved, Value};

use super::problems::Problems;

/// A mapping of the input. An absent one has no fields, so that readers need not ask.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    node: Option<&'n Node<'n>>,
    span: Span,
    problems: &'n Problems<'n>,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, which stands under `key`.
    pub(super) fn of(key: &str, node: &'n Node<'n>, problems: &'n Problems<'n>) -> Self {
        let is_mapping = matches!(node.value, Value::Mapping(_));
        if !is_mapping && !node.is_null() {
            problems.error(node.span, format!("{key}: found {}, expected a mapping", node.describe()));
        }
        Self { node: is_mapping.then_some(node), span: node.span, problems }
    }

    /// A mapping that stands nowhere.
    pub(super) fn none(problems: &'n Problems<'n>) -> Self {
        Self { node: None, span: Span::default(), problems }
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn problems(&self) -> &'n Problems<'n> {
        self.problems
    }

    /// What `key` holds, `null` included.
    pub(super) fn raw(&self, key: &str) -> Option<&'n Node<'n>> {
        self.node.and_then(|node| node.get(key))
    }

    /// What `key` holds; `null` counts as absent, as in Kubernetes.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node<'n>> {
        self.raw(key).filter(|node| !node.is_null())
    }

    /// Where the value at a path like `spec.ports.0.port` stands, or as much of the path as there is.
    pub(super) fn at(&self, path: &str) -> Span {
        let Some(mut node) = self.node else { return self.span };
        for part in path.split('.') {
            let next = match &node.value {
                Value::Mapping(_) => node.get(part),
                Value::Sequence(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
                Value::Scalar(_) => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.span
    }

    /// The entries as they stand.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'n str, Span, &'n Node<'n>)> + use<'n> {
        let entries = match self.node.map(|node| &node.value) {
            Some(Value::Mapping(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|entry| (&*entry.key, entry.key_span, &entry.value))
    }

    /// The mapping under `key`.
    pub(super) fn mapping(&self, key: &str) -> Self {
        match self.get(key) {
            Some(node) => Self::of(key, node, self.problems),
            None => Self { node: None, ..*self },
        }
    }

    /// The items of the list under `key`.
    pub(super) fn items(&self, key: &str) -> &'n [Node<'n>] {
        match self.get(key) {
            Some(Node { value: Value::Sequence(items), .. }) => items,
            Some(node) => {
                self.problems.error(node.span, format!("{key}: found {}, expected a list", node.describe()));
                &[]
            }
            None => &[],
        }
    }

    /// The mappings of the list under `key`.
    pub(super) fn mappings(&self, key: &'n str) -> impl Iterator<Item = Self> + use<'n> {
        let problems = self.problems;
        let of = move |node: &'n Node<'n>| {
            if !matches!(node.value, Value::Mapping(_)) {
                problems.error(node.span, format!("{key}: found {}, expected a mapping", node.describe()));
                return None;
            }
            Some(Self::of(key, node, problems))
        };
        self.items(key).iter().filter_map(of)
    }

    /// What `read` makes of the value of `key`; what it cannot read is a problem.
    pub(super) fn read<T>(&self, key: &str, expected: &str, read: impl Fn(&'n Node<'n>) -> Option<T>) -> Option<T> {
        let node = self.get(key)?;
        let value = read(node);
        if value.is_none() {
            self.wrong(key, node, expected);
        }
        value
    }

    /// What `read` makes of each item of the list under `key`.
    pub(super) fn read_all<T>(&self, key: &str, expected: &str, read: impl Fn(&'n Node<'n>) -> Option<T>) -> Vec<T> {
        let each = |node| {
            let value = read(node);
            if value.is_none() {
                self.wrong(key, node, expected);
            }
            value
        };
        self.items(key).iter().filter_map(each).collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<&'n str> {
        self.read(key, "a string", text)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.read(key, "true or false", flag)
    }

    pub(super) fn port(&self, key: &str) -> Option<u16> {
        self.read(key, "a port number 1-65535", port)
    }

    /// A port where Kubernetes writes 0 for none.
    pub(super) fn port_or_zero(&self, key: &str) -> Option<u16> {
        self.get(key).filter(|node| int(node) != Some(0)).and_then(|_| self.port(key))
    }

    pub(super) fn count(&self, key: &str) -> Option<u32> {
        self.read(key, "a number, 0 or above", |node| int(node)?.try_into().ok())
    }

    /// An address; `""` counts as absent, as in Kubernetes.
    pub(super) fn ip(&self, key: &str) -> Option<IpAddr> {
        self.get(key).filter(|node| text(node) != Some("")).and_then(|_| self.read(key, "an IP address", ip))
    }

    /// A network; `""` counts as absent, as in Kubernetes.
    pub(super) fn net(&self, key: &str) -> Option<IpNet> {
        let expected = "a network like 10.244.0.0/24";
        self.get(key).filter(|node| text(node) != Some("")).and_then(|_| self.read(key, expected, net))
    }

    /// A network that this version can walk.
    pub(super) fn ipv4_net(&self, key: &str) -> Option<IpNet> {
        self.read(key, "an IPv4 network like 10.244.0.0/16", |node| net(node).filter(|net| net.addr().is_ipv4()))
    }

    /// A mapping of strings to strings, like labels.
    pub(super) fn texts(&self, key: &'n str) -> BTreeMap<String, String> {
        let mapping = self.mapping(key);
        let read = |(name, _, node): (&str, Span, &'n Node<'n>)| {
            if node.is_null() {
                return Some((name.to_owned(), String::new()));
            }
            let value = text(node);
            if value.is_none() {
                self.wrong(&format!("{key}.{name}"), node, "a string (quote it)");
            }
            value.map(|value| (name.to_owned(), value.to_owned()))
        };
        mapping.entries().filter_map(read).collect()
    }

    /// Says that `node` under `key` is not what was expected.
    pub(super) fn wrong(&self, key: &str, node: &Node<'_>, expected: &str) {
        self.problems.error(node.span, format!("{key}: found {}, expected {expected}", node.describe()));
    }

    /// Says of every field that is not `known` that it is not: for documents that are Kubehop's own.
    pub(super) fn only(&self, place: &str, known: &[&str]) {
        for (key, span, _) in self.entries() {
            if known.contains(&key) {
                continue;
            }
            let hint = match nearest(key, known.iter().copied()) {
                Some(name) => format!("; the nearest is `{name}`"),
                None => String::new(),
            };
            let expected = known.join(", ");
            self.problems
                .error(span, format!("{place}: found unknown field {key:?}, expected one of {expected}{hint}"));
        }
    }
}

pub(super) fn text<'n>(node: &'n Node<'n>) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(scalar) if scalar.resolve() == Resolved::String => Some(&scalar.text),
        _ => None,
    }
}

pub(super) fn flag(node: &Node<'_>) -> Option<bool> {
    match &node.value {
        Value::Scalar(scalar) => match scalar.resolve() {
            Resolved::Bool(flag) => Some(flag),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn int(node: &Node<'_>) -> Option<i128> {
    match &node.value {
        Value::Scalar(scalar) => match scalar.resolve() {
            Resolved::Int(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn port(node: &Node<'_>) -> Option<u16> {
    int(node)?.try_into().ok().filter(|port| *port != 0)
}

pub(super) fn ip(node: &Node<'_>) -> Option<IpAddr> {
    text(node)?.parse().ok()
}

/// A network: an address with its prefix length and nothing right of it.
pub(super) fn net(node: &Node<'_>) -> Option<IpNet> {
    text(node)?.parse().ok().filter(|net: &IpNet| net.addr() == net.network())
}
