//! What Open WebUI's Socket.IO connection tells: whose it is, and what a chat of the page used.
//!
//! The connection's upgrade request may carry no credential at all: the page opens its socket before anybody has signed
//! in, and sends the session's token inside ([`Seen::Token`], to be resolved like any other). The answer to a chat comes
//! in frames too, with its usage where the model's capability `usage` is on ([`Seen::Answer`]).
//!
//! Frames are read in pieces of any size and never kept; a connection holds about 200 bytes, and some more while an answer
//! is under way. Binary frames, compressed ones and other Engine.IO packets are the caller's to leave out or harmless
//! here: what is not understood gives nothing.
//!
//! Engine.IO: a digit (4 = message), then Socket.IO: a digit (0 = connect, 2 = event, 5 = event with attachments), an
//! optional namespace and acknowledgement number, then JSON. <https://socket.io/docs/v4/socket-io-protocol/>

mod head;
mod packet;
pub mod terminal;

use audit_event::{Event, Json, Model, Outcome, Source, Target, Timestamp};
use sha2::{Digest, Sha256};

use self::packet::Packet;
use super::caller::Caller;
use super::completions::Tokens;
use super::table::decoded;

/// Where Open WebUI has its Socket.IO.
pub const PATH: &str = "/ws/socket.io";

/// Answers under way that are remembered for a connection; the oldest is forgotten first.
const MOST_ANSWERS: usize = 16;

/// The event by which a page sends what was written in a note.
const NOTE_EVENT: &str = "ydoc:document:update";

/// One Socket.IO connection.
#[derive(Debug, Default)]
pub struct Socket {
    from_client: Packet,
    from_server: Packet,
    /// The models of answers under way, by message.
    models: Vec<(String, String)>,
}

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The browser or program.
    Client,
    /// Open WebUI.
    Server,
}

/// What a frame told.
#[derive(Clone, PartialEq, Eq)]
pub enum Seen {
    /// The client gave this session token. A secret.
    Token(String),
    /// The server accepted the connection under this id, the `session_id` of chat requests.
    Accepted(String),
    /// An answer in a chat of this connection's user is complete, or failed.
    Answer(SocketAnswer),
    /// The client sent a change of the note of this id, by writing in it.
    NoteChanged(String),
    /// The client sent what may be a change of a note, in parts that only Open WebUI puts together, or a token that is too
    /// long to be read. Its pages never do.
    Hidden,
}

/// The end of an answer in a chat of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketAnswer {
    /// The chat.
    pub chat_id: Option<String>,
    /// The answer's message.
    pub message_id: String,
    /// The model, when a frame named it.
    pub model: Option<String>,
    /// What it used, when Open WebUI was told.
    pub tokens: Tokens,
    /// Whether it failed.
    pub is_error: bool,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(hidden)"),
            Self::Accepted(id) => f.debug_tuple("Accepted").field(id).finish(),
            Self::Hidden => f.write_str("Hidden"),
            Self::NoteChanged(id) => f.debug_tuple("NoteChanged").field(id).finish(),
            Self::Answer(answer) => f.debug_tuple("Answer").field(answer).finish(),
        }
    }
}

impl Socket {
    /// Looks at a whole text frame.
    pub fn text(&mut self, from: From, frame: &[u8]) -> Option<Seen> {
        self.part(from, frame);
        self.end(from)
    }

    /// Looks at the next piece of a text frame's (unmasked) payload.
    pub fn part(&mut self, from: From, piece: &[u8]) {
        self.packet(from).feed(piece);
    }

    /// The text frame is whole.
    pub fn end(&mut self, from: From) -> Option<Seen> {
        let mut found = self.packet(from).finish();
        match (from, found.sid.take()) {
            (From::Client, _) if found.may_hide(NOTE_EVENT) => Some(Seen::Hidden),
            (From::Client, _) => found.token.take().map(Seen::Token).or_else(|| note_changed(&found)),
            (From::Server, Some(id)) => Some(Seen::Accepted(id)),
            (From::Server, None) => self.answer(found).map(Seen::Answer),
        }
    }

    /// The packets of a long-polling request's or answer's body, which Engine.IO puts one after another.
    pub fn polled(&mut self, from: From, body: &[u8]) -> Vec<Seen> {
        const SEPARATOR: u8 = 0x1e;
        body.split(|byte| *byte == SEPARATOR).filter_map(|packet| self.text(from, packet)).collect()
    }

    fn packet(&mut self, from: From) -> &mut Packet {
        match from {
            From::Client => &mut self.from_client,
            From::Server => &mut self.from_server,
        }
    }

    fn answer(&mut self, found: packet::Found) -> Option<SocketAnswer> {
        // A shared chat's frames go to everybody who looks at it; those of one's own answers are not marked.
        if found.event.as_deref() != Some("events") || found.is_shared {
            return None;
        }
        let message_id = found.message_id?;
        let is_error = found.kind.as_deref() == Some("chat:message:error");
        let is_answer = matches!(found.kind.as_deref(), Some("chat:completion" | "response:completion"));
        if !is_answer && !is_error {
            return None;
        }
        if let Some(model) = found.model {
            self.remember(&message_id, model);
        }
        if !found.is_done && !is_error {
            return None;
        }
        let model = self.recall(&message_id);
        let is_error = is_error || found.has_error;
        Some(SocketAnswer {
            chat_id: found.chat_id,
            message_id,
            model,
            tokens: found.usage.tokens(),
            is_error,
        })
    }

    fn remember(&mut self, message: &str, model: String) {
        if self.models.iter().any(|(id, _)| id == message) {
            return;
        }
        if self.models.len() == MOST_ANSWERS {
            self.models.remove(0);
        }
        self.models.push((message.to_owned(), model));
    }

    fn recall(&mut self, message: &str) -> Option<String> {
        let at = self.models.iter().position(|(id, _)| id == message)?;
        Some(self.models.remove(at).1)
    }
}

/// Whether a request's target (path and query as they came) is Socket.IO's, as Open WebUI's router reads it.
#[must_use]
pub fn is_socket_io(target: &str) -> bool {
    decoded(target).starts_with(PATH)
}

/// Open WebUI takes two spellings of a note's document.
fn note_changed(found: &packet::Found) -> Option<Seen> {
    let document = found.document_id.as_deref().filter(|_| found.event.as_deref() == Some(NOTE_EVENT))?;
    let note = document.strip_prefix("note:").or_else(|| document.strip_prefix("note_"))?;
    Some(Seen::NoteChanged(note.split(':').next().unwrap_or(note).to_owned()))
}

/// The event of somebody who writes in a note, as far as it is named. Nothing says whether Open WebUI accepted it: it
/// drops what it refuses.
#[must_use]
pub fn note_event(note: Option<&str>, caller: &Caller, now: Timestamp) -> Event<'static> {
    let mut event = Event::new("note.updated", Source::Gateway);
    event.time = Some(now);
    event.outcome = Outcome::Unknown;
    caller.sign(&mut event);
    event.target = note.map(|note| super::target("note", note));
    event.details = Some(Json::object(vec![("flow", Json::from("socket"))]));
    event.message = Some(super::sentence(&event).into());
    event
}

impl SocketAnswer {
    /// The event of it, unless it carries neither usage nor an error: then it says nothing that the chat's request did
    /// not. Where a model gateway counts, its event is the one to record, not this.
    ///
    /// A page open twice hears it twice: whoever calls this has seen to it that this is the first of them. `id` is the
    /// event's.
    #[must_use]
    pub fn event(&self, id: String, caller: &Caller, now: Timestamp) -> Option<Event<'static>> {
        if !self.says_something() {
            return None;
        }
        let mut event = Event::new("model.called", Source::Gateway);
        event.id = Some(id.into());
        event.time = Some(now);
        event.outcome = if self.is_error { Outcome::Failure } else { Outcome::Success };
        event.reason = self.is_error.then(|| "provider_error".into());
        caller.sign(&mut event);
        event.model = self.model.clone().map(|id| Model { id: Some(id.into()), provider: None });
        event.target = self.model.clone().map(|id| super::target("model", id));
        event.targets =
            self.chat_id.iter().map(|id| -> Target<'static> { super::target("chat", id.as_str()) }).collect();
        event.usage = self.tokens.usage();
        let mut details =
            vec![("message_id", Json::from(self.message_id.clone())), ("flow", "socket".into())];
        details.extend(self.chat_id.clone().map(|id| ("chat_id", Json::from(id))));
        event.details = Some(Json::object(details));
        event.message = Some(super::sentence(&event).into());
        Some(event)
    }

    /// Whether there is anything to record.
    #[must_use]
    pub fn says_something(&self) -> bool {
        !self.tokens.is_empty() || self.is_error
    }

    /// Equal for the copies of one answer that reach several connections of `caller`. Chat and message are named by
    /// the client, so that later answers may have the same, and so may another person's.
    #[must_use]
    pub fn fingerprint(&self, caller: &Caller) -> [u8; 32] {
        let person = caller.person.as_ref().map(|person| person.id.as_str());
        let whose = person.or(caller.claimed_id.as_deref()).or(caller.session_id.as_deref());
        let chat = self.chat_id.as_deref().unwrap_or_default();
        let numbers = format!("{:?} {}", self.tokens, self.is_error);
        let mut hash = Sha256::new();
        for part in [whose.unwrap_or_default(), chat, &self.message_id, &numbers] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests;
