//! Looking at Open WebUI's Socket.IO connections: whose they are, and what the answers that come over them used.

use std::sync::Arc;

use audit_event::Clock;
use audit_pipeline::prices::Prices;
use audit_pipeline::sources::openwebui::caller::Caller;
use audit_pipeline::sources::openwebui::socket::{From, Seen, Socket, SocketAnswer};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;

use super::{Direction, SocketListener, SocketOpening, SocketTap};
use crate::identity::Resolver;
use crate::recorder::Recorder;

/// Where Open WebUI has its socket.
const PATH: &str = "/ws/socket.io";

/// What is needed to make events of what is heard.
struct Ears {
    resolver: Arc<Resolver>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    prices: Arc<Prices>,
}

/// A listener that records the usage and the failures of chats in the page. Not for an installation whose model calls
/// pass the model gateway: that one counts them better.
#[must_use]
pub fn chat_usage(
    resolver: Arc<Resolver>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    prices: Arc<Prices>,
) -> SocketListener {
    let ears = Arc::new(Ears { resolver, recorder, clock, prices });
    Arc::new(move |opening| opening.target.starts_with(PATH).then(|| listen(Arc::clone(&ears), opening)))
}

/// Who holds a socket, as far as it said so.
type Credentials = Arc<Mutex<HeaderMap>>;

fn listen(ears: Arc<Ears>, opening: SocketOpening<'_>) -> SocketTap {
    let credentials: Credentials = Arc::new(Mutex::new(credentials_of(opening.headers)));
    let client = opening.client.clone();
    let mut socket = Socket::default();
    Box::new(move |direction, text| {
        let from = match direction {
            Direction::ToServer => From::Client,
            Direction::ToClient => From::Server,
        };
        match socket.text(from, text) {
            Some(Seen::Token(token)) => {
                if let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}")) {
                    bearer.set_sensitive(true);
                    let mut known = credentials.lock();
                    known.clear();
                    known.insert(AUTHORIZATION, bearer);
                }
            }
            Some(Seen::Answer(answer)) => {
                let (ears, headers) = (Arc::clone(&ears), credentials.lock().clone());
                let client = client.clone();
                tokio::spawn(async move {
                    let caller = ears.resolver.resolve(PATH, &headers).await;
                    ears.note(&answer, &caller, client);
                });
            }
            Some(Seen::Accepted(_)) | None => {}
        }
    })
}

impl Ears {
    fn note(&self, answer: &SocketAnswer, caller: &Caller, client: audit_event::Client<'static>) {
        if let Some(mut event) = answer.event(caller, self.clock.now()) {
            event.client = Some(client);
            self.prices.complete(&mut event);
            self.recorder.note(vec![event]);
        }
    }
}

/// The page's own upgrade request may carry the session's cookie.
fn credentials_of(headers: &HeaderMap) -> HeaderMap {
    let own = headers.iter().filter(|(name, _)| [AUTHORIZATION, COOKIE].contains(name));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
