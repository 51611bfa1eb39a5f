//! rollouts/plans/*.toml: what bots and new flows must prove before they get more callers. What a plan means, and what
//! is wrong with one, is the center's.

use super::base::Base;
use super::files;
use super::finding::{Findings, Place, SourceId, suggest};
use dozvon_center::rollout::plan::{Plan, Problem};
use dozvon_center::rollout::{Rollout, TriedKind};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads all plans of a configuration: each must be sound and belong to a rollout, which is marked as having one.
pub(super) fn plans(
    findings: &mut Findings,
    base: &Base,
    rollouts: &mut BTreeMap<Arc<str>, Rollout>,
) -> Vec<Arc<Plan>> {
    let mut found: Vec<(Arc<Plan>, SourceId, String)> = Vec::new();
    for path in files::list(findings, &base.folder.join("rollouts/plans"), "toml") {
        let Some((source, text)) = files::read(findings, &path, None) else { continue };
        let Some(plan) = parse(findings, source, &text) else { continue };
        tell(findings, source, &text, &plan.validate());
        let mut wrong = |key: &str, message: String, cure: String| {
            let place = Place { source, span: locate(&text, key) };
            findings.error(&place, message, cure);
        };
        if found.iter().any(|(other, ..)| other.name == plan.name) {
            let message = format!("there is a second plan of `{}`", plan.name);
            wrong("name", message, "keep one of them in this folder".to_owned());
        }
        match rollouts.get_mut(&plan.name) {
            None => {
                let names = rollouts.keys().map(|name| &**name);
                let message = format!("there is no rollout `{}`", plan.name);
                wrong("name", message, suggest(&plan.name, "rollout of rollouts/*.toml", names));
            }
            Some(rollout) => {
                rollout.planned = true;
                let (tried, is) = (rollout.tried.name(), rollout.tried.kind());
                if (plan.kind(), plan.tried()) != (is, tried) {
                    let message = format!("the rollout `{}` tries the {is} `{tried}`", plan.name);
                    let key = |kind| if kind == TriedKind::Bot { "bot" } else { "candidate" };
                    let cure = format!("write {} = \"{tried}\"", key(is));
                    wrong(key(plan.kind()), message, cure);
                }
                if rollout.holdout != plan.holdout {
                    let kept = rollout.holdout.as_percent();
                    let message = format!("the rollout `{}` keeps {kept} %", plan.name);
                    let cure = "write the same here and as holdout_percent there";
                    wrong("holdout", message, cure.to_owned());
                }
            }
        }
        found.push((Arc::new(plan), source, text));
    }
    check_sequence(findings, &found);
    found.into_iter().map(|(plan, ..)| plan).collect()
}

/// What begins after another rollout: there must be a plan of that one, and no circle.
fn check_sequence(findings: &mut Findings, found: &[(Arc<Plan>, SourceId, String)]) {
    let plan_of = |name: &str| found.iter().map(|(plan, ..)| plan).find(|p| *p.name == *name);
    for (plan, source, text) in found {
        let Some(after) = &plan.after else { continue };
        let place = Place { source: *source, span: locate(text, "after") };
        if plan_of(after).is_none() {
            let message = format!("there is no plan of `{after}`");
            let names = found.iter().map(|(plan, ..)| &*plan.name);
            findings.error(&place, message, suggest(after, "plan", names));
        }
        let before = |plan: &&Arc<Plan>| plan_of(plan.after.as_ref()?);
        let way = std::iter::successors(plan_of(after), before).take(found.len());
        if way.into_iter().any(|other| other.name == plan.name) {
            let message = format!("`{}` would wait for itself", plan.name);
            findings.error(&place, message, "let one of them begin by an order: no `after`");
        }
    }
}

/// A plan of a file by itself, and the number of its text; `None` with what is wrong noted. Whether it is sound is
/// not asked.
pub(crate) fn read(findings: &mut Findings, path: &Path) -> Option<(Plan, SourceId, String)> {
    let must = Some("name the file of a plan");
    let (source, text) = files::read(findings, path, must)?;
    Some((parse(findings, source, &text)?, source, text))
}

/// Notes what the center says of a plan, each where it stands.
pub(crate) fn tell(findings: &mut Findings, source: SourceId, text: &str, problems: &[Problem]) {
    for problem in problems {
        let place = Place { source, span: locate(text, &problem.place) };
        findings.error(&place, format!("{}: {}", problem.place, problem.message), problem.cure);
    }
}

fn parse(findings: &mut Findings, source: SourceId, text: &str) -> Option<Plan> {
    match toml::from_str(text) {
        Ok(plan) => Some(plan),
        Err(error) => {
            let place = Place { source, span: error.span().unwrap_or(0..0) };
            let message = error.message().trim().replace('\n', ", ");
            findings.error(&place, message, "docs/rollouts.md has a whole plan");
            None
        }
    }
}

/// Where `stages.canary.share` stands: of a list the table of that name. As far as the way leads; else the beginning.
fn locate(text: &str, way: &str) -> Range<usize> {
    let Ok(whole) = DeTable::parse(text) else { return 0..0 };
    let (mut table, mut found) = (whole.get_ref(), 0..0);
    let mut words = way.split('.');
    while let Some(word) = words.next() {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == word) else {
            break;
        };
        found = name.span();
        let next = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            DeValue::Array(list) => {
                let wanted = words.next();
                let named = list.iter().find(|entry| wanted.is_some() && name_of(entry) == wanted);
                found = named.map_or(found, Spanned::span);
                named.and_then(|entry| entry.get_ref().as_table())
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => None,
        };
        let Some(next) = next else { break };
        table = next;
    }
    found
}

fn name_of<'t>(entry: &'t Spanned<DeValue<'_>>) -> Option<&'t str> {
    entry.get_ref().as_table()?.get("name")?.get_ref().as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_found_where_it_stands() {
        let text = "name = \"a\"\n[[stages]]\nname = \"one\"\nshare = \"0\"\n\
            [[stages]]\nname = \"two\"\nshare = \"0\"\n";
        let line = |way: &str| text[..locate(text, way).start].matches('\n').count() + 1;
        assert_eq!(line("name"), 1);
        assert_eq!(line("stages.two.share"), 7);
        assert_eq!(line("stages.two"), 5);
        assert_eq!(line("stages.three.share"), 2, "as far as the way leads");
        assert_eq!(line("metrics.none"), 1);
    }
}
