//! `GET /audit/fields.json`: what the search box can complete.

use audit_event::{ActorType, Category, Outcome, Severity, Source};
use audit_query::filter::{Field, FieldKind};
use axum::Json;
use serde::Serialize;

/// A field one can name in a query.
#[derive(Serialize)]
pub(crate) struct Completion {
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
    /// All it can hold, where that is known beforehand.
    words: &'static [&'static str],
    /// Whether what was recorded can be asked for.
    groups: bool,
}

/// Answers with all fields.
pub(crate) async fn handle() -> Json<Vec<Completion>> {
    Json(Field::all().map(completion).collect())
}

fn completion(field: Field) -> Completion {
    let is_open = !matches!(field.kind(), FieldKind::Number | FieldKind::Several | FieldKind::Name);
    let is_too_varied = [Field::Message, Field::Id, Field::UserAgent].contains(&field);
    Completion {
        name: field.name(),
        aliases: field.aliases(),
        about: field.description(),
        words: words(field),
        groups: is_open && !is_too_varied,
    }
}

fn words(field: Field) -> &'static [&'static str] {
    match field {
        Field::Category => Category::NAMES,
        Field::Outcome => Outcome::NAMES,
        Field::Severity => Severity::NAMES,
        Field::Source => Source::NAMES,
        Field::ActorType => ActorType::NAMES,
        _ => &[],
    }
}
