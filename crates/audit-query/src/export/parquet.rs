//! Parquet: the flattened columns, for whoever wants SQL over them.
//!
//! Text is UTF-8, times are microseconds in UTC, whole numbers 64-bit, lists are lists; `targets`, `changes` and
//! `details` are JSON text. Compressed with zstd; a row group ends after 65,536 events or 64 MiB, so that memory
//! does not grow with the file.

use super::columns::{Cell, Column, ColumnKind, Columns, mark_names};
use super::json;
use crate::Error;
use arrow_array::builder::{
    Float64Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use audit_event::Fields;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

const ROW_GROUP_ROWS: usize = 65_536;
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes batches into a file as they come.
pub(crate) struct FileWriter<'w> {
    writer: ArrowWriter<&'w mut (dyn Write + Send)>,
}

impl<'w> FileWriter<'w> {
    pub(crate) fn new(columns: &Columns, out: &'w mut (dyn Write + Send)) -> Result<FileWriter<'w>, Error> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_created_by("secureai-audit".to_owned());
        let properties = columns.as_slice().iter().fold(properties, encode_column).build();
        Ok(FileWriter { writer: ArrowWriter::try_new(out, schema(columns), Some(properties))? })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Ok(self.writer.write(batch)?)
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Writes the footer; returns how many bytes the file has.
    pub(crate) fn finish(mut self) -> Result<u64, Error> {
        self.writer.finish()?;
        Ok(self.bytes_written())
    }
}

/// Chooses how a column is written. Finding values in a dictionary is most of a column's work: numbers and texts
/// of which nearly each is another go without. Extremes are noted where files are in order (or nearly) and readers
/// skip by them; among texts they would only be compared.
fn encode_column(properties: WriterPropertiesBuilder, column: &Column) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(column.name());
    let encoded = |properties: WriterPropertiesBuilder, encoding| {
        let path = path.clone();
        properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding)
    };
    match column.kind() {
        ColumnKind::Whole | ColumnKind::Time => encoded(properties, Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(path, EnabledStatistics::Chunk),
        ColumnKind::Fraction => encoded(properties, Encoding::PLAIN),
        _ if column.is_diverse() => encoded(properties, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ => properties,
    }
}

fn schema(columns: &Columns) -> Arc<Schema> {
    let field = |column: &Column| arrow_schema::Field::new(column.name(), data_type(column.kind()), true);
    Arc::new(Schema::new(columns.as_slice().iter().map(field).collect::<Vec<_>>()))
}

fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text | ColumnKind::Json => DataType::Utf8,
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnKind::Whole => DataType::Int64,
        ColumnKind::Fraction => DataType::Float64,
        ColumnKind::Texts => DataType::new_list(DataType::Utf8, true),
    }
}

/// Gathers events into a batch.
pub(crate) struct BatchBuilder<'c> {
    columns: &'c Columns,
    builders: Vec<ColumnBuilder>,
    scratch: Vec<u8>,
}

enum ColumnBuilder {
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    Whole(Int64Builder),
    Fraction(Float64Builder),
    Texts(ListBuilder<StringBuilder>),
}

impl<'c> BatchBuilder<'c> {
    /// For about `rows` events.
    pub(crate) fn new(columns: &'c Columns, rows: usize) -> BatchBuilder<'c> {
        let builders = columns.as_slice().iter().map(|column| ColumnBuilder::new(*column, rows)).collect();
        BatchBuilder { columns, builders, scratch: Vec::new() }
    }

    pub(crate) fn push(&mut self, index: u64, event: &Fields<'_>) {
        for (column, builder) in self.columns.as_slice().iter().zip(&mut self.builders) {
            builder.push(column.cell(index, event), &mut self.scratch);
        }
    }

    pub(crate) fn finish(mut self) -> Result<RecordBatch, Error> {
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        Ok(RecordBatch::try_new(schema(self.columns), arrays)?)
    }
}

impl ColumnBuilder {
    fn new(column: Column, rows: usize) -> ColumnBuilder {
        // A start that fits most columns: growing means copying.
        let text_bytes = if column.is_diverse() { 64 } else { 16 };
        match column.kind() {
            ColumnKind::Text | ColumnKind::Json => {
                ColumnBuilder::Text(StringBuilder::with_capacity(rows, rows * text_bytes))
            }
            ColumnKind::Time => {
                ColumnBuilder::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            ColumnKind::Whole => ColumnBuilder::Whole(Int64Builder::with_capacity(rows)),
            ColumnKind::Fraction => ColumnBuilder::Fraction(Float64Builder::with_capacity(rows)),
            ColumnKind::Texts => ColumnBuilder::Texts(ListBuilder::new(StringBuilder::new())),
        }
    }

    /// Appends a value of the column's kind; anything else is a missing value.
    fn push(&mut self, cell: Cell<'_>, scratch: &mut Vec<u8>) {
        match self {
            ColumnBuilder::Text(texts) => push_text(texts, cell, scratch),
            ColumnBuilder::Time(times) => {
                times.append_option(if let Cell::Time(time) = cell { Some(time.as_micros()) } else { None });
            }
            ColumnBuilder::Whole(numbers) => {
                numbers.append_option(if let Cell::Whole(number) = cell {
                    i64::try_from(number).ok()
                } else {
                    None
                });
            }
            ColumnBuilder::Fraction(numbers) => {
                numbers.append_option(if let Cell::Fraction(number) = cell { Some(number) } else { None });
            }
            ColumnBuilder::Texts(lists) => push_texts(lists, cell),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Text(texts) => Arc::new(texts.finish()),
            ColumnBuilder::Time(times) => Arc::new(times.finish()),
            ColumnBuilder::Whole(numbers) => Arc::new(numbers.finish()),
            ColumnBuilder::Fraction(numbers) => Arc::new(numbers.finish()),
            ColumnBuilder::Texts(lists) => Arc::new(lists.finish()),
        }
    }
}

fn push_text(texts: &mut StringBuilder, cell: Cell<'_>, scratch: &mut Vec<u8>) {
    match cell {
        Cell::Text(text) | Cell::Json(text) => texts.append_value(text),
        Cell::Address(address) => {
            // Writing into the builder cannot fail.
            let _ = write!(texts, "{address}");
            texts.append_value("");
        }
        Cell::Targets(targets) => {
            scratch.clear();
            json::write_targets(targets, scratch);
            texts.append_value(String::from_utf8_lossy(scratch));
        }
        _ => texts.append_null(),
    }
}

fn push_texts(lists: &mut ListBuilder<StringBuilder>, cell: Cell<'_>) {
    match cell {
        Cell::Texts(texts) => texts.iter().for_each(|text| lists.values().append_value(text)),
        Cell::Marks(marks) => mark_names(marks).for_each(|name| lists.values().append_value(name)),
        _ => return lists.append(false),
    }
    lists.append(true);
}
