//! Parameters in the address. Query parameters: each route names those it knows, all others are refused by name.
//!
//! A mistyped filter that is silently ignored would show more than was asked for; in an audit trail that is an error.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::problem::{Code, Problem, Result};

/// A request's query parameters, in their order.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Decodes a query string.
    ///
    /// # Errors
    /// [`Code::UnknownParameter`] when there is one that is not in `known`.
    pub fn parse(query: Option<&'a str>, known: &[&[&str]]) -> Result<Self> {
        let pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
        let is_known = |name: &str| known.iter().any(|names| names.contains(&name));
        match pairs.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(unknown(name, known)),
            None => Ok(Self { pairs }),
        }
    }

    /// Decodes a query string of which somebody else checks the names.
    pub fn any(query: Option<&'a str>) -> Self {
        Self { pairs: form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect() }
    }

    /// All values of a repeatable parameter; empty ones do not count.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let named = self.pairs.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that may be there once.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] when it is there twice.
    pub fn one<'s>(&'s self, name: &'s str) -> Result<Option<&'s str>> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Problem::invalid_parameter(name, "may be given only once"));
        }
        Ok(first)
    }

    /// The value of a parameter, read as `T`.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] when it is there twice or cannot be read.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>>
    where
        T::Err: Display,
    {
        let Some(text) = self.one(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| Problem::invalid_parameter(name, format!("{text:?}: {error}")))
    }

    /// One of a few words.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] naming the words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let choices: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            Problem::invalid_parameter(name, format!("{text:?} is not one of {}", choices.join(", ")))
        })
    }

    /// The pairs as they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

/// The variable part of a path, decoded; a path that is not UTF-8 when decoded names nothing.
#[derive(Debug)]
pub(crate) struct PathPart(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathPart {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(part)| Self(part)).map_err(|_| {
            Problem::new(Code::NoSuchRoute, "the address is not UTF-8 once its percent signs are decoded")
        })
    }
}

fn unknown(name: &str, known: &[&[&str]]) -> Problem {
    let mut names: Vec<&str> = known.concat();
    names.sort_unstable();
    let detail = match names.as_slice() {
        [] => format!("there is no parameter {name:?}; this address takes none"),
        _ => format!("there is no parameter {name:?}; known are {}", names.join(", ")),
    };
    Problem::new(Code::UnknownParameter, detail).with("parameter", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Params<'_>> {
        Params::parse(Some(query), &[&["user", "limit"], &["count"]])
    }

    fn code<T>(result: Result<T>) -> Code {
        result.err().unwrap().code()
    }

    #[test]
    fn values_are_decoded() {
        let params = parse("user=ada%40example.com&limit=5").unwrap();
        assert_eq!(params.one("user").unwrap(), Some("ada@example.com"));
        assert_eq!(params.parsed::<usize>("limit").unwrap(), Some(5));
        assert_eq!(params.one("count").unwrap(), None);
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let problem = parse("usr=ada").unwrap_err();
        assert_eq!(problem.code(), Code::UnknownParameter);
        assert!(format!("{problem:?}").contains("usr"));
    }

    #[test]
    fn twice_is_not_once() {
        assert_eq!(code(parse("user=a&user=b").unwrap().one("user")), Code::InvalidParameter);
        assert_eq!(parse("user=a&user=b").unwrap().all("user").count(), 2);
    }

    #[test]
    fn a_word_is_one_of_those_known() {
        let words = [("ada", 1), ("bob", 2)];
        assert_eq!(parse("user=bob").unwrap().word("user", &words).unwrap(), Some(2));
        assert_eq!(code(parse("user=eve").unwrap().word("user", &words)), Code::InvalidParameter);
    }
}
