//! What a request to a model provider asks for.

use super::fields::shortened;
use super::scan::{Finder, NOWHERE, Place, ROOT, Scanner, Span, Value};

/// Reads a request's body in pieces, keeping none of its content.
#[derive(Debug, Default)]
pub struct RequestReader {
    scanner: Scanner,
    fields: Fields,
}

/// Bytes to put in the place of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// From which byte of the body.
    pub start: u64,
    /// To before which; the same as `start` where nothing is taken out.
    pub end: u64,
    /// What stands there then.
    pub text: &'static str,
}

#[derive(Debug, Default)]
struct Fields {
    model: Option<String>,
    stream: Option<bool>,
    /// Where the outermost object ends, and whether it is empty.
    end: Option<(u64, bool)>,
    options: Options,
    messages: u32,
    task: Option<&'static str>,
    /// The content of the message under way was looked at.
    has_content: bool,
}

/// `stream_options`
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Options {
    #[default]
    Absent,
    /// A literal such as `null`.
    Other(Span),
    /// An object without `include_usage`: where it ends, and whether it is empty.
    Silent { end: u64, is_empty: bool },
    /// `include_usage` is there: where, and whether it is `true`.
    Says(Span, bool),
}

const MODEL: Place = 1;
const STREAM: Place = 2;
const OPTIONS: Place = 3;
const INCLUDE_USAGE: Place = 4;
const MESSAGES: Place = 5;
const MESSAGE: Place = 6;
const CONTENT: Place = 7;
const PART: Place = 8;

impl RequestReader {
    /// Looks at the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.scanner.feed(piece, &mut self.fields);
    }

    /// The model asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.fields.model.as_deref()
    }

    /// Whether a stream is asked for; `None` when the request does not say (OpenAI: no, Ollama: yes).
    #[must_use]
    pub fn stream(&self) -> Option<bool> {
        self.fields.stream
    }

    /// The task of Open WebUI's own that this is, as far as its prompt tells: one message, not streamed, that begins as
    /// the prompt templates of Open WebUI 0.12 do. Templates that an administrator changed are not known.
    #[must_use]
    pub fn task(&self) -> Option<&'static str> {
        self.fields.task.filter(|_| self.fields.messages == 1 && self.fields.stream != Some(true))
    }

    /// What to change in the body so that a streamed answer ends with its usage; `None` when it will anyway, or is not
    /// streamed, or the body is not one whole object.
    #[must_use]
    pub fn usage_edit(&self) -> Option<Edit> {
        const OPTION: &str = r#""stream_options":{"include_usage":true}"#;
        const WITH_COMMA: &str = r#","stream_options":{"include_usage":true}"#;
        let fields = &self.fields;
        let (end, is_empty) = fields.end?;
        if fields.stream != Some(true) {
            return None;
        }
        let insert = |at, text| Edit { start: at, end: at, text };
        Some(match fields.options {
            Options::Absent => insert(end, if is_empty { OPTION } else { WITH_COMMA }),
            Options::Other(span) => {
                Edit { start: span.start, end: span.end, text: r#"{"include_usage":true}"# }
            }
            Options::Silent { end, is_empty: true } => insert(end, r#""include_usage":true"#),
            Options::Silent { end, is_empty: false } => insert(end, r#","include_usage":true"#),
            Options::Says(_, true) => return None,
            Options::Says(span, false) => Edit { start: span.start, end: span.end, text: "true" },
        })
    }
}

impl Edit {
    /// The body with the edit made.
    #[must_use]
    pub fn apply(&self, body: &[u8]) -> Vec<u8> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
        let (before, after) = (&body[..place(self.start)], &body[place(self.end)..]);
        [before, self.text.as_bytes(), after].concat()
    }
}

impl Finder for Fields {
    fn member(&self, of: Place, key: &str) -> Place {
        match (of, key) {
            (ROOT, "model") => MODEL,
            (ROOT, "stream") => STREAM,
            (ROOT, "stream_options") => OPTIONS,
            (ROOT, "messages") => MESSAGES,
            (OPTIONS, "include_usage") => INCLUDE_USAGE,
            (MESSAGE, "content") | (PART, "text") => CONTENT,
            _ => NOWHERE,
        }
    }

    fn item(&self, of: Place) -> Place {
        match of {
            MESSAGES => MESSAGE,
            CONTENT => PART,
            _ => NOWHERE,
        }
    }

    fn found(&mut self, at: Place, value: Value<'_>, span: Span) {
        match (at, value) {
            (MODEL, Value::Text { text, .. }) => self.model = Some(shortened(&text)),
            (STREAM, Value::Literal(raw)) => self.stream = Some(raw == b"true"),
            (ROOT, Value::Object) => self.end = None,
            (ROOT, Value::End { is_empty }) => self.end = Some((span.start, is_empty)),
            (OPTIONS, Value::Literal(_) | Value::Text { .. }) => self.options = Options::Other(span),
            (OPTIONS, Value::Object) => self.options = Options::Absent,
            (OPTIONS, Value::End { is_empty }) if self.options == Options::Absent => {
                self.options = Options::Silent { end: span.start, is_empty };
            }
            (INCLUDE_USAGE, Value::Literal(raw)) => self.options = Options::Says(span, raw == b"true"),
            (MESSAGE, Value::Object) => {
                self.messages += 1;
                self.has_content = false;
            }
            (CONTENT, Value::Text { text, .. }) if !std::mem::replace(&mut self.has_content, true) => {
                self.task = task_of_prompt(&text);
            }
            _ => {}
        }
    }
}

/// How the prompt templates of Open WebUI 0.12 begin, and the tasks they are for (its `TASKS`, without `_generation`).
const PROMPTS: &[(&str, &str)] = &[
    ("### Task:\nGenerate a concise title", "title"),
    ("### Task:\nGenerate a concise, 3-5 word title", "title"),
    ("### Task:\nPredict 3-5 useful messages", "follow_up"),
    ("### Task:\nSuggest 3-5 relevant follow-up questions", "follow_up"),
    ("### Task:\nGenerate 1-3 broad tags", "tags"),
    ("### Task:\nAnalyze the chat history to determine the necessity of generating search queries", "query"),
    ("### Task:\nGenerate a detailed prompt for am image generation task", "image_prompt"),
    ("### Task:\nYou are an autocompletion system.", "autocomplete"),
    ("Your task is to reflect the speaker's likely facial expression through a fitting emoji.", "emoji"),
    ("You have been provided with a set of responses from various models", "moa_response"),
    ("Available Tools: ", "function_calling"),
];

fn task_of_prompt(prompt: &str) -> Option<&'static str> {
    PROMPTS.iter().find(|(beginning, _)| prompt.starts_with(beginning)).map(|(_, task)| *task)
}

/// The task that a header set to Open WebUI's `{{TASK}}` names: `title_generation` is `title`.
#[must_use]
pub fn task_of_header(value: &str) -> Option<String> {
    let task = value.trim().to_ascii_lowercase();
    let task = task.strip_prefix("tasks.").unwrap_or(&task);
    let task = task.strip_suffix("_generation").unwrap_or(task);
    let looks_like_one =
        task.len() <= 64 && task.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (looks_like_one && !task.is_empty()).then(|| task.to_owned())
}
