use std::io::Read as _;

use http::HeaderValue;
use http::header::CONTENT_ENCODING;

use super::*;

fn headers(encoding: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !encoding.is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
    }
    headers
}

fn capture(limit: usize, encoding: &str, body: &[u8], piece: usize) -> Kept {
    let mut capture = Capture::new(limit, &headers(encoding));
    body.chunks(piece).for_each(|piece| capture.feed(piece));
    capture.finish(true)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::ZlibEncoder::new(bytes, flate2::Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// "hello brotli, hello brotli" by the reference implementation.
const BROTLI: &[u8] = include_bytes!("hello.br");

#[test]
fn a_short_body_is_kept_whole() {
    let kept = capture(100, "", b"hello", 2);
    assert_eq!((kept.bytes.as_slice(), kept.is_whole, kept.length), (&b"hello"[..], true, 5));
    assert!(kept.tail.is_empty());
    assert!(capture(5, "", b"hello", 5).is_whole, "exactly as long as the limit");
}

#[test]
fn of_a_long_body_beginning_and_end_are_kept() {
    let body: Vec<u8> = (0..300_000u32).flat_map(u32::to_be_bytes).collect();
    for piece in [7, 1_000, 70_000, body.len()] {
        let kept = capture(1_000, "", &body, piece);
        assert_eq!(kept.bytes, body[..1_000]);
        assert_eq!(kept.tail, body[body.len() - TAIL..]);
        assert!(!kept.is_whole);
        assert_eq!(kept.length, body.len() as u64);
    }
}

#[test]
fn encodings_are_undone_for_the_copy_alone() {
    let text = "{\"answer\": \"so it goes\"}".repeat(50);
    for (encoding, packed) in
        [("gzip", gzip(text.as_bytes())), ("deflate", zlib(text.as_bytes())), ("zstd", zstd(text.as_bytes()))]
    {
        for piece in [1, 13, packed.len()] {
            let kept = capture(1 << 20, encoding, &packed, piece);
            assert_eq!(String::from_utf8_lossy(&kept.bytes), text, "{encoding}");
            assert!(kept.is_whole, "{encoding}");
            assert_eq!(kept.length, packed.len() as u64);
        }
    }
    let kept = capture(1 << 20, "br", BROTLI, 3);
    assert_eq!(kept.bytes, b"hello brotli, hello brotli");
    assert!(kept.is_whole);
}

#[test]
fn a_request_is_kept_as_it_came() {
    let packed = gzip(b"{\"id\":\"other\"}");
    let mut capture = Capture::of_request(1_000, &HeaderMap::new(), || None);
    capture.feed(&packed);
    let kept = capture.finish(true);
    assert_eq!((kept.bytes, kept.is_whole), (packed, true));
}

#[test]
fn an_encoding_that_is_not_known_keeps_nothing() {
    for encoding in ["snappy", "gzip, br", "\u{7f}"] {
        let Ok(value) = HeaderValue::from_str(encoding) else { continue };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, value);
        let mut capture = Capture::new(100, &headers);
        capture.feed(b"whatever");
        let kept = capture.finish(true);
        assert_eq!((kept.bytes.len(), kept.is_whole, kept.length), (0, false, 8));
    }
}

#[test]
fn a_body_that_breaks_its_promise_is_not_whole() {
    for encoding in ["gzip", "deflate", "zstd", "br"] {
        assert!(!capture(100, encoding, b"this is no such thing at all", 5).is_whole, "{encoding}");
    }
    let packed = gzip(&[b'x'; 1_000]);
    assert!(!capture(1 << 20, "gzip", &packed[..packed.len() - 9], 100).is_whole, "cut off");
}

#[test]
fn what_did_not_come_to_its_end_is_not_whole() {
    let mut capture = Capture::new(100, &HeaderMap::new());
    capture.feed(b"half");
    assert!(!capture.finish(false).is_whole);
}

#[test]
fn a_bomb_is_given_up() {
    let bomb = zstd(&vec![0; usize::try_from(MAX_DECODED).unwrap() + (1 << 20)]);
    let kept = capture(1_000, "zstd", &bomb, 100);
    assert!(!kept.is_whole);
    assert_eq!(kept.bytes.len(), 1_000);
}

#[test]
fn without_a_limit_only_the_length_is_taken() {
    let kept = capture(0, "gzip", b"hello", 5);
    assert_eq!((kept.bytes.len(), kept.length, kept.is_whole), (0, 5, false));
}
