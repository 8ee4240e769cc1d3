//! Content encodings, undone while bytes come in.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::{Kept, Sink};

/// Buffer of the Brotli decoder, in bytes.
const BROTLI_BUFFER: usize = 4 << 10;

/// The largest window a zstd stream may ask for, as a power of two: RFC 8878 recommends 8 MB, and so do browsers.
const ZSTD_MAX_WINDOW_LOG: u32 = 23;

/// Undoes the encoding and hands on to a [`Sink`].
pub(super) enum Decoder {
    /// Keeps nothing: not wanted, or an encoding that is not known.
    Blind,
    Plain(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Deflate(Box<ZlibDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Sink>>),
    /// What came is not what its encoding promised; holds what came before.
    Broken(Sink),
}

impl Decoder {
    pub fn blind() -> Self {
        Self::Blind
    }

    /// The decoder for a body with these headers.
    pub fn of(headers: &HeaderMap, sink: Sink) -> Self {
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let Some(encoding) = encodings.next() else { return Self::Plain(sink) };
        let name = encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            _ if encodings.next().is_some() => Self::Blind,
            "identity" | "" => Self::Plain(sink),
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            "deflate" => Self::Deflate(Box::new(ZlibDecoder::new(sink))),
            "br" => Self::Brotli(Box::new(DecompressorWriter::new(sink, BROTLI_BUFFER))),
            "zstd" => Self::zstd(sink),
            _ => Self::Blind,
        }
    }

    fn zstd(sink: Sink) -> Self {
        let Ok(mut decoder) = zstd::stream::write::Decoder::new(sink) else { return Self::Blind };
        match decoder.window_log_max(ZSTD_MAX_WINDOW_LOG) {
            Ok(()) => Self::Zstd(Box::new(decoder)),
            Err(_) => Self::Blind,
        }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        let written = match self {
            Self::Blind | Self::Broken(_) => return,
            Self::Plain(sink) => sink.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Deflate(decoder) => decoder.write_all(bytes),
            Self::Brotli(decoder) => decoder.write_all(bytes),
            Self::Zstd(decoder) => decoder.write_all(bytes),
        };
        if written.is_err() {
            let (sink, _) = std::mem::replace(self, Self::Blind).into_sink();
            *self = sink.map_or(Self::Blind, Self::Broken);
        }
    }

    /// What was kept.
    pub fn finish(self, is_complete: bool) -> Kept {
        let (sink, ended) = self.into_sink();
        sink.map(|sink| sink.into_kept(is_complete && ended.is_ok())).unwrap_or_default()
    }

    /// The sink, and whether the encoded stream had come to a good end.
    fn into_sink(self) -> (Option<Sink>, io::Result<()>) {
        match self {
            Self::Blind => (None, Ok(())),
            Self::Plain(sink) => (Some(sink), Ok(())),
            Self::Broken(sink) => (Some(sink), Err(io::ErrorKind::InvalidData.into())),
            Self::Gzip(mut decoder) => {
                let ended = decoder.try_finish();
                (Some(std::mem::replace(decoder.get_mut(), Sink::new(0, 0))), ended)
            }
            Self::Deflate(mut decoder) => {
                let ended = decoder.try_finish();
                (Some(std::mem::replace(decoder.get_mut(), Sink::new(0, 0))), ended)
            }
            Self::Brotli(mut decoder) => {
                let ended = decoder.close();
                (Some(std::mem::replace(decoder.get_mut(), Sink::new(0, 0))), ended)
            }
            Self::Zstd(mut decoder) => {
                let ended = decoder.flush();
                (Some(decoder.into_inner()), ended)
            }
        }
    }
}
