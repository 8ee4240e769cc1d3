//! Where secrets stand in a text, told by their shape or by what stands beside them.

use std::ops::Range;

use super::{cards, named, tokens};

/// What replaces a secret.
pub(super) const REMOVED: &str = "[removed]";

/// The secrets in a text, as byte ranges in order that do not overlap.
pub(super) fn in_text(text: &str) -> Vec<Range<usize>> {
    let mut found = in_id(text);
    cards::numbers(text, &mut found);
    merge(found)
}

/// The secrets in an id: all but card numbers, which a hex id of 16 digits resembles one time in 20,000.
pub(super) fn in_id(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    tokens::private_keys(text, &mut found);
    tokens::issued(text, &mut found);
    tokens::json_web_tokens(text, &mut found);
    tokens::authorization_schemes(text, &mut found);
    tokens::url_passwords(text, &mut found);
    tokens::bot_tokens(text, &mut found);
    named::values(text, &mut found);
    merge(found)
}

fn merge(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::trigger;
    use super::in_text;

    /// Without this, a secret that the search would find could pass the quick look.
    #[test]
    fn whatever_is_found_in_the_corpus_fires_the_quick_look() {
        let corpus = include_str!("../../tests/data/secrets.true.ndjson").replace('¦', "");
        let mut found = 0;
        for line in corpus.lines() {
            let sample: serde_json::Value = serde_json::from_str(line).expect("a line of the corpus");
            let Some(text) = sample["text"].as_str() else { continue };
            if !in_text(text).is_empty() {
                found += 1;
                let in_json = sample["text"].to_string();
                assert!(trigger::fires(text.as_bytes()) && trigger::fires(in_json.as_bytes()), "{text}");
            }
        }
        assert!(found > 150, "{found}");
    }
}
