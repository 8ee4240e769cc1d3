//! `GET /exports/{id}/file`: the file of a finished export, whole or in part, as often as it is kept.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use audit_control::Export;
use audit_query::export::Format;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::find;
use super::range::Wanted;
use crate::exports::{about, file_name};
use crate::params::{Params, PathPart};
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// Bytes read and sent at once.
const PIECE: u64 = 256 << 10;

/// Answers with the file, or a part of it.
pub(crate) async fn handle(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    PathPart(id): PathPart,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let is_head = method == Method::HEAD;
    let (export, file) = state.work(move |state| open(state, &id, &reader, is_head)).await?;
    let etag = format!("\"{}\"", export.sha256.as_deref().unwrap_or_default());
    let length = export.bytes;
    let wanted = Wanted::of(&headers, length, &etag);
    let mut response = match &wanted {
        Wanted::Unsatisfiable => {
            let detail = format!("the file has {length} bytes");
            return Err(Problem::new(Code::RangeNotSatisfiable, detail)
                .with("length", length)
                .with_header(CONTENT_RANGE, header(&format!("bytes */{length}"))?));
        }
        Wanted::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Wanted::Whole => sent(file, 0..length, is_head)?,
        Wanted::Part(part) => {
            let mut response = sent(file, part.clone(), is_head)?;
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            response.headers_mut().insert(CONTENT_RANGE, header(&range)?);
            response
        }
    };
    let format = Format::from_name(&export.format).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&etag)?);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // The browser may keep nothing of it, and asks again by its tag.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if wanted != Wanted::NotModified {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
        headers.insert(CONTENT_DISPOSITION, disposition(&file_name(&export))?);
    }
    Ok(response)
}

/// The file, and that it is fetched on record: once in a while, however many parts are asked for.
fn open(state: &AppState, id: &str, reader: &Reader, is_head: bool) -> Result<(Export, File)> {
    let export = find(state, id, reader)?;
    let path = state.export_jobs().file_of(&export)?;
    let file = File::open(path).map_err(Problem::internal)?;
    // A file that was cut off by hand must not be sent as if it was whole.
    if file.metadata().map_err(Problem::internal)?.len() != export.bytes {
        return Err(Problem::internal("the file of an export has not the length it was written with"));
    }
    if !is_head {
        let event = about(reader.visitor().did("audit.export_downloaded"), &export);
        state.activity().note(event, &reader.visitor().key(), &export.id);
    }
    Ok((export, file))
}

fn sent(file: File, part: Range<u64>, is_head: bool) -> Result<Response> {
    let length = part.end - part.start;
    let body = if is_head { Body::empty() } else { body(file, part) };
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_LENGTH, header(&length.to_string())?);
    Ok(response)
}

/// The part, read piece by piece as the client takes it.
fn body(file: File, part: Range<u64>) -> Body {
    let file = Arc::new(file);
    Body::from_stream(stream::unfold(part, move |rest| {
        let file = Arc::clone(&file);
        async move {
            if rest.is_empty() {
                return None;
            }
            let end = rest.end.min(rest.start + PIECE);
            let read = tokio::task::spawn_blocking(move || read(&file, rest.start..end)).await;
            let piece = read.unwrap_or_else(|error| Err(io::Error::other(error)));
            // After an error there is nothing more: the transfer breaks off.
            let left = if piece.is_ok() { end..rest.end } else { 0..0 };
            Some((piece, left))
        }
    }))
}

fn read(file: &File, part: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, part.start)?;
    Ok(Bytes::from(bytes))
}

/// The header that has a browser save the answer under that name (RFC 6266; other characters as RFC 8187 has them).
///
/// # Errors
/// Never for names that were checked.
pub(crate) fn disposition(name: &str) -> Result<HeaderValue> {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).collect();
    let mut text = format!("attachment; filename=\"{}\"", plain.replace(['"', '\\'], "_"));
    if plain != name {
        text.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    header(&text)
}

fn header(text: &str) -> Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_for_old_and_new_clients() {
        assert_eq!(disposition("a b.csv").unwrap(), "attachment; filename=\"a b.csv\"");
        assert_eq!(
            disposition("März.csv").unwrap(),
            "attachment; filename=\"M_rz.csv\"; filename*=UTF-8''M%C3%A4rz.csv"
        );
    }
}
