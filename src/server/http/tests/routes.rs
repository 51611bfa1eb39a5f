//! Who may what on every route: the table, the document that shows it, and the description that is served.

use super::super::*;
use super::house::{
    CALL_BACK, FIRE, LOST, LUNCH, WATCH, everybody, house, one_talks_one_wraps_up, send,
};
use utoipa::OpenApi;

/// Every route, a body for it, and what nobody, an unknown token, monitor, agent (anna), supervisor and admin get.
pub(super) const ROUTES: &[(&str, &str, &str, [u16; 6])] = &[
    ("GET", "/", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/page.js", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/live.js", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/live.css", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/rollouts", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/rollouts.js", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/healthz", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/readyz", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/api/v1/openapi.json", "", [200, 200, 200, 200, 200, 200]),
    ("GET", "/metrics", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/queues", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/agents", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/calls", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/contacts", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/contacts?caller=%2B77011230001", "", [401, 401, 403, 403, 200, 200]),
    ("GET", "/api/v1/contacts/77", "", [401, 401, 404, 404, 404, 404]),
    ("POST", "/api/v1/contacts/77/complaint", "", [401, 401, 403, 403, 404, 404]),
    ("GET", "/api/v1/incidents", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/incidents?limit=x", "", [401, 401, 400, 400, 400, 400]),
    ("GET", "/api/v1/rollouts", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/rollouts/roadmap", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/rollouts/anna/decisions", "", [401, 401, 200, 200, 200, 200]),
    ("POST", "/api/v1/rollouts/anna/promote", "", [401, 401, 403, 403, 404, 404]),
    ("GET", "/api/v1/sites", "", [401, 401, 200, 200, 200, 200]),
    ("PUT", "/api/v1/sites/almaty/emergency", FIRE, [401, 401, 403, 403, 200, 200]),
    ("GET", "/api/v1/events", "", [401, 401, 400, 400, 400, 400]),
    ("GET", "/api/v1/agents/anna/status", "", [401, 401, 200, 200, 200, 200]),
    ("POST", "/api/v1/agents/anna/status", LUNCH, [401, 401, 403, 200, 200, 200]),
    ("POST", "/api/v1/agents/boris/status", LUNCH, [401, 401, 403, 403, 200, 200]),
    ("POST", "/api/v1/agents/anna/logout", "", [401, 401, 403, 200, 200, 200]),
    ("POST", "/api/v1/agents/boris/logout", "", [401, 401, 403, 403, 200, 200]),
    ("POST", "/api/v1/agents/anna/end-wrap-up", "", [401, 401, 403, 200, 200, 200]),
    ("POST", "/api/v1/agents/boris/end-wrap-up", "", [401, 401, 403, 403, 200, 200]),
    ("GET", "/api/v1/calls/77", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/calls/77/why", "", [401, 401, 200, 200, 200, 200]),
    ("DELETE", "/api/v1/calls/77", "", [401, 401, 403, 403, 204, 204]),
    ("POST", "/api/v1/calls/77/talk", r#"{"command":"hold"}"#, [401, 401, 403, 204, 204, 204]),
    ("POST", "/api/v1/calls/77/retrieve", r#"{"agent":"anna"}"#, [401, 401, 403, 204, 204, 204]),
    ("POST", "/api/v1/agents/anna/watch", WATCH, [401, 401, 403, 403, 204, 204]),
    ("POST", "/api/v1/agents/anna/take-over", "", [401, 401, 403, 403, 204, 204]),
    ("POST", "/api/v1/agents/anna/end-watch", "", [401, 401, 403, 403, 204, 204]),
    (
        "POST",
        "/api/v1/agents/anna/extend-wrap-up",
        r#"{"secs":30}"#,
        [401, 401, 403, 200, 200, 200],
    ),
    ("POST", "/api/v1/agents/anna/code", LOST, [401, 401, 403, 200, 200, 200]),
    ("POST", "/api/v1/calls/77/code", LOST, [401, 401, 403, 200, 200, 200]),
    ("GET", "/api/v1/classifiers/anna", "", [401, 401, 404, 404, 404, 404]),
    ("GET", "/api/v1/callbacks", "", [401, 401, 200, 200, 200, 200]),
    ("POST", "/api/v1/callbacks", CALL_BACK, [401, 401, 403, 201, 201, 201]),
    ("DELETE", "/api/v1/callbacks/77", "", [401, 401, 403, 204, 204, 204]),
    ("DELETE", "/api/v1/callbacks/8", "", [401, 401, 403, 404, 404, 404]),
    ("GET", "/api/v1/version", "", [401, 401, 200, 200, 200, 200]),
    ("GET", "/api/v1/versions", "", [401, 401, 200, 200, 200, 200]),
    ("POST", "/api/v1/reload", "", [401, 401, 403, 403, 422, 422]),
    ("POST", "/api/v1/rollback", "", [401, 401, 403, 403, 422, 422]),
    ("GET", "/api/v1/nothing", "", [404, 404, 404, 404, 404, 404]),
    ("PUT", "/api/v1/agents", "", [405, 405, 405, 405, 405, 405]),
];
#[tokio::test]
async fn every_route_answers_every_role_as_the_table_says() {
    let house = house(everybody(), one_talks_one_wraps_up);
    for (method, path, body, expected) in ROUTES {
        for (who, expected) in ["", "nobody", "wall", "anna", "boss", "admin"].iter().zip(expected)
        {
            let (status, answer) = send(&house, who, method.parse().unwrap(), path, body).await;
            assert_eq!(status.as_u16(), *expected, "{method} {path} as `{who}`: {answer}");
            if matches!(status.as_u16(), 401 | 403) {
                let detail = answer["detail"].as_str().unwrap();
                assert!(detail.contains("token"), "a sentence: {detail}");
            }
        }
    }
}

#[tokio::test]
async fn the_table_and_the_api_description_hold_all_routes() {
    let document = serde_json::to_value(openapi::Document::openapi()).unwrap();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.push((
                method.to_uppercase(),
                path.replace("{name}", "anna")
                    .replace("{id}", "77")
                    .replace("{site}", "almaty")
                    .replace("{order}", "promote"),
            ));
        }
    }
    for (method, path) in &described {
        assert!(
            ROUTES.iter().any(|row| row.0 == method && row.1 == path),
            "{method} {path} is untested"
        );
    }
    for (method, path, _, answers) in ROUTES {
        let pages = ["/", "/page.js", "/live.js", "/live.css", "/rollouts", "/rollouts.js"];
        let page = pages.contains(path) || answers[0] >= 404;
        let other = path.contains("boris") || path.contains('?') || path.ends_with("/8");
        let known = described.iter().any(|row| row.0 == *method && row.1 == *path);
        assert!(page || other || known, "{method} {path} is not described");
    }
    let text = document.to_string();
    assert!(text.contains("\"bearer\"") && text.starts_with('{'));
    for schema in ["Problem", "AgentView", "ContactView"] {
        assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
    }
}

/// The rows of the table in docs/api.md: method, path, and whether nobody, monitor, agent and supervisor may.
fn documented() -> Vec<(String, String, [bool; 4])> {
    let mut found = Vec::new();
    for line in include_str!("../../../../docs/api.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, routes, nobody, monitor, agent, supervisor, _] = cells[..] else { continue };
        let may = [nobody, monitor, agent, supervisor].map(|cell| !cell.is_empty());
        for route in routes.split('`').skip(1).step_by(2) {
            let (method, path) = route.split_once(' ').expect("a method and a path");
            let path = path.replace("{name}", "anna").replace("{id}", "77");
            let path = path.replace("{site}", "almaty").replace("{order}", "promote");
            let path = path.replace('…', "%2B77011230001");
            found.push((method.to_owned(), path, may));
        }
    }
    found
}

#[test]
fn the_table_of_the_documents_is_the_one_of_the_tests() {
    let documented = documented();
    for (method, path, may) in &documented {
        let row = ROUTES.iter().find(|row| row.0 == method && row.1 == path);
        let (.., answers) = row.unwrap_or_else(|| panic!("{method} {path} is in docs/api.md only"));
        let tested = [0, 2, 3, 4].map(|who: usize| !matches!(answers[who], 401 | 403));
        assert_eq!(*may, tested, "{method} {path}: docs/api.md says otherwise");
        assert_eq!(answers[4], answers[5], "supervisor and admin share a column");
    }
    for (method, path, _, answers) in ROUTES {
        let part_of_the_page = ["/page.js", "/live.js", "/live.css", "/rollouts.js"].contains(path);
        let variant = path.contains("boris") || path.contains("limit=x") || path.ends_with("/8");
        let nothing = answers[0] >= 404;
        let known = documented.iter().any(|row| row.0 == *method && row.1 == *path);
        assert!(
            known || part_of_the_page || variant || nothing,
            "write {method} {path} into docs/api.md"
        );
    }
}
