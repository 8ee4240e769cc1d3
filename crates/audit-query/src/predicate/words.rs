//! Finding a phrase in many texts.

use crate::columns::{Bits, Texts};
use crate::filter::Phrase;
use memchr::memchr2_iter;

/// Says of a text whether a phrase occurs in it, as [`Phrase::occurs_in`] does, but quickly when it does not.
#[derive(Debug, Clone)]
pub(crate) struct WordFinder {
    phrase: Phrase,
    /// What an ASCII text must contain, whatever its letter case: the longest token, if it is ASCII itself.
    needle: Option<Needle>,
}

#[derive(Debug, Clone)]
struct Needle {
    token: Vec<u8>,
    /// Position of the byte to look for: one that is rare in text.
    rare_at: usize,
    /// Whether the token alone, with no letter or digit around it, is the phrase.
    is_whole_phrase: bool,
}

impl WordFinder {
    pub(crate) fn new(phrase: &Phrase) -> WordFinder {
        let longest = phrase.tokens().iter().max_by_key(|token| token.len());
        let needle = longest.filter(|token| token.is_ascii()).map(|token| Needle {
            rare_at: rarest(token.as_bytes()),
            token: token.as_bytes().to_vec(),
            is_whole_phrase: phrase.tokens().len() == 1 && !phrase.is_prefix(),
        });
        WordFinder { phrase: phrase.clone(), needle }
    }

    pub(crate) fn occurs_in(&self, text: &str) -> bool {
        match &self.needle {
            Some(needle) if needle.is_whole_phrase && text.is_ascii() => needle.is_word_of(text.as_bytes()),
            Some(needle) if is_told_by_bytes(text) && !needle.occurs(text.as_bytes()) => false,
            _ => self.phrase.occurs_in(text),
        }
    }

    /// Those of `asked` in whose text the phrase occurs.
    pub(crate) fn rows(&self, texts: &Texts, asked: Bits) -> Bits {
        let all = texts.strings();
        // Searching through the whole page at once is faster than beginning anew in each text, unless few are asked.
        let together = asked.count() * 4 > texts.len() && is_told_by_bytes(all.text());
        match &self.needle {
            Some(needle) if together => {
                let mut found = Bits::NONE;
                let mut judged = None;
                for position in needle.positions(all.text().as_bytes()) {
                    let row = all.at_byte(position);
                    if judged != Some(row) && asked.contains(row) && self.occurs_in(all.get(row)) {
                        found.insert(row);
                    }
                    judged = Some(row);
                }
                found
            }
            _ => asked.retain(|row| texts.get(row).is_some_and(|text| self.occurs_in(text))),
        }
    }
}

/// Whether an ASCII token in the text is there byte by byte, but for the case of ASCII letters.
///
/// Two letters outside of ASCII have a lower case that is, or begins, in ASCII: the Kelvin sign and the dotted
/// capital I.
fn is_told_by_bytes(text: &str) -> bool {
    text.is_ascii() || !(text.contains('\u{212A}') || text.contains('\u{130}'))
}

impl Needle {
    /// Where the token occurs, whatever its letter case.
    fn positions<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = usize> + 't {
        let rare = self.token[self.rare_at];
        memchr2_iter(rare, rare.to_ascii_uppercase(), text).filter_map(move |found| {
            let start = found.checked_sub(self.rare_at)?;
            let part = text.get(start..start + self.token.len())?;
            part.eq_ignore_ascii_case(&self.token).then_some(start)
        })
    }

    fn occurs(&self, text: &[u8]) -> bool {
        self.positions(text).next().is_some()
    }

    /// Whether the token is a whole token of an ASCII text.
    fn is_word_of(&self, text: &[u8]) -> bool {
        let is_free = |at: Option<usize>| {
            at.and_then(|at| text.get(at)).is_none_or(|byte| !byte.is_ascii_alphanumeric())
        };
        self.positions(text)
            .any(|start| is_free(start.checked_sub(1)) && is_free(Some(start + self.token.len())))
    }
}

/// The position of the byte that is rarest in English and in identifiers.
fn rarest(token: &[u8]) -> usize {
    const BY_FREQUENCY: &[u8] = b"etaoinsrhldcum0fpg1w2yb345v6789kxjqz";
    let rarity = |byte: &u8| BY_FREQUENCY.iter().position(|known| known == byte).unwrap_or(usize::MAX);
    (0..token.len()).max_by_key(|at| rarity(&token[*at])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, prefix: bool, texts: &[&str]) {
        let phrase = Phrase::new(words, prefix).expect("has letters");
        let finder = WordFinder::new(&phrase);
        let mut page = Texts::default();
        texts.iter().for_each(|text| page.push(Some(text)));
        page.push(None);
        let expected = Bits::from_fn(texts.len(), |row| phrase.occurs_in(texts[row]));
        let all = Bits::first(texts.len() + 1);
        assert_eq!(finder.rows(&page, all), expected, "{words:?} (prefix {prefix})");
        let one_by_one = all.retain(|row| page.get(row).is_some_and(|text| finder.occurs_in(text)));
        assert_eq!(one_by_one, expected, "{words:?} (prefix {prefix}), one by one");
    }

    #[test]
    fn it_agrees_with_the_definition() {
        let texts = [
            "",
            "failed",
            "Sign-in FAILED for ada: auth.login_failed",
            "unfailed failedly failed2",
            "xfailed failed",
            "login failed twice",
            "brake rotor",
            "Brake-Rotor brakes",
            "zz z",
            "Müller FAILED brake rotor",
            "failedé éfailed",
            "İstanbul failed",
            "5 \u{212A} failed",
        ];
        // With and without the texts that are not searched as bytes.
        for texts in [&texts[..], &texts[..texts.len() - 2]] {
            for words in
                ["failed", "login failed", "brake rotor", "z", "istanbul", "İstanbul", "rotor", "k", "müller"]
            {
                check(words, false, texts);
                check(words, true, texts);
            }
        }
    }
}
