//! The columns of a partition's Parquet file.

use crate::columns::{CodeColumn, IdColumn, NumberColumn};

/// One column of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leaf {
    Time,
    Index,
    Code(CodeColumn),
    /// Identifiers of 16 bytes.
    IdWide(IdColumn),
    /// How each identifier is written: `uuid`, `hex` or `text`.
    IdForm(IdColumn),
    /// Identifiers of any other length.
    IdText(IdColumn),
    Number(NumberColumn),
    Message,
}

/// The values of an [`Leaf::IdForm`] column, in the order of `IdForm`.
pub(crate) const ID_FORMS: [&str; 3] = ["uuid", "hex", "text"];

impl Leaf {
    /// All of them, in the order of the file.
    pub(crate) fn all() -> impl Iterator<Item = Leaf> {
        let codes = CodeColumn::ALL.iter().map(|column| Leaf::Code(*column));
        let ids =
            IdColumn::ALL.iter().flat_map(|id| [Leaf::IdWide(*id), Leaf::IdForm(*id), Leaf::IdText(*id)]);
        let numbers = NumberColumn::ALL.iter().map(|column| Leaf::Number(*column));
        [Leaf::Time, Leaf::Index].into_iter().chain(codes).chain(ids).chain(numbers).chain([Leaf::Message])
    }

    /// Its position in the file.
    pub(crate) fn position(self) -> usize {
        const CODES: usize = 2;
        const IDS: usize = CODES + CodeColumn::COUNT;
        const NUMBERS: usize = IDS + 3 * IdColumn::COUNT;
        const MESSAGE: usize = NUMBERS + NumberColumn::COUNT;
        match self {
            Leaf::Time => 0,
            Leaf::Index => 1,
            Leaf::Code(column) => CODES + column as usize,
            Leaf::IdWide(column) => IDS + 3 * column as usize,
            Leaf::IdForm(column) => IDS + 3 * column as usize + 1,
            Leaf::IdText(column) => IDS + 3 * column as usize + 2,
            Leaf::Number(column) => NUMBERS + column as usize,
            Leaf::Message => MESSAGE,
        }
    }

    /// Its line in the file's schema.
    fn declaration(self) -> String {
        match self {
            Leaf::Time => "required int64 time (TIMESTAMP(MICROS,true));".to_owned(),
            Leaf::Index => "required int64 index;".to_owned(),
            Leaf::Code(CodeColumn::HttpStatus) => "optional int32 http_status;".to_owned(),
            Leaf::Code(column) => format!("optional byte_array {} (STRING);", column.name()),
            Leaf::IdWide(column) => format!("optional fixed_len_byte_array(16) {} (UUID);", column.name()),
            Leaf::IdForm(column) => format!("optional byte_array {}_form (STRING);", column.name()),
            Leaf::IdText(column) => format!("optional byte_array {}_text (STRING);", column.name()),
            Leaf::Number(column) if column.is_whole() => format!("optional int64 {};", column.name()),
            Leaf::Number(column) => format!("optional double {};", column.name()),
            Leaf::Message => "optional byte_array message (STRING);".to_owned(),
        }
    }

    /// Whether its dictionary holds numbers rather than text.
    pub(crate) fn is_integer(self) -> bool {
        self == Leaf::Code(CodeColumn::HttpStatus)
    }
}

/// The file's schema in Parquet's own notation.
pub(crate) fn schema() -> String {
    let lines: Vec<String> = Leaf::all().map(Leaf::declaration).collect();
    format!("message event {{ {} }}", lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_order() {
        for (at, leaf) in Leaf::all().enumerate() {
            assert_eq!(leaf.position(), at, "{leaf:?}");
        }
    }
}
