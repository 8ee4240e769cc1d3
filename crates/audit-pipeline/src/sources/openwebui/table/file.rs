//! The file that the table is written in: TOML, read and checked row by row.
//!
//! `docs/ROUTES.md` explains the keys to operators; this module is what they mean.

use audit_event::{Category, taxonomy};
use serde::Deserialize;

use super::TableError;
use super::path::segments;
use super::row::{Aim, Case, Changes, Deed, Entry, Origin, Part, Recorded, Row, SetRule, StatePath, Test};
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
/// Where a target's name is looked for when the row does not say.
const NAMES: [&str; 8] = [
    "request.name",
    "request.title",
    "request.filename",
    "request.chat.title",
    "answer.name",
    "answer.title",
    "answer.filename",
    "before.name",
];

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

fn deed(written: &Written) -> Result<Deed, Wrong> {
    let action = |key: &'static str, action: &Option<Box<str>>| {
        action.clone().ok_or((key, "is missing".to_owned())).and_then(|action| name_of_action(key, action))
    };
    if let Some(reason) = &written.ignored {
        let is_said = !reason.trim().is_empty() && written.action.is_none();
        return is_said
            .then(|| Deed::Ignored { reason: reason.clone() })
            .ok_or(("ignored", "must be the reason, and there can be no `action` beside it".to_owned()));
    }
    if written.completion {
        return Ok(Deed::Completion);
    }
    if written.signs_out {
        return Ok(Deed::SignOut { action: action("action", &written.action)? });
    }
    if let Some(members) = &written.switch {
        let members = match members {
            OneOrMany::One(one) => vec![origin("switch", one)?],
            OneOrMany::Many(many) => {
                many.iter().map(|one| origin("switch", one)).collect::<Result<_, _>>()?
            }
        };
        return Ok(Deed::Switch {
            members,
            on: action("on", &written.on)?,
            off: action("off", &written.off)?,
            unseen: action("action", &written.action)?,
        });
    }
    if written.refused.is_some() || written.redirects {
        let entered = action("action", &written.action)?;
        return Ok(Deed::Entry(Entry {
            refused: match &written.refused {
                Some(refused) => name_of_action("refused", refused.clone())?,
                None => entered.clone(),
            },
            entered,
            throttled: written.throttled.clone().map(|name| name_of_action("throttled", name)).transpose()?,
            tried: written.tried.as_deref().map(|text| origin("tried", text)).transpose()?,
            challenge: written.challenge.as_deref().map(|text| origin("challenge", text)).transpose()?,
            method: written.method.clone(),
            redirects: written.redirects,
            signs_in: written.signs_in,
        }));
    }
    let cases = written.when.iter().map(case).collect::<Result<_, _>>()?;
    Ok(Deed::Is { action: action("action", &written.action)?, cases })
}

fn case(written: &WrittenCase) -> Result<Case, Wrong> {
    let test = match (&written.sets, &written.only, &written.changes) {
        (Some(member), None, None) => Test::Sets(member.clone()),
        (None, Some(member), None) => Test::Only(member.clone()),
        (None, None, Some(member)) => Test::Changes(member.split('.').map(Into::into).collect()),
        _ => {
            return Err((
                "when",
                "needs exactly one of `sets`, `only` and `changes` in each case".to_owned(),
            ));
        }
    };
    Ok(Case { test, action: name_of_action("when", written.action.clone())? })
}

fn name_of_action(key: &'static str, action: Box<str>) -> Result<Box<str>, Wrong> {
    let is_code =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    let is_dotted = action.contains('.') && action.len() <= 64 && action.bytes().all(is_code);
    is_dotted
        .then_some(action)
        .ok_or((key, "must be a dotted name in lower case, such as `chat.deleted`".to_owned()))
}

fn category_of(deed: &Deed) -> Result<Category, Wrong> {
    let action: &str = match deed {
        Deed::Is { action, .. } | Deed::SignOut { action } => action,
        Deed::Switch { unseen, .. } => unseen,
        Deed::Entry(entry) => &entry.entered,
        Deed::Completion => "chat.completion",
        Deed::Ignored { .. } | Deed::State => "api.request",
    };
    let info = taxonomy::lookup(action);
    info.map(|info| info.category)
        .ok_or_else(|| ("action", format!("{action:?} is not a known action: give a `category`, too")))
}

fn recorded(written: &Written, deed: &Deed) -> Result<Recorded, Wrong> {
    match (written.only.as_deref(), deed) {
        (None, Deed::Ignored { .. } | Deed::State) => Ok(Recorded::Refused),
        (None, _) => Ok(Recorded::Always),
        (Some("failed"), _) => Ok(Recorded::Failed),
        (Some(other), _) => Err(("only", format!("{other:?} must be \"failed\""))),
    }
}

fn aim(key: &'static str, written: Option<toml::Table>) -> Result<Option<Aim>, Wrong> {
    let Some(written) = written else { return Ok(None) };
    let mut entries = written.into_iter();
    let (Some((kind, ids)), None) = (entries.next(), entries.next()) else {
        return Err((key, "must be one `{ type = \"where\" }`".to_owned()));
    };
    let ids = ids.try_into::<OneOrMany>().map_err(|_| (key, "must say where the id is found".to_owned()))?;
    Ok(Some(Aim { kind: kind.into(), ids: origins(key, Some(ids))? }))
}

fn names(written: Option<OneOrMany>) -> Result<Vec<Origin>, Wrong> {
    match written {
        Some(written) => origins("name", Some(written)),
        None => NAMES.iter().map(|name| origin("name", name)).collect(),
    }
}

fn origins(key: &'static str, written: Option<OneOrMany>) -> Result<Vec<Origin>, Wrong> {
    match written {
        None => Ok(Vec::new()),
        Some(OneOrMany::One(one)) => Ok(vec![origin(key, &one)?]),
        Some(OneOrMany::Many(many)) => many.iter().map(|one| origin(key, one)).collect(),
    }
}

fn origin(key: &'static str, text: &str) -> Result<Origin, Wrong> {
    let wrong = || {
        let advice =
            "must be path.NAME, query.NAME, request.MEMBER, answer.MEMBER, before.MEMBER, self or =TEXT";
        (key, format!("{text:?} {advice}"))
    };
    if text == "self" {
        return Ok(Origin::Caller);
    }
    if let Some(fixed) = text.strip_prefix('=') {
        return Ok(Origin::Text(fixed.into()));
    }
    let (root, rest) = text.split_once('.').ok_or_else(wrong)?;
    let members = || rest.split('.').map(Into::into).collect();
    if rest.split('.').any(str::is_empty) {
        return Err(wrong());
    }
    match root {
        "path" => Ok(Origin::Path(rest.into())),
        "query" => Ok(Origin::Query(rest.into())),
        "request" => Ok(Origin::Request(members())),
        "answer" => Ok(Origin::Answer(members())),
        "before" => Ok(Origin::Before(members())),
        _ => Err(wrong()),
    }
}

fn details(written: Vec<WrittenDetail>) -> Result<Vec<(Box<str>, Origin)>, Wrong> {
    let mut details = Vec::new();
    for detail in written {
        match detail {
            WrittenDetail::Plain(text) => {
                let name = text.rsplit('.').next().unwrap_or_default();
                details.push((name.into(), origin("details", &text)?));
            }
            WrittenDetail::Named(named) => {
                for (name, text) in named {
                    let text = text.as_str().ok_or(("details", "must say where each is found".to_owned()))?;
                    details.push((name.into(), origin("details", text)?));
                }
            }
        }
    }
    Ok(details)
}

fn state_path(text: &str, pattern: &[Segment]) -> Result<StatePath, Wrong> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) =
            after.split_once('}').ok_or(("before", "has a brace that is not closed".to_owned()))?;
        parts.push(Part::Text(before.into()));
        let is_of_path =
            pattern.iter().any(|segment| matches!(segment, Segment::One(name) if **name == *place));
        parts.push(Part::Place(if is_of_path {
            Origin::Path(place.into())
        } else {
            origin("before", place)?
        }));
        rest = after;
    }
    parts.push(Part::Text(rest.into()));
    if !text.starts_with('/') {
        return Err(("before", "must begin with a slash".to_owned()));
    }
    Ok(StatePath { parts })
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
