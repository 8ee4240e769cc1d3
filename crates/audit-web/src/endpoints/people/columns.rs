//! The columns of the lists: what they are called, how they sort, how they are written.

use std::cmp::Ordering;

use audit_event::Timestamp;

use super::asked::List;
use super::seen::Person;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Name,
    Email,
    Id,
    Role,
    Department,
    FirstActivity,
    LastActivity,
    LastSignIn,
    FailedSignIns,
    Tokens,
    Conversations,
    Files,
    Events,
}

use Column as C;

/// Each with its name in addresses, JSON and CSV.
pub(crate) const COLUMNS: [(&str, Column); 13] = [
    ("name", C::Name),
    ("email", C::Email),
    ("id", C::Id),
    ("role", C::Role),
    ("department", C::Department),
    ("first_activity", C::FirstActivity),
    ("last_activity", C::LastActivity),
    ("last_sign_in", C::LastSignIn),
    ("failed_sign_ins", C::FailedSignIns),
    ("tokens", C::Tokens),
    ("conversations", C::Conversations),
    ("files", C::Files),
    ("events", C::Events),
];

/// What a person has in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'p> {
    Text(Option<&'p str>),
    Time(Option<Timestamp>),
    Number(u64),
}

impl Column {
    /// The words of the parameter `sort`.
    pub fn words() -> [(&'static str, Self); 13] {
        COLUMNS
    }

    /// What a list is sorted by unless somebody says otherwise.
    pub fn of_list(list: List) -> Self {
        match list {
            List::People | List::Gone | List::Idle => C::LastActivity,
            List::Tried => C::FailedSignIns,
        }
    }

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        COLUMNS.into_iter().find(|(_, column)| *column == self).map_or("name", |(name, _)| name)
    }

    /// Whether it is read from the top: the latest and the most.
    pub fn is_descending(self) -> bool {
        !matches!(self, C::Name | C::Email | C::Id | C::Role | C::Department)
    }

    /// What a person has in it.
    pub fn cell(self, person: &Person) -> Cell<'_> {
        match self {
            C::Name => Cell::Text(person.name.as_deref()),
            C::Email => Cell::Text(person.email.as_deref()),
            C::Id => Cell::Text(person.id.as_deref()),
            C::Role => Cell::Text(person.role.as_deref()),
            C::Department => Cell::Text(person.department.as_deref()),
            C::FirstActivity => Cell::Time(person.first),
            C::LastActivity => Cell::Time(person.last),
            C::LastSignIn => Cell::Time(person.last_sign_in),
            C::FailedSignIns => Cell::Number(person.failed_sign_ins),
            C::Tokens => Cell::Number(person.tokens),
            C::Conversations => Cell::Number(person.conversations),
            C::Files => Cell::Number(person.files),
            C::Events => Cell::Number(person.events),
        }
    }

    /// How two people follow each other; those without a value are last either way, equal ones by name.
    pub fn compare(self, a: &Person, b: &Person, descending: bool) -> Ordering {
        let order = match (self.cell(a), self.cell(b)) {
            (Cell::Text(a), Cell::Text(b)) => {
                present_first(a.map(str::to_lowercase), b.map(str::to_lowercase), descending)
            }
            (Cell::Time(a), Cell::Time(b)) => present_first(a, b, descending),
            (Cell::Number(a), Cell::Number(b)) => present_first(Some(a), Some(b), descending),
            _ => Ordering::Equal,
        };
        order.then_with(|| a.name.cmp(&b.name)).then_with(|| a.key.cmp(&b.key))
    }
}

fn present_first<T: Ord>(a: Option<T>, b: Option<T>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.cmp(&a),
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: Option<&str>, tokens: u64) -> Person {
        Person { name: name.map(str::to_owned), tokens, ..Person::default() }
    }

    fn sorted(column: Column, descending: bool) -> Vec<Option<String>> {
        let mut people = [named(Some("bob"), 5), named(None, 0), named(Some("Ada"), 7)];
        people.sort_by(|a, b| column.compare(a, b, descending));
        people.into_iter().map(|person| person.name).collect()
    }

    #[test]
    fn who_has_no_name_is_last_either_way() {
        let names = |list: [Option<&str>; 3]| list.map(|name| name.map(str::to_owned)).to_vec();
        assert_eq!(sorted(C::Name, false), names([Some("Ada"), Some("bob"), None]));
        assert_eq!(sorted(C::Name, true), names([Some("bob"), Some("Ada"), None]));
        assert_eq!(sorted(C::Tokens, true), names([Some("Ada"), Some("bob"), None]));
    }

    #[test]
    fn every_column_is_in_the_table() {
        for (name, column) in COLUMNS {
            assert_eq!(column.name(), name);
        }
    }
}
