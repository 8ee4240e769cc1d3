//! Where in a list of events a page begins, and the token with which its reader finds the next one.

use audit_query::page_token::PageToken;
use audit_query::params::Request as Question;
use audit_query::question::{Answers as _, Budget, Page};

use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// A place in a list: its top, or what a page token stands for.
pub(crate) struct Place(Option<PageToken>);

impl Place {
    /// The place that a question names.
    ///
    /// # Errors
    /// [`Code::InvalidPageToken`].
    pub fn of(state: &AppState, question: &Question) -> Result<Self> {
        let Some(text) = &question.page_token else { return Ok(Self(None)) };
        PageToken::open(text, question.digest(), state.page_key(), state.now())
            .map(|token| Self(Some(token)))
            .map_err(|error| Problem::new(Code::InvalidPageToken, error.to_string()))
    }

    /// The page of so many events that begins here, and the token of the one after it.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn page(
        self,
        state: &AppState,
        question: &Question,
        limit: usize,
        budget: &Budget,
    ) -> Result<(Page, Option<String>)> {
        let (after, snapshot) =
            self.0.map_or((None, None), |token| (Some(token.after), Some(token.snapshot)));
        let page = state.index().list(&question.list(limit, after, snapshot), budget)?;
        let next = page.next.map(|after| {
            let token = PageToken { after, snapshot: page.snapshot, issued: state.now() };
            token.seal(question.digest(), state.page_key())
        });
        Ok((page, next))
    }
}
