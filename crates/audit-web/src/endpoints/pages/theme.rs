//! `POST /audit/theme`: the reader chooses light, dark, or what the system says.

use axum::response::Response;
use http::HeaderValue;
use http::header::SET_COOKIE;

use super::form::Form;
use super::frame::{THEME_COOKIE, theme_of};
use super::{page_of_ours, see};

/// Remembers the choice for a year and goes back to the page.
pub(crate) async fn handle(form: Form) -> Response {
    let theme = theme_of(form.get("theme"));
    let cookie = format!("{THEME_COOKIE}={theme}; Path=/audit; Max-Age=31536000; SameSite=Strict");
    let mut response = see(page_of_ours(form.get("next")));
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
