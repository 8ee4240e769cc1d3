//! Asking on behalf of somebody from whom groups of an event are withheld.

use super::{Field, Filter, Literal, Test};
use audit_event::{Group, GroupSet};

impl Field {
    /// The group of an event that holds the field.
    #[must_use]
    pub fn group(self) -> Group {
        match self {
            Field::Id
            | Field::Category
            | Field::Action
            | Field::Outcome
            | Field::Reason
            | Field::Severity
            | Field::Source
            | Field::Sender
            | Field::Instance => Group::Core,
            Field::ActorType
            | Field::User
            | Field::ActorId
            | Field::ActorName
            | Field::ActorEmail
            | Field::Session => Group::Actor,
            Field::Role | Field::Department | Field::Group => Group::Org,
            Field::Ip | Field::UserAgent => Group::Client,
            Field::TargetType | Field::TargetId | Field::TargetName | Field::Target => Group::Target,
            Field::Model
            | Field::Provider
            | Field::InputTokens
            | Field::OutputTokens
            | Field::TotalTokens
            | Field::CostUsd
            | Field::LatencyMs => Group::Usage,
            Field::HttpMethod | Field::HttpStatus | Field::Message => Group::Content,
        }
    }
}

impl Filter {
    /// The first field that the filter names and `wanted` accepts. Words that name no field name none here.
    #[must_use]
    pub fn first_field(&self, wanted: &mut impl FnMut(Field) -> bool) -> Option<Field> {
        match self {
            Filter::All => None,
            Filter::And(parts) | Filter::Or(parts) => parts.iter().find_map(|part| part.first_field(wanted)),
            Filter::Not(inner) => inner.first_field(wanted),
            Filter::Test(test) => test.field().filter(|field| wanted(*field)),
        }
    }

    /// The filter whose free words look into no group of `withheld`: else one could guess what is there by looking
    /// what is found. Everything else is as it was.
    #[must_use]
    pub fn looking_past(self, withheld: GroupSet) -> Filter {
        if withheld.is_empty() {
            return self;
        }
        let each = |parts: Vec<Filter>| parts.into_iter().map(|part| part.looking_past(withheld)).collect();
        match self {
            Filter::And(parts) => Filter::And(each(parts)),
            Filter::Or(parts) => Filter::Or(each(parts)),
            Filter::Not(inner) => Filter::Not(Box::new(inner.looking_past(withheld))),
            Filter::Test(Test::Words { within: None, phrase }) => {
                let is_shown = |field: &Field| !withheld.contains(field.group());
                let mut places: Vec<Filter> = Vec::new();
                match phrase.literal() {
                    Some(Literal::Ip(net)) if is_shown(&Field::Ip) => places.push(Test::Ip(*net).into()),
                    Some(Literal::Id(id)) => {
                        let fields = Literal::ID_FIELDS.into_iter().filter(is_shown);
                        places.extend(fields.map(|field| Test::Equals { field, value: id.clone() }.into()));
                    }
                    _ => {}
                }
                let texts = Field::TEXT.into_iter().filter(is_shown);
                places.extend(
                    texts.map(|field| Test::Words { within: Some(field), phrase: phrase.clone() }.into()),
                );
                Filter::any_of(places)
            }
            other => other,
        }
    }
}

impl Test {
    /// The field that the condition is about; free words are about none.
    fn field(&self) -> Option<Field> {
        match self {
            Test::Equals { field, .. }
            | Test::Prefix { field, .. }
            | Test::Number { field, .. }
            | Test::Exists(field) => Some(*field),
            Test::Ip(_) => Some(Field::Ip),
            Test::Words { within, .. } => *within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(query: &str, withheld: &[Group]) -> String {
        Filter::parse(query).unwrap().looking_past(withheld.iter().copied().collect()).to_string()
    }

    #[test]
    fn every_field_is_in_the_group_that_the_canonical_form_puts_it_in() {
        let named: Vec<_> = ["action", "user", "department", "ip", "target", "cost", "message"]
            .map(|name| Field::named(name).unwrap().group())
            .to_vec();
        assert_eq!(named, Group::ALL);
    }

    #[test]
    fn words_do_not_look_into_what_is_withheld() {
        assert_eq!(past("rotor", &[]), "rotor");
        let shown = past("rotor -outcome:success", &[Group::Actor, Group::Content]);
        assert!(shown.contains("target.name~rotor") && shown.contains("-outcome:success"), "{shown}");
        assert!(!shown.contains("message") && !shown.contains("actor"), "{shown}");
        assert!(!past("10.0.0.7", &[Group::Client]).contains("ip:"));
        assert!(past("10.0.0.7", &[Group::Actor]).contains("ip:"));
    }

    #[test]
    fn fields_that_are_named_are_found_wherever_they_stand() {
        let named = |query: &str| {
            let filter = Filter::parse(query).unwrap();
            filter.first_field(&mut |field| field.group() == Group::Actor)
        };
        assert_eq!(named("outcome:failure (ip:10.0.0.0/8 OR -user:ada)"), Some(Field::User));
        assert_eq!(named("actor.name~ada"), Some(Field::ActorName));
        assert_eq!(named("session:*"), Some(Field::Session));
        assert_eq!(named("ada outcome:failure"), None);
    }
}
