//! Tests of the flows that we ship: they load, keep their promises, pass their own tests, and from every node and every
//! state of it the exit key reaches the operator's queue.

use super::check::{EndpointFacts, PromptFacts, RequestFacts, Surroundings};
use super::diagnostic::Diagnostic;
use super::exit::ExitKey;
use super::library::{Library, is_subflow};
use super::model::{Flow, Kind};
use super::promise::Promise;
use super::run::{BotEnd, Caller, Effect, Happening, QueueEnd, Run, TransferEnd};
use super::{bounds, check, graph, load, prompts, script};
use crate::calendar::{Calendar, Calendars, HolidayList, HolidayLists};
use crate::ids::Key;
use crate::rollout::Arm;
use crate::saying::{Language, recordings};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::disallowed_methods, reason = "a test of shipped files reads the shipped files")]
fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(path: &Path) -> String {
    String::from_utf8(bytes(path)).unwrap()
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|own| own == ending));
    paths.sort();
    paths
}

/// The length of a WAV file of 8 kHz, mono, 16 bit; anything else is a defect of the shipped prompts.
fn wav_duration(path: &Path) -> Duration {
    let wav = bytes(path);
    let name = path.display();
    assert_eq!((&wav[..4], &wav[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]), "{name}");
    let word = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap());
    assert_eq!((word(20), word(24), word(34) & 0xffff), (0x1_0001, 8_000, 16), "{name}: format");
    assert_eq!(&wav[36..40], b"data", "{name}");
    let samples = word(40) / 2;
    Duration::from_micros(u64::from(samples) * 125)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn calendars() -> Arc<Calendars> {
    let mut lists = HolidayLists::new();
    for path in files("config/calendars/holidays", "ics") {
        let list = HolidayList::from_ics(&path.display().to_string(), &text(&path));
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        lists.insert(stem, list.unwrap_or_else(|found| panic!("{found:#?}")));
    }
    let mut calendars = Calendars::new();
    for path in files("config/calendars", "yaml") {
        let calendar = Calendar::with_lists(&path.display().to_string(), &text(&path), &lists);
        calendars.insert(calendar.unwrap_or_else(|found| panic!("{found:#?}")));
    }
    Arc::new(calendars)
}

fn is_flow(path: &Path) -> bool {
    !is_subflow(&text(path))
}

fn library() -> Library {
    let mut library = Library::default();
    for path in files("ivr-flows", "yaml").into_iter().filter(|path| !is_flow(path)) {
        let added = library.add(&path.display().to_string(), &text(&path));
        added.unwrap_or_else(|found| panic!("{found:#?}"));
    }
    library
}

/// As config/endpoints.toml has them.
fn endpoints() -> BTreeMap<String, EndpointFacts> {
    let post = RequestFacts { has_body: true, in_path: BTreeSet::new() };
    let get =
        |value: &str| RequestFacts { has_body: false, in_path: BTreeSet::from([value.to_owned()]) };
    let endpoint = |requests: [(&str, RequestFacts); 2]| EndpointFacts {
        is_encrypted: true,
        requests: requests.map(|(name, facts)| (name.to_owned(), facts)).into(),
    };
    let crm = endpoint([("check-code", post.clone()), ("check-birth-date", post)]);
    let shop = endpoint([("order-by-phone", get("caller")), ("order-by-number", get("number"))]);
    BTreeMap::from([("crm".to_owned(), crm), ("shop".to_owned(), shop)])
}

fn surroundings() -> Surroundings {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut around = Surroundings {
        queues: names(&["general", "urgent", "cards", "loans"]),
        bots: names(&["cards-assistant"]),
        rollouts: names(&["cards"]),
        calendars: calendars().names().map(str::to_owned).collect(),
        endpoints: endpoints(),
        skills: names(&["lang:ru", "lang:kk", "lang:en"]),
        prompts: BTreeMap::new(),
        heard: BTreeSet::new(),
        library: library(),
    };
    let path = root().join("ivr-flows/prompts/prompts.yaml");
    let texts = prompts::texts("prompts.yaml", &text(&path)).unwrap();
    for language in ["ru", "kk", "en", "music"] {
        for path in files(&format!("ivr-flows/prompts/{language}"), "wav") {
            let name = stem(&path);
            let text = texts.get(language).and_then(|texts| texts.get(&name)).cloned();
            let facts = PromptFacts { duration: wav_duration(&path), text };
            around.add_prompt(language, &name, facts);
        }
    }
    around
}

fn flows() -> Vec<Arc<Flow>> {
    let around = surroundings();
    let mut flows = Vec::new();
    for path in files("ivr-flows", "yaml").into_iter().filter(|path| is_flow(path)) {
        let source = text(&path);
        let (flow, found) = load::load_and_check(&path.display().to_string(), &source, &around);
        let shown: Vec<String> = found.iter().map(|finding| finding.render(&source)).collect();
        assert!(found.is_empty(), "{}", shown.join("\n"));
        flows.push(Arc::new(flow.expect("no errors were found")));
    }
    flows
}

#[test]
fn every_shipped_flow_keeps_its_promises_and_passes_its_own_tests() {
    let (around, calendars) = (surroundings(), calendars());
    let mut seen = BTreeSet::new();
    for flow in flows() {
        let figures = bounds::bounds(&flow, &around);
        assert!(figures.lost.is_none() && figures.told.is_some());
        let outcomes = script::play_all(&flow, &calendars, &around);
        assert!(outcomes.len() >= 10, "{} has too few tests", flow.name);
        let failed: Vec<String> =
            outcomes.iter().filter(|outcome| !outcome.passed()).map(ToString::to_string).collect();
        assert!(failed.is_empty(), "{}: {figures:?}\n{}", flow.name, failed.join("\n"));
        let measured = outcomes.iter().flat_map(|outcome| &outcome.measured);
        for (promise, took) in measured {
            let proved = flow.proved(*promise).expect("a flow that keeps its promises");
            assert!(*took <= proved, "{}: {promise:?} {took:?}, proved: {proved:?}", flow.name);
            seen.insert((*promise, Arc::clone(&flow.name)));
        }
        let coverage = script::coverage(&flow, &outcomes);
        assert!(coverage.nodes_missed.is_empty(), "no test enters {:?}", coverage.nodes_missed);
    }
    let promised = |flow: &Arc<Flow>| {
        let all = Promise::ALL.into_iter().filter(|promise| flow.promised(*promise).is_some());
        all.map(|promise| (promise, Arc::clone(&flow.name))).collect::<Vec<_>>()
    };
    let promised: BTreeSet<_> = flows().iter().flat_map(promised).collect();
    assert_eq!(seen, promised, "each promise of each flow is measured in its tests");
}

#[test]
fn every_prompt_has_a_text_and_a_recording_in_every_language() {
    let path = root().join("ivr-flows/prompts/prompts.yaml");
    let texts = prompts::texts("prompts.yaml", &text(&path)).unwrap();
    let mut bytes_in_all = 0;
    for language in ["ru", "kk", "en"] {
        let recorded: Vec<String> = files(&format!("ivr-flows/prompts/{language}"), "wav")
            .iter()
            .map(|p| stem(p))
            .collect();
        let written = texts[language].keys().cloned();
        let values = recordings(Language::by_code(language).unwrap());
        let written: BTreeSet<String> =
            written.chain(values.keys().map(|name| (*name).to_owned())).collect();
        let recorded: BTreeSet<String> = recorded.into_iter().collect();
        assert_eq!(recorded, written, "{language}");
    }
    for language in ["ru", "kk", "en", "music"] {
        for path in files(&format!("ivr-flows/prompts/{language}"), "wav") {
            let duration = wav_duration(&path);
            assert!(duration >= Duration::from_millis(300), "{} is too short", path.display());
            bytes_in_all += bytes(&path).len();
        }
    }
    assert!(bytes_in_all < 14_000_000, "{bytes_in_all} bytes of recordings");
}

#[test]
fn the_examples_of_the_guide_are_true() {
    let guide = text(&root().join("docs/flows.md"));
    let blocks: Vec<&str> = guide
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
        .collect();
    let [flow, calendar, tests] = blocks[..] else { panic!("{} examples", blocks.len()) };
    let hotline = load::load("docs/flows.md", flow).unwrap_or_else(|found| panic!("{found:#?}"));
    let mut around = surroundings();
    around.queues.insert("people".to_owned());
    let found = check::check(&hotline, &around);
    assert!(found.is_empty(), "{found:#?}");
    let outcome = script::play(
        &Arc::new(hotline.clone()),
        &Arc::new(Calendars::new()),
        &around,
        &hotline.tests[0],
    );
    assert!(outcome.passed(), "{outcome}");
    Calendar::from_yaml("docs/flows.md", calendar).unwrap_or_else(|found| panic!("{found:#?}"));
    let bank = flows().into_iter().find(|flow| &*flow.name == "bank-main").unwrap();
    let cases = script::cases("docs/flows.md", &format!("flow: bank-main\n{tests}"), &bank);
    let cases = cases.unwrap_or_else(|found| panic!("{found:#?}"));
    let outcome = script::play(&bank, &calendars(), &surroundings(), &cases[0]);
    assert!(outcome.passed(), "{outcome}");
}

#[test]
fn a_test_that_expects_something_else_fails_and_says_why() {
    let (around, calendars) = (surroundings(), calendars());
    let flow = flows().into_iter().find(|flow| &*flow.name == "bank-main").unwrap();
    for (then, said) in [
        ("in_queue: cards", "expected in queue `cards`, but: in queue `urgent`"),
        ("ended: bye", "expected to end at `bye`"),
        ("at_most: 100ms", "took 2.0 s, at most 0.1s expected"),
        ("language: kk", "expected language `kk`"),
        ("path: [greeting, main]", "expected way: greeting > main"),
        ("heard: [hello, hello]", "expected to hear `hello`"),
        ("heard: [call-is-recorded]", "expected to hear `call-is-recorded`"),
        ("not_heard: [hello]", "`hello` should not be heard"),
        ("requires: \"lang:en\"", "expected an agent with `lang:en`, but: `lang:ru`"),
        ("priority: 9", "expected priority 9, but: Some(10)"),
        ("operator: true", "expected the operator exit"),
        ("survey: {csi: 5}", "expected score 5 for `csi`"),
    ] {
        let source = format!(
            "flow: bank-main\ntests:\n- {{name: t, when: [{{at: 2s, press: \"1\"}}], then: {{{then}}}}}\n"
        );
        let cases = script::cases("t.yaml", &source, &flow).unwrap();
        let outcome = script::play(&flow, &calendars, &around, &cases[0]);
        assert_eq!(outcome.failures.len(), 1, "{outcome}");
        assert!(outcome.failures[0].contains(said), "{outcome}");
        assert!(outcome.to_string().contains("2.0 s q-urgent (by key 1)"), "{outcome}");
    }
    for (given, when, said) in [
        ("rollout: {cards: bot}", "{node: main, press: \"3\"}", "of which `given` says nothing"),
        ("language: ru", "{node: balance.code, press: \"12\"}", "1 key presses never came"),
    ] {
        let source = format!(
            "flow: bank-main\ntests:\n- {{name: t, given: {{{given}}}, when: [{when}], then: {{language: ru}}}}\n"
        );
        let cases = script::cases("t.yaml", &source, &flow).unwrap();
        let outcome = script::play(&flow, &calendars, &around, &cases[0]);
        assert!(outcome.failures.iter().any(|why| why.contains(said)), "{outcome}");
    }
    let wrong = "flow: bank\ntests:\n- {name: t, given: {at: noon}, when: [{press: \"1\"}], then: {in_que: x}}\n";
    let found = script::cases("t.yaml", wrong, &flow).unwrap_err();
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), ["Y004", "Y004", "Y004", "Y002"]);
}

#[test]
fn the_pictures_show_every_node_and_every_way() {
    for flow in flows() {
        let (mermaid, dot) = (graph::mermaid(&flow), graph::dot(&flow));
        for (index, node) in flow.indexed() {
            assert!(mermaid.contains(&format!("\"{}\"", node.name)));
            assert!(dot.contains(&format!("label=\"{}\\n", node.name)));
            for (_, to) in node.edges() {
                assert!(dot.contains(&format!("  n{} -> n{} [", index.0, to.node.0)));
                let arrow = mermaid.lines().any(|line| {
                    line.starts_with(&format!("  n{} -->", index.0))
                        && line.ends_with(&format!(" n{}", to.node.0))
                });
                assert!(arrow, "{} to {}", node.name, to.node.0);
            }
        }
    }
}

// ---- the exit -----------------------------------------------------------------------------------

/// One caller with the exit key, as the call machine drives him.
struct Line {
    run: Run,
    exit: ExitKey,
    now: Timestamp,
    effects: Vec<Effect>,
}

impl Line {
    fn at(flow: &Arc<Flow>, calendars: &Arc<Calendars>, node: &str, now: Timestamp) -> Line {
        let run = Run::at(Arc::clone(flow), Arc::clone(calendars), now, node).unwrap();
        let mut line = Line { run, exit: ExitKey::new(), now, effects: Vec::new() };
        line.drain();
        line
    }

    fn drain(&mut self) {
        while let Some(effect) = self.run.poll_effect() {
            self.effects.push(effect);
        }
    }

    fn press(&mut self, key: char) {
        self.exit.press(self.now, Key::new(key).unwrap(), &mut self.run);
        self.drain();
    }

    fn happen(&mut self, happening: Happening) {
        self.run.handle(self.now, happening);
        self.drain();
    }

    /// Lets the caller wait until nothing is due within this time.
    fn wait(&mut self, long: Duration) {
        let end = self.now + long;
        loop {
            let due = [self.exit.poll_timeout(), self.run.poll_timeout()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.exit.expire(self.now, &mut self.run);
            self.run.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// The end of what is playing, if something is.
    fn played(&mut self) -> bool {
        let last = self.effects.iter().rev().find_map(|effect| {
            let Effect::Play { ticket, .. } = effect else { return None };
            Some(*ticket)
        });
        let Some(ticket) = last else { return false };
        let before = self.effects.len();
        self.happen(Happening::Played(ticket));
        self.run.poll_timeout().is_some() || self.effects.len() > before
    }

    fn in_operators_queue(&self, flow: &Flow) -> bool {
        let Kind::Queue(queue) = &flow.node(flow.operator.to.node).kind else { return false };
        let last = self.effects.iter().rev().find_map(|effect| {
            let Effect::Queue(order) = effect else { return None };
            Some(&order.queue)
        });
        self.run.node() == &*flow.node(flow.operator.to.node).name
            && last == Some(&queue.name.value)
    }
}

/// Presses the exit key; in an entry that has digits already it is a digit, so there it may take more presses, each
/// followed by the pause that ends the entry.
fn exits(flow: &Flow, mut line: Line, what: &str) {
    let key = flow.operator.keys[0].value.as_char();
    if line.run.is_over() || line.in_operators_queue(flow) {
        return;
    }
    let patient = line.run.entry();
    line.press(key);
    match patient {
        None => {
            assert!(
                line.in_operators_queue(flow),
                "{what}: the exit key does nothing: {:?}",
                line.run
            );
        }
        Some(entry) if entry.collected == 0 => {
            assert!(!line.in_operators_queue(flow), "{what}: it may still be a digit");
            line.wait(entry.between);
            assert!(
                line.in_operators_queue(flow),
                "{what}: a lone key is the exit: {:?}",
                line.run
            );
        }
        Some(entry) => {
            for _ in 0..2 {
                line.wait(entry.between);
                if !line.in_operators_queue(flow) {
                    line.press(key);
                }
            }
            line.wait(entry.between);
            assert!(
                line.in_operators_queue(flow),
                "{what}: no exit after the entry: {:?}",
                line.run
            );
        }
    }
}

type State = (&'static str, fn(&mut Line));

/// Every state of a node that a caller can be in, as a way to get there.
fn states() -> Vec<State> {
    vec![
        ("on entering", |_| {}),
        ("when the prompts have ended", |line| {
            line.played();
        }),
        ("after a wrong key", |line| line.press('7')),
        ("after a wrong key, prompts ended", |line| {
            line.press('7');
            line.played();
        }),
        ("after silence", |line| {
            line.played();
            line.wait(Duration::from_secs(6));
        }),
        ("with two digits in the prompt", |line| {
            line.press('1');
            line.press('2');
        }),
        ("with two digits in silence", |line| {
            line.played();
            line.press('1');
            line.press('2');
        }),
        ("in the second question", |line| line.press('1')),
        ("drawn to the bot", |line| line.happen(Happening::Drawn(Arm::Bot))),
        ("drawn to people", |line| line.happen(Happening::Drawn(Arm::People))),
        ("handed over by the bot", |line| line.happen(Happening::Bot(BotEnd::Transfer))),
        ("served by the bot", |line| line.happen(Happening::Bot(BotEnd::Done))),
        ("after the talk", |line| line.happen(Happening::Queue(QueueEnd::Answered))),
        ("after the longest wait", |line| line.happen(Happening::Queue(QueueEnd::MaxWait))),
        ("nobody in", |line| line.happen(Happening::Queue(QueueEnd::Nobody))),
        ("transfer failed", |line| line.happen(Happening::Transfer(TransferEnd::Failed))),
    ]
}

#[test]
fn from_every_node_in_every_state_the_exit_key_reaches_the_operators_queue() {
    let calendars = calendars();
    let mut tried = 0;
    for flow in flows() {
        for node in &flow.nodes {
            for (state, lead) in states() {
                for moment in ["2026-11-25T12:00+05:00", "2026-11-22T03:00+05:00"] {
                    let now = crate::calendar::moment(moment).unwrap();
                    let mut line = Line::at(&flow, &calendars, &node.name, now);
                    lead(&mut line);
                    exits(&flow, line, &format!("{}/{} {state}", flow.name, node.name));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 600, "{tried}");
}

#[test]
fn the_exit_key_works_at_any_millisecond_of_a_silent_call() {
    let (around, calendars) = (surroundings(), calendars());
    for flow in flows() {
        let asked = flow.nodes.iter().filter_map(|node| {
            let Kind::Http(http) = &node.kind else { return None };
            Some(format!("{}: {{hangs: true}}", http.uses()))
        });
        let asked: BTreeSet<String> = asked.collect();
        let asked: Vec<String> = asked.into_iter().collect();
        for tenths in 0..450 {
            let source = format!(
                "flow: {}\ntests:\n- {{name: t, given: {{http: {{{}}}}}, when: [{{at: {}ms, press: \"0\"}}], then: \
                 {{in_queue: general, \
                 at_most: {}ms}}}}\n",
                flow.name,
                asked.join(", "),
                tenths * 97 + 1,
                tenths * 97 + 1,
            );
            let cases = script::cases("t.yaml", &source, &flow).unwrap();
            let outcome = script::play(&flow, &calendars, &around, &cases[0]);
            // A caller who stands in the general queue already has nothing left to wish for.
            assert!(outcome.passed(), "{outcome}");
        }
    }
}

#[test]
fn a_secret_is_nowhere_to_be_seen() {
    let calendars = calendars();
    for flow in flows().into_iter().filter(|flow| &*flow.name == "bank-main") {
        let now = Timestamp::from_secs(1_800_000_000);
        let mut line = Line::at(&flow, &calendars, "balance.code", now);
        for key in "4729".chars() {
            line.press(key);
            // The whole code and its beginning; shorter ones stand in the version by chance.
            assert!(!format!("{:?}", line.run).contains("472"), "{:?}", line.run);
        }
        let path = format!("{:?}", line.run.path().iter().map(|v| &v.node).collect::<Vec<_>>());
        let effects = format!("{:?}", line.effects);
        let run = format!("{:?}", line.run);
        assert!(!(path + &effects + &run).contains("4729"));
        assert_eq!(line.run.value("balance.code"), None);
        assert!(run.contains("balance.code=***"), "{run}");
        let caller = Caller { number: Some("+77019998877".to_owned()), ..Caller::default() };
        let run = Run::start(Arc::clone(&flow), Arc::clone(&calendars), now, caller);
        assert!(!format!("{run:?}").contains("9998877"));
    }
}

#[test]
fn a_flow_without_tests_is_warned_of_and_taken() {
    let source = text(&root().join("ivr-flows/bank-main.yaml"));
    let (flow, _) = source.split_once("\ntests:").unwrap();
    let (flow, found) = load::load_and_check("f.yaml", flow, &surroundings());
    assert!(flow.is_some());
    assert_eq!(found.iter().map(|f| (f.code, f.is_error())).collect::<Vec<_>>(), [("F018", false)]);
}

#[test]
fn typical_mistakes_in_the_shipped_flow_are_found_with_their_place() {
    let path = root().join("ivr-flows/bank-main.yaml");
    let source = text(&path);
    let around = surroundings();
    let find = |from: &str, to: &str| -> Vec<Diagnostic> {
        assert!(source.contains(from), "{from}");
        load::load_and_check("f.yaml", &source.replacen(from, to, 1), &around).1
    };
    let codes = |found: &[Diagnostic]| -> Vec<&'static str> {
        let mut codes: Vec<&'static str> = found.iter().map(|finding| finding.code).collect();
        codes.dedup();
        codes
    };
    let found = find("to: loans-hours,", "to: loans-hous,");
    assert_eq!(codes(&found), ["F001"]);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `loans-hours`?"));
    let line = source.lines().position(|line| line.contains("to: loans-hours,")).unwrap();
    assert_eq!((found[0].line as usize, found[0].column, found[0].length), (line + 1, 35, 10));
    for (from, to, wanted) in [
        ("silence: q-general", "silence: main", &["F003"][..]),
        ("max_visits: 3", "max_visit: 3", &["Y002", "F012"]),
        ("play: [hello,", "play: [hallo,", &["F004"]),
        ("  to: q-general\n\nvars", "  to: main\n\nvars", &["F005"]),
        ("\"9\": {say: opt-language", "\"0\": {say: opt-language", &["F016", "F017"]),
        ("\"3\": {say: opt-cards", "\"5\": {say: opt-cards", &["F017", "F017", "F017"]),
        ("max_depth: 3", "max_depth: 1", &["F006"]),
        ("  night: {say:", "  lonely: {hangup: {}}\n  night: {say:", &["F002"]),
        ("\"1\": {say: opt-stolen", "\"1\": {say: opt-loans", &["F017"]),
        ("hello, operator-hint, call", "hello, call", &["F017"]),
        ("  - name: a stolen card is", "  - nam: a stolen card is", &["Y002", "Y003"]),
        ("{node: main, press: \"1\"}", "{node: mian, press: \"1\"}", &["F001"]),
        ("max_options: 5", "max_options: 4", &["F007"]),
        ("silent_caller_in_queue_within: 60s", "silent_caller_in_queue_within: 30s", &["F008"]),
        ("silence: q-general", "silence: bye", &["F008"]),
        ("told_about_operator_within: 15s", "told_about_operator_within: 5s", &["F009"]),
        ("mentions_operator: true", "mentions_operator: false", &["F009"]),
        ("urgent_in_queue_within: 20s", "urgent_in_queue_within: 10s", &["F011"]),
        ("  lang: {type: language}", "  lang: {type: language, secret: true}", &["F010"]),
        ("failed: q-cards, ", "", &["F012"]),
        ("max_wait: 2m", "", &["F013"]),
        (", nobody: duty-office}", "}", &["F013"]),
        ("name: urgent", "name: urgnet", &["F014"]),
        ("use: cards-assistant", "use: cards-asistant", &["F014"]),
        ("lang:{lang}", "lang:{land}", &["F015"]),
        ("{vars: {lang: ru}", "{vars: {lang: ge}", &["F015"]),
        ("timeout: 4s", "timeout: 4", &["Y004"]),
        ("  night: {say:", "  night: {call:", &["Y002"]),
        ("keys: 1-5", "keys: 0-5", &["F016"]),
        ("attempts: 2", "attempts: 0", &["Y004"]),
    ] {
        let found = find(from, to);
        let got = codes(&found);
        let first: Vec<&str> = wanted.iter().copied().take(1).collect();
        assert!(wanted.iter().all(|code| got.contains(code)), "{from} → {to}: {found:#?}");
        assert!(got.contains(&first[0]) && found.iter().all(|f| f.line > 0), "{found:#?}");
    }
}

#[test]
fn a_value_is_said_only_with_all_its_words_and_when_it_is_no_secret() {
    let source = text(&root().join("ivr-flows/bank-main.yaml"));
    let with = |vars: &str, play: &str| {
        let source = source.replacen("\nvars:\n", &format!("\nvars:\n{vars}"), 1);
        source.replacen("play: [hello,", &format!("play: [{play}, hello,"), 1)
    };
    let mut around = surroundings();
    let codes = |source: &str, around: &Surroundings| -> Vec<&'static str> {
        let found = load::load_and_check("f.yaml", source, around).1;
        found.iter().map(|finding| finding.code).collect()
    };
    let sum = with("  sum: {type: money, currency: KZT}\n", "{money: sum}");
    // The longest amount that could be said is too long before the operator is mentioned, and that is promised.
    assert_eq!(codes(&sum, &around), ["F009", "F008", "F011"]);
    around.prompts.get_mut("kk").unwrap().remove("say-tenge");
    assert_eq!(codes(&sum, &around), ["F009", "F008", "F011", "F004"]);
    let secret = with("  pin: {type: digits, secret: true}\n", "{digits: pin}");
    assert!(codes(&secret, &around).contains(&"F010"));
}
