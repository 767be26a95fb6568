//! What can be asked as a name: labels of up to 63 bytes, 255 bytes in all, no empty label.

/// `name` with its trailing dot; `None` if no message can hold it.
pub(super) fn absolute(name: &str) -> Option<String> {
    let inner = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| (1..=63).contains(&label.len());
    // In a message each label has a length byte, and the root is one more.
    let is_name = inner.is_empty() || (inner.len() <= 253 && inner.split('.').all(fits));
    is_name.then(|| format!("{inner}."))
}
