//! What a request and its answer say, as far as a row asks for it.

use std::sync::LazyLock;

use audit_event::{Change, Json, Model, Outcome, Target};
use serde_json::Value as State;

use super::path::query_parameter;
use super::row::{Case, Deed, Origin, Row, Test};
use super::tree::parameters;
use crate::sources::openwebui::bodies::{MemberPath, Members, Value};
use crate::sources::openwebui::completions::{Completion, UsageReader};

/// Most targets of one event.
const MAX_TARGETS: usize = audit_event::limits::BULK_ITEMS;

/// One request and what is known of it. The bodies have been read as far as the row names their members.
pub(crate) struct Scene<'a> {
    row: &'a Row,
    /// Path and query as they came.
    target: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    caller: Option<Someone<'a>>,
    pub(crate) request: Members,
    pub(crate) answer: Members,
    answer_end: &'a [u8],
    /// What a model call's answer told.
    completion: Option<Completion>,
    before: Option<State>,
}

/// A person, by id and e-mail address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Someone<'a> {
    pub(crate) id: &'a str,
    pub(crate) email: Option<&'a str>,
}

/// What a [`Scene`] is made of.
pub(crate) struct Sight<'a> {
    pub(crate) row: &'a Row,
    /// Path and query as they came.
    pub(crate) target: &'a str,
    /// The path, decoded.
    pub(crate) path: &'a str,
    pub(crate) caller: Option<Someone<'a>>,
    pub(crate) request: &'a [u8],
    pub(crate) answer: &'a [u8],
    /// The end of a long answer.
    pub(crate) answer_end: &'a [u8],
    /// The state before, as JSON.
    pub(crate) before: Option<&'a [u8]>,
}

impl<'a> Scene<'a> {
    /// Reads what the row asks for.
    pub(crate) fn read(sight: &Sight<'a>) -> Self {
        let row = sight.row;
        let mut scene = Self {
            row,
            target: sight.target,
            parameters: parameters(&row.pattern, sight.path),
            caller: sight.caller,
            request: Members::of_request(sight.request, &of_requests(row)),
            answer: Members::read(sight.answer, &of_answers(row)),
            answer_end: sight.answer_end,
            completion: (row.deed == Deed::Completion)
                .then(|| UsageReader::of_parts(sight.answer, sight.answer_end)),
            before: sight.before.and_then(|state| serde_json::from_slice(state).ok()),
        };
        scene.choose_from_list();
        scene
    }

    /// A state that is a list of things is reduced to the one that this is about.
    fn choose_from_list(&mut self) {
        let id = self.target().and_then(|target| target.id);
        if let (Some(State::Array(items)), Some(id)) = (&mut self.before, id) {
            let place = items.iter().position(|item| item.get("id").and_then(State::as_str) == Some(&id));
            if let Some(place) = place {
                self.before = Some(items.swap_remove(place));
            }
        }
    }

    /// What a model call's answer told; `None` of anything else.
    pub(crate) const fn completion(&self) -> Option<&Completion> {
        self.completion.as_ref()
    }

    /// The state before, if it is known.
    pub(crate) const fn before(&self) -> Option<&State> {
        self.before.as_ref()
    }

    /// The first of these values that is there.
    pub(crate) fn first(&self, origins: &[Origin]) -> Option<String> {
        origins.iter().find_map(|origin| self.text(origin))
    }

    /// A value as text.
    pub(crate) fn text(&self, origin: &Origin) -> Option<String> {
        match origin {
            Origin::Request(path) => self.request.first(path).cloned().and_then(Value::into_text),
            Origin::Answer(path) => self.answer.first(path).cloned().and_then(Value::into_text),
            _ => self.all(origin).into_iter().next(),
        }
    }

    /// All values there are in a place: members of arrays are several.
    fn all(&self, origin: &Origin) -> Vec<String> {
        match origin {
            Origin::Path(name) => self
                .parameters
                .iter()
                .filter(|(n, _)| **n == **name)
                .map(|(_, v)| v)
                .copied()
                .map(str::to_owned)
                .collect(),
            Origin::Query(name) => query_parameter(self.target, name).into_iter().collect(),
            Origin::Request(path) => texts(&self.request, path),
            Origin::Answer(path) => texts(&self.answer, path),
            Origin::Before(path) => {
                let found =
                    path.iter().try_fold(self.before.as_ref(), |state, name| Some(state?.get(&**name)));
                found.flatten().and_then(State::as_str).map(str::to_owned).into_iter().collect()
            }
            Origin::Caller => self.caller.map(|caller| caller.id.to_owned()).into_iter().collect(),
            Origin::Text(text) => vec![text.clone().into()],
        }
    }

    /// A value with its own type.
    fn json(&self, origin: &Origin) -> Option<Json<'static>> {
        let of = |members: &Members, path: &MemberPath| {
            let mut values = members.all(path).map(|value| match value {
                Value::Text(text) => Json::from(text.clone()),
                Value::Switch(on) => Json::from(*on),
                Value::Number(number) => Json::from(*number),
            });
            let first = values.next()?;
            let others: Vec<Json<'static>> = values.take(MAX_DETAIL_ITEMS).collect();
            Some(if others.is_empty() {
                first
            } else {
                Json::Array(std::iter::once(first).chain(others).collect())
            })
        };
        match origin {
            Origin::Request(path) => of(&self.request, path),
            Origin::Answer(path) => of(&self.answer, path),
            _ => self.text(origin).map(Json::from),
        }
    }

    /// What it was done to.
    pub(crate) fn target(&self) -> Option<Target<'static>> {
        let aim = self.row.target.as_ref()?;
        let id = self.first(&aim.ids)?;
        let is_caller = aim.ids.contains(&Origin::Caller);
        let name = match self.caller {
            Some(caller) if is_caller => caller.email.map(str::to_owned),
            _ => self.first(&self.row.name),
        };
        Some(Target {
            kind: Some(aim.kind.to_string().into()),
            id: Some(id.into()),
            name: name.map(Into::into),
        })
    }

    /// What a bulk action was done to; nothing when that is the target alone.
    pub(crate) fn targets(&self) -> Vec<Target<'static>> {
        let Some(aim) = &self.row.targets else { return Vec::new() };
        let ids =
            aim.ids.iter().map(|origin| self.all(origin)).find(|ids| !ids.is_empty()).unwrap_or_default();
        let is_target_alone = self.row.target.as_ref() == Some(aim) && ids.len() < 2;
        if is_target_alone {
            return Vec::new();
        }
        let target =
            |id: String| Target { kind: Some(aim.kind.to_string().into()), id: Some(id.into()), name: None };
        ids.into_iter().take(MAX_TARGETS).map(target).collect()
    }

    /// The model.
    pub(crate) fn model(&self) -> Option<Model<'static>> {
        self.first(&self.row.model).map(|id| Model { id: Some(id.into()), provider: None })
    }

    /// What else the row notes.
    pub(crate) fn details(&self) -> Vec<(String, Json<'static>)> {
        let row = self.row;
        let mut details: Vec<(String, Json<'static>)> = row
            .details
            .iter()
            .filter_map(|(name, origin)| Some((name.to_string(), self.json(origin)?)))
            .collect();
        let owner = row.owner.as_ref().and_then(|origin| self.text(origin));
        if let Some(owner) = owner.filter(|owner| self.caller.is_some_and(|caller| caller.id != owner)) {
            details.push(("owner_id".to_owned(), owner.into()));
        }
        let query =
            row.query.iter().filter_map(|name| Some((name.to_string(), query_parameter(self.target, name)?)));
        let query: Vec<(String, String)> = query.collect();
        if !query.is_empty() {
            details.push(("query".to_owned(), Json::object(query)));
        }
        details
    }

    /// What was done, when it was done.
    pub(crate) fn action(&self) -> &'a str {
        let row: &'a Row = self.row;
        match &row.deed {
            Deed::Is { action, cases } => {
                cases.iter().find(|case| self.holds(case)).map_or(action, |case| &case.action)
            }
            Deed::Switch { members, on, off, unseen } => {
                match members.iter().find_map(|member| self.switch(member)) {
                    Some(true) => on,
                    Some(false) => off,
                    None => unseen,
                }
            }
            Deed::Entry(entry) => &entry.entered,
            Deed::SignOut { action } => action,
            Deed::Completion => "chat.completion",
            Deed::Ignored { .. } | Deed::State => "api.request",
        }
    }

    /// The action that says whether it succeeded.
    pub(crate) fn action_of(&self, outcome: Outcome) -> &'a str {
        let row: &'a Row = self.row;
        match &row.deed {
            Deed::Entry(entry) if matches!(outcome, Outcome::Failure | Outcome::Denied) => &entry.refused,
            _ => self.action(),
        }
    }

    fn switch(&self, origin: &Origin) -> Option<bool> {
        match origin {
            Origin::Request(path) => self.request.switch(path),
            Origin::Answer(path) => self.answer.switch(path).or_else(|| last_switch(self.answer_end, path)),
            _ => None,
        }
    }

    fn holds(&self, case: &Case) -> bool {
        match &case.test {
            Test::Sets(member) => self.request.sets(member),
            Test::Only(member) => self.request.has_only(member),
            Test::Changes(member) => {
                let after = self.request.first(member).cloned().and_then(Value::into_text);
                let before =
                    member.iter().try_fold(self.before.as_ref(), |state, name| Some(state?.get(&**name)));
                let before = before.flatten().and_then(State::as_str);
                after.zip(before).is_some_and(|(after, before)| after != before)
            }
        }
    }

    /// What the request sets of a user, where there is nothing to compare it with.
    pub(crate) fn set_of_user(&self) -> Vec<Change<'static>> {
        let known = OF_USERS.iter().filter(|_| self.row.sets_a_user());
        let change = |path: &MemberPath| {
            let after = self.request.first(path).cloned().and_then(Value::into_text)?;
            Some(Change { field: path.join(".").into(), before: None, after: Some(after.into()) })
        };
        known.filter_map(change).collect()
    }

    /// A member at the top of the answer, as text: one of those that are always read.
    pub(crate) fn answered(&self, name: &str) -> Option<String> {
        let path = ALWAYS_READ.iter().find(|path| path.iter().map(|name| &**name).eq([name]))?;
        self.answer.first(path).cloned().and_then(Value::into_text)
    }

    /// The path of the state that this is about.
    pub(crate) fn state_path(&self) -> Option<String> {
        self.row.before.as_ref()?.fill(|origin| self.text(origin))
    }
}

/// Most items of a list in `details`.
const MAX_DETAIL_ITEMS: usize = 100;

/// Who entered, and what went wrong.
static ALWAYS_READ: LazyLock<Vec<MemberPath>> = LazyLock::new(|| {
    let names = ["id", "email", "name", "role", "next_step", "challenge_token", "detail"];
    names.map(|name| MemberPath::from([name.into()])).into()
});

/// What a request may set of a user; the source that sees no state before lists it.
static OF_USERS: LazyLock<Vec<MemberPath>> =
    LazyLock::new(|| ["role", "name", "email"].map(|name| MemberPath::from([name.into()])).into());

pub(super) fn of_requests(row: &Row) -> Vec<&MemberPath> {
    let mut wanted = row.request_members();
    if row.sets_a_user() {
        wanted.extend(OF_USERS.iter());
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// What is read of every answer besides what the row names: who entered, what went wrong.
fn of_answers(row: &Row) -> Vec<&MemberPath> {
    let mut wanted = row.answer_members();
    wanted.extend(ALWAYS_READ.iter());
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// The last member of that name in the end of a long object. What a chat says stands before its own members.
fn last_switch(end: &[u8], path: &MemberPath) -> Option<bool> {
    let [name] = &**path else { return None };
    let member = format!("\"{name}\":");
    let place = memchr::memmem::rfind(end, member.as_bytes())?;
    let value = end[place + member.len()..].trim_ascii_start();
    value.starts_with(b"true").then_some(true).or_else(|| value.starts_with(b"false").then_some(false))
}

fn texts(members: &Members, path: &MemberPath) -> Vec<String> {
    members.all(path).cloned().filter_map(Value::into_text).collect()
}
