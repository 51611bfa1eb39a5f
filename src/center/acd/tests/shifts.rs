//! Statuses with their limits, alarms of what lasts too long, and that every activity has its timer.

use super::*;

impl Floor {
    /// What was told of limits so far: which, after how many seconds, the how-manieth use.
    fn limits(&self) -> Vec<(LimitKind, u64, u32)> {
        let told = self.told.iter().filter_map(|event| {
            let Event::StatusLimit { kind, lasted, uses, .. } = event else { return None };
            Some((*kind, lasted.as_secs(), *uses))
        });
        told.collect()
    }

    fn alarms(&self) -> Vec<(Activity, u64)> {
        let told = self.told.iter().filter_map(|event| {
            let Event::ActivityAlarm { activity, lasted, .. } = event else { return None };
            Some((*activity, lasted.as_secs()))
        });
        told.collect()
    }

    fn limit_in(&self, agent: u32) -> Option<u64> {
        let at = self.acd.agent(AgentId(agent)).unwrap().limit_at?;
        Some(at.since(self.now).as_secs())
    }
}

fn with(status: Status, change: impl FnOnce(&mut StatusRules)) -> Config {
    let mut setting = config(1);
    let mut rules = *setting.statuses.of(status);
    change(&mut rules);
    setting.statuses.set(status, rules);
    setting
}

#[test]
fn lunch_warns_before_its_limit_and_at_it_and_does_not_end_by_itself() {
    let mut floor = Floor::staffed(config(1));
    floor.set(0, Status::Lunch);
    assert_eq!(floor.limit_in(0), Some(40 * 60));
    floor.pass(secs(3 * 3_600));
    let told = [(LimitKind::Warning, 35 * 60, 1), (LimitKind::Reached, 40 * 60, 1)];
    assert_eq!(floor.limits(), told);
    assert_eq!(floor.stand(0).0, Presence::Chosen(Status::Lunch));
    assert!(floor.acd.agent(AgentId(0)).unwrap().limit_at.unwrap() < floor.now, "it is shown");
    floor.set(0, Status::Ready);
    assert_eq!(floor.limit_in(0), None);
    floor.told.clear();
    floor.set(0, Status::Lunch);
    assert_eq!(floor.limits(), [(LimitKind::OverQuota, 0, 2)], "allowed, and told");
}

#[test]
fn two_breaks_a_shift_may_be_long_ones() {
    let mut floor = Floor::staffed(config(1));
    let take = |floor: &mut Floor, lasts: u64| {
        floor.told.clear();
        floor.set(0, Status::ShortBreak);
        floor.pass(secs(lasts));
        floor.set(0, Status::Ready);
        floor.limits().into_iter().map(|(kind, at, _)| (kind, at)).collect::<Vec<_>>()
    };
    let long = [
        (LimitKind::Warning, 240),
        (LimitKind::LongBegun, 300),
        (LimitKind::Warning, 540),
        (LimitKind::Reached, 600),
    ];
    assert_eq!(take(&mut floor, 299), long[..1], "a short one costs none of the long ones");
    assert_eq!(take(&mut floor, 700), long);
    assert_eq!(take(&mut floor, 301), long[..2]);
    assert_eq!(take(&mut floor, 700), [(LimitKind::Warning, 240), (LimitKind::Reached, 300)]);
    floor.say(|acd, now| acd.log_out(now, AgentId(0), Actor::Agent));
    floor.say(|acd, now| acd.log_in(now, AgentId(0)));
    assert_eq!(take(&mut floor, 700), long, "a new shift has its own");
}

#[test]
fn where_the_rules_say_so_the_agent_is_ready_again_at_the_limit() {
    let mut floor = Floor::staffed(with(Status::Huddle, |rules| rules.auto_return = true));
    floor.set(0, Status::Huddle);
    floor.pass(secs(300));
    assert_eq!(floor.stand(0).0, Presence::READY);
    let back = floor.told.iter().rev().find_map(|event| {
        if let Event::AgentChanged { cause, .. } = event { Some(*cause) } else { None }
    });
    assert_eq!(back, Some(Cause::Limit));
    // Whoever has asked for something else meanwhile gets that.
    floor.set(0, Status::Huddle);
    floor.say(|acd, now| acd.outbound(now, AgentId(0), true));
    floor.set(0, Status::Lunch);
    floor.pass(secs(300));
    floor.say(|acd, now| acd.outbound(now, AgentId(0), false));
    assert_eq!(floor.stand(0).0, Presence::Chosen(Status::Lunch));
}

#[test]
fn a_phone_out_of_reach_is_not_made_ready_by_a_limit() {
    let mut floor = Floor::staffed(with(Status::Huddle, |rules| rules.auto_return = true));
    floor.set(0, Status::Huddle);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    floor.pass(secs(300));
    assert_eq!(floor.stand(0).0, Presence::Chosen(Status::Huddle));
    assert_eq!(floor.limits().last().unwrap().0, LimitKind::Reached);
}

#[test]
fn a_status_asked_for_during_a_talk_is_timed_from_when_it_is_given() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(1);
    floor.set(0, Status::Huddle);
    floor.pass(secs(600));
    assert_eq!(floor.limits(), []);
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.pass(secs(15));
    assert_eq!(floor.limit_in(0), Some(300));
}

#[test]
fn a_status_may_be_made_to_take_calls() {
    let mut floor = Floor::staffed(with(Status::Training, |rules| rules.routable = true));
    floor.set(0, Status::Training);
    floor.talk(1);
    assert_eq!(floor.stand(0), (Presence::Chosen(Status::Training), Activity::Talking));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.pass(secs(15));
    assert_eq!(floor.acd.queue(CARDS).unwrap().agents.idle, 1);
    floor.ring(2);
    floor.set(0, Status::Huddle);
    assert_eq!(floor.activity(0), Activity::Idle);
}

#[test]
fn a_talk_is_told_of_again_and_again_its_holds_included() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(1);
    floor.pass(secs(600));
    floor.say(|acd, now| acd.manner(now, CallId(1), Manner::Hold));
    floor.pass(secs(4 * 3_600 - 600));
    let talks = [(Activity::Talking, 7_200), (Activity::Talking, 14_400)];
    assert_eq!(
        floor.alarms(),
        talks,
        "how long a hold lasts is minded by whoever knows its limits"
    );
    assert_eq!(floor.activity(0), Activity::Hold, "nothing is ended");
}

#[test]
fn an_own_call_that_lasts_too_long_is_told_of() {
    let mut floor = Floor::staffed(config(1));
    floor.say(|acd, now| acd.outbound(now, AgentId(0), true));
    floor.pass(secs(7_200));
    assert_eq!(floor.alarms(), [(Activity::Outbound, 3_600), (Activity::Outbound, 7_200)]);
}

#[test]
fn no_activity_is_eternal() {
    let mut setting = config(1);
    setting.statuses.set(Status::Ready, StatusRules::of(Status::Ready));
    let timers = |floor: &Floor| {
        let all = [Timer::Phase(AgentId(0)), Timer::Talk(AgentId(0))];
        all.into_iter().filter_map(|timer| floor.acd.timers.get(&timer)).min()
    };
    let mut seen = BTreeSet::new();
    let mut bounded = |floor: &Floor, longest: u64| {
        let at = timers(floor).unwrap_or_else(|| panic!("{} for ever", floor.activity(0)));
        assert!(at.since(floor.now) <= secs(longest), "{}", floor.activity(0));
        seen.insert(floor.activity(0));
    };
    let mut floor = Floor::staffed(setting);
    floor.enqueue(1, CARDS);
    bounded(&floor, 2);
    let offer = floor.offer();
    floor.say(|acd, now| acd.ringing(now, offer));
    bounded(&floor, 20);
    floor.say(|acd, now| acd.answered(now, offer));
    bounded(&floor, 5);
    floor.say(|acd, now| acd.connected(now, offer));
    bounded(&floor, 7_200);
    for manner in [Manner::Hold, Manner::Consult, Manner::Conference] {
        floor.say(|acd, now| acd.manner(now, CallId(1), manner));
        bounded(&floor, 7_200);
    }
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Agent));
    bounded(&floor, 15);
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert_eq!(timers(&floor), None, "and idle may be for ever");
    seen.insert(floor.activity(0));
    let engage =
        |acd: &mut Acd, now| acd.engage(now, AgentId(0), CallId(7), Engagement::Supervising);
    floor.say(engage).unwrap();
    let at = timers(&floor).expect("a supervisor has his alarm");
    assert_eq!(at, floor.now + secs(7_200));
    seen.insert(floor.activity(0));
    let mut floor = Floor::staffed(config(1));
    floor.say(|acd, now| acd.outbound(now, AgentId(0), true));
    let at = timers(&floor).expect("an own call has its alarm");
    assert_eq!(at, floor.now + secs(3_600));
    seen.insert(floor.activity(0));
    assert_eq!(seen, Activity::ALL.into_iter().collect(), "every activity was looked at");
}

#[test]
fn a_replaced_session_makes_old_pictures_stale() {
    let mut floor = Floor::staffed(config(1));
    let seen = floor.acd.agent(AgentId(0)).unwrap().epoch;
    floor.say(|acd, now| acd.replace_session(now, AgentId(0)));
    let set = |acd: &mut Acd, now| {
        acd.set_status(now, AgentId(0), Status::Lunch, Actor::Agent, Some(seen))
    };
    assert_eq!(floor.say(set), Err(StatusError::Stale));
}
