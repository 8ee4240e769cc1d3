//! From a field, an operator and a written value to a test: which values make sense on which field.

use super::{Cmp, Field, FieldKind, Filter, Phrase, Test, phrase};
use audit_event::{ActorType, Category, Outcome, Severity, Source};

/// How a field and a value are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Is,
    Equals,
    IsNot,
    Contains,
    Compares(Cmp),
}

impl Operator {
    /// Every operator as it is written, longer ones before those they begin with.
    pub(crate) const ALL: [(&'static str, Operator); 8] = [
        ("!=", Operator::IsNot),
        ("<=", Operator::Compares(Cmp::Le)),
        (">=", Operator::Compares(Cmp::Ge)),
        ("<", Operator::Compares(Cmp::Lt)),
        (">", Operator::Compares(Cmp::Gt)),
        ("=", Operator::Equals),
        (":", Operator::Is),
        ("~", Operator::Contains),
    ];

    pub(crate) fn compares(self) -> bool {
        matches!(self, Operator::Compares(_))
    }
}

/// A value as it was written, its quotation marks and its final `*` taken off.
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) prefix: bool,
}

/// The test of `field` against a value; the error is a sentence that says what to do.
pub(crate) fn test(field: Field, operator: Operator, written: &Written) -> Result<Filter, String> {
    let Written { text, prefix } = written;
    if let Operator::Compares(cmp) = operator {
        return comparison(field, cmp, text);
    }
    if *prefix && text.is_empty() {
        return Ok(Test::Exists(field).into());
    }
    match field.kind() {
        FieldKind::Number if *prefix => Err(format!("`{field}` is a number: `*` has no meaning there")),
        FieldKind::Number => number_or_span(field, text),
        FieldKind::Ip => network(text, *prefix).map(|net| Test::Ip(net).into()),
        FieldKind::Name => name(field, text, *prefix),
        FieldKind::Exact | FieldKind::Folded | FieldKind::Several => {
            let value = text.clone();
            Ok(if *prefix { Test::Prefix { field, value } } else { Test::Equals { field, value } }.into())
        }
    }
}

/// The test that a query parameter named like the field asks for.
pub(crate) fn of_parameter(field: Field, text: &str) -> Result<Filter, String> {
    let compared = Operator::ALL.into_iter().find(|(sign, op)| op.compares() && text.starts_with(sign));
    if let Some((sign, operator)) =
        compared.filter(|_| matches!(field.kind(), FieldKind::Number | FieldKind::Name))
    {
        return test(field, operator, &Written { text: text[sign.len()..].trim().to_owned(), prefix: false });
    }
    let stem = text.strip_suffix('*').unwrap_or(text);
    let prefix = stem.len() < text.len();
    if field == Field::Message && !stem.is_empty() {
        let phrase = Phrase::new(stem, prefix).ok_or("there is no letter and no digit here to search for")?;
        return Ok(Test::Words { within: Some(field), phrase }.into());
    }
    test(field, Operator::Is, &Written { text: stem.to_owned(), prefix })
}

/// A value that would make sense for the field.
pub(crate) fn example(field: Field) -> &'static str {
    match field {
        Field::Category => "authentication",
        Field::Action => "auth.login_failed",
        Field::Outcome => "failure",
        Field::Severity => "high",
        Field::Source => "gateway",
        Field::ActorType => "user",
        Field::User | Field::ActorEmail => "ada@example.com",
        Field::Ip => "10.0.0.0/8",
        Field::HttpStatus => "403",
        Field::HttpMethod => "DELETE",
        Field::Model => "gpt*",
        _ if field.kind() == FieldKind::Number => "1000",
        _ => "value",
    }
}

/// The names a field of [`FieldKind::Name`] can have, mildest severity first.
pub(crate) fn vocabulary(field: Field) -> &'static [&'static str] {
    match field {
        Field::Category => Category::NAMES,
        Field::Outcome => Outcome::NAMES,
        Field::Severity => Severity::NAMES,
        Field::Source => Source::NAMES,
        Field::ActorType => ActorType::NAMES,
        _ => &[],
    }
}

/// The candidate nearest to `given`, if one is near enough to be a slip of the keyboard.
pub(crate) fn nearest<'a>(given: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (given.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (edit_distance(given, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

fn comparison(field: Field, cmp: Cmp, text: &str) -> Result<Filter, String> {
    match field.kind() {
        FieldKind::Number => number(field, text).map(|value| Test::Number { field, cmp, value }.into()),
        FieldKind::Name if field == Field::Severity => severities(cmp, text),
        _ => Err(format!("`{field}` cannot be compared with < or >; only numbers and severity can")),
    }
}

fn number_or_span(field: Field, text: &str) -> Result<Filter, String> {
    let Some((low, high)) = text.split_once("..") else {
        let value = number(field, text)?;
        return Ok(Test::Number { field, cmp: Cmp::Eq, value }.into());
    };
    let (low, high) = (number(field, low)?, number(field, high)?);
    if low > high {
        return Err(format!("{low}..{high} is empty: the smaller number comes first"));
    }
    let at_least = Test::Number { field, cmp: Cmp::Ge, value: low };
    let at_most = Test::Number { field, cmp: Cmp::Le, value: high };
    Ok(Filter::And(vec![at_least.into(), at_most.into()]))
}

fn number(field: Field, text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| format!("`{field}` is compared with a number such as 1000 or 0.5, not with `{text}`"))
}

/// `10.1.*` is the network `10.1.0.0/16`.
fn network(text: &str, prefix: bool) -> Result<ipnet::IpNet, String> {
    let net = if prefix { octets(text) } else { phrase::parse_network(text) };
    net.ok_or_else(|| {
        let star = if prefix { "*" } else { "" };
        format!("`{text}{star}` is neither an address such as 10.1.2.3 nor a network such as 10.0.0.0/8")
    })
}

fn octets(text: &str) -> Option<ipnet::IpNet> {
    let count = text.strip_suffix('.')?.split('.').count();
    let zeros = ".0".repeat(4_usize.checked_sub(count)?);
    phrase::parse_network(&format!("{}{zeros}/{}", text.strip_suffix('.')?, 8 * count))
}

fn name(field: Field, text: &str, prefix: bool) -> Result<Filter, String> {
    let plain = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let equals = |value: &str| Filter::from(Test::Equals { field, value: value.to_owned() });
    let names = vocabulary(field);
    if prefix {
        let fitting: Vec<_> =
            names.iter().filter(|name| name.starts_with(&plain)).map(|name| equals(name)).collect();
        return if fitting.is_empty() { Err(unknown_name(field, text)) } else { Ok(Filter::any_of(fitting)) };
    }
    let known = names.iter().copied().find(|name| *name == plain).or_else(|| familiar_name(field, &plain));
    known.map(equals).ok_or_else(|| unknown_name(field, text))
}

/// What people write for a name when they have not looked it up.
fn familiar_name(field: Field, plain: &str) -> Option<&'static str> {
    Some(match (field, plain) {
        (Field::Category, "auth" | "authentications" | "login" | "logins") => {
            Category::Authentication.as_str()
        }
        (Field::Category, "conversations" | "chat" | "chats") => Category::Conversation.as_str(),
        (Field::Category, "files") => Category::File.as_str(),
        (Field::Category, "model" | "models" | "modelusage") => Category::ModelUsage.as_str(),
        (Field::Category, "admin" | "administrative") => Category::Administration.as_str(),
        (Field::Outcome, "ok" | "succeeded") => Outcome::Success.as_str(),
        (Field::Outcome, "failed" | "fail" | "error") => Outcome::Failure.as_str(),
        (Field::ActorType, "apikey") => ActorType::ApiKey.as_str(),
        _ => return None,
    })
}

fn unknown_name(field: Field, text: &str) -> String {
    let names = vocabulary(field);
    let plain = text.to_ascii_lowercase();
    let hint = nearest(&plain, names.iter().copied()).map(|near| format!(": did you mean `{near}`?"));
    format!("`{text}` is no {field}{} Known are {}", hint.unwrap_or(".".to_owned()), names.join(", "))
}

fn severities(cmp: Cmp, text: &str) -> Result<Filter, String> {
    let names = vocabulary(Field::Severity);
    let plain = text.to_ascii_lowercase();
    let wanted =
        names.iter().position(|name| *name == plain).ok_or_else(|| unknown_name(Field::Severity, text))?;
    let fits = |at: usize| match cmp {
        Cmp::Eq => at == wanted,
        Cmp::Lt => at < wanted,
        Cmp::Le => at <= wanted,
        Cmp::Gt => at > wanted,
        Cmp::Ge => at >= wanted,
    };
    let fitting = (0..names.len()).filter(|at| fits(*at)).map(|at| names[at].to_owned());
    Ok(Filter::any_of(fitting.map(|value| Test::Equals { field: Field::Severity, value }.into()).collect()))
}

/// The number of characters to insert, remove, replace, or swap with their neighbour.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}
