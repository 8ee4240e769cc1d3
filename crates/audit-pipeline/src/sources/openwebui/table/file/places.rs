//! Where a row says that values are found.

use super::{OneOrMany, WrittenDetail, Wrong};
use crate::sources::openwebui::table::row::{Aim, Origin, Part, StatePath};
use crate::sources::openwebui::table::tree::Segment;

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

pub(super) fn aim(key: &'static str, written: Option<toml::Table>) -> Result<Option<Aim>, Wrong> {
    let Some(written) = written else { return Ok(None) };
    let mut entries = written.into_iter();
    let (Some((kind, ids)), None) = (entries.next(), entries.next()) else {
        return Err((key, "must be one `{ type = \"where\" }`".to_owned()));
    };
    let ids = ids.try_into::<OneOrMany>().map_err(|_| (key, "must say where the id is found".to_owned()))?;
    Ok(Some(Aim { kind: kind.into(), ids: origins(key, Some(ids))? }))
}

pub(super) fn names(written: Option<OneOrMany>) -> Result<Vec<Origin>, Wrong> {
    match written {
        Some(written) => origins("name", Some(written)),
        None => NAMES.iter().map(|name| origin("name", name)).collect(),
    }
}

pub(super) fn origins(key: &'static str, written: Option<OneOrMany>) -> Result<Vec<Origin>, Wrong> {
    match written {
        None => Ok(Vec::new()),
        Some(OneOrMany::One(one)) => Ok(vec![origin(key, &one)?]),
        Some(OneOrMany::Many(many)) => many.iter().map(|one| origin(key, one)).collect(),
    }
}

pub(super) fn origin(key: &'static str, text: &str) -> Result<Origin, Wrong> {
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

pub(super) fn details(written: Vec<WrittenDetail>) -> Result<Vec<(Box<str>, Origin)>, Wrong> {
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

pub(super) fn state_path(text: &str, pattern: &[Segment]) -> Result<StatePath, Wrong> {
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
