//! One row of the table, as it is after loading: everything in it has been checked.

use audit_event::Category;

use super::tree::Segment;
use crate::sources::openwebui::bodies::MemberPath;

/// What to do about requests of one method and pattern.
#[derive(Debug)]
pub(crate) struct Row {
    /// Method and pattern as they stand in the file.
    pub(crate) key: Box<str>,
    pub(crate) pattern: Vec<Segment>,
    pub(crate) deed: Deed,
    /// Which of its requests are recorded.
    pub(crate) when: Recorded,
    /// The category of its events; decides the mode.
    pub(crate) category: Category,
    /// Whether nobody needs to be signed in: then a request without a credential is no refusal.
    pub(crate) anybody: bool,
    /// Whether it changes nothing although its method could.
    pub(crate) reads: bool,
    /// Whether an HTML answer is what was asked for, not the web app in place of a missing route.
    pub(crate) html: bool,
    pub(crate) target: Option<Aim>,
    /// Where the target's name is found: the first that is there.
    pub(crate) name: Vec<Origin>,
    pub(crate) targets: Option<Aim>,
    pub(crate) model: Vec<Origin>,
    /// Whose the target is, when that is not the caller.
    pub(crate) owner: Option<Origin>,
    /// What else is noted, by name.
    pub(crate) details: Vec<(Box<str>, Origin)>,
    /// The query parameters that are written down.
    pub(crate) query: Vec<Box<str>>,
    /// What an unnamed but proven sender is: `Identity provider`.
    pub(crate) service: Option<Box<str>>,
    /// The request that tells the state before.
    pub(crate) before: Option<StatePath>,
    pub(crate) changes: Option<Changes>,
    /// For a row that reads the state of something: its path as the others name it.
    pub(crate) state: Option<StatePath>,
    pub(crate) keep_request: usize,
    pub(crate) keep_answer: usize,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Always the same; or another one when the request says so.
    Is { action: Box<str>, cases: Vec<Case> },
    /// A switch: which way it went stands in a boolean. Where that is not seen, `unseen`.
    Switch { members: Vec<Origin>, on: Box<str>, off: Box<str>, unseen: Box<str> },
    /// A try to enter.
    Entry(Entry),
    /// The end of a session.
    SignOut { action: Box<str> },
    /// One model call. Its success is not in the status: a web UI chat goes on after the answer.
    Completion,
    /// Not recorded, for this reason.
    Ignored { reason: Box<str> },
    /// Only looked at because its answer is the state of something.
    State,
}

/// A try to enter: one action for getting in, others for being turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) entered: Box<str>,
    pub(crate) refused: Box<str>,
    /// When there were too many tries; else `refused`.
    pub(crate) throttled: Option<Box<str>>,
    /// The name that was tried.
    pub(crate) tried: Option<Origin>,
    /// The token of a step of a sign-in; what stands before its first dot is the id of the user it was made for.
    pub(crate) challenge: Option<Origin>,
    /// How one enters here, where the answer does not say.
    pub(crate) method: Option<Box<str>>,
    /// Whether the result is in the address that the answer redirects to.
    pub(crate) redirects: bool,
    /// Whether entering is a second event beside `entered`: a sign-in that came with it.
    pub(crate) signs_in: bool,
}

/// What makes a request another action than the row's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) test: Test,
    pub(crate) action: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// The request gives this member a value.
    Sets(Box<str>),
    /// The request has this member and no other.
    Only(Box<str>),
    /// The request gives this member another value than it had; not known without the state before.
    Changes(MemberPath),
}

/// Which requests of a row are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    Always,
    /// Those that did not succeed.
    Failed,
    /// Those that were refused for lack of a right: what holds for requests without a row, too.
    Refused,
}

/// A kind of thing, and where its id is found: the first that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) kind: Box<str>,
    pub(crate) ids: Vec<Origin>,
}

/// Where a value is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Path(Box<str>),
    Query(Box<str>),
    Request(MemberPath),
    Answer(MemberPath),
    Before(MemberPath),
    /// The caller's own id.
    Caller,
    Text(Box<str>),
}

/// The path of a request that tells the state of something, with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatePath {
    /// Text and places by turns; places of the path part come from the path.
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Box<str>),
    Place(Origin),
}

impl StatePath {
    /// The path with its places filled in, as it is sent; `None` when a place has no value.
    pub(crate) fn fill(&self, value: impl Fn(&Origin) -> Option<String>) -> Option<String> {
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Place(origin) => super::path::encode_into(&mut path, &value(origin)?),
            }
        }
        Some(path)
    }
}

impl StatePath {
    /// The same path as a request that reads it has it: what others find in their bodies is in its query.
    pub(super) fn with_places_of_a_get(&self) -> Self {
        let part = |part: &Part| match part {
            Part::Place(Origin::Request(member) | Origin::Answer(member)) => {
                Part::Place(Origin::Query(member.join(".").into()))
            }
            other => other.clone(),
        };
        Self { parts: self.parts.iter().map(part).collect() }
    }
}

/// How what changed is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changes {
    /// What the request sets, where that differs from before.
    Set(SetRule),
    /// The ids in this member of the request were added.
    Added { member: Box<str>, field: Box<str> },
    /// The ids in this member of the request were removed.
    Removed { member: Box<str>, field: Box<str> },
    /// These members of the answer, where they differ from before.
    Answer(Vec<Box<str>>),
    /// The operations of RFC 7644 section 3.5.2, in this member of the request.
    Patch(Box<str>),
}

/// Details of [`Changes::Set`]: members as dotted paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SetRule {
    /// No other members; all of them when empty.
    pub(crate) only: Vec<Box<str>>,
    pub(crate) skip: Vec<Box<str>>,
    /// Members of which only the SHA-256 is written down: source code.
    pub(crate) digest: Vec<Box<str>>,
    /// The state before is a bare list, which the request calls by this name.
    pub(crate) list: Option<Box<str>>,
}

impl Row {
    /// The row of requests that are only looked at because they read the state of something.
    pub(super) fn of_state(pattern: Vec<Segment>, state: StatePath, keep_answer: usize) -> Self {
        Self {
            key: "".into(),
            pattern,
            deed: Deed::State,
            when: Recorded::Refused,
            category: Category::System,
            anybody: false,
            reads: true,
            html: false,
            target: None,
            name: Vec::new(),
            targets: None,
            model: Vec::new(),
            owner: None,
            details: Vec::new(),
            query: Vec::new(),
            service: None,
            before: None,
            changes: None,
            state: Some(state),
            keep_request: 0,
            keep_answer,
        }
    }

    /// Every place where this row looks for a value.
    fn origins(&self) -> impl Iterator<Item = &Origin> {
        let of_deed: Vec<&Origin> = match &self.deed {
            Deed::Switch { members, .. } => members.iter().collect(),
            Deed::Entry(entry) => entry.tried.iter().chain(&entry.challenge).collect(),
            _ => Vec::new(),
        };
        let of_state = self.before.iter().flat_map(|before| &before.parts).filter_map(|part| match part {
            Part::Place(origin) => Some(origin),
            Part::Text(_) => None,
        });
        let aims = self.target.iter().chain(&self.targets).flat_map(|aim| &aim.ids);
        let details = self.details.iter().map(|(_, origin)| origin);
        let others = self.name.iter().chain(&self.model).chain(&self.owner);
        of_deed.into_iter().chain(aims).chain(others).chain(details).chain(of_state)
    }

    /// The members of the request that it names.
    pub(crate) fn request_members(&self) -> Vec<&MemberPath> {
        let named =
            self.origins().filter_map(|at| if let Origin::Request(path) = at { Some(path) } else { None });
        let cases = if let Deed::Is { cases, .. } = &self.deed { cases.as_slice() } else { &[] };
        let compared = cases.iter().filter_map(|case| match &case.test {
            Test::Changes(member) => Some(member),
            Test::Sets(_) | Test::Only(_) => None,
        });
        named.chain(compared).collect()
    }

    /// The members at the request's top of which it is asked whether they have a value.
    pub(crate) fn presences(&self) -> Vec<&str> {
        let cases = if let Deed::Is { cases, .. } = &self.deed { cases.as_slice() } else { &[] };
        let asked = cases.iter().filter_map(|case| match &case.test {
            Test::Sets(member) => Some(&**member),
            Test::Only(_) | Test::Changes(_) => None,
        });
        asked.collect()
    }

    /// The members of the answer that it names.
    pub(crate) fn answer_members(&self) -> Vec<&MemberPath> {
        self.origins()
            .filter_map(|at| if let Origin::Answer(path) = at { Some(path) } else { None })
            .collect()
    }

    /// Whether it is an admin's change of a user: role, password or the rest, by what the request sets.
    pub(crate) fn sets_a_user(&self) -> bool {
        matches!(&self.deed, Deed::Is { cases, .. } if !cases.is_empty())
    }

    /// Whether the request's body matters.
    pub(crate) fn reads_request(&self) -> bool {
        self.sets_a_user() || self.changes.is_some() || !self.request_members().is_empty()
    }

    /// Whether the answer's body matters.
    pub(crate) fn reads_answer(&self) -> bool {
        let by_deed = matches!(self.deed, Deed::Entry(_) | Deed::Completion);
        by_deed || self.changes.is_some() || !self.answer_members().is_empty()
    }

    /// The path, with what must not be written down taken out.
    pub(crate) fn safe_path(&self, path: &str) -> Option<String> {
        let secret = |segment: &Segment| matches!(segment, Segment::One(name) if &**name == "secret");
        self.pattern.iter().any(secret).then(|| {
            let mut safe = String::with_capacity(path.len());
            for (at, given) in super::path::segments(path).enumerate() {
                safe.push('/');
                safe.push_str(if self.pattern.get(at).is_some_and(secret) { "***" } else { given });
            }
            safe
        })
    }

    /// Why it is not recorded, if it is not.
    pub(crate) fn ignored(&self) -> Option<&str> {
        match &self.deed {
            Deed::Ignored { reason } => Some(reason),
            _ => None,
        }
    }
}
