//! Looking at Open WebUI's Socket.IO connections: whose they are, what the answers that come over them used, and which
//! notes are written in.
//!
//! The tap only finds; a task of each connection asks who it is, in the order of what was found.

use std::sync::Arc;

use audit_event::{Category, Clock, Event, Outcome, Timestamp};
use audit_pipeline::prices::Prices;
use audit_pipeline::sources::openwebui::caller::Caller;
use audit_pipeline::sources::openwebui::socket::{self, From, PATH, Seen, Socket, SocketAnswer};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use tokio::sync::mpsc;

use super::socket_answers::{Answers, Connection};
use super::{Direction, Piece, SocketListener, SocketOpening, SocketTap, Verdict};
use crate::identity::Resolver;
use crate::recorder::{Mode, Recorder};

/// What may wait on one connection for the answer to who it is. Answers beyond it are recorded as nobody's.
const MAX_WAITING: usize = 256;

/// Somebody who writes sends a frame with every key; the ledger has one event for so long.
const NOTE_MICROS: i64 = 10 * 60 * 1_000_000;

/// Notes that are remembered for a connection; the oldest is forgotten first.
const MOST_NOTES: usize = 32;

/// What is needed to make events of what is heard.
struct Ears {
    resolver: Arc<Resolver>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    /// `None`: model calls are counted elsewhere.
    prices: Option<Arc<Prices>>,
    answers: Answers,
}

/// A listener that records who writes in which note, and, with `prices`, the usage and the failures of chats in the page.
/// Give no prices where model calls pass the model gateway: that one counts them better.
#[must_use]
pub fn listener(
    resolver: Arc<Resolver>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    prices: Option<Arc<Prices>>,
) -> SocketListener {
    let answers = Answers::new(seed(clock.now()));
    let ears = Arc::new(Ears { resolver, recorder, clock, prices, answers });
    Arc::new(move |opening| socket::is_socket_io(opening.target).then(|| listen(&ears, opening)))
}

/// What a connection's task is told.
enum Heard {
    Token(String),
    Answer(SocketAnswer, Timestamp),
    Note(String),
    /// What may be a change of this note, when it has a name, was not let pass.
    Refused(Option<String>, &'static str),
}

fn listen(ears: &Arc<Ears>, opening: SocketOpening<'_>) -> SocketTap {
    let (tell, heard) = mpsc::channel(MAX_WAITING);
    let connection = ears.answers.connection(ears.clock.now());
    let holder = Holder {
        ears: Arc::clone(ears),
        credentials: credentials_of(opening.headers),
        client: opening.client.clone(),
        connection,
    };
    // Ends when the tap is dropped, with the connection.
    opening.tasks.spawn(holder.follow(heard));
    let (ears, client) = (Arc::clone(ears), opening.client.clone());
    let (mut socket, mut notes) = (Socket::default(), Notes::default());
    Box::new(move |direction, piece| {
        let from = match direction {
            Direction::ToServer => From::Client,
            Direction::ToClient => From::Server,
        };
        let seen = match piece {
            Piece::Text(text) => {
                socket.part(from, text);
                return Verdict::Pass;
            }
            Piece::End => socket.end(from),
            Piece::Close(_) => None,
        };
        let found = match seen {
            Some(Seen::Token(token)) => Heard::Token(token),
            Some(Seen::Answer(answer)) if ears.prices.is_some() && answer.says_something() => {
                Heard::Answer(answer, ears.clock.now())
            }
            Some(Seen::NoteChanged(note)) if ears.may_not_record() => {
                Heard::Refused(Some(note), "not_recordable")
            }
            Some(Seen::NoteChanged(note)) if notes.is_new(&note, ears.clock.now()) => Heard::Note(note),
            Some(Seen::Hidden) => Heard::Refused(None, "ambiguous_message"),
            _ => return Verdict::Pass,
        };
        let verdict = if matches!(found, Heard::Refused(..)) { Verdict::Stop } else { Verdict::Pass };
        if let Err(untold) = tell.try_send(found) {
            ears.note(&untold.into_inner(), &Caller::default(), &client, connection);
        }
        verdict
    })
}

/// Who holds a connection, as far as it said so.
struct Holder {
    ears: Arc<Ears>,
    credentials: HeaderMap,
    client: audit_event::Client<'static>,
    connection: Connection,
}

impl Holder {
    async fn follow(mut self, mut heard: mpsc::Receiver<Heard>) {
        while let Some(heard) = heard.recv().await {
            if let Heard::Token(token) = heard {
                self.consider(&token).await;
            } else {
                let caller = self.ears.resolver.resolve(PATH, &self.credentials).await;
                self.ears.note(&heard, &caller, &self.client, self.connection);
            }
        }
    }

    /// Open WebUI overlooks a token that is not good, and keeps whom it has.
    async fn consider(&mut self, token: &str) {
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else { return };
        bearer.set_sensitive(true);
        let offered: HeaderMap = std::iter::once((AUTHORIZATION, bearer)).collect();
        let is_first = self.credentials.is_empty();
        if is_first || self.ears.resolver.resolve(PATH, &offered).await.person.is_some() {
            self.credentials = offered;
        }
    }
}

impl Ears {
    /// Whether a change must not pass because the ledger does not accept.
    fn may_not_record(&self) -> bool {
        self.recorder.mode(Category::Conversation) == Mode::Strict && self.recorder.accepts().is_err()
    }

    fn note(
        &self,
        heard: &Heard,
        caller: &Caller,
        client: &audit_event::Client<'static>,
        connection: Connection,
    ) {
        if let Some(mut event) = self.event(heard, caller, connection) {
            event.client = Some(client.clone());
            self.recorder.note(vec![event]);
        }
    }

    fn event(&self, heard: &Heard, caller: &Caller, connection: Connection) -> Option<Event<'static>> {
        match heard {
            Heard::Token(_) => None,
            Heard::Note(note) => Some(socket::note_event(Some(note), caller, self.clock.now())),
            Heard::Refused(note, reason) => {
                let mut event = socket::note_event(note.as_deref(), caller, self.clock.now());
                (event.outcome, event.reason) = (Outcome::Failure, Some((*reason).into()));
                Some(event)
            }
            Heard::Answer(answer, heard) => {
                let id = self.answers.admit(answer.fingerprint(caller), connection, *heard)?;
                let mut event = answer.event(id, caller, self.clock.now())?;
                self.prices.as_ref()?.complete(&mut event);
                Some(event)
            }
        }
    }
}

/// The notes that a connection lately wrote in.
#[derive(Default)]
struct Notes(Vec<(String, Timestamp)>);

impl Notes {
    fn is_new(&mut self, note: &str, now: Timestamp) -> bool {
        self.0.retain(|(_, since)| now.as_micros().saturating_sub(since.as_micros()) < NOTE_MICROS);
        if self.0.iter().any(|(known, _)| known == note) {
            return false;
        }
        if self.0.len() == MOST_NOTES {
            self.0.remove(0);
        }
        self.0.push((note.to_owned(), now));
        true
    }
}

/// What makes this process's events unlike any other's.
fn seed(now: Timestamp) -> [u8; 32] {
    let mut seed = [0; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        tracing::warn!(error.message = %error, "no random bytes: ids of answers come from the clock alone");
        seed[..8].copy_from_slice(&now.as_micros().to_be_bytes());
    }
    seed
}

/// The page's own upgrade request may carry the session's cookie.
fn credentials_of(headers: &HeaderMap) -> HeaderMap {
    let own = headers.iter().filter(|(name, _)| [AUTHORIZATION, COOKIE].contains(name));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
