//! A data directory, opened in this process and asked through the same routes as a server.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use audit_web::{AppState, InProcess, Parts, Surroundings};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;

use super::{Body, BoxError};
use crate::{app, output::note, store::Store};

/// How long a command waits for the index before it answers from what there is.
const INDEX_PATIENCE: Duration = Duration::from_secs(120);

/// The routes, and the store behind them.
pub(crate) struct Local {
    routes: InProcess,
    store: Store,
}

impl Local {
    /// The API of `store` for whoever sits at the keyboard. Waits until all that is recorded can be found.
    pub(crate) fn new(store: Store, login_name: Option<&str>) -> anyhow::Result<Self> {
        Self::among(None, store, login_name)
    }

    /// The same, with what tells of the gateways.
    pub(crate) fn among(
        surroundings: Option<Arc<dyn Surroundings>>,
        store: Store,
        login_name: Option<&str>,
    ) -> anyhow::Result<Self> {
        if !store.wait_until_searchable(INDEX_PATIENCE) {
            note("warning: the index is still catching up: the newest events may be missing from the answer");
        }
        let parts = Parts { surroundings, ..app::web_parts(&store) };
        let state = AppState::build(app::web_config(store.config()), parts).context("cannot open the API")?;
        Ok(Self { routes: InProcess::new(state, login_name.unwrap_or("unknown")), store })
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Response<Body>> {
        let response = self.routes.send(request).await;
        Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
    }

    /// Records what was asked, and closes the store.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.routes.close().await;
        tokio::task::spawn_blocking(|| self.store.close()).await?
    }
}
