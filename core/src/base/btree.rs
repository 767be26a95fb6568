//! Ordered maps and sets, with the standard library's names and interface as far as it is used here.
//!
//! The standard library's trees are compiled anew for every pair of types, balancing and all, into a page that is
//! downloaded before anything is learned from it. This tree has two levels, sorted leaves under one root, and needs a
//! fifth of the program; it is as fast up to some hundred thousand entries, which is more than a cluster has.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Index;
use std::{fmt, slice, vec};

/// A leaf that holds this many entries is split before it gets another.
const MOST: usize = 128;

/// A map in the order of its keys.
#[derive(Clone)]
pub struct BTreeMap<K, V> {
    /// None is empty.
    leaves: Vec<Vec<(K, V)>>,
}

/// Where an entry is, or would be: the leaf, and the place in it.
type At = (usize, Result<usize, usize>);

impl<K, V> BTreeMap<K, V> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self { leaves: Vec::new() }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Drops all entries.
    pub fn clear(&mut self) {
        self.leaves.clear();
    }

    /// The entries, in the order of their keys.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { leaf: [].iter(), rest: self.leaves.iter() }
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The same, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.leaves.iter_mut().flatten().map(|(_, value)| value)
    }

    /// The values, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The keys, in order.
    pub fn into_keys(self) -> impl Iterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    /// The entry with the lowest key.
    #[must_use]
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// Takes out the entry with the lowest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        if self.is_empty() { None } else { Some(self.take(0, 0)) }
    }

    /// Keeps the entries for which `keeps` says so.
    pub fn retain(&mut self, mut keeps: impl FnMut(&K, &mut V) -> bool) {
        for leaf in &mut self.leaves {
            leaf.retain_mut(|(key, value)| keeps(key, value));
        }
        self.leaves.retain(|leaf| !leaf.is_empty());
    }

    fn take(&mut self, leaf: usize, at: usize) -> (K, V) {
        let entry = self.leaves[leaf].remove(at);
        if self.leaves[leaf].is_empty() {
            self.leaves.remove(leaf);
        }
        entry
    }

    /// Puts an entry where `at` says that it would be.
    fn put(&mut self, mut leaf: usize, mut at: usize, entry: (K, V)) -> &mut V {
        if self.is_empty() {
            self.leaves.push(Vec::new());
        }
        if self.leaves[leaf].len() >= MOST {
            let more = self.leaves[leaf].split_off(MOST / 2);
            self.leaves.insert(leaf + 1, more);
            if at > MOST / 2 {
                (leaf, at) = (leaf + 1, at - MOST / 2);
            }
        }
        self.leaves[leaf].insert(at, entry);
        &mut self.leaves[leaf][at].1
    }
}

impl<K: Ord, V> BTreeMap<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.known(key)?;
        Some(&self.leaves[leaf][at].1)
    }

    /// The same, to change it.
    #[must_use]
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.known(key)?;
        Some(&mut self.leaves[leaf][at].1)
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.known(key).is_some()
    }

    /// The entry with the highest key that is not above this one.
    #[must_use]
    pub fn last_up_to<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.find(key);
        let at = at.or_else(|above| above.checked_sub(1).ok_or(())).ok()?;
        self.leaves[leaf].get(at).map(|(key, value)| (key, value))
    }

    /// The lowest key that is not below this one.
    #[must_use]
    pub fn first_from(&self, key: &K) -> Option<&K> {
        let (leaf, at) = self.find(key);
        let at = at.unwrap_or_else(|above| above);
        let entry = self.leaves.get(leaf)?.get(at).or_else(|| self.leaves.get(leaf + 1)?.first());
        entry.map(|(key, _)| key)
    }

    /// Gives a key a value, and returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            (leaf, Ok(at)) => Some(std::mem::replace(&mut self.leaves[leaf][at].1, value)),
            (leaf, Err(at)) => {
                self.put(leaf, at, (key, value));
                None
            }
        }
    }

    /// Takes out the value of a key.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.known(key)?;
        Some(self.take(leaf, at).1)
    }

    /// The place of a key, to fill it if it is vacant.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { map: self, key }
    }

    fn known<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(usize, usize)>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.find(key);
        Some((leaf, at.ok()?))
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> At
    where
        K: Borrow<Q>,
    {
        let after = self.leaves.partition_point(|leaf| leaf[0].0.borrow() <= key);
        let leaf = after.saturating_sub(1);
        let entries = self.leaves.get(leaf).map_or(&[][..], Vec::as_slice);
        (leaf, entries.binary_search_by(|(here, _)| here.borrow().cmp(key)))
    }
}

/// The place of a key.
pub struct Entry<'a, K, V> {
    map: &'a mut BTreeMap<K, V>,
    key: K,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    /// The key's value; if it had none, what `make` makes.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| make())
    }

    /// The key's value; if it had none, what `make` makes of the key.
    pub fn or_insert_with_key(self, make: impl FnOnce(&K) -> V) -> &'a mut V {
        match self.map.find(&self.key) {
            (leaf, Ok(at)) => &mut self.map.leaves[leaf][at].1,
            (leaf, Err(at)) => {
                let value = make(&self.key);
                self.map.put(leaf, at, (self.key, value))
            }
        }
    }

    /// The key's value; if it had none, this one.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The key's value; if it had none, the type's own.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

/// The entries of a map, in order.
pub struct Iter<'a, K, V> {
    leaf: slice::Iter<'a, (K, V)>,
    rest: slice::Iter<'a, Vec<(K, V)>>,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { leaf: self.leaf.clone(), rest: self.rest.clone() }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            self.leaf = self.rest.next()?.iter();
        }
    }
}

impl<'a, K, V> IntoIterator for &'a BTreeMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K, V> IntoIterator for BTreeMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.leaves.into_iter().flatten()
    }
}

impl<K: Ord, V> Extend<(K, V)> for BTreeMap<K, V> {
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, entries: T) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for BTreeMap<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for BTreeMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> Default for BTreeMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for BTreeMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for BTreeMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for BTreeMap<K, V> {}

impl<K: Ord, V: Ord> PartialOrd for BTreeMap<K, V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, V: Ord> Ord for BTreeMap<K, V> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl<K: Borrow<Q> + Ord, Q: Ord + ?Sized, V> Index<&Q> for BTreeMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        let (leaf, at) = self.find(key);
        // A key that is not there is a fault of the program, as a position behind the end is.
        &self.leaves[leaf][at.unwrap_or(usize::MAX)].1
    }
}

/// A set in order.
#[derive(Clone, PartialEq, Eq)]
pub struct BTreeSet<T> {
    map: BTreeMap<T, ()>,
}

impl<T> BTreeSet<T> {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { map: BTreeMap::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Takes all of them out.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Keeps those for which `keeps` says so.
    pub fn retain(&mut self, mut keeps: impl FnMut(&T) -> bool) {
        self.map.retain(|value, ()| keeps(value));
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> SetIter<'_, T> {
        SetIter(self.map.iter())
    }
}

impl<T: Ord> BTreeSet<T> {
    /// Whether it is there.
    #[must_use]
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.map.contains_key(value)
    }

    /// What is here and not in `other`, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        self.iter().filter(|value| !other.contains(*value))
    }

    /// Adds it; false if it was there.
    pub fn insert(&mut self, value: T) -> bool {
        self.map.insert(value, ()).is_none()
    }

    /// Takes it out; false if it was not there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.map.remove(value).is_some()
    }
}

/// The members of a set, in order.
pub struct SetIter<'a, T>(Iter<'a, T, ()>);

impl<T> Clone for SetIter<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'a, T> Iterator for SetIter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(value, ())| value)
    }
}

impl<'a, T> IntoIterator for &'a BTreeSet<T> {
    type Item = &'a T;
    type IntoIter = SetIter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> IntoIterator for BTreeSet<T> {
    type Item = T;
    type IntoIter = std::iter::Map<<BTreeMap<T, ()> as IntoIterator>::IntoIter, fn((T, ())) -> T>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.into_iter().map(|(value, ())| value)
    }
}

impl<T: Ord> Extend<T> for BTreeSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.insert(value);
        }
    }
}

impl<T: Ord> FromIterator<T> for BTreeSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut set = Self::new();
        set.extend(values);
        set
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for BTreeSet<T> {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

impl<T> Default for BTreeSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for BTreeSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "the standard library's map says what is right")]
mod tests {
    use std::collections::BTreeMap as Standard;

    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::{BTreeMap, BTreeSet, MOST};

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u16),
        Entry(u16),
        Remove(u16),
        PopFirst,
        Retain(u16),
    }

    fn op() -> impl Strategy<Value = Op> {
        // Few keys, so that the same come again; enough for several leaves.
        let key = || any::<u16>().prop_map(|key| key % 700);
        prop_oneof![
            8 => key().prop_map(Op::Insert),
            4 => key().prop_map(Op::Entry),
            4 => key().prop_map(Op::Remove),
            1 => Just(Op::PopFirst),
            1 => (2_u16..9).prop_map(Op::Retain),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_the_standard_map_does(start in 0_u16..500, ops in proptest::collection::vec(op(), 0..300)) {
            let (mut map, mut standard): (BTreeMap<u16, u32>, Standard<u16, u32>) = Default::default();
            for key in 0..start {
                map.insert(key, 0);
                standard.insert(key, 0);
            }
            for (number, op) in (1_u32..).zip(ops) {
                match op {
                    Op::Insert(key) => prop_assert_eq!(map.insert(key, number), standard.insert(key, number)),
                    Op::Entry(key) => {
                        let (entry, right) = (map.entry(key).or_default(), standard.entry(key).or_default());
                        prop_assert_eq!(&*entry, &*right);
                        (*entry, *right) = (number, number);
                    }
                    Op::Remove(key) => prop_assert_eq!(map.remove(&key), standard.remove(&key)),
                    Op::PopFirst => prop_assert_eq!(map.pop_first(), standard.pop_first()),
                    Op::Retain(by) => {
                        map.retain(|key, _| key % by > 0);
                        standard.retain(|key, _| key % by > 0);
                    }
                }
            }
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), standard.iter().collect::<Vec<_>>());
            prop_assert_eq!((map.len(), map.is_empty()), (standard.len(), standard.is_empty()));
            for key in 0..700 {
                prop_assert_eq!(map.get(&key), standard.get(&key));
                prop_assert_eq!(map.last_up_to(&key), standard.range(..=key).next_back());
                prop_assert_eq!(map.first_from(&key), standard.range(key..).next().map(|(key, _)| key));
            }
            prop_assert_eq!(map.leaves.iter().map(Vec::len).filter(|len| *len == 0 || *len > MOST).count(), 0);
            prop_assert_eq!(map.into_iter().collect::<Vec<_>>(), standard.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn equal_maps_are_equal_however_they_were_filled() {
        let up: BTreeSet<u16> = (0..1000).collect();
        let down: BTreeSet<u16> = (0..1000).rev().collect();
        assert_ne!(up.map.leaves.len(), 1);
        assert_eq!(up, down);
        assert_eq!(up.iter().copied().collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
    }
}
