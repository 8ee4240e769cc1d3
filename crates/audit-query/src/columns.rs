//! Columns in memory: one representation for rows that just arrived and for decoded Parquet pages.
//!
//! Rows come in *pages* of at most [`PAGE_ROWS`]. Within a page a column is one of four things:
//!
//! - [`Codes`]: text of few distinct values, as numbers into a dictionary (code 0 is "absent"),
//! - [`Ids`]: identifiers, 16 bytes each where they are UUIDs or 32 hexadecimal digits,
//! - [`Numbers`]: whole or fractional numbers,
//! - [`Texts`]: free text, end to end.
//!
//! What a row means is decided elsewhere (`predicate` for filters, `memory` for events).

mod bits;
mod codes;
mod dictionary;
mod ids;
mod numbers;
mod texts;

pub(crate) use bits::Bits;
pub(crate) use codes::Codes;
pub(crate) use dictionary::{Dictionary, Strings};
pub(crate) use ids::{IdForm, Ids, WideId, id_hash, wide_id_hash};
pub(crate) use numbers::Numbers;
pub(crate) use texts::Texts;

use crate::filter::Field;

/// Rows in a full page.
pub(crate) const PAGE_ROWS: usize = 4096;

/// The code of an absent value.
pub(crate) const ABSENT: u32 = 0;

macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($variant:ident => $text:literal, $field:expr;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum $name { $($variant),* }

        impl $name {
            /// All of them, in the order of the Parquet file.
            pub(crate) const ALL: &[$name] = &[$($name::$variant),*];
            /// How many there are.
            pub(crate) const COUNT: usize = $name::ALL.len();

            /// The column's name in the Parquet file.
            pub(crate) const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// The column that holds a leaf field, if it is one of these.
            pub(crate) fn of(field: Field) -> Option<$name> {
                const FIELDS: &[Option<Field>] = &[$($field),*];
                let at = FIELDS.iter().position(|known| *known == Some(field))?;
                Some($name::ALL[at])
            }
        }
    };
}

columns! {
    /// The columns of text with few distinct values.
    ///
    /// `groups` and `targets` hold an event's whole list as one value, a JSON array.
    CodeColumn {
        Category => "category", Some(Field::Category);
        Action => "action", Some(Field::Action);
        Outcome => "outcome", Some(Field::Outcome);
        Reason => "reason", Some(Field::Reason);
        Severity => "severity", Some(Field::Severity);
        Source => "source", Some(Field::Source);
        Sender => "sender", Some(Field::Sender);
        Instance => "instance", Some(Field::Instance);
        ActorType => "actor_type", Some(Field::ActorType);
        ActorId => "actor_id", Some(Field::ActorId);
        ActorName => "actor_name", Some(Field::ActorName);
        ActorEmail => "actor_email", Some(Field::ActorEmail);
        Role => "role", Some(Field::Role);
        Department => "department", Some(Field::Department);
        Groups => "groups", Some(Field::Group);
        Ip => "ip", Some(Field::Ip);
        UserAgent => "user_agent", Some(Field::UserAgent);
        TargetType => "target_type", Some(Field::TargetType);
        TargetName => "target_name", Some(Field::TargetName);
        Targets => "targets", None;
        Model => "model", Some(Field::Model);
        Provider => "provider", Some(Field::Provider);
        HttpMethod => "http_method", Some(Field::HttpMethod);
        HttpStatus => "http_status", Some(Field::HttpStatus);
    }
}

impl CodeColumn {
    /// The columns whose values free words are looked up in (the message has a column of its own kind).
    pub(crate) const SEARCHED: &[CodeColumn] = &[
        CodeColumn::TargetName,
        CodeColumn::ActorName,
        CodeColumn::ActorEmail,
        CodeColumn::Action,
        CodeColumn::Reason,
        CodeColumn::Targets,
    ];
}

columns! {
    /// The columns of identifiers.
    IdColumn {
        Id => "id", Some(Field::Id);
        Session => "session_id", Some(Field::Session);
        TargetId => "target_id", Some(Field::TargetId);
    }
}

columns! {
    /// The columns of numbers.
    NumberColumn {
        InputTokens => "input_tokens", Some(Field::InputTokens);
        OutputTokens => "output_tokens", Some(Field::OutputTokens);
        CostUsd => "cost_usd", Some(Field::CostUsd);
        LatencyMs => "latency_ms", Some(Field::LatencyMs);
    }
}

impl IdColumn {
    /// The field that the column holds.
    pub(crate) const fn field(self) -> Field {
        match self {
            IdColumn::Id => Field::Id,
            IdColumn::Session => Field::Session,
            IdColumn::TargetId => Field::TargetId,
        }
    }
}

impl NumberColumn {
    /// Whether its numbers are whole (`u64`) rather than fractional (`f64`).
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self, NumberColumn::InputTokens | NumberColumn::OutputTokens)
    }
}
