//! References: how a place is named on the command line, in the JSON and in a capture's interface names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A network namespace of the lab, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A pod's network namespace: `pod/NAMESPACE/NAME`.
    Pod {
        /// Kubernetes namespace.
        namespace: String,
        /// Pod name.
        name: String,
    },
    /// A node's own network namespace: `node/NAME`.
    Node(String),
    /// A machine outside the cluster: `host/NAME`.
    Host(String),
    /// A router of the fabric: `router/NAME`.
    Router(String),
}

impl Place {
    /// The pod `name` of `namespace`.
    #[must_use]
    pub fn pod(namespace: &str, name: &str) -> Self {
        Self::Pod { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The last part of the reference: what people call the place.
    #[must_use]
    pub fn short(&self) -> &str {
        match self {
            Self::Pod { name, .. } | Self::Node(name) | Self::Host(name) | Self::Router(name) => name,
        }
    }

    /// Parses a reference with an optional container: `pod/NS/NAME/CONTAINER`.
    ///
    /// # Errors
    /// Says what a reference looks like if `text` is none.
    pub fn parse_with_container(text: &str) -> Result<(Self, Option<String>), PlaceError> {
        let error = || PlaceError { found: text.to_owned() };
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(error());
        }
        Ok(match parts[..] {
            ["pod", name] => (Self::pod("default", name), None),
            ["pod", namespace, name] => (Self::pod(namespace, name), None),
            ["pod", namespace, name, container] => (Self::pod(namespace, name), Some(container.to_owned())),
            ["node", name] => (Self::Node(name.to_owned()), None),
            ["host", name] => (Self::Host(name.to_owned()), None),
            ["router", name] => (Self::Router(name.to_owned()), None),
            _ => return Err(error()),
        })
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        Self::parse_with_container(text).map(|(place, _)| place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { namespace, name } => write!(f, "pod/{namespace}/{name}"),
            Self::Node(name) => write!(f, "node/{name}"),
            Self::Host(name) => write!(f, "host/{name}"),
            Self::Router(name) => write!(f, "router/{name}"),
        }
    }
}

/// The text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{found:?} is not a reference; expected pod/NS/NAME, pod/NAME, node/NAME, host/NAME or router/NAME")]
pub struct PlaceError {
    /// What stood there.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_pod_without_a_namespace_is_in_default() {
        assert_eq!("pod/web".parse(), Ok(Place::pod("default", "web")));
        assert_eq!("pod/prod/web".parse(), Ok(Place::pod("prod", "web")));
    }

    #[test]
    fn a_fourth_part_is_the_container() {
        let (place, container) = Place::parse_with_container("pod/default/duo/main").expect("a reference");
        assert_eq!((place, container.as_deref()), (Place::pod("default", "duo"), Some("main")));
    }

    #[test]
    fn what_is_no_reference_says_what_one_looks_like() {
        for text in ["", "web", "pod/", "pod/a/b/c/d", "service/web", "node/a/b"] {
            let error = text.parse::<Place>().expect_err(text).to_string();
            assert!(error.contains("expected pod/NS/NAME"), "{error}");
        }
    }
}
