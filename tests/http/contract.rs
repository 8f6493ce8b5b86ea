//! `web/openapi.yaml` as a judge: which routes there are, and whether an answer is what it promises.

use ecluse::domain::Role;
use ecluse::web::OPENAPI;
use ecluse::web::routes::{Kind, Proof, Route, TABLE, Who};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_yaml_ng::from_str(OPENAPI).unwrap());

/// Follows one `$ref` within the document.
fn resolve(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}")),
        None => value,
    }
}

/// Panics unless the answer is one that the document describes for this operation.
pub fn check(method: &str, template: &str, status: u16, media_type: &str, body: &[u8]) {
    let place = format!("{method} {template} -> {status} {media_type}");
    let operation = &DOCUMENT["paths"][template][method.to_lowercase()];
    assert!(operation.is_object(), "{place}: not in the document");
    let responses = &operation["responses"];
    let response = responses.get(status.to_string()).or_else(|| responses.get("default").filter(|_| status >= 400));
    let response = resolve(response.unwrap_or_else(|| panic!("{place}: no such answer in the document")));
    let Some(content) = response.get("content") else {
        assert!(body.is_empty(), "{place}: a body where none is described");
        return;
    };
    let bare = media_type.split(';').next().unwrap();
    let schema = &content[bare]["schema"];
    assert!(schema.is_object(), "{place}: this media type is not described");
    if !bare.ends_with("json") {
        return;
    }
    let mut schema = schema.clone();
    schema["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let instance: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{place}: {error}"));
    let faults: Vec<_> =
        validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{place}: {faults:#?}\nin {instance:#}");
}

fn described() -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete", "options"] {
            if item.get(method).is_some() {
                all.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    all
}

fn interfaces() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().filter(|route| route.kind == Kind::Api)
}

#[test]
fn every_interface_of_the_table_is_in_the_document_and_nothing_else() {
    let served: BTreeSet<_> =
        interfaces().map(|route| (route.method.as_str().to_owned(), route.path.to_owned())).collect();
    assert_eq!(served, described());
}

#[test]
fn the_document_names_the_roles_the_table_enforces() {
    for route in interfaces() {
        let operation = &DOCUMENT["paths"][route.path][route.method.as_str().to_lowercase()];
        match route.who {
            Who::Anybody => {
                assert_eq!(operation["security"], json!([]), "{} {}", route.method, route.path);
                assert!(operation.get("x-roles").is_none(), "{} {}", route.method, route.path);
            }
            Who::Roles(roles) => {
                let named: BTreeSet<_> =
                    operation["x-roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect();
                let enforced: BTreeSet<_> = roles.iter().map(|role| role.as_str()).collect();
                assert_eq!(named, enforced, "{} {}", route.method, route.path);
            }
        }
        let by_token = operation["security"].to_string().contains("viewerToken");
        assert_eq!(by_token, route.proof == Proof::CsrfOrBearer, "{} {}", route.method, route.path);
    }
    let roles: BTreeSet<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let named = DOCUMENT["components"]["schemas"]["Role"]["enum"].as_array().unwrap();
    assert_eq!(named.iter().map(|role| role.as_str().unwrap()).collect::<BTreeSet<_>>(), roles);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn walk(value: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref") {
                    let pointer = reference.as_str().unwrap().trim_start_matches('#');
                    assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
                }
                map.values().for_each(walk);
            }
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&DOCUMENT);
}
