//! `dozvon flow check | test | diff | try | graph`: one flow file, proved, played, compared, walked or drawn. The work
//! is the center's.

use super::{
    FlowArgs, FlowCommand, FlowDiffArgs, FlowFile, FlowTestArgs, FlowTryArgs, Format, GraphArgs,
    GraphFormat, print, tell, verdict,
};
use crate::server::config::{
    Case, Findings, FlowFiles, SourceId, add_prompts, environment, junit, read_file, read_prompts,
    stamp_flow, surroundings, tell_flow,
};
use dozvon_center::calendar::{Calendars, moment};
use dozvon_center::flow::check::F014;
use dozvon_center::flow::diff::{Version, diff};
use dozvon_center::flow::script::{Coverage, Exits, Outcome, coverage, exits, play_all};
use dozvon_center::flow::walk::{Begin, Walk};
use dozvon_center::flow::{
    Caller, Diagnostic, Flow, Surroundings, bounds, check_subflow, graph, is_subflow,
    load_and_check, load_with, schema,
};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The folder of prompts beside a flow.
const PROMPTS: &str = "prompts";

/// Runs the command.
pub(crate) fn flow(args: &FlowArgs) -> ExitCode {
    match &args.command {
        FlowCommand::Check(file) => check(file),
        FlowCommand::Test(args) => test(args),
        FlowCommand::Diff(args) => compare(args),
        FlowCommand::Try(args) => walk(args),
        FlowCommand::Graph(args) => draw(args),
        FlowCommand::Versions(args) => super::versions::versions(args),
        FlowCommand::Rollback(args) => super::versions::rollback(args),
        FlowCommand::Schema(args) => {
            let schema = if args.subflow { schema::subflow_schema() } else { schema::schema() };
            print(&format!("{schema:#}\n"));
            ExitCode::SUCCESS
        }
    }
}

/// A flow and the world around it.
struct Stage {
    flow: Option<Flow>,
    around: Surroundings,
    calendars: Calendars,
    findings: Findings,
    /// The flow's text.
    source: SourceId,
}

fn check(args: &FlowFile) -> ExitCode {
    let stage = read(args);
    tell(&stage.findings, args.format);
    if let (Some(flow), Format::Full | Format::Concise) = (&stage.flow, args.format) {
        print(&format!("{}: {} nodes, version {}\n", flow.name, flow.nodes.len(), flow.version));
        print(&figures(flow, &stage.around));
    }
    verdict(&stage.findings)
}

/// What the promises are about, in seconds.
fn figures(flow: &Flow, around: &Surroundings) -> String {
    let figures = bounds::bounds(flow, around);
    let secs = |time: Option<std::time::Duration>| match time {
        Some(time) => format!("{:.1} s", time.as_secs_f64()),
        None => "never, perhaps".to_owned(),
    };
    let mut text = format!(
        "told of the operator after {}, in a queue without a key after {}",
        secs(figures.told),
        secs(figures.silent)
    );
    let urgent = figures.urgent.iter().map(|(_, _, time)| *time);
    if let Some(slowest) = urgent.max_by_key(|time| time.map_or((1, None), |time| (0, Some(time))))
    {
        text.push_str(&format!(", by the slowest urgent option after {}", secs(slowest)));
    }
    text.push('\n');
    text
}

fn test(args: &FlowTestArgs) -> ExitCode {
    let (file, floor) = (&args.flow, args.coverage_floor);
    let mut stage = read(file);
    let for_people = matches!(file.format, Format::Full | Format::Concise);
    if stage.findings.has_errors() || for_people {
        tell(&stage.findings, file.format);
    }
    let Some(flow) = stage.flow else { return no_flow(&stage) };
    let (flow, calendars) = (Arc::new(flow), Arc::new(stage.calendars));
    let outcomes = play_all(&flow, &calendars, &stage.around);
    let tried = Tried {
        coverage: coverage(&flow, &outcomes),
        exits: exits(&flow, &calendars, &stage.around, &outcomes),
        outcomes,
    };
    match file.format {
        Format::Json => print(&format!("{:#}\n", tried.as_json())),
        Format::Junit => print(&junit(&flow.name, &tried.cases())),
        Format::Sarif | Format::Github => {
            tell_flow(&mut stage.findings, stage.source, &tried.failures(&flow));
            tell(&stage.findings, file.format);
        }
        Format::Full => print(&tried.as_text(&flow.file, true)),
        Format::Concise => print(&tried.as_text(&flow.file, false)),
    }
    let below = floor.map(|floor| tried.below(floor.into())).unwrap_or_default();
    for reason in &below {
        eprintln!("{reason}");
    }
    let passed = tried.outcomes.iter().all(Outcome::passed) && below.is_empty();
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// There are mistakes, or this is a sub-flow, which is no flow by itself.
fn no_flow(stage: &Stage) -> ExitCode {
    if stage.findings.has_errors() {
        return verdict(&stage.findings);
    }
    eprintln!("this is a sub-flow: it is played, walked and compared in the flows that call it");
    ExitCode::FAILURE
}

fn compare(args: &FlowDiffArgs) -> ExitCode {
    let home = folder_of(&args.new);
    let one = |file: &Path, home: &Path| {
        let stage = read_at_home(file, home, args.config.as_deref());
        if stage.findings.has_errors() {
            tell(&stage.findings, Format::Full);
        }
        stage
    };
    // An old version that was written down by itself is compared by what is beside the new one.
    let own = Some(folder_of(&args.old)).filter(|own| own.join(PROMPTS).is_dir());
    let old = one(&args.old, own.as_ref().unwrap_or(&home));
    let new = one(&args.new, &home);
    let (Some(before), Some(after)) = (&old.flow, &new.flow) else {
        return no_flow(if old.flow.is_none() { &old } else { &new });
    };
    let before = Version { flow: before, around: &old.around };
    let changes = diff(before, Version { flow: after, around: &new.around });
    if args.json {
        let list = changes.iter().map(|change| {
            json!({"node": change.node.as_ref().map(ToString::to_string), "text": change.text})
        });
        print(&format!("{:#}\n", list.collect::<serde_json::Value>()));
    } else if changes.is_empty() {
        print("callers notice no difference\n");
    } else {
        print(&changes.iter().map(|change| format!("{change}\n")).collect::<String>());
    }
    ExitCode::SUCCESS
}

fn walk(args: &FlowTryArgs) -> ExitCode {
    let at = args.at.as_deref().map(|text| moment(text).ok_or(text)).transpose();
    let at = match at {
        Ok(at) => at,
        Err(text) => {
            eprintln!("`{text}` is no moment such as 2026-12-16T12:00+05:00");
            return ExitCode::from(2);
        }
    };
    let file =
        FlowFile { file: args.file.clone(), config: args.config.clone(), format: Format::Full };
    let stage = read(&file);
    tell(&stage.findings, Format::Full);
    let Some(flow) = stage.flow else { return no_flow(&stage) };
    let (number, language) = (args.caller.clone(), args.language.clone());
    let caller = Caller { number, language, ..Caller::default() };
    let (flow, calendars) = (Arc::new(flow), Arc::new(stage.calendars));
    let mut walk = Walk::start(&flow, &calendars, &stage.around, Begin { at, caller });
    let is_typed = stdin().is_terminal();
    let mut lines = stdin().lock().lines();
    loop {
        print(&walk.told());
        let Some(asked) = walk.asks() else { return ExitCode::SUCCESS };
        if is_typed {
            print(&format!("[{asked}] "));
        }
        match lines.next() {
            Some(Ok(line)) => walk.line(&line),
            Some(Err(_)) | None => walk.hang_up(),
        }
    }
}

fn draw(args: &GraphArgs) -> ExitCode {
    let mut findings = Findings::default();
    let text = read_file(&mut findings, &args.file, Some("name a flow file"));
    if let Some((source, text)) = text {
        let name = args.file.display().to_string();
        let mut files = FlowFiles::read(&mut findings, &folder_of(&args.file), Some(&args.file));
        let library = files.library(&mut findings);
        files.add(name.clone(), source, text.clone());
        match load_with(&name, &text, &library) {
            Ok(flow) => print(&match args.format {
                GraphFormat::Mermaid => graph::mermaid(&flow),
                GraphFormat::Dot => graph::dot(&flow),
                GraphFormat::Svg => graph::svg(&flow),
            }),
            Err(found) => files.tell(&mut findings, &found),
        }
    }
    tell(&findings, Format::Full);
    verdict(&findings)
}

/// Reads the flow with the prompts beside it and the names of its configuration. Without a configuration nobody can
/// say whether a queue exists, and nothing is said about it.
fn read(args: &FlowFile) -> Stage {
    read_at_home(&args.file, &folder_of(&args.file), args.config.as_deref())
}

/// The same of a file whose prompts, sub-flows and configuration are found from the folder `home`.
fn read_at_home(file: &Path, home: &Path, config: Option<&Path>) -> Stage {
    let mut findings = Findings::default();
    let config = config.map(Path::to_owned).or_else(|| config_beside(home));
    let (mut around, calendars) = match &config {
        Some(folder) => surroundings(folder, &environment()),
        None => (Surroundings::default(), Calendars::new()),
    };
    let text = read_file(&mut findings, file, Some("name a flow file"));
    let folder = home.join(PROMPTS);
    let prompts = read_prompts(&mut findings, &folder);
    around.prompts.clear();
    add_prompts(&mut findings, &mut around, &folder, &prompts);
    let Some((source, text)) = text else {
        let source = findings.file(file.display().to_string()).source;
        return Stage { flow: None, around, calendars, findings, source };
    };
    let name = file.display().to_string();
    let mut files = FlowFiles::read(&mut findings, home, Some(file));
    files.add(name.clone(), source, text.clone());
    around.library = files.library(&mut findings);
    if is_subflow(&text) {
        let mut found = around.library.name_of(&name).map(|own| check_subflow(own, &around));
        let found = found.get_or_insert_default();
        found.retain(|diagnostic| config.is_some() || diagnostic.code != F014);
        files.tell(&mut findings, found);
        return Stage { flow: None, around, calendars, findings, source };
    }
    let (mut flow, mut found) = load_and_check(&name, &text, &around);
    if config.is_none() {
        found.retain(|diagnostic| diagnostic.code != F014);
        if flow.is_none() && !found.iter().any(|diagnostic| diagnostic.is_error()) {
            flow = load_with(&name, &text, &around.library).ok();
        }
    }
    if let Some(flow) = &mut flow {
        stamp_flow(flow, &text, &prompts);
    }
    files.tell(&mut findings, &found);
    Stage { flow, around, calendars, findings, source }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// `config` in or beside the folder of the flow.
fn config_beside(folder: &Path) -> Option<PathBuf> {
    let candidates = [folder.join("config"), folder.join("../config")];
    candidates.into_iter().find(|config| config.join("dozvon.toml").is_file())
}

/// What came of a flow's own tests.
struct Tried {
    outcomes: Vec<Outcome>,
    coverage: Coverage,
    exits: Exits,
}

impl Tried {
    fn as_text(&self, file: &str, with_missed: bool) -> String {
        let Tried { outcomes, coverage, exits } = self;
        let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
        let mut text = String::new();
        for outcome in outcomes {
            text.push_str(&format!("{outcome}\n"));
            if !outcome.passed() {
                text.push_str(&format!("       the test stands in {file}:{}\n", outcome.spot.line));
            }
        }
        text.push_str(&format!(
            "{} passed, {failed} failed; {} of {} nodes and {} of {} ways tried\n",
            outcomes.len() - failed,
            coverage.nodes - coverage.nodes_missed.len(),
            coverage.nodes,
            coverage.ways - coverage.ways_missed.len(),
            coverage.ways,
        ));
        text.push_str(&format!(
            "{} of {} urgent options taken; the operator key works from {} of {} nodes, in {:.1} s at most\n",
            coverage.urgent - coverage.urgent_missed.len(),
            coverage.urgent,
            exits.nodes - exits.missed.len(),
            exits.nodes,
            exits.slowest.as_secs_f64(),
        ));
        if with_missed {
            for (what, missed) in self.missed() {
                if !missed.is_empty() {
                    text.push_str(&format!("{what}: {}\n", missed.join(", ")));
                }
            }
        }
        text
    }

    /// What no case has tried, by its name.
    fn missed(&self) -> [(&'static str, Vec<String>); 4] {
        let ways = |ways: &[(Arc<str>, dozvon_center::flow::Way)]| -> Vec<String> {
            ways.iter().map(|(node, way)| format!("{node} by {way}")).collect()
        };
        let names = |names: &[Arc<str>]| names.iter().map(ToString::to_string).collect();
        [
            ("nodes not tried", names(&self.coverage.nodes_missed)),
            ("ways not tried", ways(&self.coverage.ways_missed)),
            ("urgent options not taken", ways(&self.coverage.urgent_missed)),
            ("nodes where the operator key was not tried", names(&self.exits.missed)),
        ]
    }

    /// Why the floor is not reached; nothing when it is.
    fn below(&self, floor: usize) -> Vec<String> {
        let percent = self.coverage.percent();
        let mut reasons = Vec::new();
        if percent < floor {
            reasons.push(format!("{percent} % of nodes and ways are tried, {floor} % are wanted"));
        }
        if !self.coverage.urgent_missed.is_empty() {
            reasons.push("every urgent option must be taken by a case".to_owned());
        }
        if !self.exits.missed.is_empty() {
            reasons.push(
                "the operator key must be tried at every node: a case must enter it".to_owned(),
            );
        }
        reasons
    }

    fn cases(&self) -> Vec<Case> {
        let case = |outcome: &Outcome| Case {
            name: outcome.name.to_string(),
            secs: Some(outcome.took.as_secs_f64()),
            failure: (!outcome.passed()).then(|| outcome.to_string()),
        };
        self.outcomes.iter().map(case).collect()
    }

    /// Cases that failed, each where it stands.
    fn failures(&self, flow: &Flow) -> Vec<Diagnostic> {
        let failed = self.outcomes.iter().filter(|outcome| !outcome.passed());
        let told = failed.map(|outcome| {
            let message = format!("{}: {}", outcome.name, outcome.failures.join("; "));
            Diagnostic::error("test", &flow.file, outcome.spot, message)
                .help(format!("`dozvon flow test {}` tells the way of the call", flow.file))
        });
        told.collect()
    }

    fn as_json(&self) -> serde_json::Value {
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
        let [nodes, ways, urgent, exits] = self.missed().map(|(_, missed)| missed);
        json!({
            "cases": self.outcomes.iter().map(case).collect::<Vec<_>>(),
            "nodes": self.coverage.nodes,
            "nodes_missed": nodes,
            "ways": self.coverage.ways,
            "ways_missed": ways,
            "urgent": self.coverage.urgent,
            "urgent_missed": urgent,
            "exits": self.exits.nodes,
            "exits_missed": exits,
            "exit_slowest_secs": self.exits.slowest.as_secs_f64(),
        })
    }
}
