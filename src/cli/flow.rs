//! `dozvon flow check | test | graph`: one flow file, proved, played or drawn. The work is the center's.

use super::{FlowArgs, FlowCommand, FlowFile, Format, GraphArgs, print, tell, verdict};
use crate::server::config::{
    Findings, add_prompts, environment, read_file, read_prompts, stamp_flow, surroundings,
    tell_flow,
};
use dozvon_center::calendar::Calendars;
use dozvon_center::flow::check::F014;
use dozvon_center::flow::script::{Coverage, Outcome, coverage, play_all};
use dozvon_center::flow::{Flow, Surroundings, graph, load, load_and_check};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Runs the command.
pub(crate) fn flow(args: &FlowArgs) -> ExitCode {
    match &args.command {
        FlowCommand::Check(file) => check(file),
        FlowCommand::Test(file) => test(file),
        FlowCommand::Graph(args) => draw(args),
    }
}

/// A flow and the world around it.
struct Stage {
    flow: Option<Flow>,
    around: Surroundings,
    calendars: Calendars,
    findings: Findings,
}

fn check(args: &FlowFile) -> ExitCode {
    let stage = read(args);
    tell(&stage.findings, args.format);
    if let (Some(flow), Format::Full | Format::Concise) = (&stage.flow, args.format) {
        print(&format!("{}: {} nodes, version {}\n", flow.name, flow.nodes.len(), flow.version));
    }
    verdict(&stage.findings)
}

fn test(args: &FlowFile) -> ExitCode {
    let stage = read(args);
    if stage.findings.has_errors() || args.format != Format::Json {
        tell(&stage.findings, args.format);
    }
    let Some(flow) = stage.flow else { return verdict(&stage.findings) };
    let flow = Arc::new(flow);
    let outcomes = play_all(&flow, &Arc::new(stage.calendars), &stage.around);
    let coverage = coverage(&flow, &outcomes);
    match args.format {
        Format::Json => print(&format!("{:#}\n", as_json(&outcomes, &coverage))),
        Format::Full | Format::Concise => {
            print(&as_text(&outcomes, &coverage, args.format == Format::Full))
        }
    }
    if outcomes.iter().all(Outcome::passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn draw(args: &GraphArgs) -> ExitCode {
    let mut findings = Findings::default();
    let text = read_file(&mut findings, &args.file, Some("name a flow file"));
    if let Some((source, text)) = text {
        match load(&args.file.display().to_string(), &text) {
            Ok(flow) if args.dot => print(&graph::dot(&flow)),
            Ok(flow) => print(&graph::mermaid(&flow)),
            Err(found) => tell_flow(&mut findings, source, &found),
        }
    }
    tell(&findings, Format::Full);
    verdict(&findings)
}

/// Reads the flow with the prompts beside it and the names of its configuration. Without a configuration nobody can
/// say whether a queue exists, and nothing is said about it.
fn read(args: &FlowFile) -> Stage {
    let mut findings = Findings::default();
    let config = args.config.clone().or_else(|| config_beside(&args.file));
    let (mut around, calendars) = match &config {
        Some(folder) => surroundings(folder, &environment()),
        None => (Surroundings::default(), Calendars::new()),
    };
    let text = read_file(&mut findings, &args.file, Some("name a flow file"));
    let folder = folder_of(&args.file).join("prompts");
    let prompts = read_prompts(&mut findings, &folder);
    around.prompts.clear();
    add_prompts(&mut findings, &mut around, &folder, &prompts);
    let Some((source, text)) = text else {
        return Stage { flow: None, around, calendars, findings };
    };
    let name = args.file.display().to_string();
    let (mut flow, mut found) = load_and_check(&name, &text, &around);
    if config.is_none() {
        found.retain(|diagnostic| diagnostic.code != F014);
        if flow.is_none() && !found.iter().any(|diagnostic| diagnostic.is_error()) {
            flow = load(&name, &text).ok();
        }
    }
    if let Some(flow) = &mut flow {
        stamp_flow(flow, &text, &prompts);
    }
    tell_flow(&mut findings, source, &found);
    Stage { flow, around, calendars, findings }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// `config` in or beside the folder of the flow.
fn config_beside(file: &Path) -> Option<PathBuf> {
    let folder = folder_of(file);
    let candidates = [folder.join("config"), folder.join("../config")];
    candidates.into_iter().find(|config| config.join("dozvon.toml").is_file())
}

fn as_text(outcomes: &[Outcome], coverage: &Coverage, with_missed: bool) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let mut text: String = outcomes.iter().map(|outcome| format!("{outcome}\n")).collect();
    text.push_str(&format!(
        "{} passed, {failed} failed; {} of {} nodes and {} of {} ways tried\n",
        outcomes.len() - failed,
        coverage.nodes - coverage.nodes_missed.len(),
        coverage.nodes,
        coverage.ways - coverage.ways_missed.len(),
        coverage.ways,
    ));
    if with_missed && !coverage.nodes_missed.is_empty() {
        text.push_str(&format!("nodes not tried: {}\n", coverage.nodes_missed.join(", ")));
    }
    if with_missed && !coverage.ways_missed.is_empty() {
        let ways: Vec<String> =
            coverage.ways_missed.iter().map(|(node, way)| format!("{node} by {way}")).collect();
        text.push_str(&format!("ways not tried: {}\n", ways.join(", ")));
    }
    text
}

fn as_json(outcomes: &[Outcome], coverage: &Coverage) -> serde_json::Value {
    let case = |outcome: &Outcome| {
        let path: Vec<_> = outcome.path.iter().map(|visit| visit.node.to_string()).collect();
        json!({
            "name": outcome.name.to_string(),
            "line": outcome.spot.line,
            "passed": outcome.passed(),
            "failures": outcome.failures,
            "end": outcome.end.to_string(),
            "took_secs": outcome.took.as_secs_f64(),
            "path": path,
        })
    };
    let missed: Vec<String> = coverage.nodes_missed.iter().map(ToString::to_string).collect();
    let ways: Vec<String> =
        coverage.ways_missed.iter().map(|(node, way)| format!("{node} by {way}")).collect();
    json!({
        "cases": outcomes.iter().map(case).collect::<Vec<_>>(),
        "nodes": coverage.nodes,
        "nodes_missed": missed,
        "ways": coverage.ways,
        "ways_missed": ways,
    })
}
