//! Content encodings of answers that came encoded although none was asked for.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// What a few bytes may become at most; beyond it the answer counts as broken.
const MOST_AT_ONCE: usize = 16 << 20;
/// Decoded at once.
const STEP: usize = 4 << 10;

/// How to read an answer.
pub(super) enum Decoding {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
    /// An encoding that is not read, or not what it says.
    Unreadable,
}

impl Decoding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let Some(encoding) = encodings.next() else { return Self::Plain };
        match encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            _ if encodings.next().is_some() => Self::Unreadable,
            "" | "identity" => Self::Plain,
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            "deflate" => Self::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
            _ => Self::Unreadable,
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable)
    }

    /// The piece, decoded and handed on in parts. Of an encoding that is not read nothing is handed on.
    ///
    /// # Errors
    /// It is not what its encoding says; later pieces give nothing.
    pub(super) fn feed(&mut self, piece: &Bytes, mut part: impl FnMut(Bytes)) -> io::Result<()> {
        if self.is_plain() {
            part(piece.clone());
            return Ok(());
        }
        let mut total = 0;
        for step in piece.chunks(STEP) {
            match self.step(step) {
                Ok(decoded) => {
                    total += decoded.len();
                    part(Bytes::from(decoded));
                }
                Err(error) => {
                    *self = Self::Unreadable;
                    return Err(error);
                }
            }
            if total > MOST_AT_ONCE {
                *self = Self::Unreadable;
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }

    fn step(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let sink = match self {
            Self::Plain | Self::Unreadable => return Ok(Vec::new()),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                decoder.get_mut()
            }
            Self::Deflate(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                decoder.get_mut()
            }
        };
        Ok(std::mem::take(sink))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn decoded(encoding: &'static str, bytes: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let (mut decoding, mut all) = (Decoding::of(&headers), Vec::new());
        for piece in bytes.chunks(size) {
            decoding.feed(&Bytes::copy_from_slice(piece), |part| all.extend_from_slice(&part))?;
        }
        Ok(all)
    }

    #[test]
    fn gzip_and_deflate_are_undone_in_any_pieces() {
        let text = "data: {\"choices\":[]}\n\n".repeat(100);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text.as_bytes()).unwrap();
        let encoded = [("gzip", gzip.finish().unwrap()), ("deflate", zlib.finish().unwrap())];
        for (name, bytes) in encoded {
            for size in [1, 10, 10_000] {
                assert_eq!(decoded(name, &bytes, size).unwrap(), text.as_bytes(), "{name} {size}");
            }
        }
        assert_eq!(decoded("identity", text.as_bytes(), 7).unwrap(), text.as_bytes());
    }

    #[test]
    fn what_is_not_read_gives_nothing_and_what_lies_an_error() {
        assert_eq!(decoded("br", b"xyz", 1).unwrap(), b"");
        assert_eq!(decoded("zstd, gzip", b"xyz", 1).unwrap(), b"");
        assert!(decoded("gzip", b"this is no gzip", 100).is_err());
    }

    #[test]
    fn a_bomb_is_stopped() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            gzip.write_all(&[0; 1 << 20]).unwrap();
        }
        assert!(decoded("gzip", &gzip.finish().unwrap(), 1 << 20).is_err());
    }
}
