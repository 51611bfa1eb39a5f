//! `dozvon rollout plan`: the calls and days a plan takes, before it begins. The counting is the center's.

use super::{Format, RolloutArgs, RolloutCommand, RolloutPlanArgs, print, tell, verdict};
use crate::server::config::{Findings, read_plan, tell_plan};
use dozvon_center::rollout::needs::needs;
use serde_json::json;
use std::process::ExitCode;

/// Does what is asked about rollouts.
pub(crate) fn rollout(args: &RolloutArgs) -> ExitCode {
    match &args.command {
        RolloutCommand::Plan(args) => plan(args),
    }
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
