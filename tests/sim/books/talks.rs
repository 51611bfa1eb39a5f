//! Laws of talks: one agent, one talk; who hears whom; holds are as long as they are said; whoever leaves hands over.

use super::{Books, cut_by, waits};
use dozvon_center::acd::Side;
use dozvon_center::border::LegEvent;
use dozvon_center::fact::{Fact, HoldAlarm, What};
use dozvon_center::ids::{AgentId, CallId, LegId};
use dozvon_center::supervise::WatchMode;
use dozvon_center::talk::TalkCommand;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// When the agent is warned of a hold, and when it is too long.
const WARNED_AT: Duration = Duration::from_secs(100);
const HOLD_MAX: Duration = Duration::from_secs(120);
/// For how long an agent whose phone broke is waited for.
const GRACE: Duration = Duration::from_secs(10);

/// A talk, as told.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) agent: AgentId,
    pub(super) leg: LegId,
    since: Timestamp,
    desk_holds: bool,
    phone_holds: bool,
    third: Option<Third>,
    /// Since when nothing is heard of the agent's phone.
    broken: Option<Timestamp>,
    /// The leg that was last asked to ring for the call.
    rung: Option<LegId>,
    held_since: Option<Timestamp>,
    held: Duration,
    warned: bool,
}

/// A third party.
#[derive(Clone, Copy, Debug)]
struct Third {
    leg: LegId,
    up: bool,
    joined: bool,
}

/// A supervisor on an agent.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) agent: AgentId,
    pub(super) mode: WatchMode,
    pub(super) leg: Option<LegId>,
    pub(super) up: bool,
}

impl Talk {
    /// Whether the agent's side is away: he holds, or his phone broke.
    fn held_by_agent(&self) -> bool {
        self.desk_holds || self.phone_holds || self.broken.is_some()
    }

    /// Whether the customer is on hold.
    fn holds(&self) -> bool {
        match &self.third {
            Some(third) => !third.joined,
            None => self.held_by_agent(),
        }
    }
}

impl Books {
    // ---- what changes a talk ----------------------------------------------------------------------------------------

    pub(super) fn obeyed(&mut self, id: CallId, command: &TalkCommand) {
        self.touched.insert(id);
        let Some(talk) = self.calls.get_mut(&id).and_then(|call| call.talk.as_mut()) else {
            return;
        };
        match command {
            TalkCommand::Hold => talk.desk_holds = true,
            TalkCommand::Resume => talk.desk_holds = false,
            TalkCommand::Join => {
                if let Some(third) = &mut talk.third {
                    assert!(third.up, "law: only who has answered is joined");
                    third.joined = true;
                }
            }
            TalkCommand::Mute
            | TalkCommand::Unmute
            | TalkCommand::Transfer(_)
            | TalkCommand::Consult(_)
            | TalkCommand::Complete
            | TalkCommand::Drop
            | TalkCommand::Park => {}
        }
    }

    /// Something is about to happen to the phone of an agent, a third party or a supervisor.
    pub(super) fn phone_happens(&mut self, leg: LegId, event: &LegEvent) {
        for (id, call) in &mut self.calls {
            let Some(talk) = &mut call.talk else { continue };
            if talk.leg == leg {
                self.touched.insert(*id);
                if let LegEvent::Held(held) = event {
                    talk.phone_holds = *held;
                } else if let LegEvent::Broken(_) = event {
                    talk.broken.get_or_insert(self.now);
                } else if let LegEvent::Regained = event {
                    talk.broken = None;
                }
            }
            if let Some(third) = talk.third.as_mut().filter(|third| third.leg == leg) {
                self.touched.insert(*id);
                third.up |= *event == LegEvent::Answered;
            }
        }
        let gone = matches!(event, LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_));
        let supervisor = self.watches.iter_mut().find(|(_, watch)| watch.leg == Some(leg));
        if let Some((supervisor, watch)) = supervisor {
            watch.up |= *event == LegEvent::Answered;
            let (supervisor, agent) = (*supervisor, watch.agent);
            if gone {
                self.watches.remove(&supervisor);
            }
            self.touch_talk_of(agent);
        }
    }

    pub(super) fn touch_talk_of(&mut self, agent: AgentId) {
        let of_him = |talk: &Talk| talk.agent == agent;
        let call = self.calls.iter().find(|(_, call)| call.talk.as_ref().is_some_and(of_him));
        let id = call.map(|(id, _)| *id);
        self.touched.extend(id);
    }

    /// A phone is asked to ring for a caller.
    pub(super) fn ringing_third(&mut self, leg: LegId, caller: LegId) {
        let known = self.calls.values_mut().find(|call| call.leg == caller);
        if let Some(talk) = known.and_then(|call| call.talk.as_mut()) {
            talk.rung = Some(leg);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "facts are many, and most say nothing here")]
    pub(super) fn tell_of_talk(&mut self, fact: &Fact) {
        let Some(id) = fact.call else { return };
        match &fact.what {
            What::TalkStarted { agent, .. } => self.talk_begins(id, *agent),
            What::TalkEnded { agent, talk_secs, hold_secs, by, .. } => {
                self.talk_ends(id, *agent, (*talk_secs, *hold_secs), *by);
            }
            What::AskStarted { .. } => {
                let talk = self.talk(id);
                let leg = talk.rung.expect("law: whoever is asked is rung");
                talk.third = Some(Third { leg, up: false, joined: false });
                self.tally.count("asks");
            }
            What::AskEnded { end, .. } => {
                self.tally.count(format!("ask {}", end.as_str()));
                if let Some(talk) = self.calls.get_mut(&id).and_then(|call| call.talk.as_mut()) {
                    talk.third = None;
                }
            }
            What::HoldLasts { alarm, .. } => self.hold_lasts(id, *alarm),
            What::HoldEnded { hold_secs, too_long, .. } => {
                self.hold_ends(id, *hold_secs, *too_long)
            }
            What::PhoneBack { .. } => self.tally.count("phones back"),
            What::AgentLost { .. } => {
                let now = self.now;
                let broken = self.talk(id).broken;
                let in_time = broken.is_none_or(|since| since + GRACE == now);
                assert!(in_time, "law: an agent whose phone broke is waited for: {id}");
                let call = self.known(id);
                call.lost_at = Some(now);
                call.standing.lost = true;
                self.tally.count("agents lost");
            }
            What::AgentDropped { agent, .. } => {
                let now = self.now;
                let call = self.known(id);
                call.refused.push((*agent, now));
                call.dropped_by.push((*agent, now));
                self.dropped.insert(*agent, now);
                self.tally.count("agents dropped");
            }
            _ => {}
        }
    }

    fn talk(&mut self, id: CallId) -> &mut Talk {
        let talk = self.known(id).talk.as_mut();
        talk.unwrap_or_else(|| panic!("law: what is told of a talk of {id} is told while it lasts"))
    }

    fn talk_begins(&mut self, id: CallId, agent: AgentId) {
        let now = self.now;
        let busy = self
            .calls
            .iter()
            .find(|(_, call)| call.talk.as_ref().is_some_and(|talk| talk.agent == agent));
        assert!(busy.is_none(), "law: {agent} is in one talk at a time, and in {:?}", busy);
        let leg = self.lines.of_agent(agent);
        let leg = leg.expect("law: who talks has a line");
        assert!(self.lines.is_up(leg), "law: who talks has answered");
        self.watches.remove(&agent);
        let call = self.known(id);
        assert!(call.talk.is_none(), "law: {id} has one agent at a time");
        assert!(call.here || call.attempt.is_some(), "law: nobody talks to nobody");
        (call.here, call.cut) = (true, false);
        call.talk = Some(Talk {
            agent,
            leg,
            since: now,
            desk_holds: false,
            phone_holds: false,
            third: None,
            broken: None,
            rung: None,
            held_since: None,
            held: Duration::ZERO,
            warned: false,
        });
        self.tally.count("talks");
    }

    fn talk_ends(&mut self, id: CallId, agent: AgentId, told: (f64, f64), by: Side) {
        let now = self.now;
        let call = self.known(id);
        let talk = call.talk.take().expect("law: a talk ends once");
        assert_eq!(talk.agent, agent, "law: it is his talk");
        assert!(talk.held_since.is_none(), "law: a hold ends with its talk");
        let spoken = now.since(talk.since).saturating_sub(talk.held);
        let expected = (spoken.as_secs_f64(), talk.held.as_secs_f64());
        assert_eq!(told, expected, "law: a talk is as long as it is said");
        call.holds.push(talk.held);
        call.cut = cut_by(by);
        let lost = call.standing.lost;
        if let Some(number) = waits::own(call.number.as_ref()).cloned() {
            let memory = self.memory.entry(number).or_default();
            memory.talked(lost.then_some(now));
        }
    }

    /// A call ends whose talk neither side has ended.
    pub(super) fn remember_cut(&mut self, call: &super::Call) {
        self.tally.count("talks cut");
        if let Some(number) = waits::own(call.number.as_ref()).cloned() {
            self.memory.entry(number).or_default().talked(Some(self.now));
        }
    }

    // ---- holds ------------------------------------------------------------------------------------------------------

    /// Holds that have begun in this step.
    pub(super) fn mind_holds(&mut self) {
        let now = self.now;
        for (id, call) in &self.calls {
            let broken = call.talk.as_ref().and_then(|talk| talk.broken);
            let waited = broken.map_or(Duration::ZERO, |since| now.since(since));
            assert!(waited <= GRACE, "law: nobody waits for ever for a phone that broke: {id}");
        }
        for id in &self.touched {
            let Some(talk) = self.calls.get_mut(id).and_then(|call| call.talk.as_mut()) else {
                continue;
            };
            match (talk.holds(), talk.held_since) {
                (true, None) => (talk.held_since, talk.warned) = (Some(now), false),
                (false, Some(since)) => panic!("law: the hold of {id} since {since:?} has ended"),
                (true, Some(_)) | (false, None) => {}
            }
        }
    }

    fn hold_lasts(&mut self, id: CallId, alarm: HoldAlarm) {
        let now = self.now;
        self.tally.count(format!("hold {alarm:?}"));
        let talk = self.talk(id);
        let since = talk.held_since.expect("law: only a hold lasts");
        let after = match alarm {
            HoldAlarm::Warning => WARNED_AT,
            HoldAlarm::TooLong => HOLD_MAX,
        };
        assert_eq!(now, since + after, "law: a long hold is told of in time");
        talk.warned = true;
    }

    fn hold_ends(&mut self, id: CallId, secs: f64, too_long: bool) {
        let now = self.now;
        let talk = self.talk(id);
        // One that begins and ends at the same moment was never seen.
        let since = talk.held_since.take().unwrap_or(now);
        let lasted = now.since(since);
        assert_eq!(secs, lasted.as_secs_f64(), "law: a hold is as long as it is said");
        assert_eq!(too_long, lasted > HOLD_MAX, "law: a hold is too long when it is");
        assert!(talk.warned || lasted <= WARNED_AT, "law: of a long hold the agent is warned");
        talk.held += lasted;
        self.tally.count("holds");
    }

    // ---- who hears whom ---------------------------------------------------------------------------------------------

    /// What everybody of a call hears is what the talk is.
    pub(super) fn lines_of(&self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let caller = call.leg;
        let Some(talk) = &call.talk else {
            let waits = call.wait.is_some() && call.here;
            let heard = self.ears.voices(caller);
            assert!(!waits || self.ears.music(caller), "law: who waits hears music: {id}");
            assert!(!waits || heard.is_empty(), "law: who waits hears nobody: {id}");
            return;
        };
        let held = talk.held_by_agent();
        let agent = talk.leg;
        let mut voices: Vec<(LegId, Vec<LegId>)> = match talk.third {
            None if held => vec![(agent, vec![])],
            None => vec![(caller, vec![agent]), (agent, vec![caller])],
            Some(Third { up: false, .. }) => Vec::new(),
            Some(Third { leg, joined: false, .. }) => vec![(agent, vec![leg]), (leg, vec![agent])],
            Some(Third { leg, .. }) if held => {
                vec![(caller, vec![leg]), (leg, vec![caller]), (agent, vec![])]
            }
            Some(Third { leg, .. }) => vec![
                (caller, vec![agent, leg]),
                (agent, vec![caller, leg]),
                (leg, vec![caller, agent]),
            ],
        };
        if matches!(talk.third, Some(Third { up: false, .. })) {
            assert!(self.ears.music(caller), "law: who is passed on hears music");
            return;
        }
        let speaking: Vec<LegId> = voices.iter().map(|(leg, _)| *leg).collect();
        for watch in self.watches.values().filter(|watch| watch.up && watch.agent == talk.agent) {
            let leg = watch.leg.expect("who is up has a line");
            for (party, from) in &mut voices {
                let hears = match watch.mode {
                    WatchMode::Listen => false,
                    WatchMode::Whisper => *party == agent,
                    WatchMode::Barge => true,
                };
                if hears && speaking.contains(party) {
                    from.push(leg);
                }
            }
        }
        for (leg, mut from) in voices {
            from.sort_unstable();
            let hears = self.ears.voices(leg);
            assert_eq!(hears, from, "law: {leg} of {id} hears whom it should: {talk:?}");
        }
        if talk.holds() {
            assert!(self.ears.music(caller), "law: who is on hold hears music: {id}");
        }
    }
}
