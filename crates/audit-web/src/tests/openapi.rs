//! The OpenAPI document says what the router does, no more and no less.

use std::collections::BTreeMap;

use audit_control::Permission;
use serde_json::Value;

use super::app::App;
use crate::endpoints::openapi::DOCUMENT;
use crate::problem::Code;
use crate::router::{Admission, endpoints};

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// What the document says of each route: method and path, and who may.
fn documented() -> BTreeMap<String, String> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            (
                format!("{} {path}", method.to_uppercase()),
                operation["x-permission"].as_str().unwrap().to_owned(),
            )
        })
    });
    operations.collect()
}

#[test]
fn every_route_is_documented_with_its_role() {
    let routed: BTreeMap<_, _> = endpoints()
        .iter()
        .map(|route| {
            let path = route.path.replace("{*", "{");
            let role = match route.admission {
                Admission::Needs(permission) => permission.to_string(),
                Admission::Known => "any caller".to_owned(),
                Admission::Anyone => "anyone".to_owned(),
                Admission::Source => "source".to_owned(),
                Admission::AnyoneIf(_, permission) if path.starts_with("/tlog") => {
                    format!("{permission}, or anyone if http.public_tlog")
                }
                Admission::AnyoneIf(_, permission) => {
                    format!("{permission}, or anyone if http.public_metrics")
                }
            };
            (format!("{} {path}", route.method), role)
        })
        .collect();
    assert_eq!(documented(), routed);
}

#[tokio::test]
async fn every_documented_parameter_is_taken() {
    let app = App::start();
    for path in ["/", "/stats", "/people"] {
        for parameter in document()["paths"][path]["get"]["parameters"].as_array().unwrap() {
            let Some(example) = parameter.get("example") else { continue };
            let name = parameter["name"].as_str().unwrap();
            let value = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            let pair: String =
                form_urlencoded::Serializer::new(String::new()).append_pair(name, &value).finish();
            let limit = if name == "limit" || path == "/stats" { "" } else { "&limit=1" };
            let answer = app.get(&format!("{path}?{pair}{limit}")).await;
            assert_eq!(answer.status, 200, "{path}?{pair}: {}", answer.text());
        }
    }
}

#[test]
fn references_lead_somewhere() {
    let document = document();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                open.extend(members.values());
            }
            Value::Array(elements) => open.extend(elements),
            _ => {}
        }
    }
}

#[test]
fn an_operation_that_needs_a_role_can_say_no() {
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needed = operation["x-permission"].as_str().unwrap();
            let needs_role = Permission::ALL.iter().any(|permission| needed.contains(permission.as_str()));
            // A source has one right and cannot lack it; whoever is known may still come from a network that is not theirs.
            let needs_secret = operation["x-permission"] == "source";
            let is_known = operation["x-permission"] == "any caller";
            for (status, can_be) in
                [("401", needs_role || needs_secret || is_known), ("403", needs_role || is_known)]
            {
                assert_eq!(operation["responses"].get(status).is_some(), can_be, "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn whatever_may_be_asked_too_often_can_say_so() {
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_probe = matches!(path.as_str(), "/healthz" | "/readyz");
            assert_eq!(operation["responses"].get("429").is_none(), is_probe, "{method} {path}");
        }
    }
}

#[test]
fn every_problem_code_is_explained_in_the_guide() {
    let guide = include_str!("../../../../docs/API.md");
    for code in Code::ALL {
        let heading = format!("#### {}\n", code.as_str());
        assert!(guide.contains(&heading), "docs/API.md has no heading for {}", code.as_str());
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut names = std::collections::HashSet::new();
    for item in document()["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name}");
        }
    }
}
