//! `dozvon flow versions | rollback`: versions of the running switch's configuration, and the way back to one.

use super::api::Api;
use super::{FlowRollbackArgs, FlowVersionsArgs, failed, print};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Lists the versions that can be put in force again.
pub(super) fn versions(args: &FlowVersionsArgs) -> ExitCode {
    let asked = Api::of(&args.remote).map(|api| api.ask("GET", "/api/v1/versions", None));
    match asked {
        Err(code) => code,
        Ok(Err(message)) => failed(&message),
        Ok(Ok(answer)) if args.json => shown(&format!("{answer:#}\n")),
        Ok(Ok(answer)) => shown(&listed(&answer)),
    }
}

/// Puts one of them in force.
pub(super) fn rollback(args: &FlowRollbackArgs) -> ExitCode {
    let wish =
        args.version.as_ref().map_or_else(|| json!({}), |version| json!({"version": version}));
    let asked = Api::of(&args.remote).map(|api| api.ask("POST", "/api/v1/rollback", Some(wish)));
    match asked {
        Err(code) => code,
        Ok(Err(message)) => failed(&message),
        Ok(Ok(in_force)) => shown(&standing(&in_force)),
    }
}

fn shown(text: &str) -> ExitCode {
    print(text);
    ExitCode::SUCCESS
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}

/// What is in force, and whether the files on disk are.
fn standing(in_force: &Value) -> String {
    let mut text =
        format!("{} is in force since {}\n", word(in_force, "version"), word(in_force, "since"));
    let back = &in_force["rolled_back"];
    if back.is_object() {
        text.push_str(&format!(
            "  put in force by {} in place of the files on disk, which were {}: until they change or are reloaded\n",
            word(back, "by"),
            word(back, "files"),
        ));
    }
    let last = &in_force["last_attempt"];
    if last["taken"] == false {
        let (at, by) = (word(last, "at"), word(last, "by"));
        text.push_str(&format!("  the wish of {by} at {at} was refused, nothing has changed:\n"));
        for finding in last["findings"].as_array().into_iter().flatten() {
            let (file, message) = (word(finding, "file"), word(finding, "message"));
            text.push_str(&format!("    {file}:{}: {message}\n", finding["line"]));
        }
    }
    text
}

fn listed(answer: &Value) -> String {
    let mut text = standing(&answer["in_force"]);
    for kept in answer["kept"].as_array().into_iter().flatten() {
        let mark = if kept["in_force"] == true { "*" } else { " " };
        let (version, at, by) = (word(kept, "version"), word(kept, "at"), word(kept, "by"));
        let flows = kept["flows"].as_array().into_iter().flatten();
        let flows: Vec<String> =
            flows.map(|flow| format!("{} {}", word(flow, "name"), word(flow, "version"))).collect();
        text.push_str(&format!("{mark} {version}  {at:27}  {by:12}  {}\n", flows.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_what_is_in_force_why_and_what_they_can_go_back_to() {
        let flows = json!([{"name": "bank-main", "version": "aaaaaaaaaaaa"}]);
        let answer = json!({
            "in_force": {
                "version": "111111111111",
                "since": "2026-11-22T10:00:00Z",
                "rolled_back": {"by": "admin", "files": "222222222222"},
                "last_attempt": {
                    "taken": false, "at": "2026-11-22T11:00:00Z", "by": "file watch",
                    "findings": [{"file": "bank-main.yaml", "line": 7, "message": "no such node"}],
                },
            },
            "kept": [
                {"version": "111111111111", "in_force": true, "at": "a", "by": "admin", "flows": flows},
                {"version": "222222222222", "in_force": false, "at": "b", "by": "start", "flows": flows},
            ],
        });
        let text = listed(&answer);
        for part in [
            "111111111111 is in force since 2026-11-22T10:00:00Z\n",
            "by admin in place of the files on disk, which were 222222222222",
            "the wish of file watch at 2026-11-22T11:00:00Z was refused",
            "bank-main.yaml:7: no such node",
            "\n* 111111111111",
            "\n  222222222222",
            "bank-main aaaaaaaaaaaa",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
