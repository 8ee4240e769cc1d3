//! Events whose word about their source can be taken.

use audit_event::{Sender, Source};

use super::{Field, Filter, Test};

impl Filter {
    /// The events that this source told us of itself ([`Source::is_first_hand`]).
    #[must_use]
    pub fn first_hand(source: Source) -> Filter {
        let of_source = Test::Equals { field: Field::Source, value: source.as_str().to_owned() };
        let nobody: Filter = Filter::from(Test::Exists(Field::Sender)).negate();
        let door = match source {
            Source::Api => Filter::All,
            Source::Webhook => {
                let webhook = Test::Prefix { field: Field::Sender, value: Sender::WEBHOOK.to_owned() };
                Filter::any_of(vec![nobody, webhook.into()])
            }
            _ => nobody,
        };
        Filter::all_of(vec![of_source.into(), door])
    }

    /// The events that any of these sources told us of itself.
    #[must_use]
    pub fn first_hand_of(sources: impl IntoIterator<Item = Source>) -> Filter {
        Filter::any_of(sources.into_iter().map(Filter::first_hand).collect())
    }
}
