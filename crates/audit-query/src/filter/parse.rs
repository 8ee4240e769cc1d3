//! Reads the query box's language.
//!
//! ```text
//! query   = all { "OR" all }
//! all     = part { [ "AND" ] part }
//! part    = ( "-" | "NOT" ) part | "(" query ")" | "*" | test | phrase
//! test    = field operator value { "," value }
//! phrase  = ( word | quoted ) [ "*" ]
//! ```

use super::value::{self, Operator, Written};
use super::{Field, Filter, Phrase, Test, phrase};

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// Byte offset in the query of what is wrong.
    pub at: usize,
    /// How many bytes are wrong; zero where something is missing.
    pub len: usize,
    /// A sentence that says what to do.
    pub message: String,
}

/// Parentheses and negations may be nested so deep: enough for people, too little to exhaust a stack.
const MAX_DEPTH: usize = 64;

impl Filter {
    /// Reads a query such as `action:auth.login_failed ip:10.0.0.0/8 -outcome:success`; `docs/QUERY.md`
    /// describes the language. The empty query accepts everything. The result is in plain form.
    ///
    /// # Errors
    /// [`FilterError`] with the place, for the first thing that makes no sense.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        parser.skip_space();
        if parser.is_at_end() {
            return Ok(Filter::All);
        }
        let filter = parser.query()?;
        match parser.peek() {
            None => Ok(filter.simplify()),
            Some(_) => Err(parser.error(1, "this `)` closes nothing: remove it, or open it before")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn query(&mut self) -> Result<Filter, FilterError> {
        let mut alternatives = vec![self.all()?];
        while self.take_keyword("OR") {
            alternatives.push(self.all()?);
        }
        Ok(Filter::Or(alternatives))
    }

    fn all(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.part()?];
        loop {
            let goes_on = self.take_keyword("AND");
            if !goes_on && (self.is_at_end() || self.peek() == Some(')') || self.keyword() == Some("OR")) {
                return Ok(Filter::And(parts));
            }
            parts.push(self.part()?);
        }
    }

    fn part(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(1, "the query is nested too deeply: use fewer parentheses"));
        }
        let part = self.part_at_depth();
        self.depth -= 1;
        self.skip_space();
        part
    }

    fn part_at_depth(&mut self) -> Result<Filter, FilterError> {
        self.skip_space();
        if let Some(keyword @ ("AND" | "OR")) = self.keyword() {
            let message = format!("`{keyword}` needs something before it; quote it to search for the word");
            return Err(self.error(keyword.len(), message));
        }
        if self.take_keyword("NOT") {
            return Ok(Filter::Not(Box::new(self.part()?)));
        }
        match self.peek() {
            None => {
                Err(self.error(0, "something is missing here: a word or a condition such as outcome:failure"))
            }
            Some(')') => Err(self.error(1, "there is nothing between the parentheses")),
            Some('(') => self.parentheses(),
            Some('-' | '!') => {
                self.bump();
                match self.peek() {
                    Some(c) if !c.is_whitespace() => Ok(Filter::Not(Box::new(self.part()?))),
                    _ => {
                        Err(self.error(0, "`-` excludes what follows it directly, such as -outcome:success"))
                    }
                }
            }
            Some('"') => self.phrase(None),
            Some(_) => self.test_or_word(),
        }
    }

    fn parentheses(&mut self) -> Result<Filter, FilterError> {
        let open = self.at;
        self.bump();
        let inner = self.query()?;
        if self.peek() != Some(')') {
            return Err(FilterError {
                at: open,
                len: 1,
                message: "this `(` is never closed: add a `)`".into(),
            });
        }
        self.bump();
        Ok(inner)
    }

    fn test_or_word(&mut self) -> Result<Filter, FilterError> {
        let word = self.word();
        let is_address = phrase::parse_network(word).is_some();
        match field_and_operator(word) {
            Some((name, operator, text)) if !is_address => {
                let start = self.at;
                let field = find_field(name).map_err(|message| FilterError {
                    at: start,
                    len: name.len(),
                    message,
                })?;
                self.at += name.len() + text.len();
                self.test(field, operator, start)
            }
            _ if word == "*" => {
                self.bump();
                Ok(Filter::All)
            }
            _ => self.phrase(None),
        }
    }

    fn test(&mut self, field: Field, operator: Operator, start: usize) -> Result<Filter, FilterError> {
        if operator == Operator::Contains || (operator == Operator::Is && field == Field::Message) {
            return self.words_within(field, start);
        }
        let mut alternatives = Vec::new();
        loop {
            let at = self.at;
            let written = self.value(field)?;
            let test = value::test(field, operator, &written).map_err(|message| FilterError {
                at,
                len: self.at - at,
                message,
            })?;
            alternatives.push(test);
            if self.peek() != Some(',') {
                break;
            }
            if operator.compares() {
                let message = format!("`{field}` is compared with one number, written without separators");
                return Err(FilterError { at: start, len: self.at + 1 - start, message });
            }
            self.bump();
        }
        let any = Filter::any_of(alternatives);
        Ok(if operator == Operator::IsNot { any.negate() } else { any })
    }

    fn words_within(&mut self, field: Field, start: usize) -> Result<Filter, FilterError> {
        if !field.is_text() {
            let names = Field::TEXT.map(Field::name).join(", ");
            let message =
                format!("words can be looked for in {names}; write {field}:value for an exact value");
            return Err(FilterError { at: start, len: self.at - start, message });
        }
        if self.rest().starts_with('*') {
            self.bump();
            return Ok(Test::Exists(field).into());
        }
        if self.rest().chars().next().is_none_or(is_boundary_of_word) && self.peek() != Some('"') {
            return Err(self.error(0, format!("`{field}` needs words to look for")));
        }
        self.phrase(Some(field))
    }

    fn phrase(&mut self, within: Option<Field>) -> Result<Filter, FilterError> {
        let at = self.at;
        let (raw, prefix) = match self.peek() {
            Some('"') => {
                let raw = self.quoted()?;
                let starred = self.take('*');
                let prefix = starred || raw.ends_with('*');
                (raw, prefix)
            }
            _ => {
                let word = self.word();
                self.at += word.len();
                let stem = word.trim_end_matches('*');
                (stem.to_owned(), stem.len() < word.len())
            }
        };
        let len = self.at - at;
        let Some(phrase) = Phrase::new(raw.trim_end_matches('*'), prefix) else {
            let message = "there is no letter and no digit here to search for".into();
            return Err(FilterError { at, len, message });
        };
        if raw.trim_end_matches('*').contains('*') {
            let message = "`*` stands for the rest of a word and can only end it".into();
            return Err(FilterError { at, len, message });
        }
        Ok(Test::Words { within, phrase }.into())
    }

    /// One value of a test: quoted, or up to the next space, comma or parenthesis.
    fn value(&mut self, field: Field) -> Result<Written, FilterError> {
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            return Ok(Written { text, prefix: self.take('*') });
        }
        let rest = self.rest();
        let len = rest.find(|c: char| is_boundary_of_word(c) || c == ',').unwrap_or(rest.len());
        let (at, word) = (self.at, &rest[..len]);
        self.at += len;
        let stem = word.strip_suffix('*').unwrap_or(word);
        if word.is_empty() {
            let message = format!("`{field}` needs a value, such as {field}:{}", value::example(field));
            return Err(FilterError { at, len: 0, message });
        }
        if stem.contains('*') {
            let message = "`*` stands for the rest of a value and can only end it".into();
            return Err(FilterError { at, len, message });
        }
        Ok(Written { text: stem.to_owned(), prefix: stem.len() < word.len() })
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let open = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => match self.bump() {
                    Some(c @ ('"' | '\\')) => text.push(c),
                    Some(c) => text.extend(['\\', c]),
                    None => {}
                },
                Some(c) => text.push(c),
                None => {
                    let message = "this quotation mark is never closed: add a `\"`".into();
                    return Err(FilterError { at: open, len: 1, message });
                }
            }
        }
    }

    /// The text up to the next space, parenthesis or quotation mark.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(is_boundary_of_word).unwrap_or(rest.len())]
    }

    /// `AND`, `OR` or `NOT`, if it stands here as a word of its own.
    fn keyword(&self) -> Option<&'static str> {
        let word = self.word();
        ["AND", "OR", "NOT"].into_iter().find(|keyword| *keyword == word)
    }

    fn take_keyword(&mut self, wanted: &str) -> bool {
        self.skip_space();
        let found = self.keyword() == Some(wanted);
        if found {
            self.at += wanted.len();
            self.skip_space();
        }
        found
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn error(&self, len: usize, message: impl Into<String>) -> FilterError {
        FilterError { at: self.at, len, message: message.into() }
    }
}

fn is_boundary_of_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '"')
}

/// The field's name and the operator at the beginning of a word, if it begins so; and the operator's text.
fn field_and_operator(word: &str) -> Option<(&str, Operator, &'static str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let end = word.find(|c| !is_name(c))?;
    let (name, rest) = word.split_at(end);
    let starts_like_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let (text, operator) = Operator::ALL.into_iter().find(|(text, _)| rest.starts_with(text))?;
    starts_like_name.then_some((name, operator, text))
}

fn find_field(name: &str) -> Result<Field, String> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    if let Some(field) = Field::named(&plain) {
        return Ok(field);
    }
    if matches!(plain.as_str(), "time" | "from" | "to" | "date" | "since" | "until" | "recorded_at") {
        return Err(format!("`{name}` is no field: times are chosen with the parameters from and to"));
    }
    Err(
        match value::nearest(&plain, Field::all().flat_map(|f| f.aliases().iter().copied().chain([f.name()])))
        {
            Some(near) => {
                let near = Field::named(near).map_or(near, Field::name);
                format!(
                    "there is no field `{name}`: did you mean `{near}`? Quote the text to search for it as words"
                )
            }
            None => {
                let names: Vec<_> = Field::all().map(Field::name).collect();
                format!(
                    "there is no field `{name}`. The fields are {}. Quote the text to search for it as words",
                    names.join(", ")
                )
            }
        },
    )
}
