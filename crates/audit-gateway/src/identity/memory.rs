//! A bounded map that forgets what is not used.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Keeps at most `capacity` entries, in two generations: when the younger one is full it becomes the older one, and
/// what was in that is dropped. What is looked up moves to the younger one, so that what is used stays. Every
/// operation takes constant time but for the drop of a generation.
pub(super) struct Memory<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V> Memory<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (capacity / 2).max(1) }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.young.values_mut().chain(self.old.values_mut())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let mut memory = Memory::new(10);
        for number in 0..1_000 {
            memory.insert(number, ());
            assert!(memory.len() <= 10);
        }
    }

    #[test]
    fn what_is_used_stays() {
        let mut memory = Memory::new(10);
        memory.insert(-1, "kept");
        for number in 0..1_000 {
            memory.insert(number, "passing");
            assert_eq!(memory.get(&-1), Some(&mut "kept"));
        }
    }

    #[test]
    fn a_key_has_one_value() {
        let mut memory = Memory::new(2);
        for round in 0..5 {
            memory.insert("a", round);
            memory.insert("b", round);
            assert_eq!(memory.get("a"), Some(&mut round.clone()));
        }
        memory.remove("a");
        assert_eq!(memory.get("a"), None);
    }
}
