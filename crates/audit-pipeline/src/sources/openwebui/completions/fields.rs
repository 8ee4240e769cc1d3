//! Which members of a provider's answer count, and where they stand.

use super::Tokens;
use super::scan::{Finder, NOWHERE, Place, ROOT, Span, Value};

/// Longest name or code kept, in characters.
const NAME_CHARS: usize = 128;
/// The largest count that an event can hold: 2^53 - 1.
const MAX_COUNT: u64 = (1 << 53) - 1;

/// What was found.
#[derive(Debug, Default)]
pub(in crate::sources::openwebui) struct Fields {
    pub model: Option<String>,
    pub id: Option<String>,
    pub usage: UsageFields,
    pub finish: Option<String>,
    pub status: Option<String>,
    pub has_error: bool,
    pub error_code: Option<String>,
    /// A stream's own last word was seen.
    pub is_last: bool,
    /// Ollama's `done`.
    pub done: Option<bool>,
    pub is_deferred: bool,
    /// A whole object ended at the top.
    pub has_object: bool,
    pub event: EventFields,
}

/// What was found in the event under way.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::sources::openwebui) struct EventFields {
    pub has_empty_choices: bool,
    pub has_usage: bool,
    /// `error` as the event's type: its code may stand at the top.
    is_error: bool,
}

/// `usage` as it came.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::sources::openwebui) struct UsageFields {
    /// Cached input included.
    pub prompt: Option<u64>,
    /// Cached input included by OpenAI, not by Anthropic.
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cached: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_written: Option<u64>,
    pub reasoning: Option<u64>,
}

const MODEL: Place = 1;
const ID: Place = 2;
const TYPE: Place = 3;
const STATUS: Place = 4;
const CODE: Place = 5;
const FINISH: Place = 6;
const DONE: Place = 7;
const CHOICES: Place = 8;
const CHOICE: Place = 9;
const DELTA: Place = 10;
const MESSAGE: Place = 11;
const RESPONSE: Place = 12;
const INCOMPLETE: Place = 13;
const ERROR: Place = 14;
const ERROR_CODE: Place = 15;
const ERROR_TYPE: Place = 16;
const TASK_IDS: Place = 17;
const ITEM: Place = 18;
/// [`UsageFields`]' places begin here.
pub(in crate::sources::openwebui) const USAGE: Place = 32;
const PROMPT: Place = 33;
const INPUT: Place = 34;
const OUTPUT: Place = 35;
const CACHED: Place = 36;
const CACHE_READ: Place = 37;
const CACHE_WRITTEN: Place = 38;
const REASONING: Place = 39;
const IN_DETAILS: Place = 40;
const OUT_DETAILS: Place = 41;

impl Finder for Fields {
    fn member(&self, of: Place, key: &str) -> Place {
        match (of, key) {
            (ROOT | MESSAGE | RESPONSE, "model") => MODEL,
            (ROOT | MESSAGE | RESPONSE, "id") => ID,
            (ROOT | MESSAGE | RESPONSE, "usage") => USAGE,
            (ROOT | RESPONSE, "status") => STATUS,
            (ROOT | RESPONSE | ITEM, "error") => ERROR,
            (ROOT | RESPONSE, "incomplete_details") => INCOMPLETE,
            (ROOT, "type") => TYPE,
            (ROOT, "code") => CODE,
            (ROOT, "choices") => CHOICES,
            (ROOT, "delta") => DELTA,
            (ROOT, "message") => MESSAGE,
            (ROOT, "response") => RESPONSE,
            (ROOT, "done") => DONE,
            (ROOT, "task_ids") => TASK_IDS,
            (ROOT, "prompt_eval_count") => INPUT,
            (ROOT, "eval_count") => OUTPUT,
            (ROOT, "stop_reason" | "done_reason")
            | (DELTA, "stop_reason")
            | (CHOICE, "finish_reason")
            | (INCOMPLETE, "reason") => FINISH,
            (ERROR, "code") => ERROR_CODE,
            (ERROR, "type" | "status") => ERROR_TYPE,
            (USAGE.., key) => UsageFields::member(of, key),
            _ => NOWHERE,
        }
    }

    fn item(&self, of: Place) -> Place {
        match of {
            CHOICES => CHOICE,
            // Google sends errors as an array of one object; `[DONE]` looks like an array, too.
            ROOT => ITEM,
            _ => NOWHERE,
        }
    }

    fn found(&mut self, at: Place, value: Value<'_>, _: Span) {
        match (at, value) {
            (MODEL, Value::Text { text, .. }) => keep(&mut self.model, &text),
            (ID, Value::Text { text, .. }) => keep(&mut self.id, &text),
            (FINISH, Value::Text { text, .. }) => self.finish = Some(shortened(&text)),
            (STATUS, Value::Text { text, .. }) => self.status = Some(shortened(&text)),
            (TYPE, Value::Text { text, .. }) => self.event_type(&text),
            (DONE, Value::Literal(raw)) => self.done = Some(raw == b"true"),
            (ITEM, Value::Literal(raw)) => self.is_last |= raw == b"DONE",
            (TASK_IDS, Value::Array) => self.is_deferred = true,
            (CHOICES, Value::End { is_empty }) => self.event.has_empty_choices = is_empty,
            (ERROR, Value::Object | Value::Text { .. }) => self.has_error = true,
            (ERROR_CODE, Value::Text { text, .. }) => self.error_code = code(&text),
            (ERROR_CODE, Value::Literal(raw)) => self.set_number_code(raw),
            (ERROR_TYPE, Value::Text { text, .. }) if self.error_code.is_none() => {
                self.error_code = code(&text);
            }
            (CODE, Value::Text { text, .. }) if self.event.is_error => self.error_code = code(&text),
            (USAGE, Value::Object) => self.event.has_usage = true,
            (USAGE.., Value::Literal(raw)) => self.usage.count(at, raw),
            // The second is the end of a document of which the middle is missing.
            (ROOT | NOWHERE, Value::End { .. }) => self.has_object = true,
            _ => {}
        }
    }
}

impl Fields {
    /// Why it ended; a response that is merely `completed` says so in its status.
    pub(super) fn finish_reason(&self) -> Option<String> {
        let status = self.status.as_deref().filter(|status| *status != "in_progress" && *status != "queued");
        self.finish.clone().or_else(|| status.map(str::to_owned))
    }

    fn event_type(&mut self, text: &str) {
        match text {
            "message_stop" | "response.completed" | "response.incomplete" => self.is_last = true,
            "response.failed" => {
                self.is_last = true;
                self.has_error = true;
            }
            "error" => {
                self.event.is_error = true;
                self.has_error = true;
            }
            _ => {}
        }
    }

    fn set_number_code(&mut self, raw: &[u8]) {
        if raw.first().is_some_and(u8::is_ascii_digit) {
            self.error_code = code(&String::from_utf8_lossy(raw));
        }
    }
}

impl UsageFields {
    /// The place of a member of `usage` or of the details in it.
    pub(in crate::sources::openwebui) fn member(of: Place, key: &str) -> Place {
        match (of, key) {
            (USAGE, "prompt_tokens") => PROMPT,
            (USAGE, "input_tokens") => INPUT,
            (USAGE, "completion_tokens" | "output_tokens") => OUTPUT,
            (USAGE, "cache_read_input_tokens") => CACHE_READ,
            (USAGE, "cache_creation_input_tokens") => CACHE_WRITTEN,
            (USAGE, "prompt_tokens_details" | "input_tokens_details") => IN_DETAILS,
            (USAGE, "completion_tokens_details" | "output_tokens_details") => OUT_DETAILS,
            (USAGE, "prompt_cache_hit_tokens" | "cached_tokens") | (IN_DETAILS, "cached_tokens") => CACHED,
            (OUT_DETAILS, "reasoning_tokens") => REASONING,
            _ => NOWHERE,
        }
    }

    /// Takes a count; the last one counts, since providers that send several send running totals.
    pub(in crate::sources::openwebui) fn count(&mut self, at: Place, raw: &[u8]) {
        let Some(count) = count(raw) else { return };
        let field = match at {
            PROMPT => &mut self.prompt,
            INPUT => &mut self.input,
            OUTPUT => &mut self.output,
            CACHED => &mut self.cached,
            CACHE_READ => &mut self.cache_read,
            CACHE_WRITTEN => &mut self.cache_written,
            REASONING => &mut self.reasoning,
            _ => return,
        };
        *field = Some(count);
    }

    /// In our terms: cached input counts within the input.
    pub(in crate::sources::openwebui) fn tokens(&self) -> Tokens {
        let beside = self.cache_read.unwrap_or(0).saturating_add(self.cache_written.unwrap_or(0));
        let total = || self.input.map(|input| input.saturating_add(beside).min(MAX_COUNT));
        Tokens {
            input: self.prompt.or_else(total),
            output: self.output,
            cached: self.cached.or(self.cache_read),
            cache_written: self.cache_written.filter(|written| *written > 0),
            reasoning: self.reasoning,
        }
    }
}

/// Keeps a text that most chunks of a stream repeat.
fn keep(kept: &mut Option<String>, text: &str) {
    if kept.as_deref() != Some(text) {
        *kept = Some(shortened(text));
    }
}

/// A count as JSON writes it: `12`, and `12.0` from providers that count in floats.
fn count(raw: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(raw).ok()?;
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        if fraction.bytes().all(|digit| digit == b'0') { whole } else { text }
    });
    whole.parse().ok().filter(|count| *count <= MAX_COUNT)
}

/// A text short enough to keep.
pub(in crate::sources::openwebui) fn shortened(text: &str) -> String {
    text.chars().take(NAME_CHARS).collect()
}

/// A code if it looks like one: some providers put sentences there, which may quote the prompt.
pub(in crate::sources::openwebui) fn code(text: &str) -> Option<String> {
    /// Longest code.
    const CODE_BYTES: usize = 64;
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':');
    let looks_like_one = !text.is_empty() && text.len() <= CODE_BYTES && text.bytes().all(is_code);
    looks_like_one.then(|| text.to_owned())
}
