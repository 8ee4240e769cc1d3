//! What a model call used and how it ended, read out of its answer as that passes by.
//!
//! [`UsageReader`] takes the answer in pieces of any size and understands what the providers send: OpenAI's chat
//! completions, completions, responses and embeddings; Anthropic's messages; Ollama's own `/api/chat`, `/api/generate` and
//! `/api/embed`; each whole, as server-sent events, or as one JSON object a line. It keeps a few numbers and short names
//! and none of the content: nothing that a model writes can pose as its usage, since only the members that providers put
//! at fixed places count.
//!
//! [`RequestReader`] does the same for the request: which model, streamed or not, and where to ask for usage.
//! [`Forwarded`] is for whom Open WebUI calls, and [`ModelCall`] makes an event of it all.

mod call;
pub(super) mod fields;
mod forwarded;
mod framing;
mod request;
pub(super) mod scan;

use audit_event::Usage;

pub use self::call::ModelCall;
pub use self::forwarded::Forwarded;
pub use self::request::{Edit, RequestReader, task_of_header};
use self::{fields::Fields, framing::Framing};

/// Reads one answer. Memory: a few hundred bytes, and 4 KiB while a long name is read.
///
/// ```
/// use audit_pipeline::sources::openwebui::completions::UsageReader;
/// let mut reader = UsageReader::default();
/// reader.feed(b"data: {\"model\":\"m\",\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"us");
/// reader.feed(b"age\":{\"prompt_tokens\":9,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n");
/// let completion = reader.finish();
/// assert_eq!(completion.tokens.input, Some(9));
/// assert!(completion.is_ended);
/// ```
#[derive(Debug, Default)]
pub struct UsageReader {
    framing: Framing,
    fields: Fields,
}

/// What an answer told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// What it used, as far as it came.
    pub tokens: Tokens,
    /// Why it ended, in the provider's words: `stop`, `length`, `tool_calls`, `end_turn`.
    pub finish_reason: Option<String>,
    /// The error that the provider reported within the answer.
    pub error: Option<ProviderError>,
    /// Whether it came as a stream.
    pub is_stream: bool,
    /// Whether its end was seen: the stream's own last word, or a whole JSON document.
    pub is_ended: bool,
    /// Whether it is no answer but the promise of one: what Open WebUI says to a chat of its own page.
    pub is_deferred: bool,
}

/// Counts of tokens. Providers that count cached input beside the input (Anthropic) are brought to the form of those that
/// count it within.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt, cached ones included.
    pub input: Option<u64>,
    /// Of the answer, reasoning included.
    pub output: Option<u64>,
    /// Of the input: read from the provider's cache.
    pub cached: Option<u64>,
    /// Of the input: written to the provider's cache, where that is charged for.
    pub cache_written: Option<u64>,
    /// Of the output: spent on reasoning.
    pub reasoning: Option<u64>,
}

/// An error within an answer. Its text is not kept: it may quote the prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// The provider's code or type, such as `rate_limit_exceeded` or `overloaded_error`.
    pub code: Option<String>,
}

/// A server-sent event that ended within the piece that was fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventEnd {
    /// Where it ended: before this byte of the piece.
    pub at: usize,
    /// Whether it is the extra chunk that `stream_options.include_usage` asks for: usage, and empty `choices`.
    pub is_bare_usage: bool,
}

impl UsageReader {
    /// Looks at the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.framing.feed(piece, &mut self.fields, &mut |_| {});
    }

    /// Looks at the next piece and tells which server-sent events ended in it.
    pub fn feed_events(&mut self, piece: &[u8], mut ended: impl FnMut(EventEnd)) {
        self.framing.feed(piece, &mut self.fields, &mut ended);
    }

    /// Some bytes are missing here; what follows is the end of the answer. Of a stream, reading goes on with the next
    /// line; of a document, with its `usage`.
    pub fn gap(&mut self) {
        self.framing.gap();
    }

    /// Whether the last word of a stream was seen.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.framing.is_ended(&self.fields)
    }

    /// What was found; the answer has no more bytes.
    #[must_use]
    pub fn finish(mut self) -> Completion {
        self.framing.end(&mut self.fields);
        self.completion()
    }

    /// What was found so far.
    #[must_use]
    pub fn completion(&self) -> Completion {
        let fields = &self.fields;
        Completion {
            model: fields.model.clone(),
            id: fields.id.clone(),
            tokens: fields.usage.tokens(),
            finish_reason: fields.finish_reason(),
            error: fields.has_error.then(|| ProviderError { code: fields.error_code.clone() }),
            is_stream: self.framing.is_stream(),
            is_ended: self.is_ended(),
            is_deferred: fields.is_deferred,
        }
    }

    /// What was found in an answer of which the beginning and, where it was long, the end are at hand.
    #[must_use]
    pub fn of_parts(beginning: &[u8], end: &[u8]) -> Completion {
        let mut reader = Self::default();
        reader.feed(beginning);
        if !end.is_empty() {
            reader.gap();
            reader.feed(end);
        }
        reader.finish()
    }
}

impl Tokens {
    /// Whether anything was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As an event has it, without cost; `None` when nothing was counted.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        (!self.is_empty()).then_some(Usage {
            input_tokens: self.input,
            output_tokens: self.output,
            cached_tokens: self.cached,
            reasoning_tokens: self.reasoning,
            cost_usd: None,
        })
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input_tokens,
            output: usage.output_tokens,
            cached: usage.cached_tokens,
            cache_written: None,
            reasoning: usage.reasoning_tokens,
        }
    }
}

#[cfg(test)]
mod tests;
