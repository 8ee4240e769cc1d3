//! What a row says was done.

use audit_event::{Category, taxonomy};

use super::places::origin;
use super::{OneOrMany, Written, WrittenCase, Wrong};
use crate::sources::openwebui::table::row::{Case, Deed, Entry, Test};

pub(super) fn deed(written: &Written) -> Result<Deed, Wrong> {
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

pub(super) fn category_of(deed: &Deed) -> Result<Category, Wrong> {
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
