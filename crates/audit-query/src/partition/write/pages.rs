//! The pages of one column, and what the Parquet footer says about them.

use crate::Error;
use crate::columns::Strings;
use crate::encoding::hybrid;
use crate::partition::leaf::Leaf;
use crate::partition::summary::{ColumnPages, PageAt, page_checksum};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// Level 1 is as small as level 3 on these columns and twice as fast.
pub(super) const ZSTD_LEVEL: i32 = 1;

/// Writes a column's pages into memory.
pub(super) struct ColumnWriter {
    descriptor: ColumnDescPtr,
    leaf: Leaf,
    sink: TrackedWrite<Vec<u8>>,
    places: ColumnPages,
    /// Decided by the column's first page: identifiers do not compress.
    compressor: Option<Compressor<'static>>,
    plain_bytes: u64,
    rows: u64,
    offsets: OffsetIndexBuilder,
    /// Least and greatest value of each page, where the rows are sorted by the column.
    bounds: Vec<(i64, i64)>,
    encodings: Vec<Encoding>,
}

impl ColumnWriter {
    pub(super) fn new(descriptor: ColumnDescPtr, leaf: Leaf) -> ColumnWriter {
        ColumnWriter {
            descriptor,
            leaf,
            sink: TrackedWrite::new(Vec::new()),
            places: ColumnPages { compressed: true, ..ColumnPages::default() },
            compressor: Compressor::new(ZSTD_LEVEL).ok(),
            plain_bytes: 0,
            rows: 0,
            offsets: OffsetIndexBuilder::new(),
            bounds: Vec::new(),
            encodings: Vec::new(),
        }
    }

    /// Writes the dictionary; before any page.
    pub(super) fn dictionary(&mut self, values: &Strings) -> Result<(), Error> {
        let mut plain = Vec::new();
        for value in values.iter() {
            if self.leaf.is_integer() {
                let number: i32 = value.parse().expect("the vocabulary wrote a number");
                plain.extend_from_slice(&number.to_le_bytes());
            } else {
                let length = u32::try_from(value.len()).expect("a value fits a page");
                plain.extend_from_slice(&length.to_le_bytes());
                plain.extend_from_slice(value.as_bytes());
            }
        }
        let body = self.compress(&plain)?;
        let values = count(values.len());
        let page = |buf: Bytes| Page::DictionaryPage {
            buf,
            num_values: values,
            encoding: Encoding::PLAIN,
            is_sorted: !self.leaf.is_integer(),
        };
        let place = write_page(&mut self.sink, page(body.clone()), &body, plain.len(), values)?;
        self.encodings.push(Encoding::PLAIN);
        self.plain_bytes += plain.len() as u64;
        self.places.dictionary = Some(place);
        Ok(())
    }

    /// Notes the least and greatest value of the next page.
    pub(super) fn sorted_bounds(&mut self, least: i64, greatest: i64) {
        self.bounds.push((least, greatest));
    }

    /// Writes a page of `rows`; `valid` says which have a value (`None` for a required column), `encode` appends
    /// the values of those that have.
    pub(super) fn page(
        &mut self,
        rows: usize,
        valid: Option<&[bool]>,
        encoding: Encoding,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        let mut plain = Vec::new();
        if let Some(valid) = valid {
            put_levels(valid, &mut plain);
        }
        encode(&mut plain);
        if self.places.pages.is_empty() && matches!(self.leaf, Leaf::IdWide(_)) {
            self.places.compressed = self.compress(&plain)?.len() < plain.len() / 20 * 19;
        }
        let body = self.compress(&plain)?;
        let page = Page::DataPage {
            buf: body.clone(),
            num_values: count(rows),
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let before = self.sink.bytes_written();
        let place = write_page(&mut self.sink, page, &body, plain.len(), count(rows))?;
        let size = i32::try_from(self.sink.bytes_written() - before).expect("a page is below 2 GiB");
        self.offsets.append_offset_and_size(i64::try_from(before).expect("an offset"), size);
        self.offsets.append_row_count(i64::from(count(rows)));
        if self.encodings.last() != Some(&encoding) {
            self.encodings.push(encoding);
        }
        self.places.pages.push(place);
        self.plain_bytes += plain.len() as u64;
        self.rows += rows as u64;
        Ok(())
    }

    /// The pages' places counted from the column's start, the column's bytes, and its entry in the footer.
    pub(super) fn close(mut self) -> Result<(ColumnPages, Bytes, ColumnCloseResult), Error> {
        self.encodings.push(Encoding::RLE);
        let bytes = Bytes::from(self.sink.into_inner()?);
        let compression = match (self.places.compressed, ZstdLevel::try_new(ZSTD_LEVEL)) {
            (true, Ok(level)) => Compression::ZSTD(level),
            _ => Compression::UNCOMPRESSED,
        };
        let first_page = self.places.pages.first().map_or(0, |_| 0);
        let has_dictionary = self.places.dictionary.is_some();
        let offsets = self.offsets.build();
        let data_at = offsets.page_locations().first().map_or(first_page, |page| page.offset);
        let signed = |number: u64| i64::try_from(number).expect("a size in a file");
        let mut metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(compression)
            .set_encodings(self.encodings)
            .set_num_values(signed(self.rows))
            .set_total_compressed_size(signed(bytes.len() as u64))
            .set_total_uncompressed_size(signed(self.plain_bytes))
            .set_dictionary_page_offset(has_dictionary.then_some(0))
            .set_data_page_offset(data_at);
        let column_index = match (self.bounds.first(), self.bounds.last()) {
            (Some(first), Some(last)) => {
                metadata = metadata.set_statistics(Statistics::int64(
                    Some(first.0),
                    Some(last.1),
                    None,
                    Some(0),
                    false,
                ));
                let mut index = ColumnIndexBuilder::new(super::physical_type(self.leaf));
                for (least, greatest) in &self.bounds {
                    index.append(
                        false,
                        least.to_le_bytes().to_vec(),
                        greatest.to_le_bytes().to_vec(),
                        0,
                        None,
                    );
                }
                index.set_boundary_order(BoundaryOrder::ASCENDING);
                Some(index.build()?)
            }
            _ => None,
        };
        let closed = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index,
            offset_index: Some(offsets),
        };
        Ok((self.places, bytes, closed))
    }

    fn compress(&mut self, plain: &[u8]) -> Result<Bytes, Error> {
        match &mut self.compressor {
            Some(compressor) if self.places.compressed => Ok(compressor.compress(plain)?.into()),
            _ => Ok(Bytes::copy_from_slice(plain)),
        }
    }
}

/// Definition levels: the length of what follows, then 1 for a value and 0 for none.
fn put_levels(valid: &[bool], out: &mut Vec<u8>) {
    let levels: Vec<u32> = valid.iter().map(|valid| u32::from(*valid)).collect();
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    hybrid::encode(&levels, 1, out);
    let length = count(out.len() - start - 4);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn write_page(
    sink: &mut TrackedWrite<Vec<u8>>,
    page: Page,
    body: &Bytes,
    plain_length: usize,
    values: u32,
) -> Result<PageAt, Error> {
    SerializedPageWriter::new(sink).write_page(CompressedPage::new(page, plain_length))?;
    Ok(PageAt {
        offset: (sink.bytes_written() - body.len()) as u64,
        length: count(body.len()),
        plain_length: count(plain_length),
        values,
        checksum: page_checksum(body),
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a page is below 4 GiB")
}
