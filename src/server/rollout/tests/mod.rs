//! Rollouts from the draw to the last share, in virtual time, with a real database between.

mod trial;
mod world;

use super::steward::{Standing, Wanted};
use super::*;
use crate::cli::{RolloutArgs, RolloutCommand, RolloutExplainArgs, rollout as command_line};
use crate::server::handle::{Query, door};
use crate::server::store::db::{Access, Db, values};
use crate::server::store::testing::{Place, Server, on_each};
use crate::server::store::{Complaint, ComplaintRow, DrawnOf, Store};
use dozvon_center::contact::Contact;
use dozvon_center::rollout::breaker::Trouble;
use dozvon_center::rollout::decide::Due;
use dozvon_center::rollout::decision::{Cause, Decision, Order, State, Verdict};
use dozvon_center::rollout::eligible::Exclusions;
use dozvon_center::rollout::plan::Plan;
use dozvon_center::rollout::weigh::Figures as Weighed;
use dozvon_center::rollout::{Arm, Rollout, Share};
use std::collections::BTreeMap;
use std::process::ExitCode;
use world::{PLAN, World, calendars, plan, rollout};

/// A door to a task that tends nothing.
pub(crate) fn nothing_to_tend() -> StewardDoor {
    let (door, mut questions) = mpsc::channel(QUESTIONS_MAX);
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            match question {
                Question::List(reply) => {
                    let _ = reply.send(Vec::new());
                }
                Question::Order { reply, .. } => {
                    let _ = reply.send(Err(OrderError::Unknown));
                }
            }
        }
    });
    StewardDoor(door)
}

/// A rollout with figures, to be shown.
pub(crate) fn shown() -> Vec<RolloutView> {
    let mut world = World::new(Place::file(), plan(PLAN));
    world.order(Order::Start, "head", "").expect("it has not begun");
    world.hours(30);
    world.steward.views(world.now)
}

/// Verdicts in order, those of days on which nothing could be decided left out.
fn verdicts(world: &World) -> Vec<&'static str> {
    world.flush();
    let log = world.log();
    let words = log.decisions.iter().map(|kept| kept.decision.verdict.as_str());
    words.filter(|word| *word != "wait").collect()
}

fn run_until(world: &mut World, days: u64, done: impl Fn(&State) -> bool) {
    for _ in 0..days * 4 {
        if done(&world.state()) {
            return;
        }
        world.hours(6);
    }
    panic!("after {days} days it is {:?}: {:#?}", world.state(), world.steward.views(world.now));
}

fn in_stage(number: usize) -> impl Fn(&State) -> bool {
    move |state| state.step().is_some_and(|step| step.stage == number)
}

#[test]
fn three_stages_from_real_records_to_the_last_share_and_every_decision_is_explained() {
    let mut world = World::new(Place::file(), plan(PLAN));
    assert_eq!((world.state(), world.share()), (State::Draft, Some(Share::None)));
    world.order(Order::Start, "head", "").expect("it has not begun");
    assert_eq!(world.share(), Some(Share::Tenth));
    run_until(&mut world, 14, in_stage(1));
    assert_eq!(world.share(), Some(Share::Fifth), "the next draw is at the next stage's share");
    // In the middle of the second stage the server is started again.
    world.hours(30);
    let before = (world.state(), world.share());
    world.restart();
    assert_eq!((world.state(), world.share()), before, "it goes on where it was");
    assert!(world.steward.due(world.now).is_empty(), "and what was looked at is not due again");
    run_until(&mut world, 14, in_stage(2));
    run_until(&mut world, 14, |state| matches!(state, State::AwaitingApproval(_)));
    world.hours(6);
    assert_eq!(world.share(), Some(Share::Half), "nothing goes on by itself");
    let refused = world.order(Order::Promote, "boss", "please").unwrap_err();
    assert!(refused.contains("the plan names others"), "{refused}");
    world.order(Order::Promote, "head", "").expect("head may");
    assert!(matches!(world.state(), State::Completed(_)));
    assert_eq!(world.share(), Some(Share::All));
    world.hours(48);
    world.flush();
    let words = verdicts(&world);
    let way = ["started", "promote", "promote", "passed", "promote", "fine"];
    let mut way = way.iter();
    let mut wanted = way.next();
    for word in &words {
        wanted = if wanted == Some(word) { way.next() } else { wanted };
    }
    assert_eq!(wanted, None, "{words:?}");

    let log = world.log();
    let mut looked = 0;
    for kept in &log.decisions {
        assert!(log.reproduces(&kept.decision, &kept.whole), "{}", kept.decision);
        let Some(_) = &kept.decision.figures else { continue };
        // The records, read again weeks later, come to the same decision.
        let step = kept.decision.before.step().expect("figures are of a stage");
        let daily = kept.decision.cause == Cause::Daily;
        let due = Due { stage: step.stage, since: step.since, at: kept.decision.at, daily };
        let (plan, rollout) = (Arc::clone(&world.plan), rollout(&world.plan));
        let wanted = Wanted { place: 0, due, plan, rollout };
        let again = world.evidence(&wanted).expect("the database is there");
        let figures = Some(Weighed::of(&world.plan, &again));
        let recounted = kept.decision.recounted(&world.plan).expect("by this plan");
        let again = serde_json::to_string(&Decision { figures, ..recounted }).expect("plain data");
        assert_eq!(again, kept.whole, "{}", kept.decision);
        let text = kept.decision.explain(&world.plan);
        assert!(text.contains("resolved (guardrail, margin 12.0 points): bot "), "{text}");
        looked += 1;
    }
    assert!(looked >= 6, "days were decided on figures: {looked}");
    explain_by_the_command_line(&mut world);
}

/// `dozvon rollout explain` counts the newest decision again, and sees when somebody has changed one.
fn explain_by_the_command_line(world: &mut World) {
    let database = world.place.database();
    let explain = |at: Option<&str>| {
        let args = RolloutExplainArgs {
            name: "cards".to_owned(),
            at: at.map(str::to_owned),
            of: None,
            config: "config".into(),
            database: database.file().map(Into::into),
        };
        format!("{:?}", command_line(&RolloutArgs { command: RolloutCommand::Explain(args) }))
    };
    let (same, other) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
    assert_eq!(explain(None), same);
    assert_eq!(explain(Some("2026-03-05")), same);
    assert_eq!(explain(Some("2026-03-01")), other, "nothing was decided until then");
    assert_eq!(explain(Some("soon")), format!("{:?}", ExitCode::from(2)));
    world.store.take().expect("it is open").close();
    let mut db = Db::open(&database, Access::Write).expect("nobody has it");
    let sql =
        "UPDATE rollout_decisions SET whole = replace(whole, '\"progress\":', '\"progress\":1')";
    db.execute(sql, values![]).expect("it can be changed");
    assert_eq!(explain(None), other, "a figure that its counts don't come to");
}

#[test]
fn while_a_site_has_an_emergency_nothing_is_promoted_and_no_look_is_used_up() {
    let mut world = World::new(Place::file(), plan(PLAN));
    world.order(Order::Start, "head", "").expect("it has not begun");
    world.steward.freeze(Some(&"an emergency at almaty".into()));
    world.hours(24);
    for _ in 0..6 {
        world.hours(24);
    }
    let words: Vec<String> = world.log_after_flush().iter().map(ToString::to_string).collect();
    assert!(words.iter().any(|word| word.contains("(an emergency at almaty)")), "{words:?}");
    assert!(in_stage(0)(&world.state()), "{words:?}");
    world.steward.freeze(None);
    run_until(&mut world, 2, in_stage(1));
}

#[test]
fn a_bot_that_breaks_has_no_callers_within_the_second_and_is_tried_again_later() {
    // A quiet option: ten calls of half an hour are enough.
    let quiet = "[breaker]\nwindow_secs = 1800\ncalls_min = 10\ntrips_max = 5\n\n[analysis]";
    let mut world = World::new(Place::file(), plan(&PLAN.replace("[analysis]", quiet)));
    world.order(Order::Start, "head", "").expect("it has not begun");
    let reason = "the bot is known from another option".to_owned();
    world.order(Order::Promote, "head", &reason).expect("head may");
    world.order(Order::Promote, "head", &reason).expect("head may");
    world.hours(2);
    assert_eq!(world.share(), Some(Share::Half));
    world.bot_works = false;
    let broke_at = world.now;
    world.hours(1);
    world.flush();
    let trips: Vec<_> = world.log().decisions;
    let trip = trips.iter().find(|kept| matches!(kept.decision.verdict, Verdict::Tripped(_)));
    let trip = &trip.expect("the breaker has opened").decision;
    let closed = |(at, steering): &&(_, dozvon_center::steering::Steering)| {
        *at > broke_at && steering.share.is_none()
    };
    let (closed_at, steering) = world.steered.iter().find(closed).expect("the share is set");
    assert_eq!(*closed_at, trip.at, "in the same moment");
    assert!(!steering.drain, "who is there stays there");
    world.bot_works = true;
    world.hours(1);
    assert_eq!(world.share(), Some(Share::Half), "and it is tried again");
    let words = verdicts(&world);
    assert!(words.contains(&"recover"), "{words:?}");
    // The fifth trip of the day takes it back for good.
    world.bot_works = false;
    run_until(&mut world, 1, |state| matches!(state, State::RolledBack(..)));
    assert_eq!(world.share(), None);
    world.restart();
    assert_eq!(world.share(), None, "a restart does not give it back");
}

/// What the breaker tripped on when the bot, which has had half of the callers for two hours, became so.
fn trips_on(became: impl FnOnce(&mut World)) -> Option<Trouble> {
    let quiet = "[breaker]\nwindow_secs = 1800\ncalls_min = 10\n\n[analysis]";
    let mut world = World::new(Place::file(), plan(&PLAN.replace("[analysis]", quiet)));
    world.order(Order::Start, "head", "").expect("it has not begun");
    for _ in 0..2 {
        world.order(Order::Promote, "head", "known from elsewhere").expect("head may");
    }
    world.hours(2);
    assert_eq!(world.share(), Some(Share::Half));
    became(&mut world);
    world.hours(1);
    world.flush();
    world.log().decisions.into_iter().find_map(|kept| {
        let Verdict::Tripped(trip) = kept.decision.verdict else { return None };
        Some(trip.trouble)
    })
}

#[test]
fn a_bot_that_does_not_understand_its_callers_or_replies_late_has_none_soon() {
    assert_eq!(trips_on(|world| world.bot_understands = false), Some(Trouble::NoMatch));
    let late = Duration::from_secs(3);
    assert_eq!(trips_on(|world| world.bot_takes = late), Some(Trouble::LateReplies));
    assert_eq!(trips_on(|_| {}), None, "it goes on as it was");
}

#[test]
fn complaints_that_were_marked_count_against_the_arm_of_their_callers() {
    let metric = "[[metrics]]\nname = \"complaint\"\nmeasure = \"complaint\"\nwindow_secs = 86400\n\
                  role = { guardrail = { margin = 0.2 } }\nexpected = { share = 0.05 }\n";
    let mut world = World::new(Place::file(), plan(&format!("{PLAN}\n{metric}")));
    world.order(Order::Start, "head", "").expect("it has not begun");
    for _ in 0..2 {
        world.order(Order::Promote, "head", "known from elsewhere").expect("head may");
    }
    let since = world.now;
    world.callers_for(4);
    world.flush();
    let by_bot = |contact: &Contact| contact.arms.iter().any(|arm| arm.arm == Arm::Bot);
    let complains: Vec<Contact> = world.drawn(since).into_iter().filter(by_bot).collect();
    let store = world.store.as_ref().expect("it is open").sender();
    for contact in &complains {
        let (call, at, by) = (contact.call, world.now, "crm".to_owned());
        let row = ComplaintRow { call, at, by, text: None };
        store.try_send(Record::Complaint(Complaint::new(row).0));
    }
    world.callers_for(48);
    world.flush();
    let due = world.steward.due(world.now);
    let figures = Weighed::of(&world.plan, &world.evidence(&due[0]).expect("it can be read"));
    let known = figures.metrics.iter().find(|metric| &*metric.name == "complaint");
    let pooled = known.expect("it is measured").pooled();
    let complained = pooled.bot.mean() * pooled.bot.n as f64;
    let all = complains.len() as f64;
    assert!(complained > 0.8 * all && complained <= all, "{complained} of {all}, repeats left out");
    assert_eq!(pooled.people.mean(), 0.0);
}

#[test]
fn while_the_database_is_away_the_share_stays_nothing_is_promoted_and_the_breaker_works() {
    let server = Arc::new(Server::start());
    let quiet = "[breaker]\nwindow_secs = 1800\ncalls_min = 10\n\n[analysis]";
    let plan = plan(&PLAN.replace("[analysis]", quiet));
    let mut world = World::new(Place::on(server.clone()), plan);
    world.order(Order::Start, "head", "").expect("it has not begun");
    for _ in 0..2 {
        world.order(Order::Promote, "head", "known from elsewhere").expect("head may");
    }
    world.flush();
    server.stop();
    world.callers_for(3);
    assert!(!world.reader.is_healthy(), "the store knows that the database is away");
    let due = world.steward.due(world.now);
    assert_eq!(due.len(), 1, "it is looked at on the hour");
    assert!(world.evidence(&due[0]).is_err(), "and there is nothing to look at");
    assert_eq!(world.share(), Some(Share::Half), "the share stays");
    world.bot_works = false;
    world.callers_for(1);
    let trips = world.steered.iter().filter(|(_, steering)| steering.share.is_none()).count();
    assert!(trips > 0, "the breaker has opened");
    server.run();
    let store = world.store.as_ref().expect("it is open");
    assert!(store.flush(Duration::from_secs(60)));
    assert!(verdicts(&world).contains(&"trip"), "and that was written when the database was back");
}

#[test]
fn a_plan_or_a_salt_that_is_changed_on_the_way_sets_the_rollout_aside_and_says_so() {
    let mut world = World::new(Place::file(), plan(PLAN));
    world.order(Order::Start, "head", "").expect("it has not begun");
    world.flush();
    let log = world.log();
    let own = rollout(&world.plan);
    let easier = plan(&PLAN.replace("margin = 0.12", "margin = 0.20"));
    let salted = Rollout { salt: "sugar".into(), ..own.clone() };
    for (plan, rollout, why) in [
        (easier, own.clone(), "it began by the plan"),
        (world.plan.clone(), salted.clone(), "its salt, its holdout"),
    ] {
        let rollouts = BTreeMap::from([(Arc::clone(&plan.name), rollout)]);
        let mut steward = Steward::new(&[plan], &rollouts);
        steward.restore(world.now, 0, log.clone());
        let Some(Act::Steer(steering)) = steward.poll_act() else { panic!("the center is told") };
        assert_eq!(steering.share, None, "nobody is drawn");
        let command =
            Command { order: Order::Promote, who: "head".into(), reason: "all the same".into() };
        let refused = steward.order(world.now, "cards", command).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        let view = serde_json::to_value(steward.views(world.now)).unwrap();
        assert_eq!((&view[0]["state"], view[0]["share"].is_null()), (&"set_aside".into(), true));
    }
    // The next version begins anew, with another salt.
    let next = plan(&PLAN.replace("3.1.0", "3.2.0"));
    let rollouts = BTreeMap::from([(Arc::clone(&next.name), salted)]);
    let mut steward = Steward::new(&[next], &rollouts);
    steward.restore(world.now, 0, DecisionLog::default());
    assert!(matches!(&steward.tended[0].standing, Standing::Tended(_)));
}

#[test]
fn orders_of_people_pause_abort_and_drain_and_are_kept_with_their_names() {
    let mut world = World::new(Place::file(), plan(PLAN));
    assert!(world.order(Order::Pause, "head", "").unwrap_err().contains("not begun"));
    world.order(Order::Start, "head", "").expect("it has not begun");
    world.order(Order::Pause, "boss", "the line is down").expect("it runs");
    assert_eq!(world.share(), Some(Share::Tenth), "the share is kept");
    world.hours(30);
    assert_eq!(verdicts(&world), ["started", "pause"], "and nothing is decided");
    world.order(Order::Resume, "boss", "").expect("it is paused");
    world.order(Order::DrainNow, "boss", "it tells wrong balances").expect("it has callers");
    assert_eq!(world.share(), None);
    assert!(world.steered.last().is_some_and(|(_, steering)| steering.drain));
    assert!(world.order(Order::Promote, "head", "again").unwrap_err().contains("it is over"));
    world.flush();
    let last = world.log().decisions.pop().expect("it was kept").decision;
    let Cause::Order { order, who, reason } = last.cause else { panic!("a person's order") };
    let told = (order, &*who, &*reason);
    assert_eq!(told, (Order::DrainNow, "boss", "it tells wrong balances"));
}

#[test]
fn the_next_option_begins_when_the_one_before_has_its_last_share() {
    let first = plan(PLAN);
    let next = PLAN.replace("\"cards\"", "\"loans\"");
    let next = plan(&next.replace("holdout = 5", "holdout = 5\nafter = \"cards\""));
    let plans = [first, next];
    let rollouts = plans.iter().map(|plan| (Arc::clone(&plan.name), rollout(plan))).collect();
    let mut steward = Steward::new(&plans, &rollouts);
    let now = Timestamp::from_secs(1_772_409_600);
    (0..2).for_each(|place| steward.restore(now, place, DecisionLog::default()));
    let command = |order| Command { order, who: "head".into(), reason: "known".into() };
    steward.order(now, "cards", command(Order::Start)).expect("a draft");
    for _ in 0..3 {
        assert_eq!(steward.tended[1].share(), Some(Share::None), "it waits");
        steward.order(now, "cards", command(Order::Promote)).expect("head may");
    }
    assert_eq!(steward.tended[1].share(), Some(Share::Tenth));
    let reason = steward.tended[1].last.as_ref().map(|decision| decision.to_string());
    assert!(reason.is_some_and(|text| text.contains("loans #1 started")));
}

#[test]
fn decisions_and_contacts_come_back_as_they_were_from_both_databases() {
    on_each(|place| {
        let database = place.database();
        let mut world = World::new(Place::file(), plan(PLAN));
        world.order(Order::Start, "head", "agreed").expect("it has not begun");
        world.hours(26);
        let store = Store::open(&database).expect("a store");
        // The file's contacts are written to the other database as well.
        let (from, until) = (Timestamp::EPOCH, world.now);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let option: Arc<str> = "cards".into();
        let read = |reader: &StoreReader| {
            let contacts = runtime.block_on(reader.drawn(Arc::clone(&option), from, until));
            let visits = runtime.block_on(reader.visits(Arc::clone(&option), from, until));
            (contacts.expect("it can be read"), visits.expect("it can be read"))
        };
        world.flush();
        let (contacts, visits) = read(&world.reader);
        assert!(contacts.len() > 1_500 && visits.len() == contacts.len(), "{}", contacts.len());
        for contact in &contacts {
            store.sender().try_send(Record::Contact(Box::new(contact.clone())));
        }
        for kept in &world.log().decisions {
            let row = crate::server::store::DecisionRow {
                decision: kept.decision.recounted(&world.plan).expect("by this plan"),
                stage: "tenth".into(),
                share: Some(Share::Tenth),
                draw: kept.draw.as_str().into(),
                plan: Arc::clone(&world.plan),
            };
            store.sender().try_send(Record::Decided(Box::new(row)));
        }
        assert!(store.flush(Duration::from_secs(60)));
        let reader = store.reader();
        assert_eq!(read(&reader), (contacts.clone(), visits));
        let log = Log { rollout: "cards".into(), version: None, limit: DECISIONS_MAX };
        let again = runtime.block_on(reader.decisions(log)).expect("it can be read");
        let own = rollout(&world.plan);
        let memory = runtime.block_on(recall(&reader, &own, until)).expect("it can be read");
        let wanted = |contact: &&Contact| {
            let arm = &contact.arms[0];
            contact.operator_requested && arm.bot_end.as_deref() == Some("transfer")
        };
        assert_eq!(memory.opt_outs.len(), contacts.iter().filter(wanted).count());
        assert!(!memory.opt_outs.is_empty(), "some callers of the bot press 0");
        let asked = Rollout { exclusions: Exclusions::default(), ..own };
        let memory = runtime.block_on(recall(&reader, &asked, until)).expect("it can be read");
        assert_eq!(memory.last_calls.len(), contacts.len(), "of the last seven days");
        let month = |reader: &StoreReader| {
            let month = runtime.block_on(reader.month(from, until)).expect("it can be read");
            (month.calls, month.options.get("cards").copied().unwrap_or_default())
        };
        let drawn = |contact: &&Contact| {
            contact.arms[0].arm == Arm::Bot && contact.arms[0].excluded.is_none()
        };
        let count = |some: usize| u64::try_from(some).expect("a count");
        let bots: Vec<&Contact> = contacts.iter().filter(drawn).collect();
        let wanted = DrawnOf {
            calls: count(contacts.len()),
            bot: count(bots.len()),
            reached: count(bots.iter().filter(|contact| contact.arms[0].delivered).count()),
        };
        assert!(wanted.reached > 0 && wanted.bot < wanted.calls, "{wanted:?}");
        assert_eq!(month(&world.reader), (wanted.calls, wanted));
        assert_eq!(month(&reader).1, wanted);
        assert!(again.decisions.len() >= 2, "the start and a day");
        assert_eq!(again, world.log());
        store.close();
    });
}

#[tokio::test]
async fn an_order_is_in_force_before_it_is_answered_and_is_kept() {
    let place = Place::file();
    let store = Store::open(&place.database()).unwrap();
    let plans: [Arc<Plan>; 1] = [plan(PLAN)];
    let rollouts = BTreeMap::from([(Arc::clone(&plans[0].name), rollout(&plans[0]))]);
    let (brain, mut queries) = door();
    let (told, mut shares) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(query) = queries.recv().await {
            if let Query::Steer { steering, reply } = query {
                told.send(steering.share).unwrap();
                let _ = reply.send(Ok(()));
            } else if let Query::Remember { reply, .. } = query {
                let _ = reply.send(Ok(()));
            } else {
                panic!("only shares and callers are told of");
            }
        }
    });
    let live = crate::server::events::Live::new();
    let registry = prometheus::Registry::new();
    let (task, door) = steward(Task {
        steward: Steward::new(&plans, &rollouts),
        brain,
        reader: store.reader(),
        store: store.sender(),
        facts: live.listen(),
        calendars: watch::channel(Arc::new(calendars())).1,
        clock: Clock::start(),
        figures: Figures::register(&registry, &plans).unwrap(),
    });
    let task = tokio::spawn(task);
    assert_eq!(shares.recv().await, Some(Some(Share::None)), "a draft: as the configuration says");
    let command = Command { order: Order::Start, who: "head".into(), reason: String::new() };
    let view = door.order("cards", command.clone()).await.unwrap().unwrap();
    assert_eq!(view.state, "running");
    assert_eq!(shares.try_recv(), Ok(Some(Share::Tenth)), "told before the answer");
    let refused = door.order("cards", command.clone()).await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("begun already"), "{refused}");
    assert_eq!(door.order("loans", command).await.unwrap().unwrap_err(), OrderError::Unknown);
    assert_eq!(door.list().await.unwrap().len(), 1);
    assert!(store.flush(Duration::from_secs(10)));
    let log = Log { rollout: "cards".into(), version: None, limit: 1 };
    assert_eq!(store.reader().decisions(log).await.unwrap().decisions.len(), 1);
    task.abort();
    store.close();
}
