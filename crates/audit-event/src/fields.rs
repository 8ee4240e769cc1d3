//! Typed, borrowed access to an entry's fields: what the index and the CSV writer read.
//!
//! Canonical bytes have one order of members, so that decoding is a walk along the expected keys instead of
//! a search for each key that comes.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::entry::{Entry, GroupState};
use crate::error::DecodeError;
use crate::time::Timestamp;
use crate::vocabulary::{
    ActorType, Capture, Category, Group, GroupSet, Mark, Marks, Outcome, Severity, Source,
};

mod cursor;
pub(crate) use cursor::Cursor;

/// The fields of one event, decoded from its canonical bytes. Strings borrow unless they hold an escape.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named as in Event")]
pub struct Fields<'a> {
    pub id: Cow<'a, str>,
    pub time: Timestamp,
    pub recorded_at: Timestamp,
    pub category: Category,
    pub action: Cow<'a, str>,
    pub outcome: Outcome,
    pub reason: Option<Cow<'a, str>>,
    pub severity: Severity,
    pub source: Source,
    pub sender: Option<Cow<'a, str>>,
    pub instance: Option<Cow<'a, str>>,
    pub capture: Option<Capture>,
    pub marks: Marks,
    pub actor_type: Option<ActorType>,
    pub actor_id: Option<Cow<'a, str>>,
    pub actor_name: Option<Cow<'a, str>>,
    pub actor_email: Option<Cow<'a, str>>,
    pub session_id: Option<Cow<'a, str>>,
    pub role: Option<Cow<'a, str>>,
    pub department: Option<Cow<'a, str>>,
    pub groups: Vec<Cow<'a, str>>,
    pub ip: Option<IpAddr>,
    pub peer_ip: Option<IpAddr>,
    pub forwarded_for: Vec<Cow<'a, str>>,
    pub user_agent: Option<Cow<'a, str>>,
    pub target_type: Option<Cow<'a, str>>,
    pub target_id: Option<Cow<'a, str>>,
    pub target_name: Option<Cow<'a, str>>,
    pub targets: Vec<TargetFields<'a>>,
    pub model: Option<Cow<'a, str>>,
    pub provider: Option<Cow<'a, str>>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    pub cost_usd: Option<f64>,
    pub latency_ms: Option<f64>,
    pub message: Option<Cow<'a, str>>,
    /// The canonical JSON array, undecoded.
    pub changes: Option<&'a str>,
    pub http_method: Option<Cow<'a, str>>,
    pub http_path: Option<Cow<'a, str>>,
    pub http_status: Option<u16>,
    pub request_id: Option<Cow<'a, str>>,
    /// The canonical JSON object, undecoded.
    pub details: Option<&'a str>,
    /// Groups whose content was erased: their fields are `None`.
    pub erased: GroupSet,
}

/// One of `targets`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in Target")]
pub struct TargetFields<'a> {
    pub kind: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Fields<'a> {
    /// Decodes the groups that are there.
    ///
    /// # Errors
    /// When a group is not in canonical form, as far as decoding notices: [`Entry::check_canonical`] is the
    /// strict check.
    pub fn decode(entry: &Entry<'a>) -> Result<Fields<'a>> {
        let mut fields = Fields::blank();
        for group in Group::ALL {
            match entry.group(*group) {
                GroupState::Absent => {}
                GroupState::Erased(_) => fields.erased.insert(*group),
                GroupState::Present(bytes) => fields.decode_group(*group, bytes)?,
            }
        }
        Ok(fields)
    }

    /// Without the core, which every entry has.
    fn blank() -> Fields<'a> {
        Fields {
            id: Cow::Borrowed(""),
            time: Timestamp::MIN,
            recorded_at: Timestamp::MIN,
            category: Category::System,
            action: Cow::Borrowed(""),
            outcome: Outcome::Unknown,
            reason: None,
            severity: Severity::Info,
            source: Source::Internal,
            sender: None,
            instance: None,
            capture: None,
            marks: Marks::EMPTY,
            actor_type: None,
            actor_id: None,
            actor_name: None,
            actor_email: None,
            session_id: None,
            role: None,
            department: None,
            groups: Vec::new(),
            ip: None,
            peer_ip: None,
            forwarded_for: Vec::new(),
            user_agent: None,
            target_type: None,
            target_id: None,
            target_name: None,
            targets: Vec::new(),
            model: None,
            provider: None,
            input_tokens: None,
            output_tokens: None,
            cached_tokens: None,
            reasoning_tokens: None,
            cost_usd: None,
            latency_ms: None,
            message: None,
            changes: None,
            http_method: None,
            http_path: None,
            http_status: None,
            request_id: None,
            details: None,
            erased: GroupSet::EMPTY,
        }
    }

    fn decode_group(&mut self, group: Group, bytes: &'a [u8]) -> Result<()> {
        let mut cursor = Cursor::new(group, bytes)?;
        match group {
            Group::Core => self.decode_core(&mut cursor)?,
            Group::Actor => self.decode_actor(&mut cursor)?,
            Group::Org => self.decode_org(&mut cursor)?,
            Group::Client => self.decode_client(&mut cursor)?,
            Group::Target => self.decode_target(&mut cursor)?,
            Group::Usage => self.decode_usage(&mut cursor)?,
            Group::Content => self.decode_content(&mut cursor)?,
        }
        cursor.end()
    }

    fn decode_core(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        self.action = cursor.required("\"action\":", Cursor::string)?;
        self.capture = cursor.named("\"capture\":", Capture::from_name)?;
        self.category =
            cursor.required("\"category\":", |cursor, key| cursor.named(key, Category::from_name))?;
        self.id = cursor.required("\"id\":", Cursor::string)?;
        self.instance = cursor.string("\"instance\":")?;
        let marks = cursor.strings("\"marks\":")?;
        self.marks = marks.iter().filter_map(|mark| Mark::from_name(mark)).collect();
        self.outcome =
            cursor.required("\"outcome\":", |cursor, key| cursor.named(key, Outcome::from_name))?;
        self.reason = cursor.string("\"reason\":")?;
        self.recorded_at = cursor.required("\"recorded_at\":", Cursor::time)?;
        self.sender = cursor.string("\"sender\":")?;
        self.severity =
            cursor.required("\"severity\":", |cursor, key| cursor.named(key, Severity::from_name))?;
        self.source = cursor.required("\"source\":", |cursor, key| cursor.named(key, Source::from_name))?;
        self.time = cursor.required("\"time\":", Cursor::time)?;
        Ok(())
    }

    fn decode_actor(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        if cursor.opens("\"actor\":{") {
            self.actor_email = cursor.string("\"email\":")?;
            self.actor_id = cursor.string("\"id\":")?;
            self.actor_name = cursor.string("\"name\":")?;
            self.actor_type = cursor.named("\"type\":", ActorType::from_name)?;
            cursor.closes()?;
        }
        self.session_id = cursor.string("\"session_id\":")?;
        Ok(())
    }

    fn decode_org(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        if cursor.opens("\"org\":{") {
            self.department = cursor.string("\"department\":")?;
            self.groups = cursor.strings("\"groups\":")?;
            self.role = cursor.string("\"role\":")?;
            cursor.closes()?;
        }
        Ok(())
    }

    fn decode_client(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        if cursor.opens("\"client\":{") {
            self.forwarded_for = cursor.strings("\"forwarded_for\":")?;
            self.ip = cursor.ip("\"ip\":")?;
            self.peer_ip = cursor.ip("\"peer_ip\":")?;
            self.user_agent = cursor.string("\"user_agent\":")?;
            cursor.closes()?;
        }
        Ok(())
    }

    fn decode_target(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        if cursor.opens("\"target\":{") {
            let target = decode_target(cursor)?;
            (self.target_type, self.target_id, self.target_name) = (target.kind, target.id, target.name);
        }
        if cursor.opens("\"targets\":[") {
            while cursor.opens("{") {
                self.targets.push(decode_target(cursor)?);
            }
            cursor.closes_array()?;
        }
        Ok(())
    }

    fn decode_usage(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        self.latency_ms = cursor.number("\"latency_ms\":")?;
        if cursor.opens("\"model\":{") {
            self.model = cursor.string("\"id\":")?;
            self.provider = cursor.string("\"provider\":")?;
            cursor.closes()?;
        }
        if cursor.opens("\"usage\":{") {
            self.cached_tokens = cursor.integer("\"cached_tokens\":")?;
            self.cost_usd = cursor.number("\"cost_usd\":")?;
            self.input_tokens = cursor.integer("\"input_tokens\":")?;
            self.output_tokens = cursor.integer("\"output_tokens\":")?;
            self.reasoning_tokens = cursor.integer("\"reasoning_tokens\":")?;
            cursor.closes()?;
        }
        Ok(())
    }

    fn decode_content(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        self.changes = cursor.raw("\"changes\":")?;
        self.details = cursor.raw("\"details\":")?;
        if cursor.opens("\"http\":{") {
            self.http_method = cursor.string("\"method\":")?;
            self.http_path = cursor.string("\"path\":")?;
            self.request_id = cursor.string("\"request_id\":")?;
            let status = cursor.integer("\"status\":")?;
            self.http_status = status.and_then(|status| u16::try_from(status).ok());
            cursor.closes()?;
        }
        self.message = cursor.string("\"message\":")?;
        Ok(())
    }
}

fn decode_target<'a>(cursor: &mut Cursor<'a>) -> Result<TargetFields<'a>> {
    let target = TargetFields {
        id: cursor.string("\"id\":")?,
        name: cursor.string("\"name\":")?,
        kind: cursor.string("\"type\":")?,
    };
    cursor.closes()?;
    Ok(target)
}
