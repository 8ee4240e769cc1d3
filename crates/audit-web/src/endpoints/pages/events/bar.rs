//! The views to choose from, and which of them is open.

use super::view::View;
use crate::problem::Result;
use crate::state::AppState;
use crate::views::{self, Listed};

/// The bar above the events.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    pub tabs: Vec<Tab>,
    /// Whether everything is shown and no view is open.
    pub is_all: bool,
}

/// One view to choose.
#[derive(Debug)]
pub(crate) struct Tab {
    pub view: Listed,
    pub is_open: bool,
    /// Whether the page asks something else than the open view does.
    pub is_changed: bool,
}

impl Bar {
    /// Reads the views. Blocks.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub fn of(state: &AppState, page: &View) -> Result<Self> {
        let all = views::all(state, page.reader())?;
        let (open, asked) = (page.named(), page.to_save());
        let tab = |view: Listed| {
            let is_open = open == Some(view.id.as_str());
            let is_changed = is_open && !is_same(&view.query, &asked);
            Tab { view, is_open, is_changed }
        };
        let tabs: Vec<_> = all.into_iter().map(tab).collect();
        Ok(Self { is_all: asked.is_empty() && !tabs.iter().any(|tab| tab.is_open), tabs })
    }

    /// The view that is open.
    pub fn open(&self) -> Option<&Tab> {
        self.tabs.iter().find(|tab| tab.is_open)
    }
}

/// Whether two queries ask the same, whatever the order of their parameters.
fn is_same(one: &str, other: &str) -> bool {
    let sorted = |query: &str| {
        let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        pairs.sort();
        pairs
    };
    sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_conditions_makes_no_other_view() {
        assert!(is_same("q=a%20b&range=7d", "range=7d&q=a+b"));
        assert!(!is_same("range=7d", "range=7d&q=a"));
        assert!(!is_same("outcome=denied", "outcome=denied&outcome=failure"));
    }
}
