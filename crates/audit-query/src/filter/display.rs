//! Writes a filter in the query box's language, so that [`Filter::parse`](super::Filter::parse) reads the same
//! filter (in its plain form) back.

use super::{Cmp, Field, Filter, Phrase, Test};
use std::fmt::{self, Display, Formatter, Write as _};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.clone().simplify() {
            Filter::And(parts) => write_joined(f, &parts, " "),
            Filter::Or(parts) => write_joined(f, &parts, " OR "),
            plain => write_part(f, &plain),
        }
    }
}

fn write_joined(f: &mut Formatter<'_>, parts: &[Filter], between: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write_part(f, part)?;
    }
    Ok(())
}

/// Writes one operand; what has operands itself stands in parentheses.
fn write_part(f: &mut Formatter<'_>, part: &Filter) -> fmt::Result {
    match part {
        Filter::All => f.write_str("*"),
        Filter::Test(test) => test.fmt(f),
        Filter::Not(inner) => {
            f.write_char('-')?;
            write_part(f, inner)
        }
        Filter::And(_) | Filter::Or(_) => write!(f, "({part})"),
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Test::Equals { field, value } => {
                write!(f, "{field}{}", equals_sign(*field))?;
                write_value(f, value)
            }
            Test::Prefix { field, value } => {
                write!(f, "{field}{}", equals_sign(*field))?;
                write_value(f, value)?;
                f.write_char('*')
            }
            Test::Ip(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "ip:{}", net.addr()),
            Test::Ip(net) => write!(f, "ip:{net}"),
            Test::Number { field, cmp, value } => write!(f, "{field}{cmp}{value}"),
            Test::Words { within: Some(field), phrase } => write!(f, "{field}~{phrase}"),
            Test::Words { within: None, phrase } => phrase.fmt(f),
            Test::Exists(field) => write!(f, "{field}:*"),
        }
    }
}

impl Display for Cmp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cmp::Eq => "=",
            Cmp::Lt => "<",
            Cmp::Le => "<=",
            Cmp::Gt => ">",
            Cmp::Ge => ">=",
        })
    }
}

impl Display for Phrase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_word =
            self.raw().chars().all(char::is_alphanumeric) && !matches!(self.raw(), "AND" | "OR" | "NOT");
        if is_word {
            f.write_str(self.raw())?;
        } else {
            write_quoted(f, self.raw())?;
        }
        if self.is_prefix() { f.write_char('*') } else { Ok(()) }
    }
}

/// `message:brake` looks for a word, so a whole message is written with `=`.
fn equals_sign(field: Field) -> char {
    if field == Field::Message { '=' } else { ':' }
}

fn write_value(f: &mut Formatter<'_>, value: &str) -> fmt::Result {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '/' | ':' | '+');
    if !value.is_empty() && value.chars().all(is_plain) { f.write_str(value) } else { write_quoted(f, value) }
}

fn write_quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
