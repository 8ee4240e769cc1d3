//! `GET /audit/assets/{version}/{name}`: the pages' style sheet and scripts.
//!
//! The version is a digest of them all, so that a browser may keep each for ever and still never mixes old and new.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use crate::encoding::Encoding;
use crate::problem::{Code, Problem, Result};

macro_rules! assets {
    ($($name:literal)+) => {
        &[$(($name, include_str!(concat!("../../../assets/", $name))),)+]
    };
}

/// Name and content.
const ASSETS: &[(&str, &str)] = assets![
    "icon.svg"
    "style.css"
    "app.js"
    "bytes.js"
    "chart.js"
    "complete.js"
    "copy.js"
    "drawer.js"
    "event.js"
    "exports.js"
    "follow.js"
    "growth.js"
    "histogram.js"
    "keys.js"
    "list.js"
    "locale.js"
    "note.js"
    "pinned.js"
    "place.js"
    "scope.js"
    "sizes.js"
    "suggest.js"
    "tail.js"
    "trust.js"
    "values.js"
    "verification.js"
    "verify.js"
];

static FOLDER: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, content) in ASSETS {
        hash.update(name);
        hash.update(content);
    }
    let digest: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("/audit/assets/{digest}")
});

/// The address below which the assets are.
pub(crate) fn folder() -> &'static str {
    &FOLDER
}

/// Answers with the asset of that name, whichever version is asked for: a page that was open during an update goes on.
pub(crate) async fn handle(
    Path((_version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let Some((name, content)) = ASSETS.iter().find(|(known, _)| *known == name) else {
        return Err(Problem::new(Code::NoSuchRoute, "there is no such file"));
    };
    let media_type = match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    let encoding = Encoding::accepted(&headers).for_length(content.len());
    let body = encoding.pack(content.as_bytes().to_vec()).map_err(Problem::internal)?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    encoding.mark(headers);
    Ok(response)
}
