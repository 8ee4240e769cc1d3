//! Counters of requests, and the Prometheus text they are shown in.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

/// Upper bounds of the latency buckets, in microseconds.
const BOUNDS: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000];

/// Requests by route, status class and latency. All counters are relaxed: they are read for charts only.
pub(crate) struct Requests {
    routes: Box<[RouteCounters]>,
}

struct RouteCounters {
    labels: String,
    /// 1xx to 5xx.
    classes: [AtomicU64; 5],
    buckets: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
}

impl Requests {
    /// Counters for routes given as method and path.
    pub fn new(routes: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        Self { routes: routes.map(|(method, path)| RouteCounters::new(method, path)).collect() }
    }

    /// Counts one answered request. The time ends with the answer's head: a streamed body may take as long as it
    /// likes.
    pub fn note(&self, route: usize, status: StatusCode, took: Duration) {
        let counters = &self.routes[route];
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        counters.classes[class].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counters.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(bucket) = BOUNDS.iter().position(|bound| micros <= *bound) {
            counters.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Appends the counters of all routes that were asked at least once.
    pub fn write(&self, page: &mut Page) {
        page.family(
            "secureai_audit_http_requests_total",
            "counter",
            "Requests answered, by route and status class.",
        );
        for route in self.asked() {
            for (class, count) in (1..).zip(&route.classes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    page.sample(&format!("{},status=\"{class}xx\"", route.labels), count);
                }
            }
        }
        page.family(
            "secureai_audit_http_request_seconds",
            "histogram",
            "Time from a request's head to its answer's head.",
        );
        for route in self.asked() {
            route.write_latency(page);
        }
    }

    fn asked(&self) -> impl Iterator<Item = &RouteCounters> {
        self.routes.iter().filter(|route| route.total() > 0)
    }
}

impl RouteCounters {
    fn new(method: &str, path: &str) -> Self {
        Self {
            labels: format!("method=\"{method}\",route=\"{path}\""),
            classes: Default::default(),
            buckets: Default::default(),
            micros: AtomicU64::new(0),
        }
    }

    fn total(&self) -> u64 {
        self.classes.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds on a chart")]
    fn write_latency(&self, page: &mut Page) {
        let mut up_to = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.buckets) {
            up_to += count.load(Ordering::Relaxed);
            let seconds = *bound as f64 / 1e6;
            page.suffixed("_bucket", &format!("{},le=\"{seconds}\"", self.labels), up_to);
        }
        let total = self.total();
        page.suffixed("_bucket", &format!("{},le=\"+Inf\"", self.labels), total);
        page.suffixed("_sum", &self.labels, self.micros.load(Ordering::Relaxed) as f64 / 1e6);
        page.suffixed("_count", &self.labels, total);
    }
}

/// A page of metrics in Prometheus' text format 0.0.4.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
    family: &'static str,
}

impl Page {
    /// Begins a family; its samples follow.
    pub fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A family with one sample and no labels.
    pub fn single(&mut self, name: &'static str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.suffixed("", "", value);
    }

    /// One sample of the present family.
    pub fn sample(&mut self, labels: &str, value: impl std::fmt::Display) {
        self.suffixed("", labels, value);
    }

    fn suffixed(&mut self, suffix: &str, labels: &str, value: impl std::fmt::Display) {
        let family = self.family;
        let _ = match labels {
            "" => writeln!(self.text, "{family}{suffix} {value}"),
            _ => writeln!(self.text, "{family}{suffix}{{{labels}}} {value}"),
        };
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// A label's value with what Prometheus wants escaped.
pub(crate) fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_everything() {
        let requests = Requests::new([("GET", "/"), ("POST", "/events")].into_iter());
        requests.note(0, StatusCode::OK, Duration::from_micros(700));
        requests.note(0, StatusCode::NOT_FOUND, Duration::from_millis(3));
        requests.note(0, StatusCode::OK, Duration::from_secs(100));
        let mut page = Page::default();
        requests.write(&mut page);
        let text = page.into_text();
        for line in [
            r#"secureai_audit_http_requests_total{method="GET",route="/",status="2xx"} 2"#,
            r#"secureai_audit_http_requests_total{method="GET",route="/",status="4xx"} 1"#,
            r#"secureai_audit_http_request_seconds_bucket{method="GET",route="/",le="0.0005"} 0"#,
            r#"secureai_audit_http_request_seconds_bucket{method="GET",route="/",le="0.001"} 1"#,
            r#"secureai_audit_http_request_seconds_bucket{method="GET",route="/",le="30"} 2"#,
            r#"secureai_audit_http_request_seconds_bucket{method="GET",route="/",le="+Inf"} 3"#,
            r#"secureai_audit_http_request_seconds_count{method="GET",route="/"} 3"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("/events"), "a route nobody asked is not shown");
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(label("name", "a\"b\\c\nd"), r#"name="a\"b\\c\nd""#);
    }
}
