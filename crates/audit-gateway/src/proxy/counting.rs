//! Where model calls are counted, so that a sum over events counts each token once.

use std::sync::Arc;

use audit_event::{Event, Json, Usage};
use audit_pipeline::prices::Prices;

/// Where model calls are counted.
#[derive(Debug, Clone)]
pub enum Counting {
    /// Here, where their answers pass, at these prices.
    Here(Arc<Prices>),
    /// At the model gateway, whose events have usage and cost. What passes here is kept in `details.usage`: a provider
    /// that the model gateway does not know would else be counted nowhere.
    AtModelGateway,
}

impl Counting {
    /// Gives an event with usage its cost, or takes the usage out of what sums are made of.
    pub(super) fn settle(&self, event: &mut Event<'static>) {
        match self {
            Self::Here(prices) => prices.complete(event),
            Self::AtModelGateway => {
                if let Some(usage) = event.usage.take() {
                    set_aside(&usage, event);
                }
            }
        }
    }
}

fn set_aside(usage: &Usage, event: &mut Event<'static>) {
    let counts = [
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("cached_tokens", usage.cached_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
    ];
    let counts = counts.into_iter().filter_map(|(name, count)| count.map(|count| (name, count)));
    let member = ("usage".into(), Json::object(counts));
    match &mut event.details {
        Some(Json::Object(details)) => details.push(member),
        details => *details = Some(Json::Object(vec![member])),
    }
}

#[cfg(test)]
mod tests {
    use audit_event::{Model, Source, Timestamp};

    use super::*;

    fn completion() -> Event<'static> {
        let mut event = Event::new("chat.completion", Source::Gateway);
        event.time = Some(Timestamp::EPOCH);
        event.model = Some(Model { id: Some("m".into()), provider: None });
        event.usage = Some(Usage { input_tokens: Some(9), output_tokens: Some(7), ..Usage::default() });
        event
    }

    #[test]
    fn what_is_counted_here_gets_its_cost() {
        let prices = Prices::parse("[[price]]\nmodel = \"m\"\ninput = 1\noutput = 1\n").unwrap();
        let mut event = completion();
        Counting::Here(Arc::new(prices)).settle(&mut event);
        assert_eq!(event.usage.unwrap().cost_usd, Some(0.000_016));
    }

    #[test]
    fn what_the_model_gateway_counts_is_in_no_sum_here() {
        for details in [None, Some(Json::object([("finish_reason", "stop")]))] {
            let mut event = Event { details, ..completion() };
            Counting::AtModelGateway.settle(&mut event);
            assert_eq!(event.usage, None);
            let aside = event.details.unwrap().get("usage").cloned();
            assert_eq!(aside, Some(Json::object([("input_tokens", 9), ("output_tokens", 7)])));
        }
        let mut other = Event::new("auth.login", Source::Gateway);
        Counting::AtModelGateway.settle(&mut other);
        assert_eq!(other.details, None);
    }
}
