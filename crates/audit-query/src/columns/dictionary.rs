//! The distinct values behind a column's codes.

use super::ABSENT;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Strings end to end.
#[derive(Debug, Clone)]
pub(crate) struct Strings {
    text: String,
    /// Where each string begins, and the end of the last.
    offsets: Vec<u32>,
}

impl Default for Strings {
    fn default() -> Strings {
        Strings { text: String::new(), offsets: vec![0] }
    }
}

impl Strings {
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn get(&self, at: usize) -> &str {
        &self.text[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    /// The string's bytes; cheaper than [`Strings::get`] where they are only compared.
    fn bytes(&self, at: usize) -> &[u8] {
        &self.text.as_bytes()[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.offsets.push(u32::try_from(self.text.len()).expect("a page or dictionary is below 4 GiB"));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The strings as one text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Which string holds the byte at this position of [`Strings::text`].
    pub(crate) fn at_byte(&self, position: usize) -> usize {
        self.offsets.partition_point(|start| *start as usize <= position) - 1
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.offsets.capacity() * 4
    }

    /// `offsets` must ascend from 0 to the text's length on character boundaries.
    pub(crate) fn from_parts(text: String, offsets: Vec<u32>) -> Option<Strings> {
        let bounded =
            offsets.first() == Some(&0) && offsets.last().map(|end| *end as usize) == Some(text.len());
        let fits = bounded
            && offsets.windows(2).all(|pair| pair[0] <= pair[1])
            && (text.is_ascii() || offsets.iter().all(|at| text.is_char_boundary(*at as usize)));
        fits.then_some(Strings { text, offsets })
    }
}

/// The distinct values of a column: code `n + 1` is value `n`, code 0 is "absent".
///
/// While rows arrive, values are in the order of their arrival and found by hash; in a partition they are sorted
/// by their bytes and found by bisection.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    values: Strings,
    /// Positions by hash; none in a sorted dictionary.
    by_hash: Option<HashTable<u32>>,
}

impl Dictionary {
    /// An empty one that takes values.
    pub(crate) fn growing() -> Dictionary {
        Dictionary { values: Strings::default(), by_hash: Some(HashTable::new()) }
    }

    /// A complete one; `values` ascend.
    pub(crate) fn sorted(values: Strings) -> Dictionary {
        Dictionary { values, by_hash: None }
    }

    /// How many values there are; codes go up to this number.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn values(&self) -> &Strings {
        &self.values
    }

    /// The value of a code; `None` for "absent".
    pub(crate) fn value(&self, code: u32) -> Option<&str> {
        (code != ABSENT).then(|| self.values.get(code as usize - 1))
    }

    /// Whether this is the value's code.
    pub(crate) fn is_code_of(&self, code: u32, value: &str) -> bool {
        code != ABSENT && self.values.bytes(code as usize - 1) == value.as_bytes()
    }

    /// The code of a value, if there is one.
    pub(crate) fn code(&self, value: &str) -> Option<u32> {
        match &self.by_hash {
            Some(table) => {
                let found = table.find(hash(value), |at| self.values.bytes(*at as usize) == value.as_bytes());
                found.map(|at| at + 1)
            }
            None => {
                let (mut low, mut high) = (0, self.values.len());
                while low < high {
                    let middle = (low + high) / 2;
                    match self.values.bytes(middle).cmp(value.as_bytes()) {
                        std::cmp::Ordering::Equal => return Some(code_at(middle)),
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Greater => high = middle,
                    }
                }
                None
            }
        }
    }

    /// The code of a value and whether it was new. Only for a growing dictionary.
    pub(crate) fn insert(&mut self, value: &str) -> (u32, bool) {
        let table = self.by_hash.as_mut().expect("a growing dictionary has a table");
        let hash = hash(value);
        if let Some(at) = table.find(hash, |at| self.values.bytes(*at as usize) == value.as_bytes()) {
            return (at + 1, false);
        }
        let at = u32::try_from(self.values.len()).expect("fewer values than rows");
        self.values.push(value);
        table.insert_unique(hash, at, |at| hash_of(&self.values, *at));
        (at + 1, true)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.values.heap_bytes() + self.by_hash.as_ref().map_or(0, |table| table.allocation_size())
    }

    /// The values' sorted order: for each code its code in the sorted dictionary.
    pub(crate) fn ranks(&self) -> (Strings, Vec<u32>) {
        let mut order: Vec<u32> = (0..code_at(self.len()) - 1).collect();
        order.sort_unstable_by(|a, b| self.values.bytes(*a as usize).cmp(self.values.bytes(*b as usize)));
        let mut ranks = vec![ABSENT; self.len() + 1];
        let mut sorted = Strings::default();
        for (rank, at) in order.into_iter().enumerate() {
            ranks[at as usize + 1] = code_at(rank);
            sorted.push(self.values.get(at as usize));
        }
        (sorted, ranks)
    }
}

fn code_at(at: usize) -> u32 {
    u32::try_from(at + 1).expect("fewer values than rows")
}

fn hash(value: &str) -> u64 {
    xxh3_64(value.as_bytes())
}

fn hash_of(values: &Strings, at: u32) -> u64 {
    xxh3_64(values.bytes(at as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_while_growing_and_once_sorted() {
        let mut growing = Dictionary::growing();
        for value in ["pear", "apple", "", "fig", "pear"] {
            growing.insert(value);
        }
        assert_eq!(growing.len(), 4);
        assert_eq!(growing.insert("apple"), (2, false));
        let (sorted, ranks) = growing.ranks();
        assert_eq!(sorted.iter().collect::<Vec<_>>(), ["", "apple", "fig", "pear"]);
        assert_eq!(ranks, [0, 4, 2, 1, 3]);
        let sorted = Dictionary::sorted(sorted);
        for value in ["pear", "apple", "", "fig"] {
            let code = growing.code(value).expect("present");
            assert_eq!(sorted.code(value), Some(ranks[code as usize]));
            assert_eq!(sorted.value(ranks[code as usize]), Some(value));
        }
        assert_eq!(sorted.code("grape"), None);
        assert_eq!(growing.code("grape"), None);
        assert_eq!(sorted.value(ABSENT), None);
    }
}
