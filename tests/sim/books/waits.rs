//! Laws of waits: each has one outcome of twelve and counts once, nobody loses his place, nobody is forgotten in a
//! queue, and nobody is overtaken.

use super::{Books, Call, Came};
use crate::house::bank;
use dozvon_center::Center;
use dozvon_center::acd::{OfferResult, Presence, ServiceLevel};
use dozvon_center::contact::Outcome;
use dozvon_center::ids::{AgentId, CallId, CallbackId, QueueId};
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long a bot may take to answer.
pub(super) const BOT_ANSWERS: Duration = Duration::from_secs(2);
/// Hang-ups sooner than this count neither way.
const SHORT: Duration = Duration::from_secs(5);
/// How long after he gave up a caller has his old place.
const RESUME: Duration = Duration::from_secs(120);
/// How long a talk that broke off is a head start, and how large that is.
const BROKE_OFF: Duration = Duration::from_secs(600);
const HEAD_START: Duration = Duration::from_secs(60);
/// The head start of the node that leads to `vip`.
const VIP: Duration = Duration::from_secs(30);
/// For how long whoever has refused a call isn't asked again.
const SKIP: Duration = Duration::from_secs(60);
/// For how long an agent rests who has hung up as soon as he had answered.
const DROPPED_RESTS: Duration = Duration::from_secs(30);
/// For how long a caller may wait for one agent alone: his last one, or the one whose phone broke.
const STICKY: Duration = Duration::from_secs(20);
const LOST: Duration = Duration::from_secs(20);
/// By when whoever is wanted elsewhere has left: the second between two looks, and a moment.
const MOMENT: Duration = Duration::from_millis(1_200);

/// A stay in a queue.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    queue: Arc<str>,
    since: Timestamp,
    called_back: bool,
    /// It began in this step: where it stands is to be looked at.
    fresh: bool,
    /// How its service level was told.
    level: Option<ServiceLevel>,
}

/// What a caller has by way of a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Since when he waits for a person, for the next queue.
    pub(super) credit: Option<Timestamp>,
    /// Since when he has in all.
    pub(super) first: Option<Timestamp>,
    /// Since when he waits in the present queue, and by when he should be answered.
    place: Option<(Timestamp, Timestamp)>,
    /// The head start that the node of the last queue gave.
    given: Option<Duration>,
    /// The one that he has kept.
    kept: Option<Duration>,
    /// Since when a bot is called for him.
    pub(super) bot: Option<Timestamp>,
    /// His agent's phone has just broken, whose he was.
    pub(super) lost: bool,
}

/// What is remembered of a number.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The place that he gave up: the queue, since when, and when he did.
    gave_up: Option<(Arc<str>, Timestamp, Timestamp)>,
    /// When a talk with him broke off.
    broke_off: Option<Timestamp>,
}

fn target(queue: &str) -> Duration {
    Duration::from_secs(match queue {
        "loans" => 40,
        "vip" => 10,
        _ => 20,
    })
}

/// The number under which something may be remembered of a caller.
pub(super) fn own(number: Option<&String>) -> Option<&String> {
    number.filter(|number| *number != bank::SHARED)
}

impl Books {
    /// A stay begins.
    pub(super) fn waits_in(&mut self, id: CallId, queue: &Arc<str>, called_back: bool) {
        let now = self.now;
        self.tally.count("waits");
        self.tally.count(format!("waits in {queue}"));
        let owed = self.calls.get(&id).and_then(|call| call.owed);
        let owed = owed.and_then(|owed| Some((owed, self.requests.owes(owed)?)));
        let call = self.known(id);
        assert!(call.wait.is_none(), "law: {id} waits in one queue at a time");
        assert!(call.talk.is_none(), "law: {id} doesn't wait while it talks");
        let level = None;
        call.wait =
            Some(Wait { queue: queue.clone(), since: now, called_back, fresh: true, level });
        call.cut = false;
        let (came, attempt) = (call.came, call.attempt);
        call.came = Came::Back;
        if **queue == *"duty" && came == Came::ByFlow {
            self.sent_to_duty_queue(id);
        }
        if called_back {
            self.tally.count("waits called back");
            assert!(attempt.is_none(), "law: one attempt is one wait");
            return;
        }
        match came {
            Came::ByFlow if **queue == *"loans" && !bank::loans_open(now) => {
                self.known(id).standing.place = None;
            }
            Came::ByFlow => self.place_by_flow(id, queue, owed),
            Came::ByAgent => {
                let standing = &mut self.known(id).standing;
                let since = standing.first.unwrap_or(now);
                standing.place = Some((since, since + target(queue)));
            }
            Came::Back => {
                let standing = &mut self.known(id).standing;
                let place = standing.place.as_mut();
                let (_, due) = place.expect("law: only who had a place is back in it");
                if std::mem::take(&mut standing.lost) {
                    *due = *due - HEAD_START;
                }
            }
        }
    }

    fn sent_to_duty_queue(&mut self, id: CallId) {
        let call = &self.calls[&id];
        let burns = self.emergencies.contains_key(&*call.dialled);
        assert!(burns, "law: the duty office has calls of a site that burns");
        let call = self.known(id);
        // He is at no node of the flow any more.
        (call.on_duty, call.node) = (true, "".into());
        self.tally.count("duty queue");
    }

    fn place_by_flow(
        &mut self,
        id: CallId,
        queue: &Arc<str>,
        owed: Option<(CallbackId, Timestamp)>,
    ) {
        let now = self.now;
        let call = self.known(id);
        let number = own(call.number.as_ref()).cloned();
        let memory = number.and_then(|number| self.memory.get_mut(&number));
        let (mut old, mut broke_off) = (None, false);
        if let Some(memory) = memory {
            let fits = |(of, _, at): &mut (Arc<str>, Timestamp, Timestamp)| {
                of == queue && now.since(*at) <= RESUME
            };
            old = memory.gave_up.take_if(fits).map(|(_, since, _)| since);
            broke_off = memory.broke_off.is_some_and(|at| now.since(at) <= BROKE_OFF);
        }
        for (what, is) in [("old place", old.is_some()), ("head start", broke_off)] {
            if is {
                self.tally.count(what);
            }
        }
        let standing = &mut self.known(id).standing;
        let mut since = standing.credit.take().unwrap_or(now).min(old.unwrap_or(now));
        standing.first.get_or_insert(since);
        if let Some((_, kept)) = owed {
            standing.first = standing.first.map(|first| first.min(kept));
            since = since.min(kept);
        }
        let given = if **queue == *"vip" { VIP } else { Duration::ZERO };
        let given = standing.kept.take().unwrap_or_default().max(given);
        standing.given = Some(given);
        let boost = given + if broke_off { HEAD_START } else { Duration::ZERO };
        standing.place = Some((since, since + target(queue) - boost));
        if let Some((owed, _)) = owed {
            self.known(id).owed = None;
            self.requests.must_be_merged(owed);
        }
    }

    /// A stay ends.
    pub(super) fn waited(
        &mut self,
        id: CallId,
        queue: &Arc<str>,
        outcome: Outcome,
        called_back: bool,
        waited: f64,
    ) {
        let now = self.now;
        self.tally.count(format!("outcome {}", outcome.as_str()));
        let call = self.known(id);
        let wait = call.wait.take().expect("law: a wait ends once");
        assert_eq!((&wait.queue, wait.called_back), (queue, called_back), "law: it is that wait");
        let lasted = now.since(wait.since);
        assert_eq!(lasted.as_secs_f64(), waited, "law: {id} waited for as long as it is said");
        call.outcomes.push(outcome);
        let talks = call.talk.is_some();
        assert_eq!(
            talks,
            outcome == Outcome::Answered,
            "law: {id}, {outcome:?}: who is answered talks"
        );
        // Who leaves a queue is nobody's there any more, and begins anew in the next.
        call.dropped_by.clear();
        let in_time = lasted <= target(queue);
        let level = match outcome {
            Outcome::Answered if in_time => ServiceLevel::Met,
            Outcome::ShortAbandoned | Outcome::Callback if in_time => ServiceLevel::Excluded,
            Outcome::Answered
            | Outcome::ShortAbandoned
            | Outcome::Callback
            | Outcome::Abandoned
            | Outcome::Overflow
            | Outcome::Timeout
            | Outcome::NoAgents
            | Outcome::Closed
            | Outcome::RejectedFull
            | Outcome::KeyExit
            | Outcome::Withdrawn
            | Outcome::Failed => ServiceLevel::Missed,
        };
        let short = lasted < SHORT;
        let (is_short, is_long) =
            (outcome == Outcome::ShortAbandoned, outcome == Outcome::Abandoned);
        assert!(!is_short || short, "law: a short abandon is short");
        assert!(!is_long || !short, "law: a short abandon is none");
        match wait.level {
            Some(told) => assert_eq!(told, level, "law: {id}, {outcome:?}, counts as it should"),
            None if called_back => {}
            None => self.untold.push((id, level)),
        }
        let call = self.known(id);
        let lose_place = &*call.node == "q-leave";
        let standing = &mut call.standing;
        match outcome {
            Outcome::Overflow | Outcome::Timeout | Outcome::NoAgents | Outcome::RejectedFull => {
                standing.moves_on(lose_place);
            }
            Outcome::Closed if standing.place.is_some() => standing.moves_on(lose_place),
            Outcome::KeyExit => {
                standing.credit = standing.first;
                standing.kept = standing.given.take();
            }
            Outcome::Abandoned | Outcome::ShortAbandoned => {
                let since = standing.place.map_or(now, |(since, _)| since);
                if let Some(number) = own(call.number.as_ref()).cloned() {
                    let memory = self.memory.entry(number).or_default();
                    memory.gave_up = Some((queue.clone(), since, now));
                }
            }
            Outcome::Answered
            | Outcome::Callback
            | Outcome::Closed
            | Outcome::Withdrawn
            | Outcome::Failed => {}
        }
    }

    /// The service level of a stay is told: once, and rightly.
    pub(super) fn judged(&mut self, id: CallId, result: ServiceLevel) {
        self.tally.count(format!("level {result:?}"));
        let now = self.now;
        if let Some(at) = self.untold.iter().position(|(of, _)| *of == id) {
            let (_, level) = self.untold.remove(at);
            assert_eq!(result, level, "law: {id} counts as it should");
            return;
        }
        let call = self.known(id);
        let wait = call.wait.as_mut().expect("law: only a wait is judged");
        assert!(!wait.called_back, "law: a wait without anybody on the line isn't judged");
        assert!(wait.level.is_none(), "law: {id} counts once");
        assert_eq!(result, ServiceLevel::Missed, "law: only a miss is known beforehand");
        let late = wait.since + target(&wait.queue) + Duration::from_micros(1);
        assert!(now <= late, "law: a miss is told when it is one");
        wait.level = Some(result);
    }

    /// Nobody is left in a queue that is closed, or of a site that burns.
    pub(super) fn nobody_is_forgotten(&self, now: Timestamp) {
        for (id, call) in &self.calls {
            let Some(wait) = &call.wait else { continue };
            let asked = call.asked.is_some_and(|at| now.since(at) < Duration::from_secs(60));
            if !call.here || asked || self.is_rung_for(*id) {
                continue;
            }
            let rang = call.rang.unwrap_or(wait.since);
            let burns = self.emergencies.get(&*call.dialled);
            if let Some(since) = burns.filter(|_| !call.on_duty) {
                let lasts = now.since(wait.since.max(*since).max(rang));
                assert!(lasts <= MOMENT, "law: {id} goes to the duty office, and waits on");
            }
            if &*wait.queue == "loans" {
                let closes = bank::MIDNIGHT
                    + Duration::from_secs_f64(bank::LOANS_OPEN.1 * 3_600.0)
                    + Duration::from_secs(86_400 * (now.since(bank::MIDNIGHT).as_secs() / 86_400));
                let until = (closes.max(wait.since) + bank::LOANS_DRAIN).max(rang) + MOMENT;
                assert!(now <= until, "law: {id} doesn't wait in a queue that has closed");
            }
        }
    }
}

// ---- order ----------------------------------------------------------------------------------------------------------

impl Books {
    fn is_rung_for(&self, id: CallId) -> bool {
        self.rung.values().any(|call| *call == id)
    }

    /// An agent is to be rung for a call: nobody whom he serves too has a better claim to him.
    pub(super) fn offered(&mut self, id: CallId, agent: AgentId) {
        let (now, due) = (self.now, self.claim(id));
        let before = self.rung.insert(agent, id);
        assert!(before.is_none(), "law: {agent} is offered one call at a time");
        self.tally.count("offers");
        self.who_has_dropped_rests(id, agent);
        let Some(due) = due else { return };
        let serves = &self.serves[agent.0 as usize];
        for (other, call) in self.calls.iter().filter(|(other, _)| **other != id) {
            let Some(wait) = &call.wait else { continue };
            let refused =
                call.refused.iter().any(|(by, at)| *by == agent && now.since(*at) <= SKIP);
            if refused || wait.fresh || self.is_rung_for(*other) || !serves.contains(&*wait.queue) {
                continue;
            }
            let earlier = self.claim(*other).filter(|claim| *claim < due);
            assert!(earlier.is_none(), "law: {id} doesn't overtake {other} with {agent}");
        }
    }

    /// Who hangs up as soon as he has answered has no call for a while, and that caller for longer: unless nobody else
    /// at work could have him.
    fn who_has_dropped_rests(&self, id: CallId, agent: AgentId) {
        let now = self.now;
        let rests = self.dropped.get(&agent).is_some_and(|at| now < *at + DROPPED_RESTS);
        assert!(!rests, "law: {agent} has just dropped a talk, rests, and is offered {id}");
        let Some(call) = self.calls.get(&id) else { return };
        let Some(wait) = &call.wait else { return };
        let recent = |at: &Timestamp| now.since(*at) < SKIP;
        if !call.dropped_by.iter().any(|(by, at)| *by == agent && recent(at)) {
            return;
        }
        let could = |other: &AgentId| {
            let ready = self.agents[other.0 as usize].0 == Presence::READY;
            let refused = call.refused.iter().any(|(by, at)| by == other && recent(at));
            let serves = self.serves[other.0 as usize].contains(&*wait.queue);
            ready && serves && !refused && !self.out_of_reach.contains(other)
        };
        let others =
            (0..bank::EVERYBODY).map(AgentId).find(|other| *other != agent && could(other));
        assert!(others.is_none(), "law: {agent} dropped {id}, {others:?} could have it");
    }

    /// By when a waiting call should be answered, unless it may be waiting for somebody of its own.
    fn claim(&self, id: CallId) -> Option<Timestamp> {
        let call = self.calls.get(&id)?;
        let wait = call.wait.as_ref().filter(|_| call.attempt.is_none())?;
        let alone = match &*wait.queue {
            "cards" => STICKY,
            _ if call.lost_at.is_some() => LOST,
            _ => Duration::ZERO,
        };
        let since = call.lost_at.map_or(wait.since, |at| at.max(wait.since));
        let free = alone.is_zero() || self.now.since(since) > alone;
        call.standing.place.filter(|_| free).map(|(_, due)| due)
    }

    /// An offer is over.
    pub(super) fn unoffered(&mut self, id: CallId, agent: AgentId, result: OfferResult, rang: f64) {
        super::lines::Lines::offer_rings(rang);
        let was = self.rung.remove(&agent);
        assert_eq!(was, Some(id), "law: an offer ends once");
        self.tally.count(format!("offer {result:?}"));
        let now = self.now;
        if let Some(call) = self.calls.get_mut(&id) {
            call.rang = Some(now);
            call.refused.push((agent, now));
        }
    }
}

impl Call {
    /// It stands for a customer who began to wait at this moment.
    pub(super) fn keeps(&mut self, since: Timestamp, boost: Duration) {
        let wait = self.wait.as_ref().expect("law: a kept place is a place in a queue");
        self.standing.first = Some(since);
        self.standing.place = Some((since, since + target(&wait.queue) - boost));
    }
}

impl Memory {
    /// A talk is over; `broke_off`: neither side ended it.
    pub(super) fn talked(&mut self, broke_off: Option<Timestamp>) {
        (self.gave_up, self.broke_off) = (None, broke_off);
    }
}

impl Standing {
    /// He goes on to another queue without having been answered.
    fn moves_on(&mut self, lose_place: bool) {
        if lose_place {
            self.first = None;
        } else {
            self.credit = self.first;
        }
    }
}

/// A wait that has begun stands where its caller may expect.
pub(super) fn stands_where_it_should(id: CallId, call: &mut Call, center: &Center) {
    let Some(wait) = &mut call.wait else { return };
    if !std::mem::take(&mut wait.fresh) {
        return;
    }
    let why = center.why(id).unwrap_or_else(|| panic!("law: {id} waits, and stands in its queue"));
    assert_eq!(queue_id(&wait.queue), why.queue, "law: {id} stands in the queue that is told");
    let place = call.standing.place.expect("law: who waits has a place");
    assert_eq!((why.enqueued_at, why.due), place, "law: {id} keeps its place ({call:?})");
}

fn queue_id(name: &str) -> QueueId {
    let at = bank::QUEUES.iter().position(|queue| *queue == name);
    QueueId(at.expect("law: calls wait in queues of the bank") as u16)
}
