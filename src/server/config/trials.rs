//! Trials of flows: a `[[rollout]]` that names no bot but a flow, and another one to be tried on its callers. Both are
//! flows like any, with proofs and tests of their own; what makes them a pair is proved here, when flows are known.

use super::finding::{Finding, Findings, Place, Severity, suggest};
use super::walk::Table;
use dozvon_center::flow::Flow;
use dozvon_center::rollout::Tried;
use dozvon_switch::config::Number;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys that ask for what nobody knows before the flow has been heard, or for what only bots have.
const NOT_OF_FLOWS: [(&str, &str); 6] = [
    ("groups", "nobody has looked the customer up before the flow begins"),
    ("age_min", "nobody has looked the customer up before the flow begins"),
    ("languages", "the caller chooses his language in the flow"),
    ("sessions_max", "a flow is never full"),
    ("opt_out_requests_min", "whoever asks for an operator gets one in both flows"),
    ("opt_out_days", "whoever asks for an operator gets one in both flows"),
];

/// A flow that is tried, and where that is said.
pub(super) struct Trial {
    name: Arc<str>,
    pub(super) present: Arc<str>,
    pub(super) candidate: Arc<str>,
    flow_at: Place,
    candidate_at: Place,
}

/// What a rollout tries: just one of a bot and a flow. Whatever is wrong is noted, and nothing tried.
pub(super) fn read(findings: &mut Findings, table: &Table, trials: &mut Vec<Trial>) -> Tried {
    let name = table.text("name");
    let keys = ["bot", "flow", "candidate"];
    let [bot, present, candidate] = keys.map(|key| table.text_opt(key));
    if keys.iter().any(|key| table.is_wrong(key)) {
        return Tried::default();
    }
    match (bot, present, candidate) {
        (Some(bot), None, None) => return Tried::Bot(bot.into()),
        (None, Some(present), Some(candidate)) => {
            refuse_keys_of_bots(findings, table);
            let trial = Trial {
                name: name.into(),
                present: present.into(),
                candidate: candidate.into(),
                flow_at: table.place("flow").clone(),
                candidate_at: table.place("candidate").clone(),
            };
            let tried =
                Tried::Flow { present: trial.present.clone(), candidate: trial.candidate.clone() };
            trials.push(trial);
            return tried;
        }
        (Some(_), _, _) => {
            let key = if present.is_some() { "flow" } else { "candidate" };
            let message = format!("rollout `{name}` tries a bot and a flow at once");
            let cure = "leave bot out, or flow and candidate: one rollout for each";
            findings.error(table.place(key), message, cure);
        }
        (None, Some(flow), None) => {
            let message =
                format!("rollout `{name}` does not say what is tried on callers of `{flow}`");
            let cure = "add candidate = \"…\", the name of the flow that is new";
            findings.error(table.place("flow"), message, cure);
        }
        (None, None, Some(candidate)) => {
            let message = format!("rollout `{name}` does not say whose callers try `{candidate}`");
            let cure = "add flow = \"…\", the flow that numbers.toml names";
            findings.error(table.place("candidate"), message, cure);
        }
        (None, None, None) => {
            let message = format!("rollout `{name}` tries nothing");
            let cure = "add bot = \"…\", or flow = \"…\" and candidate = \"…\"";
            findings.error(&table.place, message, cure);
        }
    }
    Tried::default()
}

fn refuse_keys_of_bots(findings: &mut Findings, table: &Table) {
    for (key, why) in NOT_OF_FLOWS.into_iter().filter(|(key, _)| table.says(key)) {
        let message =
            format!("rollout `{}` tries a flow, where `{key}` means nothing", table.text("name"));
        findings.error(table.place(key), message, format!("leave it out: {why}"));
    }
}

/// Proves that each pair is one: two flows that there are, of which callers reach the one, and in no other trial.
pub(super) fn check(
    findings: &mut Findings,
    trials: &[Trial],
    flows: &BTreeMap<Arc<str>, Arc<Flow>>,
    names: &[&str],
    numbers: &BTreeMap<String, Number>,
) {
    for (place, trial) in trials.iter().enumerate() {
        let Trial { name, present, candidate, flow_at, candidate_at } = trial;
        let both = [(present, flow_at), (candidate, candidate_at)];
        let known = both.map(|(flow, at)| is_known(findings, (name, flow), at, flows, names));
        if present == candidate {
            let message = format!("rollout `{name}` tries `{present}` against itself");
            let cure = "copy the file, give the copy a `flow:` of its own, and name that here";
            findings.error(candidate_at, message, cure);
        }
        if let Some(other) = trials[..place].iter().find(|other| other.present == *present) {
            let message = format!("something is tried on callers of `{present}` already");
            let cure = "end one trial before the next: a caller can hear one flow only".to_owned();
            let mut finding = Finding::new(Severity::Error, flow_at, message, cure);
            finding.also = Some((other.flow_at.clone(), "here".to_owned()));
            findings.add(finding);
        }
        let other = trials.iter().find(|other| other.present == *candidate);
        if let Some(other) = other.filter(|_| present != candidate) {
            let message = format!("on callers of `{candidate}` something else is tried");
            let cure = "leave one of the two out: a caller is drawn once".to_owned();
            let mut finding = Finding::new(Severity::Error, candidate_at, message, cure);
            finding.also = Some((other.flow_at.clone(), "here".to_owned()));
            findings.add(finding);
        }
        let leads = |number: &Number| matches!(number, Number::Flow(flow) if flow == present);
        if known[0] && !numbers.values().any(leads) {
            let message = format!("no number leads to `{present}`, so nobody is ever drawn");
            findings.warning(flow_at, message, "name the flow of a number of numbers.toml");
        }
    }
}

/// Whether there is such a flow, one with mistakes included.
fn is_known(
    findings: &mut Findings,
    (rollout, flow): (&str, &str),
    place: &Place,
    flows: &BTreeMap<Arc<str>, Arc<Flow>>,
    names: &[&str],
) -> bool {
    if names.contains(&flow) {
        return true;
    }
    let mut parts = flows.values().flat_map(|flow| &flow.subflows);
    if parts.any(|part| *part.name == *flow) {
        let message = format!("rollout `{rollout}` names `{flow}`, which is a part of other flows");
        let cure = "try the flow that calls it: whole flows are compared";
        findings.error(place, message, cure);
    } else {
        let message = format!("rollout `{rollout}` names the flow `{flow}`, which there is not");
        findings.error(place, message, suggest(flow, "flow", names.iter().copied()));
    }
    false
}
