//! Compression of answers (`Accept-Encoding`) and decompression of uploads (`Content-Encoding`): gzip and zstd.
//!
//! Both run where the bytes are made or taken, on worker threads, never on the runtime's. An [`Encoder`] takes pieces
//! and gives pieces, so that an export of any length needs constant memory.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue};

use crate::problem::{Code, Problem, Result};

/// Answers shorter than this are sent as they are.
const WORTH_COMPRESSING: usize = 1_024;
/// zstd level 1 and gzip level 1: an export must not wait for its compressor.
const ZSTD_LEVEL: i32 = 1;

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// What the client likes best of what we have (RFC 9110, 12.5.3): the highest quality, zstd before gzip among
    /// equals. Anything unclear means as it is.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let offers = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let (mut gzip, mut zstd) = (0.0, 0.0);
        for offer in offers.flat_map(|value| value.split(',')) {
            let (name, quality) = parse_offer(offer);
            match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = quality,
                "zstd" => zstd = quality,
                _ => {}
            }
        }
        // `*` allows any coding but asks for none: it is as good as silence.
        match () {
            () if zstd > 0.0 && zstd >= gzip => Self::Zstd,
            () if gzip > 0.0 => Self::Gzip,
            () => Self::Identity,
        }
    }

    /// How an upload was packed.
    ///
    /// # Errors
    /// [`Code::UnsupportedEncoding`] for anything but gzip, zstd and identity.
    pub fn of_upload(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Self::Identity) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Problem::new(
                Code::UnsupportedEncoding,
                "send the body with Content-Encoding gzip or zstd, or as it is",
            )
            .with_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
        }
    }

    /// The name for `Content-Encoding`; none for identity.
    pub fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }

    /// Marks `headers` as those of an answer in this encoding.
    pub fn mark(self, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(name) = self.header() {
            headers.insert(CONTENT_ENCODING, name);
        }
    }

    /// Identity for answers that are too short to gain.
    pub fn for_length(self, bytes: usize) -> Self {
        if bytes < WORTH_COMPRESSING { Self::Identity } else { self }
    }

    /// Packs a whole answer.
    pub fn pack(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        if self == Self::Identity {
            return Ok(bytes);
        }
        let mut encoder = Encoder::new(self)?;
        encoder.write_all(&bytes)?;
        encoder.finish()
    }

    /// Unpacks a whole upload, of which at most `limit` bytes may come out: a few kilobytes of zeros packed a
    /// thousandfold are refused after `limit` bytes, not after the memory is gone.
    ///
    /// # Errors
    /// [`Code::BodyTooLarge`] beyond `limit`; [`Code::MalformedBody`] when the bytes are not what the header says.
    pub fn unpack(self, packed: &[u8], limit: usize) -> Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(packed.to_vec()),
            Self::Gzip => read_limited(flate2::read::MultiGzDecoder::new(packed), packed.len(), limit),
            Self::Zstd => {
                let decoder = zstd::Decoder::with_buffer(packed).map_err(|error| malformed(self, &error))?;
                read_limited(decoder, packed.len(), limit)
            }
        }
        .map_err(|problem| problem.with("content_encoding", self.name()))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The coding's name and its quality, 1 when it has none.
fn parse_offer(offer: &str) -> (&str, f32) {
    let mut parts = offer.split(';');
    let name = parts.next().unwrap_or_default().trim();
    let quality =
        parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse::<f32>().ok()).unwrap_or(1.0);
    (name, quality)
}

fn read_limited(decoder: impl Read, packed: usize, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(packed.saturating_mul(4).min(limit));
    let beyond = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(beyond).read_to_end(&mut bytes).map_err(|error| {
        Problem::new(Code::MalformedBody, format!("the body cannot be decompressed: {error}"))
    })?;
    if bytes.len() > limit {
        return Err(Problem::new(
            Code::BodyTooLarge,
            format!("the body has more than {limit} bytes when decompressed; send smaller batches"),
        )
        .with("limit_bytes", limit));
    }
    Ok(bytes)
}

fn malformed(encoding: Encoding, error: &io::Error) -> Problem {
    Problem::new(Code::MalformedBody, format!("the body is not {}: {error}", encoding.name()))
}

/// Packs a stream piece by piece: write into it, [`Encoder::take`] what has come out so far.
pub(crate) enum Encoder {
    /// Passes bytes on.
    Identity(Vec<u8>),
    /// Packs with gzip.
    Gzip(GzEncoder<Vec<u8>>),
    /// Packs with zstd.
    Zstd(Box<zstd::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    /// An encoder with nothing in it.
    pub fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Identity => Self::Identity(Vec::new()),
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Zstd => Self::Zstd(Box::new(zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?)),
        })
    }

    /// How many bytes have come out and wait to be taken.
    pub fn ready(&self) -> usize {
        match self {
            Self::Identity(out) => out.len(),
            Self::Gzip(encoder) => encoder.get_ref().len(),
            Self::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    /// What has come out since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Identity(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
    }

    /// The rest, with the format's end.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Identity(out) => out.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &'static str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
        Encoding::accepted(&headers)
    }

    #[test]
    fn the_client_chooses_the_encoding() {
        assert_eq!(Encoding::accepted(&HeaderMap::new()), Encoding::Identity);
        assert_eq!(accepted("gzip, deflate, br, zstd"), Encoding::Zstd);
        assert_eq!(accepted("gzip"), Encoding::Gzip);
        assert_eq!(accepted("GZIP;q=1.0, zstd;q=0.5"), Encoding::Gzip);
        assert_eq!(accepted("gzip;q=0, zstd; q=0"), Encoding::Identity);
        assert_eq!(accepted("br, *;q=0.1"), Encoding::Identity);
    }

    #[test]
    fn what_is_packed_unpacks_to_the_same() {
        let text = "the same words again and again ".repeat(1_000).into_bytes();
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            let packed = encoding.pack(text.clone()).unwrap();
            assert_eq!(encoding.unpack(&packed, text.len()).unwrap(), text, "{encoding:?}");
        }
    }

    #[test]
    fn a_decompression_bomb_is_refused_at_the_limit() {
        let bomb = vec![0; 10_000_000];
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let packed = encoding.pack(bomb.clone()).unwrap();
            assert!(packed.len() < 50_000);
            let problem = encoding.unpack(&packed, 1_000_000).unwrap_err();
            assert_eq!(problem.code(), Code::BodyTooLarge);
        }
    }

    #[test]
    fn damaged_and_cut_bodies_are_malformed() {
        let text = "some text that is long enough to be cut in its middle".repeat(50).into_bytes();
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let packed = encoding.pack(text.clone()).unwrap();
            let cut = encoding.unpack(&packed[..packed.len() / 2], 1_000_000).unwrap_err();
            assert_eq!(cut.code(), Code::MalformedBody, "{encoding:?}");
            let other = encoding.unpack(b"no such format", 1_000_000).unwrap_err();
            assert_eq!(other.code(), Code::MalformedBody, "{encoding:?}");
        }
    }

    #[test]
    fn pieces_add_up_to_the_whole() {
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            let mut encoder = Encoder::new(encoding).unwrap();
            let (mut packed, mut text) = (Vec::new(), Vec::new());
            for number in 0..20_000 {
                let line = format!("line {number}\n");
                encoder.write_all(line.as_bytes()).unwrap();
                text.extend_from_slice(line.as_bytes());
                if encoder.ready() > 4_096 {
                    packed.extend(encoder.take());
                }
            }
            packed.extend(encoder.finish().unwrap());
            assert_eq!(encoding.unpack(&packed, text.len()).unwrap(), text, "{encoding:?}");
        }
    }
}
