//! The dictionaries of a chunk, growing while rows arrive.

use crate::columns::{ABSENT, CodeColumn, Dictionary};
use crate::words::{WordSet, for_each_word_hash};
use audit_event::{Fields, TargetFields};
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

/// One dictionary a column, and the words in those that free words are looked up in.
pub(crate) struct Vocabulary {
    dictionaries: Vec<Dictionary>,
    /// Hashes of the words in the values of each searched column.
    words: Vec<WordSet>,
    /// The last code of each column: many columns repeat their value for long.
    last: [u32; CodeColumn::COUNT],
    /// Codes by address, so that an address seen before need not be written out.
    addresses: HashMap<IpAddr, u32>,
}

impl Default for Vocabulary {
    fn default() -> Vocabulary {
        Vocabulary {
            dictionaries: CodeColumn::ALL.iter().map(|_| Dictionary::growing()).collect(),
            words: CodeColumn::ALL.iter().map(|_| WordSet::default()).collect(),
            last: [ABSENT; CodeColumn::COUNT],
            addresses: HashMap::new(),
        }
    }
}

impl Vocabulary {
    pub(crate) fn dictionary(&self, column: CodeColumn) -> &Dictionary {
        &self.dictionaries[column as usize]
    }

    /// Whether a value of a searched column has a word with this hash.
    pub(crate) fn has_word(&self, column: CodeColumn, hash: u64) -> bool {
        self.words[column as usize].contains(&hash)
    }

    /// The hashes of the words in the values of a searched column.
    pub(crate) fn words(&self, column: CodeColumn) -> impl Iterator<Item = u64> + '_ {
        self.words[column as usize].iter().copied()
    }

    /// Calls `visit` with the event's code in each column, in the order of the columns.
    #[inline]
    pub(crate) fn encode(&mut self, event: &Fields<'_>, mut visit: impl FnMut(CodeColumn, u32)) {
        for &column in CodeColumn::ALL {
            visit(column, self.code(column, event));
        }
    }

    #[inline]
    fn code(&mut self, column: CodeColumn, event: &Fields<'_>) -> u32 {
        let text = match column {
            CodeColumn::Category => Some(event.category.as_str()),
            CodeColumn::Action => Some(&*event.action),
            CodeColumn::Outcome => Some(event.outcome.as_str()),
            CodeColumn::Reason => event.reason.as_deref(),
            CodeColumn::Severity => Some(event.severity.as_str()),
            CodeColumn::Source => Some(event.source.as_str()),
            CodeColumn::Sender => event.sender.as_deref(),
            CodeColumn::Instance => event.instance.as_deref(),
            CodeColumn::ActorType => event.actor_type.map(|kind| kind.as_str()),
            CodeColumn::ActorId => event.actor_id.as_deref(),
            CodeColumn::ActorName => event.actor_name.as_deref(),
            CodeColumn::ActorEmail => event.actor_email.as_deref(),
            CodeColumn::Role => event.role.as_deref(),
            CodeColumn::Department => event.department.as_deref(),
            CodeColumn::Groups => return self.list(column, &event.groups, groups_json),
            CodeColumn::Ip => return event.ip.map_or(ABSENT, |ip| self.address(ip)),
            CodeColumn::UserAgent => event.user_agent.as_deref(),
            CodeColumn::TargetType => event.target_type.as_deref(),
            CodeColumn::TargetName => event.target_name.as_deref(),
            CodeColumn::Targets => return self.list(column, &event.targets, targets_json),
            CodeColumn::Model => event.model.as_deref(),
            CodeColumn::Provider => event.provider.as_deref(),
            CodeColumn::HttpMethod => event.http_method.as_deref(),
            CodeColumn::HttpStatus => {
                let mut buffer = itoa::Buffer::new();
                return event.http_status.map_or(ABSENT, |status| self.insert(column, buffer.format(status)));
            }
        };
        text.map_or(ABSENT, |text| self.insert(column, text))
    }

    fn list<T>(&mut self, column: CodeColumn, list: &[T], write: impl Fn(&[T]) -> String) -> u32 {
        if list.is_empty() { ABSENT } else { self.insert(column, &write(list)) }
    }

    fn address(&mut self, ip: IpAddr) -> u32 {
        if let Some(code) = self.addresses.get(&ip) {
            return *code;
        }
        let code = self.insert(CodeColumn::Ip, &ip.to_string());
        self.addresses.insert(ip, code);
        code
    }

    #[inline]
    fn insert(&mut self, column: CodeColumn, value: &str) -> u32 {
        let at = column as usize;
        let dictionary = &mut self.dictionaries[at];
        if dictionary.is_code_of(self.last[at], value) {
            return self.last[at];
        }
        let (code, is_new) = dictionary.insert(value);
        self.last[at] = code;
        if is_new && CodeColumn::SEARCHED.contains(&column) {
            for_each_word_hash(value, |hash| {
                self.words[at].insert(hash);
            });
        }
        code
    }
}

/// A list of groups as one value: a JSON array of strings.
fn groups_json(groups: &[Cow<'_, str>]) -> String {
    serde_json::to_string(groups).expect("strings are JSON")
}

/// A list of targets as one value: a JSON array of objects with `type`, `id` and `name`.
fn targets_json(targets: &[TargetFields<'_>]) -> String {
    let listed: Vec<ListedTarget<'_>> = targets
        .iter()
        .map(|one| ListedTarget {
            kind: one.kind.as_deref().map(Cow::Borrowed),
            id: one.id.as_deref().map(Cow::Borrowed),
            name: one.name.as_deref().map(Cow::Borrowed),
        })
        .collect();
    serde_json::to_string(&listed).expect("strings are JSON")
}

/// One of an event's targets, as the value of the `targets` column holds it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct ListedTarget<'a> {
    #[serde(rename = "type", borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Cow<'a, str>>,
}

/// Reads back what the vocabulary wrote as the value of a list of groups.
pub(crate) fn read_groups(value: &str) -> Vec<String> {
    serde_json::from_str(value).unwrap_or_default()
}

/// Reads back what the vocabulary wrote as the value of a list of targets.
pub(crate) fn read_targets(value: &str) -> Vec<ListedTarget<'_>> {
    serde_json::from_str(value).unwrap_or_default()
}
