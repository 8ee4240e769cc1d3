//! From a filter to a predicate, with the help of the dictionaries.

use super::words::WordFinder;
use super::{NumberSource, Predicate};
use crate::Error;
use crate::columns::{CodeColumn, Dictionary, IdColumn, NumberColumn};
use crate::filter::{Field, FieldKind, Filter, Literal, Phrase, Test};
use crate::memory::{ListedTarget, read_groups, read_targets};
use crate::partition::PageSet;
use crate::rows::Rows;
use ipnet::IpNet;
use std::net::IpAddr;

/// The predicate that accepts the rows whose events `filter` matches.
pub(crate) fn compile(filter: &Filter, rows: &dyn Rows) -> Result<Predicate, Error> {
    match filter {
        Filter::All => Ok(Predicate::Everything),
        Filter::And(parts) => Ok(Predicate::all_of(compile_each(parts, rows)?)),
        Filter::Or(parts) => Ok(Predicate::any_of(compile_each(parts, rows)?)),
        Filter::Not(inner) => Ok(compile(inner, rows)?.negated()),
        Filter::Test(test) => Compiler { rows }.test(test),
    }
}

fn compile_each(parts: &[Filter], rows: &dyn Rows) -> Result<Vec<Predicate>, Error> {
    parts.iter().map(|part| compile(part, rows)).collect()
}

/// The values of a target field in one value of the `targets` column.
pub(crate) fn listed_targets(field: Field, value: &str) -> Vec<String> {
    let pick = |target: ListedTarget<'_>| {
        match field {
            Field::TargetType => target.kind,
            Field::TargetId => target.id,
            Field::TargetName => target.name,
            _ => None,
        }
        .map(|text| text.into_owned())
    };
    read_targets(value).into_iter().filter_map(pick).collect()
}

struct Compiler<'r> {
    rows: &'r dyn Rows,
}

impl Compiler<'_> {
    fn test(&self, test: &Test) -> Result<Predicate, Error> {
        match test {
            Test::Equals { field, .. } | Test::Prefix { field, .. } => {
                self.any_leaf(field.leaves(), |leaf| self.leaf(leaf, test))
            }
            Test::Ip(net) => self.network(net),
            Test::Number { field, .. } => self.number(*field, Some(test)),
            Test::Words { within: Some(field), phrase } => self.words_in(*field, phrase),
            Test::Words { within: None, phrase } => self.words(phrase),
            Test::Exists(field) if field.kind() == FieldKind::Number => self.number(*field, None),
            Test::Exists(field) => self.any_leaf(field.leaves(), |leaf| self.leaf(leaf, test)),
        }
    }

    fn any_leaf(
        &self,
        leaves: &[Field],
        compile: impl Fn(Field) -> Result<Predicate, Error>,
    ) -> Result<Predicate, Error> {
        let parts = leaves.iter().map(|leaf| compile(*leaf)).collect::<Result<Vec<_>, _>>()?;
        Ok(Predicate::any_of(parts))
    }

    /// An `Equals`, `Prefix` or `Exists` on a leaf that holds text (or addresses, for `Exists`).
    fn leaf(&self, leaf: Field, test: &Test) -> Result<Predicate, Error> {
        let own = match (CodeColumn::of(leaf), IdColumn::of(leaf)) {
            (Some(column), _) => self.coded(column, leaf, test)?,
            (_, Some(column)) => self.identifier(column, test)?,
            (None, None) if leaf == Field::Message => message(test),
            (None, None) => Predicate::Nothing,
        };
        Ok(Predicate::any_of([own, self.bulk_targets(leaf, &|text| test.accepts_text(leaf, text))?]))
    }

    fn coded(&self, column: CodeColumn, leaf: Field, test: &Test) -> Result<Predicate, Error> {
        match (column, test) {
            (_, Test::Exists(_)) => Ok(Predicate::present(column)),
            // Addresses and statuses are no text: only `Ip` and `Number` tests are fulfilled by them.
            (CodeColumn::Ip | CodeColumn::HttpStatus, _) => Ok(Predicate::Nothing),
            (CodeColumn::Groups, _) => self.values(column, |dictionary| {
                accepted(dictionary, |list| {
                    read_groups(list).iter().any(|group| test.accepts_text(leaf, group))
                })
            }),
            (_, Test::Equals { value, .. }) if !leaf.folds_case() => self.value(column, value),
            (_, Test::Equals { value, .. }) => self.values(column, |dictionary| {
                accepted(dictionary, |stored| {
                    may_equal_folded(stored, value) && test.accepts_text(leaf, stored)
                })
            }),
            _ => self
                .values(column, |dictionary| accepted(dictionary, |stored| test.accepts_text(leaf, stored))),
        }
    }

    fn identifier(&self, column: IdColumn, test: &Test) -> Result<Predicate, Error> {
        match test {
            Test::Equals { value, .. } => self.id(column, value),
            Test::Exists(_) => Ok(Predicate::IdFulfils(column, None)),
            _ => Ok(Predicate::IdFulfils(column, Some(test.clone()))),
        }
    }

    fn id(&self, column: IdColumn, id: &str) -> Result<Predicate, Error> {
        let pages = self.rows.pages_with_id(column, id)? & self.all_pages();
        Ok(if pages == 0 { Predicate::Nothing } else { Predicate::Id(column, id.to_owned(), pages) })
    }

    /// The events with a bulk target one of whose values in the field is accepted.
    fn bulk_targets(&self, field: Field, accepts: &dyn Fn(&str) -> bool) -> Result<Predicate, Error> {
        if !matches!(field, Field::TargetType | Field::TargetId | Field::TargetName) {
            return Ok(Predicate::Nothing);
        }
        self.values(CodeColumn::Targets, |dictionary| {
            accepted(dictionary, |list| listed_targets(field, list).iter().any(|text| accepts(text)))
        })
    }

    fn network(&self, net: &IpNet) -> Result<Predicate, Error> {
        if net.prefix_len() == net.max_prefix_len() {
            return self.address(net.addr());
        }
        let test = Test::Ip(*net);
        let plain = match net {
            IpNet::V4(net) => Some((net.network().to_bits(), net.netmask().to_bits())),
            IpNet::V6(_) => None,
        };
        self.values(CodeColumn::Ip, |dictionary| {
            accepted(dictionary, |stored| match (plain, address(stored)) {
                (Some((network, mask)), Some(IpAddr::V4(ip))) => ip.to_bits() & mask == network,
                (_, ip) => ip.is_some_and(|ip| test.accepts_ip(ip)),
            })
        })
    }

    /// An address is stored as it came: an IPv4 one possibly written as IPv6.
    fn address(&self, address: IpAddr) -> Result<Predicate, Error> {
        let test = Test::Ip(IpNet::from(address));
        let mut written = vec![address.to_string()];
        if let IpAddr::V4(v4) = address {
            written.push(v4.to_ipv6_mapped().to_string());
        }
        let mut parts = Vec::new();
        for text in written {
            if text.parse().is_ok_and(|ip| test.accepts_ip(ip)) {
                parts.push(self.value(CodeColumn::Ip, &text)?);
            }
        }
        Ok(Predicate::any_of(parts))
    }

    fn number(&self, field: Field, test: Option<&Test>) -> Result<Predicate, Error> {
        let source = match field {
            Field::HttpStatus => {
                let accepts = |number: f64| test.is_none_or(|test| test.accepts_number(number));
                return self.values(CodeColumn::HttpStatus, |dictionary| {
                    accepted(dictionary, |stored| stored.parse().is_ok_and(accepts))
                });
            }
            Field::TotalTokens => NumberSource::TotalTokens,
            _ => match NumberColumn::of(field) {
                Some(column) => NumberSource::Column(column),
                None => return Ok(Predicate::Nothing),
            },
        };
        Ok(Predicate::Number(source, test.cloned()))
    }

    fn words(&self, phrase: &Phrase) -> Result<Predicate, Error> {
        let mut parts = vec![self.any_leaf(&Field::TEXT, |leaf| self.words_in(leaf, phrase))?];
        match phrase.literal() {
            Some(Literal::Ip(net)) => parts.push(self.network(net)?),
            Some(Literal::Id(id)) => {
                for leaf in Literal::ID_FIELDS {
                    parts.push(match (CodeColumn::of(leaf), IdColumn::of(leaf)) {
                        (Some(column), _) => self.value(column, id)?,
                        (_, Some(column)) => self.id(column, id)?,
                        (None, None) => Predicate::Nothing,
                    });
                    parts.push(self.bulk_targets(leaf, &|text| text == id)?);
                }
            }
            None => {}
        }
        Ok(Predicate::any_of(parts))
    }

    fn words_in(&self, field: Field, phrase: &Phrase) -> Result<Predicate, Error> {
        let finder = WordFinder::new(phrase);
        // The last token of a prefix phrase may be longer in the text, so its hash is unknown.
        let whole = phrase.tokens().len() - usize::from(phrase.is_prefix());
        let known = &phrase.tokens()[..whole];
        if field == Field::Message {
            let mut pages = self.all_pages();
            for token in known {
                if pages != 0 {
                    pages &= self.rows.pages_with_word(token)?;
                }
            }
            return Ok(if pages == 0 {
                Predicate::Nothing
            } else {
                Predicate::Words(Box::new(finder), pages)
            });
        }
        let Some(column) = CodeColumn::of(field) else { return Ok(Predicate::Nothing) };
        let mut parts = Vec::new();
        if self.may_have_words(column, known)? {
            parts.push(
                self.values(column, |dictionary| accepted(dictionary, |stored| finder.occurs_in(stored)))?,
            );
        }
        if field == Field::TargetName && self.may_have_words(CodeColumn::Targets, known)? {
            parts.push(self.bulk_targets(field, &|text| finder.occurs_in(text))?);
        }
        Ok(Predicate::any_of(parts))
    }

    fn may_have_words(&self, column: CodeColumn, tokens: &[String]) -> Result<bool, Error> {
        for token in tokens {
            if !self.rows.may_have_word(column, token)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn all_pages(&self) -> PageSet {
        match self.rows.page_count() {
            64.. => PageSet::MAX,
            count => (1 << count) - 1,
        }
    }

    /// The rows with this value.
    fn value(&self, column: CodeColumn, value: &str) -> Result<Predicate, Error> {
        let mut code = None;
        self.rows.with_dictionary(column, &mut |dictionary| code = dictionary.code(value))?;
        Ok(code.map_or(Predicate::Nothing, |code| Predicate::Code(column, code)))
    }

    /// The rows with one of the values that `choose` marks.
    fn values(
        &self,
        column: CodeColumn,
        choose: impl Fn(&Dictionary) -> Vec<bool>,
    ) -> Result<Predicate, Error> {
        let mut accepted = Vec::new();
        self.rows.with_dictionary(column, &mut |dictionary| accepted = choose(dictionary))?;
        let mut chosen = accepted.iter().enumerate().filter(|(_, accepted)| **accepted).map(|(code, _)| code);
        Ok(match (chosen.next(), chosen.next()) {
            (None, _) => Predicate::Nothing,
            (Some(code), None) => Predicate::Code(column, u32::try_from(code).expect("a code")),
            _ => Predicate::Codes(column, accepted),
        })
    }
}

fn message(test: &Test) -> Predicate {
    match test {
        Test::Exists(_) => Predicate::Message(None),
        _ => Predicate::Message(Some(test.clone())),
    }
}

/// For each code whether its value is accepted; "absent" never is.
fn accepted(dictionary: &Dictionary, accepts: impl Fn(&str) -> bool) -> Vec<bool> {
    std::iter::once(false).chain(dictionary.values().iter().map(accepts)).collect()
}

/// Whether two texts can be equal but for letter case, as far as their beginnings in ASCII tell: cheap, and
/// mostly they cannot.
fn may_equal_folded(a: &str, b: &str) -> bool {
    let different = a.bytes().zip(b.bytes()).find(|(a, b)| !a.eq_ignore_ascii_case(b));
    match different {
        // A letter outside of ASCII may have a lower case within it.
        Some((a, b)) => !(a.is_ascii() && b.is_ascii()),
        None => a.len() == b.len() || !(a.is_ascii() && b.is_ascii()),
    }
}

/// Reads an address as the vocabulary wrote it; the usual kind without the general parser.
fn address(text: &str) -> Option<IpAddr> {
    let (mut octets, mut at, mut digits) = ([0_u32; 4], 0, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                octets[at] = octets[at] * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && at < 3 => (at, digits) = (at + 1, 0),
            _ => return text.parse().ok(),
        }
    }
    let [a, b, c, d] = octets.map(|octet| u8::try_from(octet).ok());
    if at == 3 && digits > 0 { Some(IpAddr::from([a?, b?, c?, d?])) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["10.0.0.1", "255.255.255.255", "0.0.0.0", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert_eq!(address(text), text.parse().ok(), "{text}");
        }
        for text in ["", "10.0.0", "10.0.0.256", "10.0.0.1.2", "1234.0.0.1", "10..0.1", "ten"] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_differs_in_ascii_is_ruled_out() {
        let texts = [
            "", "ada", "ADA", "Adam", "ad\u{e9}", "AD\u{c9}", "K", "\u{212A}", "k", "\u{130}", "i",
            "i\u{307}",
        ];
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
            if a.to_lowercase() == b.to_lowercase() {
                assert!(may_equal_folded(a, b), "{a} {b}");
            }
        }
        assert!(!may_equal_folded("ada", "bob") && !may_equal_folded("ada", "adam"));
    }
}
