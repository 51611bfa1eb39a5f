//! `dozvon rollout`: the calls and days a plan takes, how rollouts stand, what was decided, and orders.
//!
//! The counting is the center's. Orders go to the running switch; decisions are read from the database.

use super::api::Api;
use super::{
    Format, RolloutArgs, RolloutCommand, RolloutExplainArgs, RolloutOrderArgs, RolloutPlanArgs,
    RolloutRoadmapArgs, RolloutStatusArgs, failed, print, tell, verdict,
};
use crate::server::config::{Findings, environment, places, read_plan, tell_plan};
use crate::server::store::db::Database;
use crate::server::store::{DECISIONS_MAX, Log, decisions};
use dozvon_center::rollout::decision::Order;
use dozvon_center::rollout::needs::needs;
use dozvon_center::rollout::{Arm, TriedKind};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Does what is asked about rollouts.
pub(crate) fn rollout(args: &RolloutArgs) -> ExitCode {
    match &args.command {
        RolloutCommand::Plan(args) => plan(args),
        RolloutCommand::Status(args) => status(args),
        RolloutCommand::Roadmap(args) => roadmap(args),
        RolloutCommand::Explain(args) => explain(args),
        RolloutCommand::Start(args) => order(Order::Start, args),
        RolloutCommand::Promote(args) => order(Order::Promote, args),
        RolloutCommand::Pause(args) => order(Order::Pause, args),
        RolloutCommand::Resume(args) => order(Order::Resume, args),
        RolloutCommand::Abort(args) => order(Order::Abort, args),
        RolloutCommand::DrainNow(args) => order(Order::DrainNow, args),
    }
}

fn status(args: &RolloutStatusArgs) -> ExitCode {
    let api = match Api::of(&args.remote) {
        Ok(api) => api,
        Err(code) => return code,
    };
    let answer = match api.ask("GET", "/api/v1/rollouts", None) {
        Ok(answer) => answer,
        Err(message) => return failed(&message),
    };
    let wanted = |view: &&Value| args.name.as_deref().is_none_or(|name| view["name"] == name);
    let views: Vec<&Value> = answer.as_array().into_iter().flatten().filter(wanted).collect();
    if let (Some(name), true) = (&args.name, views.is_empty()) {
        return failed(&format!("no rollout with a plan is called `{name}`"));
    }
    if args.json {
        print(&format!("{:#}\n", json!(views)));
    } else if views.is_empty() {
        print("no rollout has a plan: rollouts/plans/*.toml\n");
    } else {
        let texts: Vec<String> = views.into_iter().map(standing).collect();
        print(&texts.join("\n"));
    }
    ExitCode::SUCCESS
}

fn roadmap(args: &RolloutRoadmapArgs) -> ExitCode {
    let api = match Api::of(&args.remote) {
        Ok(api) => api,
        Err(code) => return code,
    };
    let zone = args.zone.replace('+', "%2B");
    let path = format!("/api/v1/rollouts/roadmap?months={}&zone={zone}", args.months);
    match api.ask("GET", &path, None) {
        Ok(answer) if args.json => print(&format!("{answer:#}\n")),
        Ok(answer) => print(&months(&answer)),
        Err(message) => return failed(&message),
    }
    ExitCode::SUCCESS
}

/// The roadmap as a table: how many of each option's callers were drawn for a bot, and of all calls together.
fn months(roadmap: &Value) -> String {
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let names: Vec<String> =
        rows(&roadmap["months"]).iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut out = format!("{:<20}{:<20}{:<7}{:<12}", "option", "state", "share", "last share");
    // Writing to a String can't fail.
    for name in &names {
        let _ = write!(out, "{name:>17}");
    }
    let history = |out: &mut String, row: &Value| {
        for month in rows(row) {
            let (bot, calls) = (month["bot"].as_u64(), month["calls"].as_u64());
            let (bot, calls) = (bot.unwrap_or_default(), calls.unwrap_or_default());
            let share =
                month["share"].as_f64().map_or("-".into(), |s| format!("{:.0} %", s * 100.0));
            let counts = format!("{bot}/{calls}");
            let _ = write!(out, "{share:>6}{counts:>11}");
        }
        out.push('\n');
    };
    out.push('\n');
    for option in rows(&roadmap["options"]) {
        let text = |key: &str| option[key].as_str().unwrap_or("-").to_owned();
        let last = text("last_share_at");
        let state = match (option["planned"] == true, option["after"].as_str(), &*text("state")) {
            (false, ..) => "no plan".to_owned(),
            (true, Some(after), "draft") => format!("after {after}"),
            (true, _, state) => state.to_owned(),
        };
        let day = last.get(..10).unwrap_or("-");
        let of_flow = option["tried"] == "flow";
        let name = if of_flow { format!("{} (flow)", text("name")) } else { text("name") };
        let _ = write!(out, "{name:<20}{state:<20}{:<7}{day:<12}", text("share"));
        history(&mut out, &option["months"]);
    }
    let _ = write!(out, "{:<59}", "of all calls");
    history(&mut out, &roadmap["total"]);
    out
}

fn order(order: Order, args: &RolloutOrderArgs) -> ExitCode {
    let api = match Api::of(&args.remote) {
        Ok(api) => api,
        Err(code) => return code,
    };
    let word = order.as_str().replace('_', "-");
    let path = format!("/api/v1/rollouts/{}/{word}", args.name);
    match api.ask("POST", &path, Some(json!({"reason": args.reason}))) {
        Ok(view) => {
            print(&standing(&view));
            ExitCode::SUCCESS
        }
        Err(message) => failed(&message),
    }
}

/// A rollout as the API shows it, in words.
fn standing(view: &Value) -> String {
    let text = |key: &str| view[key].as_str().unwrap_or("-").to_owned();
    let count = |key: &str| view[key].as_u64().unwrap_or_default();
    let tried = if view["tried"] == "flow" { TriedKind::Flow } else { TriedKind::Bot };
    let (new, present) = (tried.arm(Arm::Bot), tried.arm(Arm::People));
    let mut out = format!("{} {}: {}", text("name"), text("version"), text("state"));
    // Writing to a String can't fail.
    if view["reason"].is_string() {
        let _ = write!(out, ", {}", text("reason"));
    }
    let share = view["share"].as_str().map_or("nobody is drawn".into(), |s| format!("share {s}"));
    let stages = view["stages"].as_array().map_or(0, Vec::len);
    let _ = writeln!(out, "\n  stage {} of {stages}, {share}", count("stage"));
    if view["breaker"]["open"] == true {
        let until = view["breaker"]["until"].as_str().unwrap_or("-");
        let _ = writeln!(out, "  the breaker is open until {until} at the soonest");
    }
    if view["as_of"].is_string() {
        let _ = write!(out, "  as of {}: {new} {} callers", text("as_of"), count("callers_bot"));
        if tried.is_bot() {
            let _ = write!(out, ", {} of them missed it", count("callers_not_delivered"));
        }
        let _ = writeln!(
            out,
            ", {present} {}; {:.0} % of the planned sample",
            count("callers_people"),
            view["progress"].as_f64().unwrap_or_default() * 100.0
        );
    }
    if view["projected_at"].is_string() {
        let _ = writeln!(out, "  at this pace decided about {}", text("projected_at"));
    }
    for metric in view["metrics"].as_array().into_iter().flatten() {
        let arm = |arm: &str| {
            let n = metric[arm]["n"].as_u64().unwrap_or_default();
            metric[arm]["mean"].as_f64().map_or(format!("- of {n}"), |m| format!("{m:.4} of {n}"))
        };
        let (name, role) = (metric["name"].as_str(), metric["role"].as_str());
        let _ = write!(
            out,
            "  {} ({}): {new} {}, {present} {}",
            name.unwrap_or("?"),
            role.unwrap_or("?"),
            arm("bot"),
            arm("people")
        );
        if let (Some(d), Some(half)) = (metric["difference"].as_f64(), metric["half"].as_f64()) {
            let z = metric["z"].as_f64().unwrap_or_default();
            let _ = write!(out, "; difference {d:+.4}, at any time +- {half:.4}, Z {z:.3}");
        }
        out.push('\n');
    }
    if view["last_decision"].is_string() {
        let _ = writeln!(out, "  {}", text("last_decision"));
    }
    out
}

/// Exit code 1: there is no such decision, or what is kept is not what its counts come to.
fn explain(args: &RolloutExplainArgs) -> ExitCode {
    let until = match args.at.as_deref().map(moment) {
        Some(Some(until)) => until,
        None => Timestamp::MAX,
        Some(None) => {
            eprintln!("dozvon: --at is a day, 2026-03-01, or a moment, 2026-03-01T02:00:00Z");
            return ExitCode::from(2);
        }
    };
    let database = match &args.database {
        Some(file) => Database::File(file.clone()),
        None => {
            let (places, findings) = places(&args.config, &environment());
            if findings.has_errors() {
                tell(&findings, Format::Full);
                return verdict(&findings);
            }
            places.store
        }
    };
    let (rollout, version) = (args.name.clone(), args.of.clone());
    let log = match decisions(&database, &Log { rollout, version, limit: DECISIONS_MAX }) {
        Ok(log) => log,
        Err(error) => return failed(&format!("the database {database} can't be read: {error}")),
    };
    let until = u64::try_from(until.as_microsecond()).unwrap_or_default();
    let made = |at: dozvon_clock::Timestamp| at.as_micros() <= until;
    let Some(kept) = log.decisions.iter().rev().find(|kept| made(kept.decision.at)) else {
        return failed(&format!("nothing was decided about `{}` until then", args.name));
    };
    let decision = &kept.decision;
    let Some(plan) = log.plans.get(&*decision.plan) else {
        return failed(&format!("the plan {} is not kept beside the decision", decision.plan));
    };
    print(&format!("{}\n", decision.explain(plan)));
    if !log.reproduces(decision, &kept.whole) {
        return failed("counted again, it comes to something else: what is kept has been changed");
    }
    print("counted again from its counts: the same, byte for byte\n");
    ExitCode::SUCCESS
}

/// A moment, or the last one of a day.
fn moment(text: &str) -> Option<Timestamp> {
    let day = |day: Date| {
        let next = day.checked_add(1.day()).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        next.checked_sub(1.microsecond()).ok()
    };
    text.parse().ok().or_else(|| day(text.parse().ok()?))
}

/// Exit code 1: the plan is sound, and can't finish with so few callers.
fn plan(args: &RolloutPlanArgs) -> ExitCode {
    let mut findings = Findings::default();
    let Some((plan, source, text)) = read_plan(&mut findings, &args.file) else {
        tell(&findings, Format::Full);
        return verdict(&findings);
    };
    let (needs, problems) = match needs(&plan, args.calls_per_day) {
        Ok(needs) => (needs, Vec::new()),
        Err(refusal) => (refusal.needs, refusal.problems),
    };
    let unsound = needs.rows.is_empty() && !problems.is_empty();
    tell_plan(&mut findings, source, &text, &problems);
    if args.json {
        print(&format!("{:#}\n", json!({"needs": needs, "findings": findings.told()})));
    } else {
        if !unsound {
            print(&format!("{needs}\n"));
        }
        tell(&findings, Format::Full);
    }
    match (unsound, problems.is_empty()) {
        (true, _) => verdict(&findings),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roadmap_is_a_table_of_options_and_months() {
        let month = |bot: u64, calls: u64| {
            let share = (calls > 0).then(|| bot as f64 / calls as f64);
            json!({"calls": calls, "bot": bot, "reached": bot, "share": share})
        };
        let option = |name: &str, planned: bool, state: Option<&str>, after: Option<&str>| {
            json!({"name": name, "planned": planned, "state": state, "after": after,
                "share": state.map(|_| "1/2"), "last_share_at": state.map(|_| "2026-08-01T00:00:00Z"),
                "months": [month(0, 0), month(12, 120)]})
        };
        let roadmap = json!({
            "months": ["2026-05", "2026-06"],
            "options": [option("cards", true, Some("running"), None),
                option("loans", true, Some("draft"), Some("cards")), option("balance", false, None, None)],
            "total": [month(0, 900), month(36, 1_000)],
        });
        let wanted = "\
option              state               share  last share            2026-05          2026-06
cards               running             1/2    2026-08-01       -        0/0  10 %     12/120
loans               after cards         1/2    2026-08-01       -        0/0  10 %     12/120
balance             no plan             -      -                -        0/0  10 %     12/120
of all calls                                                  0 %      0/900   4 %    36/1000
";
        assert_eq!(months(&roadmap), wanted);
    }
}
