//! One exchange that is recorded: what is gathered while it passes, and what is done when it has ended.

use std::sync::Arc;
use std::time::Instant;

use audit_event::{Category, Client, Event, Timestamp};
use audit_pipeline::sources::openwebui::caller::{Caller, Standing};
use audit_pipeline::sources::openwebui::exchange::{Answer, Captured, Ending, Exchange, Plan};
use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use parking_lot::Mutex;

use super::Inner;
use super::before::Moment;
use super::capture::{Capture, Kept};
use super::recording::{Lost, Recording};
use crate::recorder::{Mode, Refused, Ticket, Unrecorded};

/// What is known of a request before it is forwarded.
pub(super) struct Seen {
    pub plan: Plan,
    pub method: Method,
    pub target: String,
    /// As forwarded.
    pub headers: HeaderMap,
    pub client: Client<'static>,
}

/// An exchange under way. Dropped before [`Watch::conclude`] — the client left, and its task was cancelled — it is
/// recorded as far as it got.
pub(super) struct Watch(Option<Box<State>>);

struct State {
    gateway: Arc<Inner>,
    seen: Seen,
    id: String,
    started: Timestamp,
    /// The same among the changes of states.
    began: Moment,
    clock: Instant,
    /// `None`: asked when the exchange has ended, which is soon enough for what changes nothing.
    caller: Option<Caller>,
    ticket: Option<Ticket>,
    is_strict: bool,
    /// Who the caller is comes with a message, not with the request's headers.
    is_named_later: bool,
    /// What Open WebUI said by closing the socket.
    turned_away: Option<StatusCode>,
    before: Option<Bytes>,
    request: SharedCapture,
    answer: Option<(u16, HeaderMap)>,
    answer_body: Capture,
    first_byte_ms: Option<f64>,
}

/// The copy of a request's body is taken by the body, which hyper owns, and read by the watch.
pub(super) type SharedCapture = Arc<Mutex<Capture>>;

impl Watch {
    /// Begins to watch.
    pub fn begin(gateway: &Arc<Inner>, seen: Seen) -> Self {
        let is_strict = seen.plan.changes_state && gateway.recorder.mode(seen.plan.category) == Mode::Strict;
        let started = gateway.clock.now();
        let gist = || gateway.table.gist_reader(&seen.plan);
        let request = Capture::of_request(seen.plan.keep_request, &seen.headers, gist);
        Self(Some(Box::new(State {
            id: gateway.new_id(started),
            gateway: Arc::clone(gateway),
            started,
            began: gateway.states.moment(),
            clock: Instant::now(),
            caller: None,
            ticket: None,
            is_strict,
            is_named_later: false,
            turned_away: None,
            before: None,
            request: Arc::new(Mutex::new(request)),
            answer: None,
            answer_body: Capture::new(0, &HeaderMap::new()),
            first_byte_ms: None,
            seen,
        })))
    }

    /// Whether the end of the answer waits for the record.
    pub fn is_strict(&self) -> bool {
        self.0.as_ref().is_some_and(|state| state.is_strict)
    }

    /// Before a request that may change something is forwarded: asks who sends it and what was there before, and in
    /// strict mode writes the intent down.
    ///
    /// # Errors
    /// It must not be forwarded.
    pub async fn prepare(&mut self) -> Result<(), Refused> {
        let Some(state) = &mut self.0 else { return Ok(()) };
        if !state.seen.plan.changes_state {
            return Ok(());
        }
        let (gateway, seen) = (&state.gateway, &state.seen);
        if state.caller.is_none() {
            state.caller = Some(gateway.resolver.resolve(&seen.target, &seen.headers).await);
        }
        if let Some(path) = &seen.plan.before {
            state.before = gateway.states.fresh(path, state.started);
            if state.before.is_none() {
                state.before = super::before::fetch(&gateway.upstream, path, &seen.headers).await;
            }
        }
        if state.is_strict {
            let intent = state.intent();
            state.ticket = Some(state.gateway.recorder.begin(intent).await?);
        }
        Ok(())
    }

    /// Who the caller is will be said by [`Watch::named_by`]; the request's headers do not tell.
    pub fn is_named_later(&mut self) {
        if let Some(state) = &mut self.0 {
            state.caller = Some(Caller::default());
            state.is_named_later = true;
        }
    }

    /// The session token by which Open WebUI judges the caller.
    pub fn named_by(&mut self, token: Option<String>) {
        let Some(state) = &mut self.0 else { return };
        let headers = &mut state.seen.headers;
        for name in [&AUTHORIZATION, &COOKIE, &state.gateway.api_key_header] {
            headers.remove(name);
        }
        let bearer = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
        if let Some(mut bearer) = bearer {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        state.caller = None;
    }

    /// Open WebUI closed the socket at once, which says what this status says.
    pub fn is_turned_away(&mut self, status: StatusCode) {
        if let Some(state) = &mut self.0 {
            state.turned_away = Some(status);
        }
    }

    /// The request was not forwarded because it could not be recorded: says so to the queue, which may still take it.
    pub fn give_up(mut self) {
        if let Some(mut state) = self.0.take() {
            state.is_strict = false;
            drop(state.into_recording(Ending::RefusedUnrecordable));
        }
    }

    /// Nothing of it is to be recorded.
    pub fn forget(mut self) {
        self.0 = None;
    }

    /// Where the request's body leaves its copy.
    pub fn request_copy(&self) -> Option<SharedCapture> {
        self.0.as_ref().map(|state| Arc::clone(&state.request))
    }

    /// The answer's head has come.
    pub fn answered<B>(&mut self, answer: &Response<B>) {
        if let Some(state) = &mut self.0 {
            state.answer_body = Capture::new(state.seen.plan.keep_answer, answer.headers());
            state.answer = Some((answer.status().as_u16(), answer.headers().clone()));
        }
    }

    /// A piece of the answer's body has come.
    pub fn saw(&mut self, bytes: &[u8]) {
        if let Some(state) = &mut self.0 {
            if state.first_byte_ms.is_none() {
                state.first_byte_ms = Some(milliseconds_since(state.clock));
            }
            state.answer_body.feed(bytes);
        }
    }

    /// The exchange is over: records it. In strict mode the caller waits and releases the answer then; otherwise it
    /// drops what it gets, and the recording goes on by itself.
    pub fn conclude(mut self, ending: Ending) -> Option<Recording> {
        self.0.take().map(|state| state.into_recording(ending))
    }

    /// [`Watch::conclude`], and waits for it where the mode asks for that.
    ///
    /// # Errors
    /// It happened, but is not recorded.
    pub async fn conclude_and_wait(self, ending: Ending) -> Result<(), Lost> {
        let is_strict = self.is_strict();
        match self.conclude(ending) {
            Some(recording) if is_strict => recording.await,
            _ => Ok(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(state) = self.0.take() {
            drop(state.into_recording(Ending::ClientLeft));
        }
    }
}

impl State {
    fn into_recording(self: Box<Self>, ending: Ending) -> Recording {
        let latency_ms = milliseconds_since(self.clock);
        let tasks = self.gateway.tasks.clone();
        Recording::new(self.record(ending, latency_ms), tasks)
    }

    async fn record(mut self: Box<Self>, ending: Ending, latency_ms: f64) -> Result<(), Unrecorded> {
        let gateway = Arc::clone(&self.gateway);
        let caller = match self.caller.take() {
            Some(caller) => caller,
            None => gateway.resolver.resolve(&self.seen.target, &self.seen.headers).await,
        };
        let request = self.request.lock().finish(ending != Ending::ClientLeft);
        let answer = self.answer_body.finish(ending == Ending::Complete);
        let ticket = self.ticket.take();
        let (request_id, is_strict) = (self.id.clone(), self.is_strict);
        let mut exchange = self.exchange(&caller, ending, latency_ms, &request, &answer);
        let state_path = gateway.table.state_path(&self.seen.plan, &exchange);
        let last = state_path.as_deref().and_then(|path| gateway.states.last(path, self.started));
        exchange.before = exchange.before.or(last.as_deref());
        let concluded = gateway.resolver.conclude(&exchange).await;
        exchange.caller = concluded.as_ref().unwrap_or(&caller);
        let switched = self.turn_away(&mut exchange);
        let mut events = gateway.table.events(&self.seen.plan, &exchange);
        for http in events.iter_mut().filter_map(|event| event.http.as_mut()) {
            http.status = switched.or(http.status);
        }
        events.iter_mut().for_each(|event| gateway.counting.settle(event));
        self.keep_states(state_path.as_deref(), exchange.answer.as_ref());
        tracing::trace!(request.id = request_id, events = events.len(), "an exchange ended");
        if is_strict {
            return gateway.recorder.settle(ticket, events).await;
        }
        gateway.recorder.note(events);
        Ok(())
    }

    /// A caller whom Open WebUI does not accept after the change of protocol is told so by a closed socket. The event
    /// shall be that of a refusal all the same; gives the status that really passed.
    fn turn_away(&self, exchange: &mut Exchange<'_>) -> Option<u16> {
        let is_refused = matches!(exchange.caller.standing, Standing::Absent | Standing::Refused(_));
        let said = self.turned_away.or(is_refused.then_some(StatusCode::UNAUTHORIZED));
        let said = said.filter(|_| self.is_named_later && exchange.ending == Ending::Upgraded)?;
        let answer = exchange.answer.as_mut()?;
        Some(std::mem::replace(&mut answer.status, said.as_u16()))
    }

    /// Remembers a state that has passed, and forgets what may have changed.
    fn keep_states(&self, state_path: Option<&str>, answer: Option<&Answer<'_>>) {
        let (plan, states) = (&self.seen.plan, &self.gateway.states);
        let is_good = answer.is_none_or(|answer| answer.status < 400);
        if plan.changes_state && is_good {
            match state_path {
                Some(path) => states.changed(path),
                None if plan.category == Category::Administration => states.all_changed(),
                None => {}
            }
        } else if let Some((path, answer)) = plan.remember.as_deref().zip(answer)
            && answer.status == 200
            && answer.body.is_whole
        {
            states.saw(path, Bytes::copy_from_slice(answer.body.bytes), self.started, self.began);
        }
    }

    fn intent(&self) -> Event<'static> {
        let nobody = Caller::default();
        let caller = self.caller.as_ref().unwrap_or(&nobody);
        let nothing = Kept::default();
        let exchange = self.exchange(caller, Ending::ClientLeft, 0.0, &nothing, &nothing);
        self.gateway.table.intent(&self.seen.plan, &exchange)
    }

    fn exchange<'s>(
        &'s self,
        caller: &'s Caller,
        ending: Ending,
        latency_ms: f64,
        request: &'s Kept,
        answer: &'s Kept,
    ) -> Exchange<'s> {
        let body = |kept: &'s Kept| -> Captured<'s> { kept.captured() };
        Exchange {
            id: &self.id,
            started: self.started,
            latency_ms,
            first_byte_ms: self.first_byte_ms,
            method: &self.seen.method,
            target: &self.seen.target,
            request_headers: &self.seen.headers,
            request_body: body(request),
            answer: self.answer.as_ref().map(|(status, headers)| Answer {
                status: *status,
                headers,
                body: body(answer),
            }),
            ending,
            caller,
            client: self.seen.client.clone(),
            before: self.before.as_deref(),
        }
    }
}

fn milliseconds_since(clock: Instant) -> f64 {
    // Whole microseconds: what is beyond them is noise.
    clock.elapsed().as_micros() as f64 / 1_000.0
}
