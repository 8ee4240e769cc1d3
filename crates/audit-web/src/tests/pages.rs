//! The pages, as a browser meets them.

mod access;
mod emergency;
mod event;
mod events;
mod exports;
mod integrity;
mod looks;
mod people;
mod provider;
mod sign_in;
mod usage;
mod views;

pub(super) use provider::Visit;

use audit_control::Role;
use axum::body::Body;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{Method, Request};

use super::app::{Answer, App, event as sample};

/// A browser: it keeps cookies and says where its forms come from.
pub(super) struct Browser<'a> {
    app: &'a App,
    cookie: String,
}

impl<'a> Browser<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        Self { app, cookie: String::new() }
    }

    /// One that has signed in with the auditor's token.
    pub(super) async fn signed_in(app: &'a App) -> Self {
        let mut browser = Self::new(app);
        let token = app.token(Role::Auditor).to_owned();
        let answer = browser.submit("/audit/sign-in", &[("token", &token)]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    pub(super) async fn get(&mut self, uri: &str) -> Answer {
        let request = Request::builder().uri(uri).header("cookie", &self.cookie).body(Body::empty()).unwrap();
        self.send(request).await
    }

    pub(super) async fn submit(&mut self, uri: &str, fields: &[(&str, &str)]) -> Answer {
        self.submit_from("same-origin", uri, fields).await
    }

    /// A form that a page of `site` sends.
    async fn submit_from(&mut self, site: &str, uri: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", site)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn send(&mut self, request: Request<Body>) -> Answer {
        let answer = Answer::of(self.app.send(request).await).await;
        let mut given = answer.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        if let Some(session) = given.rfind(|line| line.starts_with("secureai_audit_session=")) {
            session.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        answer
    }
}

/// A part of a page, for a snapshot: between these marks, both included.
fn part(page: &str, from: &str, to: &str) -> String {
    let start = page.find(from).expect(from);
    let end = start + page[start..].find(to).expect(to) + to.len();
    let lines = page[start..end].lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// How many events the page says there are.
fn total(page: &str) -> u64 {
    let total = part(page, "id=\"total\"", "</p>");
    total.split("data-number=\"").nth(1).expect("a number").split('"').next().unwrap().parse().unwrap()
}

/// The bars of the page's histogram: their counts and addresses.
fn bars(page: &str) -> Vec<(u64, String)> {
    let figure = part(page, "<figure class=\"histogram\"", "</figure>");
    let bars = figure.split("<a href=\"").skip(1).map(|bar| {
        let (href, rest) = bar.split_once("\" aria-label=\"").unwrap();
        let (name, _) = rest.split_once(" events\"").unwrap();
        (name.rsplit(": ").next().unwrap().parse().unwrap(), href.replace("&#38;", "&"))
    });
    bars.collect()
}

/// The value of a page's hidden field.
pub(super) fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
    rest.split('"').next().unwrap()
}
