//! What a proof shows of an event: some groups with their salts, of the others only the digests.
//!
//! A disclosure holds no seed and no event salt, from which the salts of withheld groups would follow. With
//! it and an inclusion proof, anybody can check that the ledger holds what it shows
//! (`docs/FORMAT.md`, "Erasure and disclosure").

use std::fmt::Write as _;

use crate::canonical::{close, write_string};
use crate::commitment::{self, Digest, GroupSalt, LeafData};
use crate::entry::{Entry, GroupState};
use crate::error::{ErrorKind, EventError, Refusal, refusal};
use crate::json::Json;
use crate::vocabulary::{Group, GroupSet};

/// An event as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    groups: [Shown; Group::COUNT],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    /// The event has nothing in this group.
    Absent,
    /// Canonical bytes and what they are salted with.
    Text { salt: GroupSalt, text: String },
    /// Withheld, or erased.
    Digest(Digest),
}

/// The value of the member `format`.
const FORMAT: &str = "secureai-audit/v1/disclosure";

impl Disclosure {
    /// Shows these groups of an entry, as far as they are there.
    #[must_use]
    pub fn new(entry: &Entry<'_>, groups: GroupSet) -> Disclosure {
        let (salts, digests) = (entry.group_salts(), entry.digests());
        let shown = |index: usize| match entry.group(Group::ALL[index]) {
            GroupState::Absent => Shown::Absent,
            GroupState::Present(bytes) if groups.contains(Group::ALL[index]) => {
                match std::str::from_utf8(bytes) {
                    Ok(text) => Shown::Text { salt: salts[index], text: text.to_owned() },
                    Err(_) => Shown::Digest(digests[index]),
                }
            }
            GroupState::Present(_) | GroupState::Erased(_) => Shown::Digest(digests[index]),
        };
        Disclosure { groups: std::array::from_fn(shown) }
    }

    /// The leaf data that follows from what is shown: to be compared with the tree.
    #[must_use]
    pub fn leaf_data(&self) -> LeafData {
        LeafData::new(&std::array::from_fn(|index| match &self.groups[index] {
            Shown::Absent => commitment::absent(Group::ALL[index]),
            Shown::Text { salt, text } => commitment::present(Group::ALL[index], salt, text.as_bytes()),
            Shown::Digest(digest) => *digest,
        }))
    }

    /// The canonical text of a group, when it is shown.
    #[must_use]
    pub fn text(&self, group: Group) -> Option<&str> {
        match &self.groups[group.index()] {
            Shown::Text { text, .. } => Some(text),
            Shown::Absent | Shown::Digest(_) => None,
        }
    }

    /// Whether the event has nothing in a group. What is neither this nor [shown](Self::text) is withheld or erased.
    #[must_use]
    pub fn is_absent(&self, group: Group) -> bool {
        self.groups[group.index()] == Shown::Absent
    }

    /// The event's JSON, as far as it is shown.
    #[must_use]
    pub fn event_json(&self) -> String {
        let members = Group::ALL
            .iter()
            .filter_map(|group| self.text(*group))
            .filter_map(|text| text.strip_prefix('{').and_then(|text| text.strip_suffix('}')));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    /// The JSON form. A group's text stands there as a string, so that its bytes come through unaltered.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        out.extend_from_slice(b"{\"format\":");
        write_string(&mut out, FORMAT);
        out.extend_from_slice(b",\"groups\":{");
        for group in Group::ALL {
            write_string(&mut out, group.as_str());
            out.push(b':');
            match &self.groups[group.index()] {
                Shown::Absent => out.extend_from_slice(b"{\"absent\":true}"),
                Shown::Digest(digest) => write_members(&mut out, &[("digest", &hex(digest))]),
                Shown::Text { salt, text } => {
                    write_members(&mut out, &[("salt", &hex(salt)), ("text", text)])
                }
            }
            out.push(b',');
        }
        close(&mut out, b'{', b'}');
        out.push(b'}');
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When it is not a disclosure; the error names the member.
    pub fn from_json(json: &str) -> Result<Disclosure, EventError> {
        read(json).map_err(|refusal| *refusal)
    }
}

fn read(json: &str) -> Result<Disclosure, Refusal> {
    let value = crate::parse::value(json.as_bytes())?;
    if value.get("format").and_then(Json::as_str) != Some(FORMAT) {
        return Err(refusal("format", ErrorKind::InvalidValue, format!("must be {FORMAT:?}")));
    }
    let mut groups = [const { Shown::Absent }; Group::COUNT];
    for group in Group::ALL {
        let shown = value.get("groups").and_then(|groups| groups.get(group.as_str()));
        groups[group.index()] = shown.and_then(read_group).ok_or_else(|| {
            let advice = "must be {\"absent\":true}, {\"digest\":…} or {\"salt\":…,\"text\":…}";
            refusal(format!("groups.{group}"), ErrorKind::InvalidValue, advice)
        })?;
    }
    Ok(Disclosure { groups })
}

fn write_members(out: &mut Vec<u8>, members: &[(&str, &str)]) {
    out.push(b'{');
    for (name, value) in members {
        write_string(out, name);
        out.push(b':');
        write_string(out, value);
        out.push(b',');
    }
    close(out, b'{', b'}');
}

fn read_group(shown: &Json<'_>) -> Option<Shown> {
    let Json::Object(members) = shown else { return None };
    let text_of = |name| shown.get(name).and_then(Json::as_str);
    match members.len() {
        1 if shown.get("absent") == Some(&Json::Bool(true)) => Some(Shown::Absent),
        1 => Some(Shown::Digest(from_hex(text_of("digest")?)?)),
        2 => Some(Shown::Text { salt: from_hex(text_of("salt")?)?, text: text_of("text")?.to_owned() }),
        _ => None,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
