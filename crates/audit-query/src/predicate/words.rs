//! Finding a phrase in many texts.

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
        let Some(needle) = self.needle.as_ref().filter(|_| text.is_ascii()) else {
            return self.phrase.occurs_in(text);
        };
        if needle.is_whole_phrase {
            needle.occurs(text.as_bytes(), true)
        } else {
            needle.occurs(text.as_bytes(), false) && self.phrase.occurs_in(text)
        }
    }
}

impl Needle {
    /// Whether the token occurs in an ASCII text; as a whole word if that is asked.
    fn occurs(&self, text: &[u8], as_word: bool) -> bool {
        let rare = self.token[self.rare_at];
        let is_free = |at: Option<usize>| {
            at.and_then(|at| text.get(at)).is_none_or(|byte| !byte.is_ascii_alphanumeric())
        };
        memchr2_iter(rare, rare.to_ascii_uppercase(), text).any(|found| {
            let Some(start) = found.checked_sub(self.rare_at) else { return false };
            let end = start + self.token.len();
            let same = text.get(start..end).is_some_and(|part| part.eq_ignore_ascii_case(&self.token));
            same && (!as_word || is_free(start.checked_sub(1)) && is_free(Some(end)))
        })
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

    fn check(words: &str, prefix: bool, text: &str) {
        let phrase = Phrase::new(words, prefix).expect("has letters");
        let found = WordFinder::new(&phrase).occurs_in(text);
        assert_eq!(found, phrase.occurs_in(text), "{words:?} (prefix {prefix}) in {text:?}");
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
            "İstanbul failed",
            "brake rotor",
            "Brake-Rotor brakes",
            "zz z",
        ];
        for text in texts {
            for words in
                ["failed", "login failed", "brake rotor", "z", "istanbul", "İstanbul", "rotor", "fail"]
            {
                check(words, false, text);
                check(words, true, text);
            }
        }
    }
}
