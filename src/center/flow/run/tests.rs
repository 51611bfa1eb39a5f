//! A run through a flow, key by key.

use super::*;
use crate::calendar::Calendar;
use crate::fact::Flaw;
use crate::lookup::Reply;

const HEAD: &str = "flow: f\nlanguages: [en, kk]\nstart: a\noperator: {keys: [\"0\"], to: q}\nvars:\n  \
    lang: {type: \
                    language}\n  pin: {type: digits, secret: true}\n  sum: {type: money, currency: KZT, \
                    default: \"2001.21\"}\n  day: {type: date}\n  left: {type: digits}\n  \
                    who: {type: enum, values: [mass, vip], \
                    default: mass}\nnodes:\n  end: {hangup: {}}\n  q: {queue: {name: general, requires: \
                    \"lang:{lang}\", priority: 1, raise: {when: {who: vip}, priority: 7}, max_wait: 1m, after: \
                    {answered: end, max_wait: end, nobody: end}}}\n";

fn run(nodes: &str) -> (Run, Vec<Effect>) {
    run_for(nodes, Caller::default())
}

fn run_for(nodes: &str, caller: Caller) -> (Run, Vec<Effect>) {
    let flow = super::super::load::load("f.yaml", &format!("{HEAD}{nodes}"));
    let mut calendars = Calendars::new();
    calendars.insert(Calendar::always_open("always"));
    let flow = Arc::new(flow.unwrap_or_else(|found| panic!("{found:#?}")));
    let mut run = Run::start(flow, Arc::new(calendars), at(0), caller);
    let effects = drain(&mut run);
    (run, effects)
}

fn drain(run: &mut Run) -> Vec<Effect> {
    std::iter::from_fn(|| run.poll_effect()).collect()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn press(run: &mut Run, millis: u64, keys: &str) -> Vec<Effect> {
    for c in keys.chars() {
        run.handle(at(millis), Happening::Key(Key::new(c).unwrap()));
    }
    drain(run)
}

fn names(effects: &[Effect]) -> Vec<String> {
    let name = |effect: &Effect| match effect {
        Effect::Entered { node, .. } => node.to_string(),
        Effect::Play { prompts, .. } => {
            let names: Vec<&str> = prompts.iter().map(|prompt| &*prompt.name).collect();
            format!("play {}", names.join(" "))
        }
        Effect::StopPlaying => "stop".to_owned(),
        Effect::Draw { .. } => "draw".to_owned(),
        Effect::Bot { .. } => "bot".to_owned(),
        Effect::Queue(order) => format!("queue {}", order.queue),
        Effect::Transfer { .. } => "transfer".to_owned(),
        Effect::CallBack(order) => format!("call back {:?}", order.number),
        Effect::WaitOn => "wait on".to_owned(),
        Effect::LookUp(inquiry) => format!("ask {}.{}", inquiry.endpoint, inquiry.request),
        Effect::LookedUp(over) => over.end.as_str().to_owned(),
        Effect::Withdraw => "withdraw".to_owned(),
        Effect::Took { promise, took, .. } => {
            format!("{} {} ms", promise.as_str(), took.as_millis())
        }
        Effect::Astray { node } => format!("astray at {node}"),
        Effect::Survey { id, score } => format!("{id}={score}"),
        Effect::HangUp => "hang up".to_owned(),
    };
    effects.iter().map(name).collect()
}

const MENU: &str = "  a: {menu: {play: p, sorry: s, timeout: 4s, attempts: 2, options: {\"1\": {say: one, to: q}, \
                    \"2\": {to: end}}, silence: q, wrong: end}}\n";

#[test]
fn a_menu_is_one_play_list_and_any_option_stops_it() {
    let (mut run, effects) = run(MENU);
    assert_eq!(names(&effects), ["a", "play p one"]);
    assert_eq!(names(&press(&mut run, 100, "1")), ["stop", "q", "queue general"]);
}

#[test]
fn silence_is_counted_from_the_end_of_the_prompts() {
    let (mut run, _) = run(MENU);
    run.handle_timeout(at(60_000));
    assert_eq!((drain(&mut run), run.poll_timeout()), (vec![], None));
    run.handle(at(5_000), Happening::Played(1));
    assert_eq!(run.poll_timeout(), Some(at(9_000)));
    run.handle_timeout(at(8_999));
    assert_eq!(drain(&mut run), []);
    run.handle_timeout(at(9_000));
    assert_eq!(names(&drain(&mut run)), ["play s p one"]);
    run.handle(at(20_000), Happening::Played(2));
    run.handle_timeout(at(24_000));
    assert_eq!(names(&drain(&mut run)), ["q", "queue general"]);
    let ways: Vec<Way> = run.path().iter().map(|visit| visit.way).collect();
    assert_eq!(ways, [Way::Start, Way::Silence]);
}

#[test]
fn a_wrong_key_repeats_the_menu_and_the_last_one_decides() {
    let (mut run, _) = run(MENU);
    assert_eq!(names(&press(&mut run, 100, "7")), ["stop", "play s p one"]);
    assert_eq!(names(&press(&mut run, 200, "8")), ["stop", "end", "hang up"]);
    assert!(run.is_over());
    assert_eq!(press(&mut run, 300, "1"), []);
}

#[test]
fn the_end_of_a_prompt_that_was_stopped_is_no_news() {
    let (mut run, _) = run(MENU);
    press(&mut run, 100, "7");
    run.handle(at(150), Happening::Played(1));
    assert_eq!((drain(&mut run), run.poll_timeout()), (vec![], None));
    run.handle(at(900), Happening::Played(2));
    assert_eq!(run.poll_timeout(), Some(at(4_900)));
    for news in [
        Happening::Drawn(Arm::Bot),
        Happening::Bot(BotEnd::Done),
        Happening::Queue(QueueEnd::Nobody),
        Happening::Transfer(TransferEnd::Failed),
    ] {
        run.handle(at(1_000), news);
        assert_eq!((drain(&mut run), run.node()), (vec![], "a"));
    }
}

#[test]
fn a_key_in_a_say_skips_it_and_is_taken_by_the_menu_behind_it() {
    let say = "  a: {say: {play: p, next: b}}\n";
    let (mut run, _) = run(&format!("{say}{}", MENU.replace("  a:", "  b:")));
    assert_eq!(names(&press(&mut run, 10, "2")), ["stop", "b", "end", "hang up"]);
    let (mut run, _) = self::run(&format!("{say}{}", MENU.replace("  a:", "  b:")));
    assert_eq!(names(&press(&mut run, 10, "9")), ["stop", "b", "play p one"]);
}

#[test]
fn a_say_that_was_skipped_does_not_end_the_next_one() {
    let says = "  a: {say: {play: p, next: b}}\n  b: {say: {play: r, next: q}}\n";
    let (mut run, _) = run(says);
    assert_eq!(names(&press(&mut run, 10, "7")), ["stop", "b", "play r"]);
    run.handle(at(20), Happening::Played(1));
    assert_eq!(run.node(), "b");
    run.handle(at(900), Happening::Played(2));
    assert_eq!(run.node(), "q");
}

#[test]
fn a_goodbye_ends_with_its_own_prompt_or_with_a_key() {
    let nodes = "  a: {say: {play: p, next: z}}\n  z: {hangup: {play: r}}\n";
    let (mut run, _) = run(nodes);
    press(&mut run, 10, "7");
    run.handle(at(20), Happening::Played(1));
    assert!(!run.is_over());
    assert_eq!(names(&press(&mut run, 30, "7")), ["stop", "hang up"]);
    assert!(run.is_over());
}

const DIGITS: &str = "  a: {digits: {play: p, into: pin, length: 2-4, end_key: \"#\", timeout: 6s, between: 3s, \
                      attempts: 2, next: q, failed: end}}\n";

#[test]
fn an_entry_ends_by_length_by_end_key_or_by_the_pause() {
    for (keys, pause) in [("1234", false), ("12#", false), ("12", true)] {
        let (mut run, _) = run(DIGITS);
        let first = press(&mut run, 0, keys);
        assert_eq!(first[0], Effect::StopPlaying);
        if pause {
            assert_eq!((first.len(), run.poll_timeout()), (1, Some(at(3_000))));
            run.handle_timeout(at(3_000));
        }
        assert_eq!(run.node(), "q", "{keys}");
    }
}

#[test]
fn a_short_entry_is_asked_for_again_and_then_given_up() {
    let (mut run, _) = run(DIGITS);
    assert_eq!(names(&press(&mut run, 0, "1#")), ["stop", "play p"]);
    assert_eq!(run.entry().map(|entry| entry.collected), Some(0));
    assert_eq!(names(&press(&mut run, 0, "5")), ["stop"]);
    run.handle_timeout(at(3_000));
    assert_eq!(names(&drain(&mut run)), ["end", "hang up"]);
}

#[test]
fn keys_that_are_no_digits_only_stop_the_prompt() {
    let (mut run, _) = run(DIGITS);
    assert_eq!(names(&press(&mut run, 0, "*")), ["stop"]);
    assert_eq!((run.node(), run.poll_timeout()), ("a", Some(at(6_000))));
}

#[test]
fn a_held_exit_key_stops_the_prompt_and_the_clock_of_the_entry() {
    let (mut run, _) = run(DIGITS);
    run.hold_entry(at(3_000));
    assert_eq!(names(&drain(&mut run)), ["stop"]);
    assert!(run.poll_timeout().is_some_and(|due| due > at(3_000)));
    run.leave_for_operator(at(3_000));
    assert_eq!(names(&drain(&mut run)), ["q", "queue general"]);
    run.leave_for_operator(at(4_000));
    assert_eq!(drain(&mut run), [], "who waits there keeps his place");
}

#[test]
fn leaving_a_bot_or_a_queue_withdraws_the_call_from_it() {
    let bot = "  a: {bot: {use: b, max_duration: 1m, after: {done: end, transfer: q, failed: q, too_long: q}}}\n";
    let (mut run, _) = run(bot);
    run.leave_for_operator(at(10));
    assert_eq!(names(&drain(&mut run)), ["withdraw", "q", "queue general"]);
    run.handle(at(20), Happening::Bot(BotEnd::Done));
    assert_eq!(drain(&mut run), [], "the bot's end is no news any more");
    assert_eq!(run.path().last().map(|visit| visit.way), Some(Way::Operator));
}

#[test]
fn a_language_is_the_callers_or_the_flows_first_and_fills_what_is_required() {
    for (language, wanted) in [(Some("kk"), "kk"), (Some("de"), "en"), (None, "en")] {
        let caller = Caller { language: language.map(str::to_owned), ..Caller::default() };
        let set = "  a: {set: {vars: {who: vip}, next: q}}\n";
        let (run, effects) = run_for(set, caller);
        assert_eq!(run.language(), wanted);
        let Some(Effect::Queue(order)) = effects.last() else { panic!("{effects:?}") };
        let required = order.requires.as_ref().map(ToString::to_string);
        assert_eq!((required, order.priority), (Some(format!("lang:{wanted}")), 7));
    }
}

#[test]
fn a_flow_that_runs_in_circles_without_waiting_is_left_for_the_operator() {
    let (run, effects) =
        run("  a: {set: {vars: {lang: kk}, next: b}}\n  b: {set: {vars: {lang: en}, next: a}}\n");
    assert_eq!(run.node(), "q");
    assert_eq!(effects.len(), STEPS_MAX as usize + 3);
    assert_eq!(effects[STEPS_MAX as usize], Effect::Astray { node: "a".into() });
    assert_eq!(run.path().last().map(|visit| visit.way), Some(Way::Astray));
}

#[test]
fn a_call_that_walks_for_ever_is_left_for_the_operator_and_its_path_is_bounded() {
    let (mut run, _) = run("  a: {say: {play: p, next: b}}\n  b: {say: {play: p, next: a}}\n");
    for ticket in 1..ENTERED_MAX {
        assert_ne!(run.node(), "q");
        run.handle(at(0), Happening::Played(ticket));
        drain(&mut run);
    }
    run.handle(at(0), Happening::Played(ENTERED_MAX));
    assert_eq!((run.node(), run.path().len()), ("q", PATH_MAX));
}

#[test]
fn visits_beyond_the_limit_lead_elsewhere() {
    let (mut run, _) = run("  a: {say: {play: p, next: a, max_visits: 2, then: q}}\n");
    run.handle(at(0), Happening::Played(1));
    assert_eq!(run.node(), "a");
    run.handle(at(0), Happening::Played(2));
    assert_eq!(run.node(), "q");
}

#[test]
fn a_survey_takes_scores_asks_once_more_and_stops_at_silence() {
    let survey = "  a: {survey: {offer: o, ask: [{id: x, play: px, keys: 1-5}, {id: y, play: py, keys: 1-2}], \
                  timeout: 6s, next: end}}\n";
    let (mut run, effects) = run(survey);
    assert_eq!(names(&effects), ["a", "play o px"]);
    assert_eq!(names(&press(&mut run, 0, "7")), ["stop", "play px"]);
    assert_eq!(names(&press(&mut run, 0, "5")), ["stop", "x=5", "play py"]);
    run.handle(at(0), Happening::Played(3));
    run.handle_timeout(at(6_000));
    assert_eq!(names(&drain(&mut run)), ["end", "hang up"]);
}

#[test]
fn a_value_is_said_in_words_of_the_language_spoken_and_nothing_is_said_of_none() {
    let nodes = "  a: {say: {play: [hello, {money: sum}, {date: day}], next: b}}\n  \
                 b: {say: {play: {money: sum, language: kk}, next: c}}\n  \
                 c: {digits: {play: enter, into: left, length: \"3\", timeout: 6s, between: 3s, \
                 next: d, failed: end}}\n  \
                 d: {say: {play: [{digits: left}, {number: left}], next: end}}\n";
    let (mut run, effects) = run(nodes);
    let english = "say-2 say-thousand say-and say-1 say-tenge say-20 say-1 say-tiyn";
    assert_eq!(names(&effects), ["a".to_owned(), format!("play hello {english}")]);
    run.handle(at(100), Happening::Played(1));
    let kazakh = "say-2 say-thousand say-1 say-tenge say-20 say-1 say-tiyn";
    let effects = drain(&mut run);
    assert_eq!(names(&effects), ["b".to_owned(), format!("play {kazakh}")]);
    let Effect::Play { prompts, .. } = &effects[1] else { panic!("{effects:?}") };
    assert!(prompts.iter().all(|prompt| &*prompt.language == "kk"));
    run.handle(at(200), Happening::Played(2));
    drain(&mut run);
    let said = names(&press(&mut run, 300, "412"));
    assert_eq!(said.last().unwrap(), "play say-4 say-1 say-2 say-4 say-100 say-and say-12");
}

#[test]
fn an_emergency_comes_before_holidays_and_hours_and_goes_where_the_flow_or_the_site_says() {
    let told = "  a: {hours: {calendar: always, open: q, closed: end, holiday: end, emergency: fire}}\n  \
                fire: {say: {play: ten, next: q}}\n";
    let silent = "  a: {hours: {calendar: always, open: q, closed: end, holiday: end}}\n  \
                  fire: {say: {play: ten, next: q}}\n";
    let go = |nodes: &str, duty: Option<Duty>| {
        let (run, effects) = run_for(nodes, Caller { duty, ..Caller::default() });
        (run, names(&effects))
    };
    let number = || Some(Duty::Number("112".into()));
    assert_eq!(go(told, None).1, ["a", "q", "queue general"]);
    // The flow that knows of emergencies leads on, also to a queue.
    let (mut run, effects) = go(told, number());
    assert_eq!(effects, ["a", "fire", "play ten"]);
    assert_eq!(names(&press(&mut run, 10, "1")), ["stop", "q", "queue general"]);
    // The one that does not goes where the site says.
    assert_eq!(go(silent, number()).1, ["a", "transfer"]);
    assert_eq!(go(silent, Some(Duty::Queue("duty".into()))).1, ["a", "queue duty"]);
    assert_eq!(go(silent, Some(Duty::Node("fire".into()))).1, ["a", "fire", "play ten"]);
    // What fails at the duty office is the operator's; what has been answered there is over.
    for failed in [QueueEnd::Nobody, QueueEnd::Full, QueueEnd::Closed, QueueEnd::MaxWait] {
        let (mut run, _) = go(silent, Some(Duty::Queue("duty".into())));
        run.handle(at(10), Happening::Queue(failed));
        assert_eq!(names(&drain(&mut run)), ["q", "queue general"], "{failed:?}");
        run.handle(at(20), Happening::Queue(failed));
        assert_eq!(names(&drain(&mut run)), ["end", "hang up"], "{failed:?}");
    }
    let (mut run, _) = go(silent, number());
    run.handle(at(10), Happening::Transfer(TransferEnd::Failed));
    assert_eq!(names(&drain(&mut run)), ["q", "queue general"]);
    let (mut run, _) = go(silent, number());
    run.handle(at(10), Happening::Transfer(TransferEnd::Answered));
    assert_eq!(names(&drain(&mut run)), ["hang up"]);
    // A flow without that node does as if there were no emergency.
    assert_eq!(go(silent, Some(Duty::Node("flood".into()))).1, ["a", "q", "queue general"]);
}

#[test]
fn a_calendar_closed_by_hand_is_an_emergency_and_closed_where_nobody_asks_for_one() {
    let go = |emergency: &str| {
        let nodes = format!(
            "  a: {{hours: {{calendar: shut, open: q, closed: end, holiday: q{emergency}}}}}\n"
        );
        let flow = super::super::load::load("f.yaml", &format!("{HEAD}{nodes}")).unwrap();
        let text = "calendar: shut\nzone: UTC\nweekly: {mon-sun: [00:00-24:00]}\nemergency: true\n";
        let mut calendars = Calendars::new();
        calendars.insert(Calendar::from_yaml("shut.yaml", text).unwrap());
        let caller = Caller::default();
        let mut run = Run::start(Arc::new(flow), Arc::new(calendars), at(0), caller);
        names(&drain(&mut run))
    };
    assert_eq!(go(""), ["a", "end", "hang up"]);
    assert_eq!(go(", emergency: q"), ["a", "q", "queue general"]);
}

// ---- endpoints ----------------------------------------------------------------------------------

const ASK: &str = "  a: {http: {use: crm.who, timeout: 2s, send: [caller, pin, day], set: {lang: /l, sum: /s, \
    who: /w, left: /d, day: /y}, play: p, after: {ok: m, not_found: q, several: q, error: e, timeout: q}}}\n  \
    e: {say: {play: sorry, next: q}}\n  m: {menu: {play: menu, timeout: 4s, options: {\"1\": {to: end}}, silence: q, \
    wrong: q}}\n";

fn reply(run: &mut Run, ticket: u32, body: &str) -> Vec<String> {
    let reply = Reply::Answered { status: 200, body: body.into() };
    run.handle(at(500), Happening::replied(ticket, reply));
    names(&drain(run))
}

const WHOLE: &str = r#"{"l": "kk", "s": 10.5, "w": "vip", "d": "007", "y": "2026-11-22"}"#;

#[test]
fn an_answer_sets_variables_and_cuts_what_is_heard_meanwhile() {
    let (mut run, effects) = run(ASK);
    assert_eq!(names(&effects), ["a", "play p", "ask crm.who"]);
    assert_eq!(run.poll_timeout(), Some(at(2_000)));
    assert_eq!(reply(&mut run, 2, WHOLE), ["stop", "ok", "m", "play menu"]);
    assert_eq!(
        (run.language(), run.value("sum"), run.value("who")),
        ("kk", Some("10.5"), Some("vip"))
    );
    assert_eq!((run.value("left"), run.value("day")), (Some("007"), Some("2026-11-22")));
}

#[test]
fn what_can_be_said_must_be_there_and_words_may_be_missing() {
    let (mut run, _) = run(ASK);
    let some = r#"{"s": "10.50", "d": "7", "y": "2026-11-22", "l": null}"#;
    assert_eq!(reply(&mut run, 2, some)[1], "ok");
    assert_eq!((run.language(), run.value("who")), ("en", Some("mass")), "they stay as they are");
    // A language that is not spoken here changes nothing either.
    let (mut run, _) = run_for(ASK, Caller::default());
    assert_eq!(reply(&mut run, 2, &WHOLE.replace("\"kk\"", "\"uz\""))[1], "ok");
    assert_eq!(run.language(), "en");
}

#[test]
fn an_answer_that_does_not_suit_sets_nothing_and_is_an_error_with_its_place() {
    for (from, to, pointer) in [
        ("10.5", "\"a lot\"", "/s"),
        ("10.5", "10.505", "/s"),
        ("10.5", "null", "/s"),
        ("10.5", "[1]", "/s"),
        (r#", "y": "2026-11-22""#, "", "/y"),
        ("2026-11-22", "2026-02-30", "/y"),
        ("\"007\"", "7", "/d"),
        ("\"007\"", "\"1234567890123456789012345678901234\"", "/d"),
        ("\"vip\"", "\"VIP\"", "/w"),
        ("\"vip\"", "true", "/w"),
        ("\"kk\"", "1", "/l"),
    ] {
        let (mut run, _) = run(ASK);
        let reply = Reply::Answered { status: 200, body: WHOLE.replace(from, to).into() };
        run.handle(at(500), Happening::replied(2, reply));
        let effects = drain(&mut run);
        let over = effects.iter().find_map(|effect| {
            if let Effect::LookedUp(over) = effect { Some(over.flaw.clone()) } else { None }
        });
        assert_eq!(over, Some(Some((Flaw::Value, Arc::from(pointer)))), "{to}");
        assert_eq!(names(&effects)[1..], ["error", "e", "play sorry"], "{to}");
        assert_eq!((run.language(), run.value("sum")), ("en", Some("2001.21")), "{to}");
    }
}

#[test]
fn a_late_answer_and_one_to_another_question_are_dropped() {
    let (mut run, _) = run(ASK);
    assert_eq!(reply(&mut run, 1, WHOLE), [""; 0]);
    run.handle_timeout(at(1_999));
    assert_eq!(drain(&mut run), []);
    run.handle_timeout(at(2_000));
    assert_eq!(names(&drain(&mut run)), ["stop", "timeout", "q", "queue general"]);
    assert_eq!(reply(&mut run, 2, WHOLE), [""; 0]);
    assert_eq!(run.value("sum"), Some("2001.21"));
}

#[test]
fn a_key_stops_what_is_heard_and_waits_for_the_menu_and_the_exit_key_leaves() {
    let (mut run, _) = run(ASK);
    assert_eq!(names(&press(&mut run, 100, "1")), ["stop"]);
    assert_eq!(run.poll_timeout(), Some(at(2_000)), "the endpoint is waited for all the same");
    assert_eq!(reply(&mut run, 2, WHOLE), ["ok", "m", "end", "hang up"]);
    let (mut run, _) = run_for(ASK, Caller::default());
    run.leave_for_operator(at(300));
    assert_eq!(names(&drain(&mut run)), ["left", "stop", "q", "queue general"]);
    assert_eq!(run.poll_timeout(), None);
    assert_eq!(reply(&mut run, 2, WHOLE), [""; 0]);
}

#[test]
fn secrets_go_out_marked_and_are_shown_nowhere() {
    let nodes = "  a: {digits: {play: p, into: pin, length: 4, timeout: 4s, between: 1s, next: b, failed: q}}\n  \
        b: {http: {use: crm.pin, timeout: 1s, send: [pin, left], after: {ok: q, not_found: q, several: q, error: q, \
        timeout: q}}}\n";
    let (mut run, _) = run(nodes);
    let effects = press(&mut run, 100, "4321");
    let sent = effects.iter().find_map(|effect| {
        if let Effect::LookUp(inquiry) = effect { Some(inquiry.send.clone()) } else { None }
    });
    let value = |name: &str, value: &str, is_secret| Sending::Value {
        name: name.into(),
        value: value.into(),
        is_number: false,
        is_secret,
    };
    assert_eq!(sent, Some(vec![value("pin", "4321", true), value("left", "", false)]));
    assert!(!format!("{effects:?} {run:?}").contains("4321"));
}
