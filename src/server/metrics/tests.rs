//! The figures reconcile with the facts, to the unit; nothing a stranger says becomes a label; promtool agrees.

use super::*;
use crate::server::events::QueueName;
use crate::server::events::tests::agent_name;
use dozvon_center::acd::{
    Activity, AgentCounts, Cause, Estimate, ServiceLevel, Side, Status, Statuses,
};
use dozvon_center::contact::{Ending, Fault};
use dozvon_center::customer::{CallCard, Customer, Identification, Profile};
use dozvon_center::fact::{IvrExit, OperatorRequest};
use dozvon_center::flow::{Flow, Promise, PromptFacts, Surroundings};
use dozvon_center::ids::{AgentId, CallId, OfferId};
use dozvon_center::opening::{Emergency, SiteView};
use dozvon_clock::Timestamp;
use dozvon_switch::border::{AgentRow, CallRow, QueueRow, RolloutRow};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn directory() -> Arc<Directory> {
    let queue = |name: &str, service_level_secs| QueueName {
        name: name.into(),
        service_level_secs,
        short_abandon_secs: 5.0,
    };
    let codes = "classifier: bank\nversion: 3\ncodes:\n  lost: {name: {ru: Утеря, kk: Жоғалту, en: Lost}, dial: 11}\n";
    let bank = dozvon_center::classifier::Classifier::from_yaml("bank.yaml", codes).unwrap();
    Arc::new(Directory {
        agents: vec![agent_name("anna", "day"), agent_name("boris", "night")],
        queues: vec![queue("cards", 20.0), queue("loans", 25.0)],
        flows: vec!["bank".into()],
        rollouts: vec!["block".into()],
        bots: vec!["robo".into()],
        endpoints: ["crm".into()].into(),
        statuses: Statuses::default(),
        classifiers: BTreeMap::from([("bank".into(), Arc::new(bank))]),
    })
}

/// A flow that promises its callers to tell them of the operator.
fn promising() -> Arc<Flow> {
    let text = "flow: bank\nlanguages: [ru]\nstart: hello\noperator: {keys: [\"0\"], to: q}\n\
        promises: {told_about_operator_within: 10s}\nnodes:\n  \
        hello: {say: {play: hello, mentions_operator: true, next: q}}\n  \
        q: {queue: {name: cards, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}\n  \
        end: {hangup: {}}\n";
    let mut around =
        Surroundings { queues: ["cards".to_owned()].into(), ..Surroundings::default() };
    let facts = PromptFacts { duration: Duration::from_millis(2_500), text: None };
    around.add_prompt("ru", "hello", facts);
    let (flow, found) = dozvon_center::flow::load_and_check("bank.yaml", text, &around);
    Arc::new(flow.unwrap_or_else(|| panic!("{found:#?}")))
}

/// The card of a customer who is known.
fn card() -> CallCard {
    let profile = Profile {
        id: "C-1001".into(),
        name: Some("Aigul".into()),
        language: Some("kk".into()),
        segment: Some("senior".into()),
        identification: Identification::Passed,
        offers: vec!["gold".into()],
        fields: BTreeMap::new(),
    };
    CallCard {
        language: "kk".into(),
        customer: Some(Arc::new(Customer::Known(Box::new(profile)))),
        chosen: vec!["limits".into()],
        waited_secs: 12.5,
        bot: None,
    }
}

/// One site with an emergency, one without.
fn sites() -> Vec<SiteView> {
    let emergency =
        Emergency { since: Timestamp::from_secs(100), by: "boss".into(), reason: "fire".into() };
    let site =
        |name: &str, emergency| SiteView { name: name.into(), title: name.into(), emergency };
    vec![site("almaty", Some(emergency)), site("astana", None)]
}

pub(crate) fn snapshot(at: Timestamp) -> Snapshot {
    let queue = |name: &str, waiting, oldest_enqueued_at| QueueRow {
        name: name.into(),
        waiting,
        callbacks: 0,
        oldest_enqueued_at,
        agents: AgentCounts { idle: 1, talking: 1, ..AgentCounts::default() },
        service_level_secs: 20.0,
        estimate: waits_of(waiting),
    };
    let agent = |id, name: &str, team: &str, activity| AgentRow {
        id: AgentId(id),
        name: name.into(),
        team: team.into(),
        status: Presence::READY,
        activity,
        pending: None,
        since: at,
        reachable: true,
        epoch: 3,
        call: None,
        limit_at: None,
        place: None,
        wrap_up: None,
    };
    Snapshot {
        at,
        queues: vec![queue("cards", 2, Some(Timestamp::from_secs(100))), queue("loans", 0, None)],
        agents: vec![
            agent(0, "anna", "day", Activity::Talking),
            agent(1, "boris", "night", Activity::Idle),
        ],
        calls: vec![CallRow {
            call: CallId(77),
            caller: "+77011230001".into(),
            flow: "bank".into(),
            state: "talking",
            place: "anna".into(),
            started_at: at,
            since: at,
            card: card(),
        }],
        callbacks: Vec::new(),
        rollouts: vec![RolloutRow { name: "block".into(), share: 0.2 }],
        sites: sites(),
        dialogs: 3,
        transactions: 4,
        bindings: 2,
        incident: None,
        draining: false,
    }
}

/// A forecast for a queue where somebody waits.
fn waits_of(waiting: usize) -> Option<Estimate> {
    let [mean, p50, p80, p90] = [90, 80, 130, 165].map(std::time::Duration::from_secs);
    (waiting > 0).then_some(Estimate { mean, p50, p80, p90 })
}

#[test]
fn forecasts_of_waits_and_their_errors_are_shown() {
    let metrics = Metrics::new(directory());
    for (error_secs, within_p90) in [(40.0, true), (-25.0, true), (200.0, false)] {
        let what = What::ForecastMet { queue: "cards".into(), error_secs, within_p90 };
        metrics.observe(&Fact { at: Timestamp::from_secs(1), call: Some(CallId(1)), what });
    }
    let text = metrics.render(&snapshot(Timestamp::from_secs(1_000)));
    let error = |what: &str, side: &str| {
        value(&text, &format!("dozvon_eta_error_seconds_{what}{{queue=\"cards\",side=\"{side}\"}}"))
    };
    assert_eq!((error("count", "late"), error("sum", "late")), (2.0, 240.0));
    assert_eq!((error("count", "early"), error("sum", "early")), (1.0, 25.0));
    let promises = "dozvon_eta_promises_total{queue=\"cards\",within=\"true\"}";
    assert_eq!(value(&text, promises), 2.0);
    let now = |queue: &str| {
        value(
            &text,
            &format!("dozvon_queue_estimated_wait_seconds{{of=\"p90\",queue=\"{queue}\"}}"),
        )
    };
    assert_eq!(now("cards"), 165.0);
    assert!(now("loans").is_nan(), "what can't be known is not a number");
}

/// A figure of the rendered text, by its name with labels as written there.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no series {series} in\n{text}")).parse().unwrap()
}

/// A small day, scripted from a generator so that no two queues or outcomes have the same count.
fn a_day() -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for call in 0..500_u64 {
        let at = Timestamp::from_secs(10 + call);
        let queue: Arc<str> = if next(3) == 0 { "loans" } else { "cards" }.into();
        let flow: Arc<str> = "bank".into();
        let waited_secs = next(90) as f64 / 2.0;
        let outcome = Outcome::ALL[usize::try_from(next(12)).unwrap()];
        let mut say = |what| facts.push(Fact { at, call: Some(CallId(call)), what });
        let caller = format!("+7701{call:07}");
        say(What::CallStarted { flow: flow.clone(), dialled: "100".into(), caller });
        say(What::CallAnswered);
        if next(2) == 0 {
            let how = if next(4) == 0 { OperatorRequest::Bot } else { OperatorRequest::Dtmf };
            say(What::OperatorRequested { flow: flow.clone(), how });
        }
        let exit = IvrExit::ALL[usize::try_from(next(7)).unwrap()];
        say(What::IvrExited { flow: flow.clone(), exit });
        say(What::SegmentStarted { queue: queue.clone(), called_back: false });
        let result = [ServiceLevel::Met, ServiceLevel::Missed, ServiceLevel::Excluded]
            [usize::try_from(next(3)).unwrap()];
        say(What::ServiceLevelDecided { queue: queue.clone(), result });
        say(What::SegmentEnded { queue: queue.clone(), outcome, called_back: false, waited_secs });
        if outcome == Outcome::Answered {
            let agent = AgentId(0);
            let (talk_secs, hold_secs) = (next(300) as f64, next(2) as f64 * 30.0);
            let wrap_up_secs = next(15) as f64;
            let handle_secs = talk_secs + hold_secs + wrap_up_secs;
            let offer = OfferId(call);
            let result = OfferResult::Answered;
            let rang_secs = 2.0;
            say(What::OfferEnded { offer, queue: queue.clone(), agent, result, rang_secs });
            let by = Side::Caller;
            say(What::TalkEnded { queue: queue.clone(), agent, talk_secs, hold_secs, by });
            say(What::WrapUpEnded { queue, agent, wrap_up_secs, handle_secs });
        }
        let ending = Ending::new(Fault::Caller, "hung_up");
        say(What::CallEnded { flow, ending, duration_secs: waited_secs });
    }
    facts
}

#[test]
fn metrics_are_the_sums_over_the_facts() {
    let metrics = Metrics::new(directory());
    let facts = a_day();
    facts.iter().for_each(|fact| metrics.observe(fact));
    let text = metrics.render(&snapshot(Timestamp::from_secs(1_000)));
    let count = |wanted: &dyn Fn(&What) -> bool| {
        facts.iter().filter(|fact| wanted(&fact.what)).count() as f64
    };
    for queue in ["cards", "loans"] {
        let mut ended = 0.0;
        for outcome in Outcome::ALL {
            let facts = count(&|what| {
                let What::SegmentEnded { queue: q, outcome: o, .. } = what else { return false };
                **q == *queue && *o == outcome
            });
            let word = outcome.as_str();
            let series = format!(
                "dozvon_queue_segments_ended_total{{outcome=\"{word}\",queue=\"{queue}\"}}"
            );
            assert_eq!(value(&text, &series), facts, "{series}");
            ended += facts;
        }
        let offered = format!("dozvon_queue_segments_offered_total{{queue=\"{queue}\"}}");
        assert_eq!(value(&text, &offered), ended, "offered = sum of outcomes + waiting");
        let waited = |wanted: Outcome| -> (f64, f64) {
            let waits = facts.iter().filter_map(|fact| {
                let What::SegmentEnded { queue: q, outcome, waited_secs, .. } = &fact.what else {
                    return None;
                };
                (**q == *queue && *outcome == wanted).then_some(*waited_secs)
            });
            waits.fold((0.0, 0.0), |(count, sum), wait| (count + 1.0, sum + wait))
        };
        for (result, outcome) in
            [("answered", Outcome::Answered), ("abandoned", Outcome::Abandoned)]
        {
            let labels = format!("{{queue=\"{queue}\",result=\"{result}\"}}");
            let (count, sum) = waited(outcome);
            assert_eq!(value(&text, &format!("dozvon_queue_wait_seconds_count{labels}")), count);
            assert_eq!(value(&text, &format!("dozvon_queue_wait_seconds_sum{labels}")), sum);
        }
        let all: f64 = ["answered", "abandoned", "other"]
            .map(|result| {
                let labels = format!("{{queue=\"{queue}\",result=\"{result}\"}}");
                value(&text, &format!("dozvon_queue_wait_seconds_count{labels}"))
            })
            .iter()
            .sum();
        assert_eq!(
            all,
            ended - waited(Outcome::ShortAbandoned).0,
            "N = ended without short abandons"
        );
        let (mut handled, mut talks, mut holds) = (0.0, 0.0, 0.0);
        for fact in &facts {
            if let What::TalkEnded { queue: q, talk_secs, hold_secs, .. } = &fact.what
                && **q == *queue
            {
                talks += talk_secs;
                holds += hold_secs;
            }
            if let What::WrapUpEnded { queue: q, handle_secs, .. } = &fact.what
                && **q == *queue
            {
                handled += handle_secs;
            }
        }
        let sum = |name: &str| {
            value(
                &text,
                &format!("dozvon_{name}_seconds_sum{{handler=\"human\",queue=\"{queue}\"}}"),
            )
        };
        assert_eq!((sum("talk"), sum("hold"), sum("handle")), (talks, holds, handled));
        assert_eq!(sum("talk") + sum("hold") + sum("acw"), sum("handle"), "AHT is its parts");
    }
    assert_eq!(value(&text, "dozvon_calls_started_total{flow=\"bank\"}"), 500.0);
    assert_eq!(value(&text, "dozvon_calls_answered_total"), 500.0);
    assert_eq!(value(&text, "dozvon_calls_ended_total{fault=\"caller\",flow=\"bank\"}"), 500.0);
    let asked = count(&|what| matches!(what, What::OperatorRequested { .. }));
    let shown: f64 = ["dtmf", "bot"]
        .map(|how| {
            value(&text, &format!("dozvon_operator_requests_total{{flow=\"bank\",how=\"{how}\"}}"))
        })
        .iter()
        .sum();
    assert_eq!(shown, asked);
}

fn agent_change(
    at: u64,
    from: (Presence, Activity),
    to: (Presence, Activity),
    spent_secs: f64,
) -> Fact {
    let what = What::AgentChanged {
        agent: AgentId(0),
        from,
        to,
        pending: None,
        spent_secs,
        cause: Cause::Agent,
        asked_by: None,
        reason: None,
    };
    Fact { at: Timestamp::from_secs(at), call: None, what }
}

#[test]
fn agents_time_grows_with_every_scrape_and_ends_as_the_facts_say() {
    let metrics = Metrics::new(directory());
    let out = (Presence::LoggedOut, Activity::Idle);
    let ready = (Presence::READY, Activity::Idle);
    let lunch = (Presence::Chosen(Status::Lunch), Activity::Idle);
    let seconds = |at: u64, status: &str| {
        let text = metrics.render(&snapshot(Timestamp::from_secs(at)));
        let labels = format!("{{activity=\"idle\",status=\"{status}\",team=\"day\"}}");
        value(&text, &format!("dozvon_agent_time_seconds_total{labels}"))
    };
    metrics.observe(&agent_change(100, out, ready, 0.0));
    assert_eq!(seconds(110, "ready"), 10.0);
    metrics.observe(&agent_change(160, ready, lunch, 60.0));
    assert_eq!(seconds(160, "ready"), 60.0, "what the scrape counted is not counted again");
    assert_eq!(seconds(760, "lunch"), 600.0, "ten minutes into lunch show as ten minutes");
    assert_eq!(seconds(700, "lunch"), 600.0, "an older picture takes nothing back");
    metrics.observe(&agent_change(2_560, lunch, out, 2_400.0));
    assert_eq!(seconds(9_000, "lunch"), 2_400.0);
    assert_eq!(seconds(9_000, "ready"), 60.0);
    assert!(
        !metrics
            .render(&snapshot(Timestamp::from_secs(9_001)))
            .contains("dozvon_agent_time_seconds_total{activity=\"idle\",status=\"logged_out\"")
    );
}

#[test]
fn gauges_are_read_off_the_picture() {
    let metrics = Metrics::new(directory());
    let text = metrics.render(&snapshot(Timestamp::from_secs(200)));
    assert_eq!(value(&text, "dozvon_queue_waiting{queue=\"cards\"}"), 2.0);
    let oldest = "dozvon_queue_oldest_enqueue_timestamp_seconds";
    assert_eq!(value(&text, &format!("{oldest}{{queue=\"cards\"}}")), 100.0);
    assert!(value(&text, &format!("{oldest}{{queue=\"loans\"}}")).is_nan());
    let agents = "dozvon_agents{activity=\"talking\",status=\"ready\",team=\"day\"}";
    assert_eq!(value(&text, agents), 1.0);
    let text = metrics.render(&snapshot(Timestamp::from_secs(201)));
    assert_eq!(value(&text, agents), 1.0, "set, not added up");
    assert_eq!(value(&text, "dozvon_calls_active"), 1.0);
    assert_eq!(value(&text, "dozvon_rollout_share_ratio{option=\"block\"}"), 0.2);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(text.contains("dozvon_build_info{commit=\""));
}

#[test]
fn nothing_a_stranger_says_becomes_a_label() {
    let metrics = Metrics::new(directory());
    let before = metrics.render(&snapshot(Timestamp::from_secs(1))).lines().count();
    for code in 100..700 {
        for method in ["INVITE", "HACK", "x\"}\n"] {
            for sent in [true, false] {
                metrics.observe_note(&Note::SipFinal { method: method.into(), status: code, sent });
            }
        }
    }
    let text = metrics.render(&snapshot(Timestamp::from_secs(1)));
    assert!(!text.contains("HACK") && !text.contains("x\\\""));
    assert!(text.lines().count() - before < 2 * 2 * 45, "bounded, whatever is sent");
    assert_eq!(
        value(&text, "dozvon_sip_responses_total{code=\"4xx\",direction=\"sent\",method=\"other\"}")
            as u32
            % 2,
        0
    );
    assert!(!text.contains("77011230001"), "no number of a caller");
}

#[test]
fn every_configured_threshold_has_a_bucket_of_its_own() {
    let text = Metrics::new(directory()).render(&snapshot(Timestamp::from_secs(1)));
    assert!(text.contains(
        "dozvon_queue_wait_seconds_bucket{queue=\"loans\",result=\"answered\",le=\"25\"}"
    ));
    assert!(text.contains(
        "dozvon_queue_wait_seconds_bucket{queue=\"cards\",result=\"answered\",le=\"5\"}"
    ));
}

#[test]
fn every_label_set_is_there_at_zero_before_anything_happens() {
    let metrics = Metrics::new(directory());
    let before = metrics.render(&snapshot(Timestamp::from_secs(1)));
    a_day().iter().for_each(|fact| metrics.observe(fact));
    let after = metrics.render(&snapshot(Timestamp::from_secs(1)));
    let series = |text: &str| -> BTreeMap<String, ()> {
        text.lines().filter_map(|l| Some((l.rsplit_once(' ')?.0.to_owned(), ()))).collect()
    };
    let new: Vec<_> =
        series(&after).into_keys().filter(|s| !series(&before).contains_key(s)).collect();
    assert_eq!(new, [""; 0], "series that appeared only with their first event");
}

/// Everything that a server exports, those families included that other rooms register.
pub(super) fn exported() -> String {
    let metrics = Metrics::new(directory());
    crate::server::plane::watch(metrics.registry(), Arc::default(), Arc::default()).unwrap();
    let webhook = crate::server::webhook::example();
    crate::server::webhook::Figures::register(metrics.registry(), &[webhook]).unwrap();
    let endpoint = crate::server::endpoint::example(([127, 0, 0, 1], 9).into());
    crate::server::endpoint::Figures::register(metrics.registry(), &[endpoint]).unwrap();
    let streams = crate::server::bot::example();
    crate::server::bot::Figures::register(metrics.registry(), &streams).unwrap();
    let recognisers = crate::server::recogniser::example();
    crate::server::recogniser::Figures::register(metrics.registry(), &recognisers).unwrap();
    crate::server::reload::Figures::register(metrics.registry()).unwrap().taken(
        "v1",
        &[promising()],
        Timestamp::EPOCH,
    );
    let figures = crate::server::rollout::Figures::register(metrics.registry(), &[]).unwrap();
    figures.show(&crate::server::rollout::tests::shown());
    metrics.render(&snapshot(Timestamp::from_secs(1)))
}

#[test]
fn what_a_flow_promises_stands_beside_what_is_proved_and_what_callers_met() {
    let metrics = Metrics::new(directory());
    let figures = crate::server::reload::Figures::register(metrics.registry()).unwrap();
    figures.taken("v1", &[promising()], Timestamp::EPOCH);
    let promise = Promise::ToldAboutOperator;
    for (took_secs, kept) in [(2.6, true), (11.0, false), (2.5, true)] {
        let what = What::PromiseMeasured { flow: "bank".into(), promise, took_secs, kept };
        metrics.observe(&Fact { at: Timestamp::EPOCH, call: Some(CallId(1)), what });
    }
    let text = metrics.render(&snapshot(Timestamp::from_secs(1)));
    let of = |name: &str, more: &str| {
        value(&text, &format!("{name}{{flow=\"bank\"{more},promise=\"told_about_operator\"}}"))
    };
    assert_eq!(of("dozvon_flow_promise_seconds", ""), 10.0);
    assert_eq!(of("dozvon_flow_promise_bound_seconds", ""), 2.5);
    assert_eq!(of("dozvon_flow_promise_measured_seconds_sum", ""), 16.1);
    assert_eq!(of("dozvon_flow_promises_total", ",kept=\"true\""), 2.0);
    assert_eq!(of("dozvon_flow_promises_total", ",kept=\"false\""), 1.0);
    assert!(
        !text.contains("dozvon_flow_promise_seconds{flow=\"bank\",promise=\"urgent_in_queue\"}")
    );
    figures.taken("v2", &[], Timestamp::EPOCH);
    let text = metrics.render(&snapshot(Timestamp::from_secs(1)));
    assert!(!text.contains("dozvon_flow_promise_seconds{"), "a flow that is gone promises nothing");
}

#[test]
fn every_name_is_in_the_documentation_and_no_other() {
    let text = exported();
    let exported: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let documented: std::collections::BTreeSet<&str> = include_str!("../../../docs/metrics.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let missing: Vec<_> = exported.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&exported).collect();
    assert_eq!(missing, [&""; 0], "write these into docs/metrics.md");
    assert_eq!(gone, [&""; 0], "docs/metrics.md lists what is not exported");
}

#[test]
fn promtool_has_nothing_to_object_to() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let text = Metrics::new(directory()).render(&snapshot(Timestamp::from_secs(1)));
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    // Without promtool (Debian package `prometheus`) the other tests must do.
    let Ok(mut promtool) = promtool else { return };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
