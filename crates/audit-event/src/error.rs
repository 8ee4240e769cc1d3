//! What can be wrong with an event, and with an entry's bytes.

use std::fmt;

use crate::vocabulary::Group;

/// Why an event was refused. [`ErrorKind::code`] is stable and meant for programs, `Display` for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    /// The field as a dotted path (`actor.email`, `targets[3].id`); empty for the event as a whole.
    pub field: String,
    /// What is wrong with it.
    pub kind: ErrorKind,
    /// What to do, as the rest of a sentence about the field.
    pub advice: String,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Not JSON, or not one JSON object.
    MalformedJson,
    /// Not UTF-8.
    InvalidUtf8,
    /// The event has no such field.
    UnknownField,
    /// The field stands there twice.
    DuplicateField,
    /// A required field is absent.
    MissingField,
    /// A string where a number belongs, and the like.
    WrongType,
    /// The right type but not an allowed value.
    InvalidValue,
    /// Longer or deeper than allowed.
    TooLong,
    /// A number that JSON cannot carry exactly.
    NumberRange,
    /// An action that the taxonomy does not know, without a category.
    UnknownAction,
    /// No such category.
    UnknownCategory,
}

impl ErrorKind {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            ErrorKind::MalformedJson => "malformed_json",
            ErrorKind::InvalidUtf8 => "invalid_utf8",
            ErrorKind::UnknownField => "unknown_field",
            ErrorKind::DuplicateField => "duplicate_field",
            ErrorKind::MissingField => "missing_field",
            ErrorKind::WrongType => "wrong_type",
            ErrorKind::InvalidValue => "invalid_value",
            ErrorKind::TooLong => "too_long",
            ErrorKind::NumberRange => "number_range",
            ErrorKind::UnknownAction => "unknown_action",
            ErrorKind::UnknownCategory => "unknown_category",
        }
    }
}

impl EventError {
    /// The same error, seen from the object that has the field as its member `key`.
    #[cold]
    pub(crate) fn within(mut self: Box<Self>, key: &str) -> Refusal {
        const SHOWN: usize = 64;
        let key: String = key.chars().take(SHOWN).collect();
        let separator = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{key}{separator}{}", self.field);
        self
    }

    /// The same error, seen from the array that has the field as its item `index`.
    #[cold]
    pub(crate) fn within_item(mut self: Box<Self>, index: usize) -> Refusal {
        let separator = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("[{index}]{separator}{}", self.field);
        self
    }

    /// The stable code of what is wrong.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// An error on its way out: boxed, so that the results of small functions are small.
pub(crate) type Refusal = Box<EventError>;

#[cold]
pub(crate) fn refusal(field: impl Into<String>, kind: ErrorKind, advice: impl Into<String>) -> Refusal {
    Box::new(EventError { field: field.into(), kind, advice: advice.into() })
}

#[cold]
pub(crate) fn unknown_field(known: &str) -> Refusal {
    let or_details = if known.split(", ").any(|name| name == "details") { "" } else { ", or `details`" };
    refusal("", ErrorKind::UnknownField, format!("is unknown: use one of {known}{or_details}"))
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "the event {}", self.advice)
        } else {
            write!(f, "field `{}` {}", self.field, self.advice)
        }
    }
}

impl std::error::Error for EventError {}

/// Why an entry's bytes are not an entry. Stored entries never fail to decode unless they were damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Written by a newer version of this product, or not an entry at all.
    #[error("unknown entry version {0}")]
    UnknownVersion(u8),
    /// A form that version 1 does not have.
    #[error("unknown entry form {0}")]
    UnknownForm(u8),
    /// Ends before its end, or goes on after it.
    #[error("entry is cut short or has bytes left over")]
    Length,
    /// A group's tag is none of `A`, `P`, `E`.
    #[error("unknown tag {tag:#04x} for group {group}")]
    UnknownTag {
        /// The group.
        group: Group,
        /// The byte found.
        tag: u8,
    },
    /// A group's bytes are not the canonical form of that group.
    #[error("group {group} is not canonical: {problem}")]
    NotCanonical {
        /// The group.
        group: Group,
        /// What is wrong.
        problem: &'static str,
    },
    /// The group `core` is absent or erased.
    #[error("the core group is missing")]
    NoCore,
}
