//! Stable sorting, once for all types.
//!
//! The standard library's sort is compiled anew for every type, into a page that is downloaded before anything is learned
//! from it. Here positions are sorted, and the order of what stands at them is asked for.

use std::cmp::Ordering;

/// The positions `0..len` in the order that `compare` has for them; equal ones stay as they are.
pub fn order_of(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// `items` in the order of their keys; equal ones stay as they are.
pub fn sorted_by_key<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let order = order_of(items.len(), &|a, b| key(&items[a]).cmp(&key(&items[b])));
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| items[at].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::sorted_by_key;

    #[test]
    fn equal_items_keep_their_order() {
        let items = vec![(2, "a"), (1, "b"), (2, "c"), (1, "d")];
        assert_eq!(sorted_by_key(items, |item| item.0), [(1, "b"), (1, "d"), (2, "a"), (2, "c")]);
    }
}
