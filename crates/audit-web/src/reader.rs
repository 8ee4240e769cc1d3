//! Who asks, and what they may see.
//!
//! Every question about events on behalf of somebody goes through their [`Reader`]: [`Reader::question`] narrows what was
//! asked to their scope, [`Reader::sees`] decides about one event, [`Reader::shown`] leaves away what is withheld. What
//! outlives the request (a background job) keeps the narrowed filter and [`Reader::withheld`].

use std::sync::Arc;

use audit_control::{Caller, Permission};
use audit_event::{Entry, Fields, GroupSet};
use audit_query::filter::{Field, Filter};
use audit_query::params::Request as Question;
use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::problem::{Code, Problem, Result};
use crate::state::AppState;
use crate::visitor::Visitor;

/// Somebody whom the gate has let in.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    visitor: Visitor,
    caller: Arc<Caller>,
    /// What every event they see fulfils.
    scope: Filter,
}

impl Reader {
    /// The visitor as a reader.
    ///
    /// # Errors
    /// [`Code::MissingToken`] for one whom nobody let in; [`Code::Internal`] when their scope cannot be read: whoever has
    /// a scope that nobody understands sees nothing.
    pub fn of(visitor: Visitor) -> Result<Self> {
        let Some(caller) = visitor.caller().cloned() else {
            return Err(Problem::new(Code::MissingToken, "this needs an access token").challenge(None));
        };
        let scope = scope_of(&caller)?;
        Ok(Self { visitor, caller, scope })
    }

    /// Who they are, for the record.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// Who they are, with all that they may do.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether they may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.caller.may(permission)
    }

    /// That they may do this, for what a route does besides what its own permission allows.
    ///
    /// # Errors
    /// [`Code::PermissionRequired`].
    pub fn need(&self, permission: Permission) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        let detail = format!("this needs the permission {permission}; your role is {}", self.caller.role);
        Err(Problem::lacking(permission, detail).challenge(Some("insufficient_scope")))
    }

    /// What was asked, checked and narrowed: the two things that every question needs.
    ///
    /// # Errors
    /// As [`Reader::check`].
    pub fn question(&self, mut question: Question) -> Result<Question> {
        self.check(&question.filter)?;
        question.filter = self.within(question.filter);
        Ok(question)
    }

    /// The filter of those events that this one accepts and the reader may see. Free words do not look into what is
    /// withheld.
    pub fn within(&self, filter: Filter) -> Filter {
        Filter::all_of(vec![self.scope.clone(), filter.looking_past(self.withheld())])
    }

    /// Whether the filter asks about nothing that is withheld.
    ///
    /// # Errors
    /// [`Code::FieldWithheld`] with the first field that is.
    pub fn check(&self, filter: &Filter) -> Result<()> {
        match filter.first_field(&mut |field| self.is_withheld(field)) {
            Some(field) => Err(withheld(field)),
            None => Ok(()),
        }
    }

    /// Whether the reader may ask about the field: filter, group or sum by it, have its values suggested.
    ///
    /// # Errors
    /// [`Code::FieldWithheld`].
    pub fn may_use(&self, field: Field) -> Result<()> {
        if self.is_withheld(field) { Err(withheld(field)) } else { Ok(()) }
    }

    /// Whether the field is in a group that the reader does not see.
    pub fn is_withheld(&self, field: Field) -> bool {
        self.withheld().contains(field.group())
    }

    /// The groups of an event that the reader does not see.
    pub fn withheld(&self) -> GroupSet {
        self.caller.withheld
    }

    /// What every event they see fulfils.
    pub fn scope(&self) -> &Filter {
        &self.scope
    }

    /// Whether they see less than everything there is.
    pub fn is_limited(&self) -> bool {
        self.scope != Filter::All || !self.withheld().is_empty()
    }

    /// Whether the reader may see this event. One that cannot be read is seen by those only who see all.
    pub fn sees(&self, entry: &Entry<'_>) -> bool {
        self.scope == Filter::All || Fields::decode(entry).is_ok_and(|fields| self.scope.matches(&fields))
    }

    /// As much of an event as the reader sees.
    pub fn shown<'a>(&self, entry: &Entry<'a>) -> Entry<'a> {
        entry.without(self.withheld())
    }

    /// Somebody who sees all.
    #[cfg(test)]
    pub fn of_everything() -> Self {
        let (parts, ()) = http::Request::new(()).into_parts();
        let caller = Caller::with_role("tok_1", "ada", audit_control::Role::Admin);
        Self::of(Visitor::of(&parts).known_as(Arc::new(caller))).unwrap()
    }
}

/// What all scopes of a caller accept.
fn scope_of(caller: &Caller) -> Result<Filter> {
    let scopes = caller.scopes.iter().map(|scope| {
        Filter::parse(scope)
            .map_err(|error| Problem::internal(format!("a scope of the role {}: {error}", caller.role)))
    });
    Ok(Filter::all_of(scopes.collect::<Result<_>>()?))
}

fn withheld(field: Field) -> Problem {
    let detail = format!(
        "{field} is withheld from you (the group {}): ask for something else, or for a role that shows it",
        field.group()
    );
    Problem::new(Code::FieldWithheld, detail)
        .with("field", field.name())
        .with("group", field.group().as_str())
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self> {
        Self::of(Visitor::of(parts))
    }
}
