//! What ties an event's line in an export to its leaf: an opening of the commitment.
//!
//! A line of an export holds the bytes of the event's groups side by side, so that only salts (and the digests of groups
//! that are not shown) are missing to compute the leaf data. An export's proof file holds one opening for each line
//! (`docs/FORMAT.md`, "Proof of an export").

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::commitment::{self, Digest, GroupSalt, LeafData, Seed};
use crate::disclosure::{from_hex, hex};
use crate::entry::{Entry, GroupState, check_canonical_group};
use crate::vocabulary::{Group, GroupSet};

/// What opens the commitment to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Every group of the event is shown: their salts follow from the event's own.
    Whole(Seed),
    /// Some are not.
    Parts(Box<[Part; Group::COUNT]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Absent,
    Shown(GroupSalt),
    Hidden(Digest),
}

/// Why a line and an opening do not give leaf data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// The line is no event as exports hold it: members of the groups, group by group.
    #[error("it is not an event as an export of whole events holds it")]
    Line,
    /// The line shows a group that the opening says is not there, or hides one that it says is.
    #[error("its group {0} is there where the proof says it is not, or the other way round")]
    Group(Group),
    /// The line does not show its core, which exports never withhold and nobody can have erased.
    #[error("its core (time, action, outcome, …) is not shown")]
    Core,
    /// A group is shown in another form than events are recorded in, so that readers might understand it differently.
    #[error("its group {0} is not in canonical form")]
    Form(Group),
    /// The opening is no opening.
    #[error("its opening is malformed")]
    Opening,
}

impl Opening {
    /// The opening for the line that shows these groups of an entry.
    #[must_use]
    pub fn new(entry: &Entry<'_>, shown: GroupSet) -> Opening {
        let hides = |group: &Group| match entry.group(*group) {
            GroupState::Absent => false,
            GroupState::Present(_) => !shown.contains(*group),
            GroupState::Erased(_) => true,
        };
        if let Some(salt) = entry.event_salt().filter(|_| !Group::ALL.iter().any(hides)) {
            return Opening(Form::Whole(salt));
        }
        let (salts, digests) = (entry.group_salts(), entry.digests());
        let part = |index: usize| match entry.group(Group::ALL[index]) {
            GroupState::Absent => Part::Absent,
            _ if hides(&Group::ALL[index]) => Part::Hidden(digests[index]),
            _ => Part::Shown(salts[index]),
        };
        Opening(Form::Parts(Box::new(std::array::from_fn(part))))
    }

    /// The groups of which there are digests only: withheld, erased, or taken out of the line by anybody who held it.
    #[must_use]
    pub fn hidden(&self) -> GroupSet {
        let Form::Parts(parts) = &self.0 else { return GroupSet::default() };
        let is_hidden = |group: &&Group| matches!(parts[group.index()], Part::Hidden(_));
        Group::ALL.iter().filter(is_hidden).copied().collect()
    }

    /// The leaf data that follows from the line, which is to be compared with the tree.
    ///
    /// # Errors
    /// [`OpeningError::Line`], [`OpeningError::Group`], [`OpeningError::Core`] and [`OpeningError::Form`].
    pub fn leaf_data(&self, line: &[u8]) -> Result<LeafData, OpeningError> {
        let members = split(line).ok_or(OpeningError::Line)?;
        let parts = match &self.0 {
            Form::Parts(parts) => **parts,
            Form::Whole(salt) => {
                let salts = commitment::group_salts(salt);
                let part = |index: usize| {
                    members[index].as_ref().map_or(Part::Absent, |_| Part::Shown(salts[index]))
                };
                std::array::from_fn(part)
            }
        };
        if members[Group::Core.index()].is_none() {
            return Err(OpeningError::Core);
        }
        let mut digests = [Digest::default(); Group::COUNT];
        let mut bytes = Vec::with_capacity(line.len());
        for ((digest, group), (part, range)) in
            digests.iter_mut().zip(Group::ALL).zip(parts.iter().zip(members))
        {
            *digest = match (part, range) {
                (Part::Absent, None) => commitment::absent(*group),
                (Part::Hidden(digest), None) => *digest,
                (Part::Shown(salt), Some(range)) => {
                    bytes.clear();
                    bytes.push(b'{');
                    bytes.extend_from_slice(&line[range]);
                    bytes.push(b'}');
                    check_canonical_group(*group, &bytes).map_err(|_| OpeningError::Form(*group))?;
                    commitment::present(*group, salt, &bytes)
                }
                _ => return Err(OpeningError::Group(*group)),
            };
        }
        Ok(LeafData::new(&digests))
    }
}

/// `*` and the event's salt; or for each group, separated by commas, `-` (absent), its salt, or `=` and its digest. All
/// in hexadecimal digits.
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match &self.0 {
            Form::Whole(salt) => return write!(f, "*{}", hex(salt)),
            Form::Parts(parts) => parts,
        };
        for (at, part) in parts.iter().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            match part {
                Part::Absent => f.write_str("-"),
                Part::Shown(salt) => f.write_str(&hex(salt)),
                Part::Hidden(digest) => write!(f, "={}", hex(digest)),
            }?;
        }
        Ok(())
    }
}

impl FromStr for Opening {
    type Err = OpeningError;

    fn from_str(text: &str) -> Result<Opening, OpeningError> {
        read(text).ok_or(OpeningError::Opening)
    }
}

fn read(text: &str) -> Option<Opening> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    if let Some(salt) = text.strip_prefix('*') {
        return Some(Opening(Form::Whole(from_hex(salt)?)));
    }
    let mut parts = [Part::Absent; Group::COUNT];
    let mut written = text.split(',');
    for (part, group) in parts.iter_mut().zip(Group::ALL) {
        *part = match written.next()? {
            "-" => Part::Absent,
            text => match text.strip_prefix('=').map(from_hex::<32>) {
                // The digest of what is not there would pass for something withheld.
                Some(digest) => Part::Hidden(digest.filter(|digest| *digest != commitment::absent(*group))?),
                None => Part::Shown(from_hex(text)?),
            },
        };
    }
    written.next().is_none().then(|| Opening(Form::Parts(Box::new(parts))))
}

/// Where in a line the members of each group are; `None` unless it is an object of such members, group by group.
fn split(line: &[u8]) -> Option<[Option<Range<usize>>; Group::COUNT]> {
    let mut groups = [const { None::<Range<usize>> }; Group::COUNT];
    if line == b"{}" {
        return Some(groups);
    }
    let last = line.len().checked_sub(1)?;
    if line[0] != b'{' || line[last] != b'}' {
        return None;
    }
    let (mut start, mut newest) = (1, 0);
    while start <= last {
        let end = member_end(line, start)?;
        let group = group_of(line.get(start..end)?)?.index();
        if group < newest {
            return None;
        }
        newest = group;
        let from = groups[group].as_ref().map_or(start, |range| range.start);
        groups[group] = Some(from..end);
        start = end + 1;
    }
    Some(groups)
}

/// Where the member that begins at `start` ends: at the comma before the next, or at the object's end.
fn member_end(line: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, start);
    loop {
        match line.get(at)? {
            b'"' => at = string_end(line, at)?,
            b'{' | b'[' => depth += 1,
            b',' if depth == 0 => return Some(at),
            b'}' | b']' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                // The object's own end is the line's.
                None => return (at + 1 == line.len()).then_some(at),
            },
            _ => {}
        }
        at += 1;
    }
}

/// Where the string that begins at `start` has its closing quote.
fn string_end(line: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
        match line[at] {
            b'"' => return Some(at),
            _ => at += 2,
        }
    }
}

fn group_of(member: &[u8]) -> Option<Group> {
    let end = string_end(member, 0).filter(|_| member[0] == b'"')?;
    Some(match &member[1..end] {
        b"action" | b"capture" | b"category" | b"id" | b"instance" | b"marks" | b"outcome" | b"reason"
        | b"recorded_at" | b"sender" | b"severity" | b"source" | b"time" => Group::Core,
        b"actor" | b"session_id" => Group::Actor,
        b"org" => Group::Org,
        b"client" => Group::Client,
        b"target" | b"targets" => Group::Target,
        b"latency_ms" | b"model" | b"usage" => Group::Usage,
        b"changes" | b"details" | b"http" | b"message" => Group::Content,
        _ => return None,
    })
}
