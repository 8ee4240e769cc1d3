//! Searches on the record: what was asked for, and how much was found.

use audit_event::{Event, Json};

use super::{Activity, number, success};
use crate::visitor::Visitor;

/// A search, of events or of what is made of them.
pub(crate) struct Searched {
    /// Who asks for the same again repeats it.
    subject: String,
    details: Vec<(&'static str, Json<'static>)>,
}

impl Searched {
    /// A search with this filter, in words, that showed so many results.
    pub fn new(filter: String, results: u64) -> Self {
        let details = vec![("filter", Json::from(filter.clone())), ("results", number(results))];
        Self { subject: filter, details }
    }

    /// Says by what the same search is known again, where that is not its filter: times that count from now differ with
    /// every look.
    pub fn known_by(self, subject: String) -> Self {
        Self { subject, ..self }
    }

    /// Says how many there are in all; where counting ended before all were counted, how many there are at least.
    pub fn matched(mut self, count: u64, is_complete: bool) -> Self {
        self.details.push((if is_complete { "matched" } else { "matched_at_least" }, number(count)));
        self
    }

    /// Says what the person is called at whom it was.
    pub fn of_person(mut self, name: &str) -> Self {
        self.details.push(("name", Json::from(name.to_owned())));
        self
    }

    /// Notes that this visitor searched.
    pub fn note(self, activity: &Activity, visitor: &Visitor) {
        let details = Some(Json::object(self.details));
        let event = Event { details, ..success(visitor.did("audit.searched")) };
        activity.note(event, &visitor.key(), &self.subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_not_complete_is_not_recorded_as_if_it_were() {
        let matched = |is_complete| {
            let searched = Searched::new(String::new(), 0).matched(7, is_complete);
            searched.details.last().map(|(name, _)| *name)
        };
        assert_eq!((matched(true), matched(false)), (Some("matched"), Some("matched_at_least")));
    }
}
