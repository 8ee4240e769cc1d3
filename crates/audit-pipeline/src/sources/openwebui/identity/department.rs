//! The rule that gives a person a department.
//!
//! Tried in this order, the first that tells wins:
//!
//! 1. the mapping's entry for the person's e-mail address
//! 2. the mapping's entry for one of the groups
//! 3. a group whose name begins with the prefix: what follows is the department
//! 4. what the provisioning service or the identity provider said (see [`super::lesson`])
//!
//! Of several groups that tell, the first by name counts, so that the answer does not depend on Open WebUI's order.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::sources::openwebui::caller::Person;

/// Which group or person belongs to which department.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Departments {
    prefix: Option<String>,
    mapping: Mapping,
}

/// The mapping file.
///
/// ```toml
/// [people]
/// "ada@example.org" = "Board"
///
/// [groups]
/// "R&D Berlin" = "Research"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// By e-mail address, in any letter case.
    people: BTreeMap<String, String>,
    /// By a group's name, exactly.
    groups: BTreeMap<String, String>,
}

impl Mapping {
    /// Of what was read from the file. Addresses are compared in lower case.
    #[must_use]
    pub fn normalised(self) -> Self {
        let people = self.people.into_iter().map(|(email, to)| (email.trim().to_lowercase(), to)).collect();
        Self { people, ..self }
    }
}

impl Departments {
    /// By the prefix of groups' names (such as `dept:`; none when empty) and a mapping.
    #[must_use]
    pub fn new(prefix: &str, mapping: Mapping) -> Self {
        Self { prefix: (!prefix.is_empty()).then(|| prefix.to_owned()), mapping: mapping.normalised() }
    }

    /// The person's department. `told`: what provisioning or the identity provider said.
    #[must_use]
    pub fn of(&self, person: &Person, told: Option<&str>) -> Option<String> {
        self.by_address(person)
            .or_else(|| first(person, |group| self.mapping.groups.get(group).map(String::as_str)))
            .or_else(|| first(person, |group| self.by_prefix(group)))
            .or(told)
            .map(str::to_owned)
    }

    fn by_address(&self, person: &Person) -> Option<&str> {
        let email = person.email.as_deref()?.to_lowercase();
        self.mapping.people.get(&email).map(String::as_str)
    }

    fn by_prefix<'g>(&self, group: &'g str) -> Option<&'g str> {
        let department = group.strip_prefix(self.prefix.as_deref()?)?.trim();
        (!department.is_empty()).then_some(department)
    }
}

/// What the first group by name says that says anything.
fn first<'p>(person: &'p Person, says: impl Fn(&'p str) -> Option<&'p str>) -> Option<&'p str> {
    let telling = person.groups.iter().filter_map(|group| Some((group, says(group)?)));
    telling.min_by_key(|(group, _)| group.as_str()).map(|(_, department)| department)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(toml_like: &str) -> Mapping {
        serde_json::from_str(toml_like).unwrap()
    }

    fn person(email: &str, groups: &[&str]) -> Person {
        Person {
            email: Some(email.to_owned()),
            groups: groups.iter().map(ToString::to_string).collect(),
            ..Person::default()
        }
    }

    fn rules() -> Departments {
        let mapping = mapping(
            r#"{"people": {"Ada@Example.org ": "Board"}, "groups": {"R&D Berlin": "Research", "all": "Everybody"}}"#,
        );
        Departments::new("dept:", mapping)
    }

    #[test]
    fn a_persons_own_entry_comes_first_in_any_letter_case() {
        assert_eq!(rules().of(&person("ADA@example.ORG", &["R&D Berlin"]), Some("x")), Some("Board".into()));
    }

    #[test]
    fn then_a_mapped_group_then_a_prefixed_one_then_what_was_told() {
        let bob = |groups: &[&str]| rules().of(&person("bob@example.org", groups), Some("told"));
        assert_eq!(bob(&["dept:Sales", "R&D Berlin"]), Some("Research".into()));
        assert_eq!(bob(&["x", "dept:Sales"]), Some("Sales".into()));
        assert_eq!(bob(&["x"]), Some("told".into()));
    }

    #[test]
    fn the_first_group_by_name_counts_whatever_their_order() {
        let of = |groups: &[&str]| rules().of(&person("b@x", groups), None);
        assert_eq!(of(&["dept:Zoo", "dept:Art"]), Some("Art".into()));
        assert_eq!(of(&["all", "R&D Berlin"]), Some("Research".into()));
    }

    #[test]
    fn no_rule_gives_no_department() {
        let none = Departments::default();
        assert_eq!(none.of(&person("b@x", &["dept:Sales"]), None), None);
        assert_eq!(rules().of(&person("b@x", &["dept: ", "Dept:Sales"]), None), None);
    }

    #[test]
    fn a_mapping_with_a_misspelt_table_is_refused() {
        assert!(serde_json::from_str::<Mapping>(r#"{"group": {}}"#).is_err());
    }
}
