//! Entries: the bytes that the ledger stores (`docs/FORMAT.md`, "Entry").
//!
//! ```text
//! seeded  01 01 seed[16]        (group bytes 1E) x 7     the salts derive from a seed that a batch shares
//! salted  01 02 event salt[16]  (group bytes 1E) x 7     the salts derive from this event's own salt
//! pruned  01 03 x 7: 'A' | 'P' group salt[16] length[4, little-endian] bytes | 'E' digest[32]
//! ```
//!
//! No byte of canonical JSON is below 0x20, so that 0x1E ends a group. All forms of one event have the same
//! leaf data.

use std::borrow::Cow;

use memchr::memchr;

use crate::canonical::close;
use crate::commitment::{self, Digest, GroupSalts, LeafData, Seed};
use crate::error::DecodeError;
use crate::fields::Cursor;
use crate::groups::{self, Completed};
use crate::vocabulary::{Group, GroupSet};

/// The only version so far.
pub(crate) const VERSION: u8 = 1;
pub(crate) const FORM_SEEDED: u8 = 1;
pub(crate) const FORM_SALTED: u8 = 2;
pub(crate) const FORM_PRUNED: u8 = 3;
/// ASCII's record separator.
pub(crate) const GROUP_END: u8 = 0x1E;
pub(crate) const TAG_ABSENT: u8 = b'A';
pub(crate) const TAG_PRESENT: u8 = b'P';
pub(crate) const TAG_ERASED: u8 = b'E';

/// A group as an entry holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState<'a> {
    /// The event has nothing in this group.
    Absent,
    /// Its canonical bytes.
    Present(&'a [u8]),
    /// Its bytes are gone; its digest stays.
    Erased(&'a Digest),
}

/// An entry, split into its parts.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    salts: Salts<'a>,
    groups: [GroupState<'a>; Group::COUNT],
}

/// Where the group salts come from.
#[derive(Debug, Clone)]
enum Salts<'a> {
    Seed(&'a Seed),
    Event(&'a Seed),
    Groups(Box<GroupSalts>),
}

impl<'a> Entry<'a> {
    /// Splits an entry without looking into its groups.
    ///
    /// # Errors
    /// When the bytes are not an entry.
    pub fn decode(bytes: &'a [u8]) -> Result<Entry<'a>, DecodeError> {
        match bytes {
            [VERSION, FORM_SEEDED, rest @ ..] => decode_whole(rest, Salts::Seed),
            [VERSION, FORM_SALTED, rest @ ..] => decode_whole(rest, Salts::Event),
            [VERSION, FORM_PRUNED, rest @ ..] => decode_pruned(rest),
            [VERSION, form, ..] => Err(DecodeError::UnknownForm(*form)),
            [VERSION] | [] => Err(DecodeError::Length),
            [version, ..] => Err(DecodeError::UnknownVersion(*version)),
        }
    }

    /// One group.
    #[must_use]
    pub fn group(&self, group: Group) -> GroupState<'a> {
        self.groups[group.index()]
    }

    /// The bytes of one group, when it is there.
    #[must_use]
    pub fn bytes(&self, group: Group) -> Option<&'a [u8]> {
        match self.group(group) {
            GroupState::Present(bytes) => Some(bytes),
            GroupState::Absent | GroupState::Erased(_) => None,
        }
    }

    /// The entry as somebody sees it from whom groups are withheld: as if the event had nothing in them. The core group
    /// is always there. For showing only: what the tree commits to is the whole entry's.
    #[must_use]
    pub fn without(&self, withheld: GroupSet) -> Entry<'a> {
        let mut shown = self.clone();
        for group in withheld.iter().filter(|group| *group != Group::Core) {
            shown.groups[group.index()] = GroupState::Absent;
        }
        shown
    }

    /// Appends the event's JSON: the groups that are there, side by side in one object. Nothing is parsed.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for group in self.groups {
            if let GroupState::Present([_, members @ .., _]) = group {
                out.extend_from_slice(members);
                out.push(b',');
            }
        }
        close(out, b'{', b'}');
    }

    /// The salts of the groups; those of erased groups are zero.
    #[must_use]
    pub fn group_salts(&self) -> GroupSalts {
        match &self.salts {
            Salts::Groups(salts) => **salts,
            Salts::Event(salt) => commitment::group_salts(salt),
            Salts::Seed(_) => commitment::group_salts(&self.event_salt().unwrap_or_default()),
        }
    }

    /// The event's own salt, unless the entry is pruned (or damaged).
    pub(crate) fn event_salt(&self) -> Option<Seed> {
        match self.salts {
            Salts::Seed(seed) => Some(commitment::event_salt(seed, &self.id().ok()?)),
            Salts::Event(salt) => Some(*salt),
            Salts::Groups(_) => None,
        }
    }

    /// The event's id.
    ///
    /// # Errors
    /// When the core group does not hold one.
    pub fn id(&self) -> Result<Cow<'a, str>, DecodeError> {
        let core = self.bytes(Group::Core).ok_or(DecodeError::NoCore)?;
        Cursor::new(Group::Core, core)?.id()
    }

    /// The digests of the groups.
    #[must_use]
    pub fn digests(&self) -> [Digest; Group::COUNT] {
        let salts = self.group_salts();
        std::array::from_fn(|index| {
            let group = Group::ALL[index];
            match self.groups[index] {
                GroupState::Absent => commitment::absent(group),
                GroupState::Present(bytes) => commitment::present(group, &salts[index], bytes),
                GroupState::Erased(digest) => *digest,
            }
        })
    }

    /// What the tree commits to.
    #[must_use]
    pub fn leaf_data(&self) -> LeafData {
        LeafData::new(&self.digests())
    }

    /// Checks that every group that is there holds exactly the canonical form of that group of an event:
    /// known fields only, each in its group, written as [`Encoder`](crate::Encoder) would.
    ///
    /// # Errors
    /// [`DecodeError::NotCanonical`] with the first group that is not.
    pub fn check_canonical(&self) -> Result<(), DecodeError> {
        let groups = Group::ALL.iter().filter_map(|group| Some((*group, self.bytes(*group)?)));
        groups.into_iter().try_for_each(|(group, bytes)| check_canonical_group(group, bytes))
    }
}

/// Checks that these are a group's bytes in canonical form.
pub(crate) fn check_canonical_group(group: Group, bytes: &[u8]) -> Result<(), DecodeError> {
    let mut rewritten = Vec::with_capacity(bytes.len());
    rewrite(group, bytes, &mut rewritten)?;
    if rewritten == bytes {
        return Ok(());
    }
    Err(DecodeError::NotCanonical { group, problem: "its members, their order or their form differ" })
}

/// Parses a group's bytes as an event of that group alone and writes them again.
fn rewrite(group: Group, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let not_canonical = |problem| DecodeError::NotCanonical { group, problem };
    let parsed = crate::parse::group(bytes).map_err(|_| not_canonical("it does not parse"))?;
    let event = &parsed.event;
    if group != Group::Core {
        groups::write_group(out, group, event);
        return Ok(());
    }
    let missing = || not_canonical("a required member is missing");
    let completed = Completed {
        id: event.id.as_deref().ok_or_else(missing)?,
        time: event.time.ok_or_else(missing)?,
        recorded_at: parsed.recorded_at.ok_or_else(missing)?,
        category: event.category.ok_or_else(missing)?,
        severity: event.severity.ok_or_else(missing)?,
        sender: event.sender.as_deref(),
        instance: event.instance.as_deref(),
        marks: event.marks,
    };
    groups::write_core(out, event, &completed);
    Ok(())
}

fn decode_whole<'a>(
    bytes: &'a [u8],
    salts: impl FnOnce(&'a Seed) -> Salts<'a>,
) -> Result<Entry<'a>, DecodeError> {
    let (seed, mut rest) = bytes.split_first_chunk().ok_or(DecodeError::Length)?;
    let mut groups = [GroupState::Absent; Group::COUNT];
    for (state, group) in groups.iter_mut().zip(Group::ALL) {
        let end = memchr(GROUP_END, rest).ok_or(DecodeError::Length)?;
        if end > 0 {
            *state = present(*group, &rest[..end])?;
        }
        rest = &rest[end + 1..];
    }
    finish(salts(seed), groups, rest)
}

fn decode_pruned(bytes: &[u8]) -> Result<Entry<'_>, DecodeError> {
    let mut rest = bytes;
    let mut salts = Box::new(GroupSalts::default());
    let mut groups = [GroupState::Absent; Group::COUNT];
    for group in Group::ALL {
        let (state, salt) = (&mut groups[group.index()], &mut salts[group.index()]);
        let (&tag, after_tag) = rest.split_first().ok_or(DecodeError::Length)?;
        rest = match tag {
            TAG_ABSENT => after_tag,
            TAG_ERASED => {
                let (digest, after) = after_tag.split_first_chunk().ok_or(DecodeError::Length)?;
                *state = GroupState::Erased(digest);
                after
            }
            TAG_PRESENT => {
                let (group_salt, after) = after_tag.split_first_chunk().ok_or(DecodeError::Length)?;
                let (len, after) = after.split_first_chunk().ok_or(DecodeError::Length)?;
                let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| DecodeError::Length)?;
                let (bytes, after) = after.split_at_checked(len).ok_or(DecodeError::Length)?;
                *state = present(*group, bytes)?;
                *salt = *group_salt;
                after
            }
            tag => return Err(DecodeError::UnknownTag { group: *group, tag }),
        };
    }
    finish(Salts::Groups(salts), groups, rest)
}

/// A group's bytes, checked only so far as to be the text of a JSON object with members.
fn present(group: Group, bytes: &[u8]) -> Result<GroupState<'_>, DecodeError> {
    match bytes {
        [b'{', b'"', .., b'}'] => Ok(GroupState::Present(bytes)),
        _ => Err(DecodeError::NotCanonical { group, problem: "it is not a JSON object with members" }),
    }
}

fn finish<'a>(
    salts: Salts<'a>,
    groups: [GroupState<'a>; Group::COUNT],
    rest: &[u8],
) -> Result<Entry<'a>, DecodeError> {
    match groups[Group::Core.index()] {
        _ if !rest.is_empty() => Err(DecodeError::Length),
        GroupState::Present(_) => Ok(Entry { salts, groups }),
        GroupState::Absent | GroupState::Erased(_) => Err(DecodeError::NoCore),
    }
}

/// The leaf data of an entry: the pure function that the ledger is given.
///
/// # Errors
/// When the bytes are not an entry.
pub fn leaf_data(entry: &[u8]) -> Result<LeafData, DecodeError> {
    Ok(Entry::decode(entry)?.leaf_data())
}

/// The event's id, the ledger's idempotency key.
///
/// # Errors
/// When the bytes are not an entry.
pub fn entry_id(entry: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    Entry::decode(entry)?.id()
}
