//! The books of the house's day: what a supervisor, a customer and an auditor would promise, kept by somebody who has
//! never seen the center.
//!
//! They are told every input before the center gets it and every output after, and of the center itself they ask one
//! thing: where a waiting call stands. What a customer may expect they reckon anew.

mod ears;
mod lines;
mod records;
mod requests;
mod talks;
mod waits;

use crate::house::bank::{self, EVERYBODY};
use dozvon_center::Center;
use dozvon_center::acd::{Activity, Presence, ServiceLevel, Side};
use dozvon_center::border::{Arrival, LegCommand, LegEvent, Output};
use dozvon_center::contact::Contact;
use dozvon_center::fact::{Fact, IvrExit, TransferTarget, What};
use dozvon_center::ids::{AgentId, CallId, CallbackId, LegId, QueueId};
use dozvon_center::policy::Policy;
use dozvon_center::supervise::WatchMode;
use dozvon_center::talk::TalkCommand;
use dozvon_clock::Timestamp;
use ears::Ears;
use lines::Lines;
use records::Arms;
use requests::Requests;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use talks::{Talk, Watch};
use waits::{Memory, Standing, Wait};

/// How often everything that lasts is looked over.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// What became of everybody, counted by words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// One more.
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// How many there were.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// How many there were of all whose words begin like that.
    pub fn all(&self, beginning: &str) -> u64 {
        let those = self.0.iter().filter(|(what, _)| what.starts_with(beginning));
        those.map(|(_, count)| count).sum()
    }
}

/// By which way a call has come to where it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// The flow has sent it.
    ByFlow,
    /// An agent has.
    ByAgent,
    /// It is back where it was.
    Back,
}

/// A call, as told.
#[derive(Clone, Debug)]
struct Call {
    leg: LegId,
    number: Option<String>,
    dialled: String,
    version: Arc<str>,
    /// Its caller is on the line.
    here: bool,
    node: Arc<str>,
    came: Came,
    wait: Option<Wait>,
    /// How its stays ended, in order.
    outcomes: Vec<dozvon_center::contact::Outcome>,
    standing: Standing,
    talk: Option<Talk>,
    /// How long the customer was on hold in each talk.
    holds: Vec<Duration>,
    /// The request that it is an attempt of.
    attempt: Option<CallbackId>,
    /// The open request of its caller himself.
    owed: Option<CallbackId>,
    /// It has been sent to the duty office.
    on_duty: bool,
    /// When it pressed a key in a queue last: it may be asked about a callback.
    asked: Option<Timestamp>,
    /// When a phone rang for it last, and whose it was that came to nothing.
    rang: Option<Timestamp>,
    refused: Vec<(AgentId, Timestamp)>,
    /// Who has hung up on it as soon as he had answered, since it came to its queue.
    dropped_by: Vec<(AgentId, Timestamp)>,
    /// When its agent's phone broke.
    lost_at: Option<Timestamp>,
    /// Its talk has just been ended by neither side.
    cut: bool,
    arms: Arms,
}

/// All that is known.
#[derive(Debug)]
pub struct Books {
    now: Timestamp,
    looked: Timestamp,
    calls: BTreeMap<CallId, Call>,
    over: BTreeSet<CallId>,
    arriving: Option<Arrival>,
    contacts: BTreeMap<CallId, Contact>,
    lines: Lines,
    ears: Ears,
    agents: Vec<(Presence, Activity, Timestamp)>,
    watches: BTreeMap<AgentId, Watch>,
    requests: Requests,
    memory: BTreeMap<String, Memory>,
    /// Whose phone is asked to ring for which call.
    rung: BTreeMap<AgentId, CallId>,
    /// When an agent has dropped a talk last, unless he has said since what he does.
    dropped: BTreeMap<AgentId, Timestamp>,
    /// Agents whose phones can't be reached.
    out_of_reach: BTreeSet<AgentId>,
    /// The queues of each agent, by name.
    serves: Vec<BTreeSet<&'static str>>,
    /// Numbers dialled whose sites have an emergency, and since when.
    emergencies: BTreeMap<&'static str, Timestamp>,
    versions: Vec<Arc<str>>,
    version: usize,
    arms_of: BTreeMap<String, (bool, f64)>,
    touched: BTreeSet<CallId>,
    /// Waits that are over and whose service level is to be told.
    untold: Vec<(CallId, ServiceLevel)>,
    tally: Tally,
}

impl Books {
    /// Empty ones, for a house that will work by these policies one after the other.
    pub fn new(now: Timestamp, policies: &[Arc<Policy>]) -> Books {
        let versions = policies.iter().map(|policy| policy.flows["bank"].version.clone());
        let names = |queues: &BTreeSet<QueueId>| {
            queues.iter().map(|queue| bank::QUEUES[usize::from(queue.0)]).collect()
        };
        let serves = policies[0].acd.agents.iter().map(|agent| names(&agent.queues));
        Books {
            now,
            looked: now,
            calls: BTreeMap::new(),
            over: BTreeSet::new(),
            arriving: None,
            contacts: BTreeMap::new(),
            lines: Lines::default(),
            ears: Ears::default(),
            agents: vec![(Presence::LoggedOut, Activity::Idle, now); EVERYBODY as usize],
            watches: BTreeMap::new(),
            requests: Requests::default(),
            memory: BTreeMap::new(),
            rung: BTreeMap::new(),
            dropped: BTreeMap::new(),
            out_of_reach: BTreeSet::new(),
            serves: serves.collect(),
            emergencies: BTreeMap::new(),
            versions: versions.collect(),
            version: 0,
            arms_of: BTreeMap::new(),
            touched: BTreeSet::new(),
            untold: Vec::new(),
            tally: Tally::default(),
        }
    }

    // ---- pictures ---------------------------------------------------------------------------------------------------

    /// What became of everybody so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether a call waits in a queue.
    pub fn waits(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|call| call.wait.is_some())
    }

    /// Whether an agent is logged in.
    pub fn at_work(&self, agent: AgentId) -> bool {
        self.agents[agent.0 as usize].0 != Presence::LoggedOut
    }

    /// The leg of a call's customer.
    pub fn leg_of(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call).map(|call| call.leg)
    }

    /// The number of a call's customer.
    pub fn number_of(&self, call: CallId) -> Option<String> {
        self.calls.get(&call).and_then(|call| call.number.clone())
    }

    /// The leg of the agent in a talk.
    pub fn agent_leg(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call)?.talk.as_ref().map(|talk| talk.leg)
    }

    // ---- inputs -----------------------------------------------------------------------------------------------------

    /// A call is about to come in.
    pub fn arrives(&mut self, now: Timestamp, arrival: &Arrival) {
        self.now = now;
        self.arriving = Some(arrival.clone());
    }

    /// It has these names.
    pub fn arrived(&mut self, now: Timestamp, call: CallId, leg: LegId) {
        self.now = now;
        let arrival = self.arriving.take().expect("announced before");
        self.lines.caller(now, leg);
        self.open(call, leg, arrival.caller, arrival.dialled);
        self.tally.count("calls");
    }

    fn open(&mut self, id: CallId, leg: LegId, number: Option<String>, dialled: String) {
        let call = Call {
            leg,
            number,
            dialled,
            version: self.versions[self.version].clone(),
            here: false,
            node: "".into(),
            came: Came::ByFlow,
            wait: None,
            outcomes: Vec::new(),
            standing: Standing::default(),
            talk: None,
            holds: Vec::new(),
            attempt: None,
            owed: None,
            on_duty: false,
            asked: None,
            rang: None,
            refused: Vec::new(),
            dropped_by: Vec::new(),
            lost_at: None,
            cut: false,
            arms: Arms::default(),
        };
        let before = self.calls.insert(id, call);
        assert!(before.is_none() && !self.over.contains(&id), "law: {id} is one call");
    }

    /// Something is about to happen to a leg.
    pub fn happens(&mut self, now: Timestamp, leg: LegId, event: &LegEvent) {
        self.now = now;
        self.lines.happens(leg, event);
        let of_caller = self.calls.iter_mut().find(|(_, call)| call.leg == leg);
        if let Some((id, call)) = of_caller {
            self.touched.insert(*id);
            if *event == LegEvent::Answered {
                call.here = true;
            }
            if matches!(event, LegEvent::Key(_)) && call.wait.is_some() {
                call.asked = Some(now);
            }
        }
        self.phone_happens(leg, event);
        if matches!(event, LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_)) {
            self.ears.leave(leg);
        }
    }

    /// A command about a talk was taken, or refused. What it leads to is not told yet.
    pub fn commanded(&mut self, call: CallId, command: &TalkCommand, taken: bool) {
        self.tally.count(if taken { "commands taken" } else { "commands refused" });
        if taken {
            self.obeyed(call, command);
        }
    }

    /// A supervisor's command was taken, or refused.
    pub fn watched(&mut self, supervisor: AgentId, agent: AgentId, mode: WatchMode, taken: bool) {
        if !taken {
            return;
        }
        self.tally.count("watches");
        let watch = self.watches.entry(supervisor);
        watch.or_insert(Watch { agent, mode, leg: None, up: false }).mode = mode;
        self.touch_talk_of(agent);
    }

    /// An agent is about to say what he does, or to go home.
    pub fn chooses(&mut self, agent: AgentId) {
        self.dropped.remove(&agent);
    }

    /// An agent's phone is about to come within reach, or to be out of it.
    pub fn reach(&mut self, agent: AgentId, there: bool) {
        if there {
            self.out_of_reach.remove(&agent);
        } else {
            self.out_of_reach.insert(agent);
        }
    }

    /// An emergency is about to be declared or called off.
    pub fn emergency(&mut self, now: Timestamp, site: &str, on: bool) {
        let (_, number) = bank::SITES.into_iter().find(|(name, _)| *name == site).expect("known");
        if on {
            self.emergencies.insert(number, now);
        } else {
            self.emergencies.remove(number);
        }
    }

    /// Another policy is about to count.
    pub fn reload(&mut self, version: usize) {
        self.version = version;
        self.tally.count("reloads");
    }

    /// A request was taken back, or it was too late.
    pub fn cancelled(&mut self, id: CallbackId, taken: bool) {
        self.requests.cancelled(id, taken);
    }

    // ---- outputs ----------------------------------------------------------------------------------------------------

    /// Something came out.
    pub fn output(&mut self, now: Timestamp, output: &Output) {
        self.now = now;
        match output {
            Output::Leg(leg, command) => self.told(*leg, command),
            Output::Fact(fact) => self.fact(fact),
            Output::Callback(callback) => self.callback(callback),
            Output::Contact(contact) => self.record(contact),
            Output::Lookup(_) => {}
        }
    }

    fn told(&mut self, leg: LegId, command: &LegCommand) {
        self.lines.told(self.now, leg, command);
        self.ears.obey(leg, command);
        match command {
            LegCommand::CallBack { to, .. } => self.dials_customer(leg, to),
            LegCommand::Dial { to, caller } => {
                self.ringing_third(leg, *caller);
                if **to == *bank::DUTY_NUMBER {
                    self.sent_to_duty(*caller);
                }
            }
            LegCommand::RingAgent { agent, caller, .. } => {
                self.ringing_third(leg, *caller);
                if let Some(watch) = self.watches.get_mut(agent) {
                    watch.leg.get_or_insert(leg);
                }
            }
            LegCommand::CallBot { caller, .. } => self.bot_called(*caller),
            LegCommand::Answer
            | LegCommand::BotKey(_)
            | LegCommand::Recognise { .. }
            | LegCommand::StopRecognising(_)
            | LegCommand::Ring
            | LegCommand::Reject(_)
            | LegCommand::Referral(_)
            | LegCommand::Play { .. }
            | LegCommand::Music { .. }
            | LegCommand::StopPlaying
            | LegCommand::RingForCallback { .. }
            | LegCommand::Bridge { .. }
            | LegCommand::Hear { .. }
            | LegCommand::Announce { .. }
            | LegCommand::Beep
            | LegCommand::Mute(_)
            | LegCommand::Measure { .. }
            | LegCommand::PauseMeasure(_)
            | LegCommand::EndMeasure(_)
            | LegCommand::Release(_) => {}
        }
        self.watches.retain(|_, watch| watch.leg.is_none_or(|leg| self.lines.lives(leg)));
    }

    fn sent_to_duty(&mut self, leg: LegId) {
        let now = self.now;
        let known = self.calls.values_mut().find(|call| call.leg == leg);
        let call = known.expect("law: only calls are sent to the duty office");
        let burns = self.emergencies.contains_key(&*call.dialled);
        assert!(burns, "law: the duty office has calls of a site that burns, at {now:?}");
        // He is at no node of the flow any more.
        (call.on_duty, call.node) = (true, "".into());
        self.tally.count("duty number");
    }

    fn fact(&mut self, fact: &Fact) {
        if let Some(id) = fact.call {
            self.touched.insert(id);
            self.tell_of_call(id, &fact.what);
        }
        self.tell_of_talk(fact);
        self.tell_of_request(fact);
        if let What::AgentChanged { agent, from, to, spent_secs, .. } = &fact.what {
            self.agent_changed(*agent, *from, *to, *spent_secs);
        }
    }

    /// The way of a call through the house.
    #[expect(clippy::wildcard_enum_match_arm, reason = "facts are many, and most say nothing here")]
    fn tell_of_call(&mut self, id: CallId, what: &What) {
        match what {
            // One that came in is known already; any other is an attempt to call back.
            What::CallStarted { caller, dialled, .. } if !self.calls.contains_key(&id) => {
                self.open(id, LegId(0), Some(caller.clone()), dialled.clone());
            }
            What::NodeEntered { node, .. } => {
                let call = self.known(id);
                (call.node, call.cut) = (node.clone(), false);
            }
            What::IvrExited { exit: IvrExit::Queue | IvrExit::Operator, .. } => {
                self.known(id).came = Came::ByFlow;
            }
            What::SegmentStarted { queue, called_back } => self.waits_in(id, queue, *called_back),
            What::SegmentEnded { queue, outcome, called_back, waited_secs } => {
                self.waited(id, queue, *outcome, *called_back, *waited_secs);
            }
            What::ServiceLevelDecided { result, .. } => self.judged(id, *result),
            What::Transferred { how, target, .. } => {
                self.tally.count(format!("passed on {} {}", how.as_str(), target.as_str()));
                if *target == TransferTarget::Queue {
                    self.known(id).came = Came::ByAgent;
                }
            }
            What::OfferStarted { agent, .. } => self.offered(id, *agent),
            What::OfferEnded { agent, result, rang_secs, .. } => {
                self.unoffered(id, *agent, *result, *rang_secs);
            }
            What::ArmDrawn { arm, share, .. } => self.drawn(id, *arm, *share),
            What::ArmDelivered { delivered, .. } => self.delivered(id, *delivered),
            What::BotEnded { end, .. } => {
                self.tally.count(format!("bot {end}"));
                self.known(id).standing.bot = None;
            }
            What::BotConnected { .. } => {
                let now = self.now;
                let bot = self.known(id).standing.bot.take();
                let called = bot.expect("law: a bot is called before it answers");
                assert!(now.since(called) <= waits::BOT_ANSWERS, "law: a slow bot is given up");
            }
            What::CallEnded { ending, .. } => {
                self.tally.count(format!("ended {}", ending.reason));
                self.ended(id);
            }
            _ => {}
        }
    }

    fn known(&mut self, id: CallId) -> &mut Call {
        let over = self.over.contains(&id);
        let known = self.calls.get_mut(&id);
        known.unwrap_or_else(|| {
            panic!("law: what happens to {id} happens while it is (over: {over})")
        })
    }

    fn bot_called(&mut self, leg: LegId) {
        let now = self.now;
        let known = self.calls.values_mut().find(|call| call.leg == leg);
        let call = known.expect("law: a bot is called for a caller");
        call.standing.bot = Some(now);
        // Time at a bot counts as waited.
        call.standing.credit.get_or_insert(now);
    }

    fn agent_changed(
        &mut self,
        agent: AgentId,
        from: (Presence, Activity),
        to: (Presence, Activity),
        spent: f64,
    ) {
        let now = self.now;
        let (presence, activity, since) = &mut self.agents[agent.0 as usize];
        assert_eq!((*presence, *activity), from, "law: states of {agent} follow each other");
        if from != to {
            let lasted = now.since(*since).as_secs_f64();
            assert_eq!(spent, lasted, "law: {agent}'s time has no hole");
            *since = now;
        }
        (*presence, *activity) = to;
    }

    /// A call is over: its record says the same as these books.
    fn ended(&mut self, id: CallId) {
        let call = self.calls.remove(&id).expect("law: a call ends once");
        self.over.insert(id);
        assert!(call.wait.is_none(), "law: {id} has left its queue when it is over");
        assert!(call.talk.is_none(), "law: {id} has left its talk when it is over");
        if call.cut {
            self.remember_cut(&call);
        }
        self.compare(id, &call);
    }

    // ---- laws over what lasts ---------------------------------------------------------------------------------------

    /// Everything that came of one input is told.
    pub fn step_over(&mut self, now: Timestamp, center: &Center) {
        self.now = now;
        self.mind_holds();
        self.mind_requests();
        let untold = self.untold.first();
        assert!(untold.is_none(), "law: every wait counts, and that is told: {untold:?}");
        for id in std::mem::take(&mut self.touched) {
            self.lines_of(id);
            if let Some(call) = self.calls.get_mut(&id) {
                call.cut = false;
                waits::stands_where_it_should(id, call, center);
            }
        }
        if now.since(self.looked) >= LOOK_EVERY {
            self.look_around(now);
        }
    }

    /// Everything that lasts is looked over.
    pub fn look_around(&mut self, now: Timestamp) {
        self.looked = now;
        self.lines.nothing_rings_for_ever(now);
        self.nobody_is_forgotten(now);
        self.no_request_is_forgotten();
    }

    /// Nobody is left in the house.
    pub fn day_over(&self, center: &Center) {
        assert_eq!(center.calls_active(), 0, "law: at night the house is empty");
        let left = self.calls.keys().next();
        assert!(left.is_none(), "law: every contact comes to an end, but {left:?}");
        for (agent, (presence, activity, _)) in self.agents.iter().enumerate() {
            let home = (*presence, *activity) == (Presence::LoggedOut, Activity::Idle);
            assert!(home, "law: at night agent {agent} is at home, not {presence:?} {activity:?}");
        }
        self.lines.day_over();
        self.requests.day_over();
        let open = self.contacts.values().find(|contact| contact.ended_at.is_none());
        assert!(open.is_none(), "law: every record is closed: {open:?}");
        let (began, ended) = (self.tally.of("waits"), self.tally.all("outcome "));
        assert_eq!(began, ended, "law: every wait has one outcome");
        let judged = self.tally.all("level ");
        let counted = began - self.tally.of("waits called back");
        assert_eq!(judged, counted, "law: every wait on the line counts once");
        self.arms_are_as_drawn();
    }
}

/// Whether a talk's end was neither side's doing.
fn cut_by(by: Side) -> bool {
    match by {
        Side::System => true,
        Side::Caller | Side::Agent => false,
    }
}
