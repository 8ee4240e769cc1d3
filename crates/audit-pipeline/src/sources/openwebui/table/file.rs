//! The file that the table is written in: TOML, read and checked row by row.
//!
//! `docs/ROUTES.md` explains the keys to operators; this module is what they mean.

mod deed;
mod places;

use audit_event::Category;
use serde::Deserialize;

use self::deed::{category_of, deed};
use self::places::{aim, details, names, origin, origins, state_path};
use super::TableError;
use super::path::segments;
use super::row::{Changes, Deed, Origin, Recorded, Row, SetRule};
use super::tree::Segment;

/// Kept of a body whose named members are read; they stand near the beginning, as a rule.
const KEPT_FOR_MEMBERS: usize = 64 * 1024;
/// Kept of a body that is compared as a whole; a longer one is not compared.
const KEPT_FOR_CHANGES: usize = 256 * 1024;
/// Kept of every other recorded answer: enough to see why it was a refusal.
const KEPT_FOR_REASONS: usize = 1024;
/// Most that a row may ask for.
const MOST_KEPT: usize = 4 * 1024 * 1024;
/// The methods that a row may be about.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];
/// A row as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    action: Option<Box<str>>,
    when: Vec<WrittenCase>,
    switch: Option<OneOrMany>,
    on: Option<Box<str>>,
    off: Option<Box<str>>,
    refused: Option<Box<str>>,
    throttled: Option<Box<str>>,
    tried: Option<Box<str>>,
    challenge: Option<Box<str>>,
    method: Option<Box<str>>,
    redirects: bool,
    signs_in: bool,
    signs_out: bool,
    completion: bool,
    ignored: Option<Box<str>>,
    only: Option<Box<str>>,
    anybody: bool,
    reads: bool,
    html: bool,
    category: Option<Category>,
    target: Option<toml::Table>,
    name: Option<OneOrMany>,
    targets: Option<toml::Table>,
    model: Option<OneOrMany>,
    owner: Option<Box<str>>,
    details: Vec<WrittenDetail>,
    query: Vec<Box<str>>,
    service: Option<Box<str>>,
    before: Option<Box<str>>,
    changes: Option<WrittenChanges>,
    keep: Keep,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Box<str>),
    Many(Vec<Box<str>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenDetail {
    Plain(Box<str>),
    Named(toml::Table),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenCase {
    sets: Option<Box<str>>,
    only: Option<Box<str>>,
    changes: Option<Box<str>>,
    action: Box<str>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenChanges {
    set: bool,
    only: Vec<Box<str>>,
    skip: Vec<Box<str>>,
    digest: Vec<Box<str>>,
    list: Option<Box<str>>,
    added: Option<Box<str>>,
    removed: Option<Box<str>>,
    #[serde(rename = "as")]
    field: Option<Box<str>>,
    answer: Vec<Box<str>>,
    patch: Option<Box<str>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Keep {
    request: Option<usize>,
    answer: Option<usize>,
}

/// Why a key is wrong: the key and what is the matter with it.
type Wrong = (&'static str, String);

/// All rows of a file, each with its method, in the file's order of sections.
pub(super) fn read(toml: &str) -> Result<Vec<(String, Row)>, TableError> {
    let sections: toml::Table = toml.parse().map_err(|error: toml::de::Error| TableError::syntax(&error))?;
    let mut rows = Vec::new();
    for (section, content) in sections {
        let is_row = METHODS
            .iter()
            .any(|method| section.strip_prefix(method).is_some_and(|rest| rest.starts_with(' ')));
        let toml::Value::Table(content) = content else {
            return Err(TableError::row(&section, "must stand below a [section] heading"));
        };
        if is_row {
            return Err(TableError::row(&section, "must stand below a [section] heading"));
        }
        for (key, value) in content {
            let written =
                value.try_into::<Written>().map_err(|error| TableError::row(&key, error.message()))?;
            rows.push(row(&key, written).map_err(|(name, why)| TableError::key(&key, name, &why))?);
        }
    }
    Ok(rows)
}

fn row(key: &str, written: Written) -> Result<(String, Row), Wrong> {
    let (method, pattern_text) =
        key.split_once(' ').ok_or(("", "must be named `METHOD /path`".to_owned()))?;
    if !METHODS.contains(&method) {
        return Err(("", format!("must begin with one of {}", METHODS.join(", "))));
    }
    let pattern = pattern(pattern_text)?;
    let deed = deed(&written)?;
    let category = match written.category {
        Some(category) => category,
        None => category_of(&deed)?,
    };
    let mut row = Row {
        key: key.into(),
        when: recorded(&written, &deed)?,
        deed,
        category,
        anybody: written.anybody,
        reads: written.reads || matches!(method, "GET" | "HEAD" | "OPTIONS"),
        html: written.html,
        target: aim("target", written.target)?,
        name: names(written.name)?,
        targets: aim("targets", written.targets)?,
        model: origins("model", written.model)?,
        owner: written.owner.map(|text| origin("owner", &text)).transpose()?,
        details: details(written.details)?,
        query: written.query,
        service: written.service,
        before: written.before.map(|text| state_path(&text, &pattern)).transpose()?,
        changes: written.changes.as_ref().map(changes).transpose()?,
        state: None,
        keep_request: 0,
        keep_answer: 0,
        pattern,
    };
    let is_always_the_same =
        row.target.as_ref().is_none_or(|aim| aim.ids.iter().all(|id| matches!(id, Origin::Text(_))));
    if is_always_the_same {
        row.name.clear();
    }
    check_places(&row)?;
    let of_whole = if row.changes.is_some() { KEPT_FOR_CHANGES } else { KEPT_FOR_MEMBERS };
    let of_request = if row.reads_request() { of_whole } else { 0 };
    let of_answer = if row.reads_answer() { of_whole } else { KEPT_FOR_REASONS };
    row.keep_request = kept(written.keep.request, of_request)?;
    row.keep_answer = kept(written.keep.answer, of_answer)?;
    Ok((method.to_owned(), row))
}

fn kept(asked: Option<usize>, default: usize) -> Result<usize, Wrong> {
    match asked {
        Some(bytes) if bytes > MOST_KEPT => Err(("keep", format!("may be at most {MOST_KEPT} bytes"))),
        Some(bytes) => Ok(bytes),
        None => Ok(default),
    }
}

fn pattern(text: &str) -> Result<Vec<Segment>, Wrong> {
    if !text.starts_with('/') {
        return Err(("", "must have a path that begins with a slash".to_owned()));
    }
    let given: Vec<&str> = segments(text).collect();
    let mut pattern = Vec::with_capacity(given.len());
    for (at, segment) in given.iter().enumerate() {
        let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        pattern.push(match name.map(|name| name.strip_suffix('*').ok_or(name)) {
            None if segment.contains(['{', '}']) => {
                return Err(("", format!("has braces inside the segment {segment}")));
            }
            None => Segment::Literal((*segment).into()),
            Some(Ok(name)) if is_name(name) && at + 1 == given.len() => Segment::Rest(name.into()),
            Some(Err(name)) if is_name(name) => Segment::One(name.into()),
            Some(_) => return Err(("", format!("cannot have the segment {segment} there"))),
        });
    }
    Ok(pattern)
}

fn recorded(written: &Written, deed: &Deed) -> Result<Recorded, Wrong> {
    match (written.only.as_deref(), deed) {
        (None, Deed::Ignored { .. } | Deed::State) => Ok(Recorded::Refused),
        (None, _) => Ok(Recorded::Always),
        (Some("failed"), _) => Ok(Recorded::Failed),
        (Some(other), _) => Err(("only", format!("{other:?} must be \"failed\""))),
    }
}

fn changes(written: &WrittenChanges) -> Result<Changes, Wrong> {
    let field = |member: &str| written.field.clone().unwrap_or_else(|| member.into());
    let rules = [
        written.set.then(|| {
            Changes::Set(SetRule {
                only: written.only.clone(),
                skip: written.skip.clone(),
                digest: written.digest.clone(),
                list: written.list.clone(),
            })
        }),
        written.added.clone().map(|member| Changes::Added { field: field(&member), member }),
        written.removed.clone().map(|member| Changes::Removed { field: field(&member), member }),
        written.patch.clone().map(Changes::Patch),
        (!written.answer.is_empty()).then(|| Changes::Answer(written.answer.clone())),
    ];
    let mut rules = rules.into_iter().flatten();
    match (rules.next(), rules.next()) {
        (Some(rule), None) => Ok(rule),
        _ => Err((
            "changes",
            "needs exactly one of `set`, `added`, `removed`, `answer` and `patch`".to_owned(),
        )),
    }
}

/// Places in the path that a row looks at must be in its pattern.
fn check_places(row: &Row) -> Result<(), Wrong> {
    let has = |name: &str| {
        row.pattern.iter().any(|segment| match segment {
            Segment::One(place) | Segment::Rest(place) => **place == *name,
            Segment::Literal(_) => false,
        })
    };
    let check = |key: &'static str, origins: &[Origin]| {
        let missing = origins.iter().find_map(|at| match at {
            Origin::Path(name) if !has(name) => {
                Some((key, format!("names {{{name}}}, which is not in the path")))
            }
            Origin::Path(name) if &**name == "secret" => {
                Some((key, "cannot be what must not be recorded".to_owned()))
            }
            _ => None,
        });
        missing.map_or(Ok(()), Err)
    };
    check("target", row.target.as_ref().map_or(&[], |aim| &aim.ids))?;
    check("targets", row.targets.as_ref().map_or(&[], |aim| &aim.ids))?;
    check("name", &row.name)?;
    check("model", &row.model)?;
    let details: Vec<Origin> = row.details.iter().map(|(_, origin)| origin.clone()).collect();
    check("details", &details)
}
