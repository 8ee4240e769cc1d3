//! WebSockets whose client says who it is in its first message: terminals.

use std::time::Duration;

use audit_pipeline::sources::openwebui::exchange::Ending;
use audit_pipeline::sources::openwebui::socket::terminal;
use tokio::sync::oneshot;

use super::watch::Watch;
use super::{Direction, SocketTap};

/// How long the first message may take; Open WebUI waits for ten seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// The session token of the first message, when there is one.
pub(super) type Told = oneshot::Receiver<Option<String>>;

/// Listens for the first message.
pub(super) fn listen() -> (SocketTap, Told) {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let tap: SocketTap = Box::new(move |direction, text| {
        if direction == Direction::ToServer
            && let Some(tell) = tell.take()
        {
            // Nobody waits any more when it came too late.
            let _ = tell.send(terminal::token(text));
        }
    });
    (tap, told)
}

/// Records that a WebSocket was opened, once it is known who opened it.
pub(super) async fn record_opening(mut watch: Watch, told: Option<Told>) {
    if let Some(told) = told {
        let token = tokio::time::timeout(PATIENCE, told).await;
        watch.named_by(token.ok().and_then(Result::ok).flatten());
    }
    // What is lost is logged; the socket is open, and nothing is there to be taken back.
    let _ = watch.conclude_and_wait(Ending::Upgraded).await;
}
