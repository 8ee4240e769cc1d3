//! How a model call ended, as far as its answer tells.

use crate::sources::openwebui::completions::Completion;

/// How a model call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sources::openwebui) enum Answer {
    /// The answer is whole, or was cut by whoever kept it.
    Complete,
    /// It holds an error.
    Failed,
    /// A web UI chat, whose answer comes later by another way.
    Follows,
    /// It broke off, or was not recorded.
    Unknown,
}

/// Judges the answer of a model call that had a good status.
pub(in crate::sources::openwebui) const fn completion_answer(completion: &Completion) -> Answer {
    let began_as_a_document =
        !completion.is_stream && (completion.id.is_some() || completion.model.is_some());
    if completion.error.is_some() {
        Answer::Failed
    } else if completion.is_deferred {
        Answer::Follows
    } else if completion.is_ended || began_as_a_document {
        Answer::Complete
    } else {
        Answer::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::openwebui::completions::UsageReader;

    #[test]
    fn the_answer_tells_how_a_model_call_ended() {
        let answer = |body: &str| completion_answer(&UsageReader::of_parts(body.as_bytes(), b""));
        let check = |body: &str, expected| assert_eq!(answer(body), expected, "{body}");
        check(r#"{"id":"x","choices":[{"index":0}]}"#, Answer::Complete);
        check(
            r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"content":"cut by who ke"#,
            Answer::Complete,
        );
        check(r#"{"status":true,"task_ids":["t"],"chat_id":"c"}"#, Answer::Follows);
        check(r#"{"error":{"message":"no"}}"#, Answer::Failed);
        check("data: {\"choices\":[]}\n\ndata: [DONE]\n\n", Answer::Complete);
        check("data: {\"choices\":[]}\n\ndata: {\"error\":{\"code\":1}}\n\ndata: [DONE]\n\n", Answer::Failed);
        check("data: {\"choices\":[]}\n\ndata: {\"choi", Answer::Unknown);
        check("", Answer::Unknown);
    }
}
