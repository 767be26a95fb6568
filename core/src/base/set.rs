//! Ordered sets and maps, filled one by one.
//!
//! `collect` sorts first, and brings a sorting routine for every type into the page; the sets here are small.

use std::collections::{BTreeMap, BTreeSet};

/// A set of `items`.
pub fn set_of<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// A map of `entries`; of two with one key the later stays.
pub fn map_of<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}
