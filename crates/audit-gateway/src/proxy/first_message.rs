//! WebSockets whose client says who it is in its first message, and which Open WebUI refuses by closing: terminals.

use std::time::Duration;

use audit_pipeline::sources::openwebui::exchange::Ending;
use audit_pipeline::sources::openwebui::socket::terminal::FirstMessage;
use http::StatusCode;
use tokio::sync::oneshot;

use super::watch::Watch;
use super::{Direction, Piece, SocketTap, Verdict};

/// How long the first message may take; Open WebUI waits for ten seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long Open WebUI may take to say no to it.
const JUDGEMENT: Duration = Duration::from_secs(5);

/// What is heard of a terminal.
pub(super) struct Told {
    /// The session token of the first message, when there is one.
    token: oneshot::Receiver<Option<String>>,
    /// How Open WebUI took it: by closing with a code, or else.
    judgement: oneshot::Receiver<Option<u16>>,
}

/// Listens for the first message, and for the first word of Open WebUI after it.
pub(super) fn listen() -> (SocketTap, Told) {
    let (tell_token, token) = oneshot::channel();
    let (tell_judgement, judgement) = oneshot::channel();
    let mut hearing = Some((tell_token, FirstMessage::default()));
    let mut judging = Some(tell_judgement);
    let tap: SocketTap = Box::new(move |direction, piece| {
        // Nobody waits any more for what comes too late.
        match (direction, piece) {
            (Direction::ToServer, Piece::Text(text)) => {
                if let Some((_, message)) = &mut hearing {
                    message.feed(text);
                }
            }
            (Direction::ToServer, Piece::End) => {
                if let Some((tell, message)) = hearing.take() {
                    let _ = tell.send(message.finish());
                }
            }
            (Direction::ToClient, Piece::Close(code)) => {
                judging.take().map(|tell| tell.send(code));
            }
            (Direction::ToClient, Piece::End) if hearing.is_none() => {
                judging.take().map(|tell| tell.send(None));
            }
            _ => {}
        }
        Verdict::Pass
    });
    (tap, Told { token, judgement })
}

/// Records that a WebSocket was opened, once it is known who opened it, and whether they were let in.
pub(super) async fn record_opening(mut watch: Watch, told: Option<Told>) {
    if let Some(told) = told {
        let token = tokio::time::timeout(PATIENCE, told.token).await;
        watch.named_by(token.ok().and_then(Result::ok).flatten());
        let judgement = tokio::time::timeout(JUDGEMENT, told.judgement).await;
        if let Some(status) = judgement.ok().and_then(Result::ok).flatten().and_then(status_of) {
            watch.is_turned_away(status);
        }
    }
    // What is lost is logged; the socket is open, and nothing is there to be taken back.
    let _ = watch.conclude_and_wait(Ending::Upgraded).await;
}

/// What a request would have been answered that Open WebUI refuses by closing with this code.
fn status_of(code: u16) -> Option<StatusCode> {
    match code {
        4001 => Some(StatusCode::UNAUTHORIZED),
        4003 => Some(StatusCode::FORBIDDEN),
        4004 => Some(StatusCode::NOT_FOUND),
        _ => None,
    }
}
