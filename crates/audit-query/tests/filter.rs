//! What a filter means and how it is written, over random filters and events.

mod generate;

use audit_event::{Entry, Fields};
use audit_query::Filter;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_filter_reads_back_as_it_is_written(filter in generate::filter()) {
        let written = filter.to_string();
        prop_assert_eq!(Filter::parse(&written), Ok(filter.simplify()), "{}", written);
    }

    #[test]
    fn the_plain_form_means_the_same(filter in generate::filter(), event in generate::event()) {
        let entry = generate::encode(&[event]).remove(0);
        let entry = Entry::decode(&entry).unwrap();
        let fields = Fields::decode(&entry).unwrap();
        prop_assert_eq!(filter.clone().simplify().matches(&fields), filter.matches(&fields));
    }

    #[test]
    fn nothing_that_is_typed_breaks_the_parser(query in "\\PC{0,40}|[a-z:*()\"<>=~., \\-ORNAD]{0,40}") {
        if let Ok(filter) = Filter::parse(&query) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }

    #[test]
    fn errors_point_into_the_query(query in "\\PC{0,40}|[a-z:*()\"<>=~., \\-ORNAD]{0,40}") {
        if let Err(error) = Filter::parse(&query) {
            prop_assert!(query.get(error.at..error.at + error.len).is_some(), "{:?}", error);
        }
    }
}
