//! From method and path to a row, without looking at every row.
//!
//! One tree for each method, a level for each segment. Literal segments are tried before braces, as Open WebUI
//! declares them in that order.

use super::path::segments;

/// A segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Box<str>),
    /// `{name}`: one segment, not empty.
    One(Box<str>),
    /// `{name*}`, at the end: any number of segments.
    Rest(Box<str>),
}

/// The row numbers of one method's patterns.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// In order of the text.
    literals: Vec<(Box<str>, usize)>,
    one: Option<usize>,
    rest: Option<usize>,
    row: Option<usize>,
}

impl Tree {
    /// Adds a pattern; a row with the same pattern, whatever the names in braces, is replaced and given back.
    pub(crate) fn insert(&mut self, pattern: &[Segment], row: usize) -> Option<usize> {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for segment in pattern {
            at = match segment {
                Segment::Rest(_) => return self.nodes[at].rest.replace(row),
                Segment::One(_) => match self.nodes[at].one {
                    Some(next) => next,
                    None => {
                        let next = self.grow();
                        *self.nodes[at].one.insert(next)
                    }
                },
                Segment::Literal(text) => {
                    let found = self.nodes[at].literals.binary_search_by(|(literal, _)| literal.cmp(text));
                    match found {
                        Ok(place) => self.nodes[at].literals[place].1,
                        Err(place) => {
                            let next = self.grow();
                            self.nodes[at].literals.insert(place, (text.clone(), next));
                            next
                        }
                    }
                }
            };
        }
        self.nodes[at].row.replace(row)
    }

    fn grow(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// The row for a decoded path.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        if self.nodes.is_empty() { None } else { self.below(0, segments(path)) }
    }

    fn below<'p>(&self, at: usize, mut path: impl Iterator<Item = &'p str> + Clone) -> Option<usize> {
        let node = &self.nodes[at];
        let Some(segment) = path.next() else { return node.row.or(node.rest) };
        let literal = node.literals.binary_search_by(|(literal, _)| literal.as_ref().cmp(segment)).ok();
        let by_literal = literal.and_then(|place| self.below(node.literals[place].1, path.clone()));
        let by_one = || node.one.filter(|_| !segment.is_empty()).and_then(|one| self.below(one, path));
        by_literal.or_else(by_one).or(node.rest)
    }
}

/// What stands in a path where a pattern has braces. The pattern is known to fit.
pub(crate) fn parameters<'n, 'p>(pattern: &'n [Segment], path: &'p str) -> Vec<(&'n str, &'p str)> {
    let mut found = Vec::new();
    let mut given = segments(path);
    for segment in pattern {
        match segment {
            Segment::Literal(_) => drop(given.next()),
            Segment::One(name) => found.extend(given.next().map(|given| (name.as_ref(), given))),
            Segment::Rest(name) => {
                let rest = given.next().map_or("", |first| &path[offset(path, first)..]);
                found.push((name.as_ref(), rest));
                break;
            }
        }
    }
    found
}

/// Where a part of a text begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()).min(whole.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Vec<Segment> {
        let segment = |segment: &str| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(name) if name.ends_with('*') => Segment::Rest(name.trim_end_matches('*').into()),
            Some(name) => Segment::One(name.into()),
            None => Segment::Literal(segment.into()),
        };
        segments(text).map(segment).collect()
    }

    fn tree(patterns: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for (row, text) in patterns.iter().enumerate() {
            assert_eq!(tree.insert(&pattern(text), row), None, "{text}");
        }
        tree
    }

    #[test]
    fn literals_win_over_braces_and_braces_over_the_rest() {
        let tree = tree(&["/a/{id}", "/a/all", "/a/all/{x}/end", "/a/{id}/y", "/{rest*}"]);
        let check = |path: &str, row| assert_eq!(tree.find(path), Some(row), "{path}");
        check("/a/all", 1);
        check("/a/other", 0);
        check("/a/all/y", 3);
        check("/a/all/1/end", 2);
        check("/a/all/1/begin", 4);
        check("/", 4);
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference_but_an_empty_segment_does() {
        let tree = tree(&["/chats", "/chats/{id}", "/chats/{id}/share"]);
        assert_eq!(tree.find("/chats/"), Some(0));
        assert_eq!(tree.find("/chats/c/"), Some(1));
        for path in ["/chats//", "/chats//share", "//chats", "/Chats", "/chats/c/share/x", ""] {
            assert_eq!(tree.find(path), None, "{path}");
        }
    }

    #[test]
    fn a_pattern_is_replaced_by_its_equal() {
        let mut tree = tree(&["/a/{id}"]);
        assert_eq!(tree.insert(&pattern("/a/{other}/"), 7), Some(0));
        assert_eq!(tree.find("/a/x"), Some(7));
    }

    #[test]
    fn parameters_are_what_stands_in_the_braces() {
        assert_eq!(parameters(&pattern("/a/{x}/{y}"), "/a/1/2/"), [("x", "1"), ("y", "2")]);
        assert_eq!(parameters(&pattern("/a/{x}/{rest*}"), "/a/1/2/3//4"), [("x", "1"), ("rest", "2/3//4")]);
        assert_eq!(parameters(&pattern("/a/{rest*}"), "/a"), [("rest", "")]);
    }
}
