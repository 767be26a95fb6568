//! Stable sorting, once for all types.
//!
//! The standard library's sort is compiled anew for every type, into a page that is downloaded before anything is learned
//! from it. Here positions are sorted, and the order of what stands at them is asked for.

use std::cmp::Ordering;

/// The positions `0..len` in the order that `compare` has for them; equal ones stay as they are.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn order_of(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Puts `items` in the order that `compare` has for them; equal ones stay as they are.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut order = order_of(items.len(), &|a, b| compare(&items[a], &items[b]));
    for start in 0..order.len() {
        // What belongs here is swapped in; what was here goes where that came from, and its turn is next.
        let mut here = start;
        loop {
            let from = std::mem::replace(&mut order[here], here);
            if from == start {
                break;
            }
            items.swap(here, from);
            here = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sort_by;

    #[test]
    fn equal_items_keep_their_order() {
        let mut items = [(2, "a"), (1, "b"), (2, "c"), (1, "d"), (0, "e"), (3, "f")];
        sort_by(&mut items, |a, b| a.0.cmp(&b.0));
        assert_eq!(items, [(0, "e"), (1, "b"), (1, "d"), (2, "a"), (2, "c"), (3, "f")]);
    }
}
