//! The whole HTTP surface: every route with whom it admits.

use audit_control::{Caller, Permission};
use axum::Router;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::config::Config;
use crate::endpoints::{
    approvals, break_glass, checkpoints, checks, events, exports, fallback, health, metrics, openapi, pages,
    people, ready, roles, session, sources, stats, status, stream, tlog, tokens, verifications, views,
};
use crate::gate::{self, Gate};
use crate::headers;
use crate::limits::Class;
use crate::locale;
use crate::state::AppState;

/// Where the API lives; the second is for those who expect a plural.
pub(crate) const PREFIXES: [&str; 2] = ["/api/v1/auditlog", "/api/v1/auditlogs"];

/// Every route, below each of the prefixes. What is not here does not exist; what is here says whom it admits.
#[rustfmt::skip]
pub(crate) fn endpoints() -> Vec<Endpoint> {
    use Admission::{Anyone, Known, Needs, Source};
    use Permission::{
        ApprovalsDecide, EventsAppend, EventsExport, EventsRead, HealthRead, IntegrityRead, PeopleRead, RolesManage,
        SourcesManage, TokensManage, ViewsManage,
    };
    const METRICS: Admission = Admission::AnyoneIf(|config| config.public_metrics, Permission::MetricsRead);
    const TLOG: Admission = Admission::AnyoneIf(|config| config.public_tlog, Permission::TlogRead);
    vec![
        get   ("/",              Needs(EventsRead), events::list::handle),
        get   ("/{event}",       Needs(EventsRead), events::one::handle),
        get   ("/{event}/proof", Needs(EventsRead), events::proof::handle),
        get   ("/export-proof",  Needs(EventsExport), events::export_proof::handle),
        get   ("/stats",         Needs(EventsRead), stats::handle),
        get   ("/stream",        Needs(EventsRead), stream::handle),
        get   ("/exports",       Needs(EventsExport), exports::list::handle),
        post  ("/exports",       Needs(EventsExport), exports::begin::handle),
        get   ("/exports/{export}", Needs(EventsExport), exports::one::handle),
        delete("/exports/{export}", Needs(EventsExport), exports::remove::handle),
        get   ("/exports/{export}/file", Needs(EventsExport), exports::file::handle),
        get   ("/exports/{export}/proof", Needs(EventsExport), exports::proof::handle),
        get   ("/people",        Needs(PeopleRead), people::handle),
        get   ("/people/{person}", Needs(PeopleRead), people::one::handle),
        post  ("/events",        Needs(EventsAppend), events::append::handle),
        get   ("/tlog",              TLOG, tlog::prefix),
        get   ("/tlog/checkpoint",   TLOG, tlog::checkpoint::handle),
        get   ("/tlog/tile/{*tile}", TLOG, tlog::tile::handle),
        get   ("/checks",             Needs(HealthRead), checks::handle),
        get   ("/checkpoints",        Needs(IntegrityRead), checkpoints::list),
        get   ("/checkpoints/{size}", Needs(IntegrityRead), checkpoints::one),
        get   ("/verifications",      Needs(IntegrityRead), verifications::list::handle),
        post  ("/verifications",      Needs(IntegrityRead), verifications::start::handle),
        get   ("/verifications/{id}", Needs(IntegrityRead), verifications::one::handle),
        delete("/verifications/{id}", Needs(IntegrityRead), verifications::cancel::handle),
        get   ("/tokens",        Needs(TokensManage),   tokens::list::handle),
        post  ("/tokens",        Needs(TokensManage),   tokens::create::handle),
        delete("/tokens/{token}", Needs(TokensManage),  tokens::revoke::handle),
        post  ("/tokens/{token}/rotate", Needs(TokensManage), tokens::rotate::handle),
        get   ("/roles", Needs(RolesManage), roles::list::handle),
        post  ("/roles", Needs(RolesManage), roles::change::post),
        put   ("/roles/{role}", Needs(RolesManage), roles::change::put),
        delete("/roles/{role}", Needs(RolesManage), roles::change::delete),
        get   ("/sources",       Needs(SourcesManage),   sources::list::handle),
        put   ("/sources/openwebui/{name}", Needs(SourcesManage), sources::put::handle),
        delete("/sources/openwebui/{name}", Needs(SourcesManage), sources::remove::handle),
        post  ("/sources/openwebui/{name}", Source, sources::receive::handle),
        post  ("/sources/openwebui/{name}/{secret}", Source, sources::receive::handle),
        get   ("/views",         Needs(ViewsManage), views::list::handle),
        post  ("/views",         Needs(ViewsManage), views::create::handle),
        get   ("/views/{view}",  Needs(ViewsManage), views::one::handle),
        put   ("/views/{view}",  Needs(ViewsManage), views::change::handle),
        delete("/views/{view}",  Needs(ViewsManage), views::remove::handle),
        get   ("/approvals",     Needs(ApprovalsDecide), approvals::list::handle),
        post  ("/approvals/{approval}", Needs(ApprovalsDecide), approvals::decide::handle),
        get   ("/healthz",       Anyone,  health::handle),
        get   ("/readyz",        Anyone,  ready::handle),
        get   ("/metrics",       METRICS, metrics::handle),
        get   ("/openapi.json",  Anyone,  openapi::handle),
        get   ("/break-glass",   Needs(TokensManage), break_glass::look),
        put   ("/break-glass",   Needs(TokensManage), break_glass::set),
        delete("/break-glass",   Needs(TokensManage), break_glass::remove),
        get   ("/session",       Known,   session::handle),
        get   ("/status",        Needs(HealthRead), status::handle),
    ]
}

/// Every page, with its whole address.
#[rustfmt::skip]
pub(crate) fn pages() -> Vec<Endpoint> {
    use Admission::{Anyone, Needs};
    use Permission::{
        ApprovalsDecide, EventsExport, EventsRead, HealthRead, IntegrityRead, LooksRead, PeopleRead, RolesManage, TokensManage,
        ViewsManage,
    };
    vec![
        get   ("/audit",           Needs(EventsRead), pages::events::handle),
        get   ("/audit/events/{event}", Needs(EventsRead), pages::event::handle),
        get   ("/audit/users",     Needs(PeopleRead), pages::people::handle),
        get   ("/audit/users/{person}", Needs(PeopleRead), pages::people::person::handle),
        get   ("/audit/views/{view}", Needs(ViewsManage), pages::views::open),
        post  ("/audit/views",     Needs(ViewsManage), pages::views::handle),
        get   ("/audit/looks",     Needs(LooksRead), pages::looks::handle),
        get   ("/audit/approvals", Needs(ApprovalsDecide), pages::approvals::handle),
        post  ("/audit/approvals", Needs(ApprovalsDecide), pages::approvals::decide),
        get   ("/audit/usage",     Needs(Permission::UsageRead), pages::usage::handle),
        get   ("/audit/usage.csv", Needs(Permission::UsageRead), pages::usage::csv),
        get   ("/audit/fields.json", Needs(EventsRead), pages::fields::handle),
        get   ("/audit/suggestions", Needs(EventsRead), pages::suggestions::handle),
        get   ("/audit/exports",   Needs(EventsExport), pages::exports::handle),
        post  ("/audit/exports",   Needs(EventsExport), pages::exports::start),
        get   ("/audit/exports/new", Needs(EventsExport), pages::exports::new),
        get   ("/audit/exports/sizes", Needs(EventsExport), pages::exports::sizes),
        post  ("/audit/exports/{export}/delete", Needs(EventsExport), pages::exports::delete),
        get   ("/audit/integrity", Needs(IntegrityRead), pages::integrity::handle),
        post  ("/audit/integrity/verify", Needs(IntegrityRead), pages::integrity::verify),
        post  ("/audit/integrity/cancel", Needs(IntegrityRead), pages::integrity::cancel),
        get   ("/audit/health",    Needs(HealthRead), pages::health::handle),
        get   ("/audit/access",    Needs(TokensManage), pages::access::handle),
        post  ("/audit/access/tokens", Needs(TokensManage), pages::access::change_tokens),
        post  ("/audit/access/roles", Needs(RolesManage), pages::access::change_roles),
        get   ("/audit/sign-in",   Anyone,  pages::sign_in::form),
        post  ("/audit/sign-in",   Anyone,  pages::sign_in::handle),
        get   ("/audit/sign-in/provider", Anyone, pages::sign_in::provider::begin),
        get   ("/audit/sign-in/provider/callback", Anyone, pages::sign_in::provider::callback),
        get   ("/audit/sign-in/emergency", Anyone, pages::sign_in::emergency::form),
        post  ("/audit/sign-in/emergency", Anyone, pages::sign_in::emergency::handle),
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
    /// Callers who may do this.
    Needs(Permission),
    /// Callers whoever they are, whatever they may do.
    Known,
    /// Everyone.
    Anyone,
    /// The source that the path names, with its secret.
    Source,
    /// Everyone if the configuration says so, else callers who may do this.
    AnyoneIf(fn(&Config) -> bool, Permission),
}

impl Admission {
    /// What a caller has to show. A source shows nothing of this kind: it may do this one thing.
    pub fn required(self, config: &Config) -> Required {
        match self {
            Self::Needs(permission) => Required::Permission(permission),
            Self::Known => Required::Credential,
            Self::Anyone | Self::Source => Required::Nothing,
            Self::AnyoneIf(setting, _) if setting(config) => Required::Nothing,
            Self::AnyoneIf(_, permission) => Required::Permission(permission),
        }
    }
}

/// What a caller has to show to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    /// Nothing.
    Nothing,
    /// Who they are.
    Credential,
    /// Who they are, and that they may do this.
    Permission(Permission),
}

impl Required {
    /// What `caller` lacks of it.
    pub fn lacked_by(self, caller: &Caller) -> Option<Permission> {
        match self {
            Self::Nothing | Self::Credential => None,
            Self::Permission(permission) => (!caller.may(permission)).then_some(permission),
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
        let class = Class::of(endpoint.path, endpoint.admission);
        let gate = Gate { state: state.clone(), admission: endpoint.admission, class, kind, route };
        let handler = endpoint.handler.route_layer(from_fn_with_state(gate, gate::pass));
        let handler = match kind {
            Kind::Page => handler.route_layer(from_fn(locale::of_reader)),
            Kind::Api => handler,
        };
        for path in paths {
            router = router.route(&path, handler.clone());
        }
    }
    router
        .fallback(fallback::elsewhere)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(from_fn(headers::add))
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
