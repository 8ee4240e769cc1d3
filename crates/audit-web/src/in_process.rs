//! The API without a socket: for the command line, which opens a data directory in its own process.

use std::convert::Infallible;
use std::sync::Arc;

use audit_control::{Caller, Role};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use tower::ServiceExt as _;

use crate::state::AppState;

/// Who calls in this process: whoever may open the data directory may do everything, and is known by a login name that
/// nobody has proven. No request from a socket can carry this.
#[derive(Debug, Clone)]
pub(crate) struct AtKeyboard(pub Arc<Caller>);

/// The API, answering in this process as to an admin.
pub struct InProcess {
    state: AppState,
    router: Router,
    caller: AtKeyboard,
}

impl InProcess {
    /// The id that the record gives to callers in this process.
    pub const CALLER_ID: &'static str = "console";

    /// The API for the person with this login name.
    pub fn new(state: AppState, login_name: &str) -> Self {
        let caller = Caller::with_role(Self::CALLER_ID, login_name, Role::Admin);
        let router = crate::router::router(state.clone());
        Self { state, router, caller: AtKeyboard(Arc::new(caller)) }
    }

    /// Answers a request.
    pub async fn send(&self, request: Request<Bytes>) -> Response {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(self.caller.clone());
        let answer: Result<Response, Infallible> = self.router.clone().oneshot(request).await;
        answer.unwrap_or_else(|never| match never {})
    }

    /// Records what has gathered about the caller; the ledger must be closed only after this returns.
    pub async fn close(self) {
        self.state.draining().cancel();
        self.state.finish().await;
    }
}
