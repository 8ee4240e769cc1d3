//! Questions over HTTP, warm.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    measure::{Samples, Summary},
    server::Server,
    wire::Wire,
    workload::{FREQUENT_RANK, RARE_IP, RARE_RANK, RARE_WORD, Workload},
};

/// How often each question is asked.
const ROUNDS: u32 = 150;
/// No question is asked for longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a question came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Answered {
    pub question: &'static str,
    /// The median that is aimed at with 5 million events, in milliseconds.
    pub target_ms: f64,
    /// The first time it was asked.
    pub first_ms: f64,
    pub warm: Summary,
    pub answer_bytes: usize,
}

/// A question: what it is called, the aim, its path.
struct Question(&'static str, f64, String);

/// Asks each question many times.
pub(crate) async fn ask_all(server: &Server, workload: &Workload) -> anyhow::Result<Vec<Answered>> {
    let mut wire = Wire::connect(server.address, &server.token).await?;
    let mut answered = Vec::new();
    for question in questions(workload) {
        answered.push(ask(&mut wire, question).await?);
    }
    Ok(answered)
}

fn questions(workload: &Workload) -> Vec<Question> {
    let (frequent, rare) = (workload.user_email(FREQUENT_RANK), workload.user_email(RARE_RANK));
    let middle = workload.len() / 2;
    let question =
        |name, target_ms, query: String| Question(name, target_ms, format!("/api/v1/auditlog{query}"));
    vec![
        question("latest 50", 3.0, "?limit=50".to_owned()),
        question("frequent user, latest 50 and count", 12.0, format!("?user={frequent}&limit=50&count=true")),
        question("rare user, latest 50 and count", 12.0, format!("?user={rare}&limit=50&count=true")),
        question("exact address, 3 hits", 6.0, format!("?ip={RARE_IP}&limit=50")),
        question("rare word, 7 hits", 6.0, format!("?q={RARE_WORD}&limit=50")),
        question(
            "\"failed\" in authentication, 30 days",
            8.0,
            "?event_type=authentication&q=failed&from=2026-10-02&to=2026-10-31&limit=50".to_owned(),
        ),
        question("count by day and category, a year", 10.0, "/stats?by=day,category&limit=10000&from=2025-11-01&to=2026-10-31".to_owned()),
        question(
            "tokens by department and model, a month",
            10.0,
            "/stats?by=department,model&sum=input_tokens,output_tokens&event_type=model_usage&from=2026-10-01&to=2026-10-31".to_owned(),
        ),
        question("one event by index", 1.0, format!("/{middle}")),
        question("one event by id", 1.0, format!("/{}", workload.id(middle))),
    ]
}

async fn ask(wire: &mut Wire, Question(question, target_ms, path): Question) -> anyhow::Result<Answered> {
    let begin = Instant::now();
    let answer_bytes = wire.get(&path).await?.len();
    let first_ms = begin.elapsed().as_secs_f64() * 1e3;
    let mut samples = Samples::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        wire.get(&path).await?;
        samples.push(start.elapsed());
        if begin.elapsed() > PATIENCE {
            break;
        }
    }
    Ok(Answered { question, target_ms, first_ms, warm: samples.summary(), answer_bytes })
}
