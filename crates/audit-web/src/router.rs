//! The whole HTTP surface: every route with whom it admits.

use audit_control::Role;
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::config::Config;
use crate::endpoints::{
    events, fallback, health, metrics, openapi, pages, ready, session, sources, stats, status, stream, tlog,
    tokens,
};
use crate::gate::{self, Gate};
use crate::state::AppState;

/// Where the API lives; the second is for those who expect a plural.
pub(crate) const PREFIXES: [&str; 2] = ["/api/v1/auditlog", "/api/v1/auditlogs"];

/// Every route, below each of the prefixes. What is not here does not exist; what is here says whom it admits.
#[rustfmt::skip]
pub(crate) fn endpoints() -> Vec<Endpoint> {
    use Admission::{Anyone, Only, Source};
    const AUDITOR: Admission = Only(Role::Auditor);
    const ADMIN: Admission = Only(Role::Admin);
    const METRICS: Admission = Admission::AnyoneIf(|config| config.public_metrics, Role::Auditor);
    const TLOG: Admission = Admission::AnyoneIf(|config| config.public_tlog, Role::Auditor);
    vec![
        get   ("/",              AUDITOR, events::list::handle),
        get   ("/{event}",       AUDITOR, events::one::handle),
        get   ("/{event}/proof", AUDITOR, events::proof::handle),
        get   ("/stats",         AUDITOR, stats::handle),
        get   ("/stream",        AUDITOR, stream::handle),
        post  ("/events",        Only(Role::Ingest), events::append::handle),
        get   ("/tlog",              TLOG, tlog::prefix),
        get   ("/tlog/checkpoint",   TLOG, tlog::checkpoint::handle),
        get   ("/tlog/tile/{*tile}", TLOG, tlog::tile::handle),
        get   ("/tokens",        ADMIN,   tokens::list::handle),
        post  ("/tokens",        ADMIN,   tokens::create::handle),
        delete("/tokens/{token}", ADMIN,  tokens::revoke::handle),
        get   ("/sources",       ADMIN,   sources::list::handle),
        put   ("/sources/openwebui/{name}", ADMIN, sources::put::handle),
        delete("/sources/openwebui/{name}", ADMIN, sources::remove::handle),
        post  ("/sources/openwebui/{name}", Source, sources::receive::handle),
        post  ("/sources/openwebui/{name}/{secret}", Source, sources::receive::handle),
        get   ("/healthz",       Anyone,  health::handle),
        get   ("/readyz",        Anyone,  ready::handle),
        get   ("/metrics",       METRICS, metrics::handle),
        get   ("/openapi.json",  Anyone,  openapi::handle),
        get   ("/session",       AUDITOR, session::handle),
        get   ("/status",        AUDITOR, status::handle),
    ]
}

/// Every page, with its whole address.
#[rustfmt::skip]
pub(crate) fn pages() -> Vec<Endpoint> {
    use Admission::{Anyone, Only};
    const AUDITOR: Admission = Only(Role::Auditor);
    vec![
        get   ("/audit",           AUDITOR, pages::events::handle),
        get   ("/audit/events/{event}", AUDITOR, pages::event::handle),
        get   ("/audit/fields.json", AUDITOR, pages::fields::handle),
        get   ("/audit/sign-in",   Anyone,  pages::sign_in::form),
        post  ("/audit/sign-in",   Anyone,  pages::sign_in::handle),
        post  ("/audit/sign-out",  Anyone,  pages::sign_out::handle),
        post  ("/audit/theme",     Anyone,  pages::theme::handle),
        get   ("/audit/assets/{version}/{name}", Anyone, pages::assets::handle),
    ]
}

/// Who reads a route's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Programs: JSON, and problems as JSON.
    Api,
    /// People: HTML, and problems as a page.
    Page,
}

/// Whom a route admits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Admission {
    /// Callers of this role (and admins).
    Only(Role),
    /// Everyone.
    Anyone,
    /// The source that the path names, with its secret.
    Source,
    /// Everyone if the configuration says so, else callers of this role.
    AnyoneIf(fn(&Config) -> bool, Role),
}

impl Admission {
    /// The role a caller needs, if any. A source has none: it may do this one thing.
    pub fn required(self, config: &Config) -> Option<Role> {
        match self {
            Self::Only(role) => Some(role),
            Self::Anyone | Self::Source => None,
            Self::AnyoneIf(setting, role) => (!setting(config)).then_some(role),
        }
    }
}

/// One route.
pub(crate) struct Endpoint {
    pub method: &'static str,
    /// Below the prefix; `/` is the prefix itself.
    pub path: &'static str,
    pub admission: Admission,
    handler: MethodRouter<AppState>,
}

fn get<T: 'static>(path: &'static str, admission: Admission, handler: impl Handler<T, AppState>) -> Endpoint {
    Endpoint { method: "GET", path, admission, handler: on(MethodFilter::GET, handler) }
}

fn post<T: 'static>(
    path: &'static str,
    admission: Admission,
    handler: impl Handler<T, AppState>,
) -> Endpoint {
    Endpoint { method: "POST", path, admission, handler: on(MethodFilter::POST, handler) }
}

fn put<T: 'static>(path: &'static str, admission: Admission, handler: impl Handler<T, AppState>) -> Endpoint {
    Endpoint { method: "PUT", path, admission, handler: on(MethodFilter::PUT, handler) }
}

fn delete<T: 'static>(
    path: &'static str,
    admission: Admission,
    handler: impl Handler<T, AppState>,
) -> Endpoint {
    Endpoint { method: "DELETE", path, admission, handler: on(MethodFilter::DELETE, handler) }
}

/// The router: each route below both prefixes, with and without a slash at its end.
pub(crate) fn router(state: AppState) -> Router {
    let mut router = Router::new();
    let surface = endpoints().into_iter().map(|endpoint| (Kind::Api, spellings(endpoint.path), endpoint));
    let pages = pages().into_iter().map(|page| (Kind::Page, vec![page.path.to_owned()], page));
    for (route, (kind, paths, endpoint)) in surface.chain(pages).enumerate() {
        let gate = Gate { state: state.clone(), admission: endpoint.admission, kind, route };
        let handler = endpoint.handler.route_layer(from_fn_with_state(gate, gate::pass));
        for path in paths {
            router = router.route(&path, handler.clone());
        }
    }
    router
        .fallback(fallback::no_such_route)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .with_state(state)
}

fn spellings(path: &str) -> Vec<String> {
    let ends_open = path.ends_with('}') && path.contains("{*");
    let bare = path.trim_end_matches('/');
    let of_prefix = |prefix: &str| {
        let plain = format!("{prefix}{bare}");
        let slashed = (!ends_open).then(|| format!("{plain}/"));
        std::iter::once(plain).chain(slashed).collect::<Vec<_>>()
    };
    PREFIXES.iter().flat_map(|prefix| of_prefix(prefix)).collect()
}
