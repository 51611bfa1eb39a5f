//! Laws of offers: each has exactly one end, one at a time for an agent and for a call, and a stale answer is stale.

use super::picture::{Picture, Stage};
use dozvon_center::acd::{Activity, Answer, Event, OfferResult, Presence};
use dozvon_center::ids::{AgentId, CallId, OfferId};
use std::collections::BTreeMap;

/// Where an offer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Answered,
    Over,
}

#[derive(Debug, Default)]
pub(super) struct Offers {
    offers: BTreeMap<OfferId, (CallId, AgentId, State)>,
    ended: u64,
    /// The reasons told last.
    decided: Option<(OfferId, CallId, AgentId)>,
}

impl Offers {
    pub(super) fn event(&mut self, picture: &Picture, event: &Event) {
        match event {
            Event::Offer { offer, call, agent, .. } => {
                let known = picture.call(*call).expect("law: only calls that wait are offered");
                let phones = picture.queue(known.queue).ring.phones_max();
                let room = matches!(known.stage, Stage::Waiting | Stage::Offered);
                let room = room && known.open.len() < phones;
                assert!(
                    room,
                    "law: {call} is offered while it waits, to so many as its queue says"
                );
                let decided = self.decided.take();
                assert_eq!(decided, Some((*offer, *call, *agent)), "law: an offer has its reasons");
                let told = picture.agent(*agent);
                let fits = told.presence == Presence::READY
                    && told.activity == Activity::Reserved
                    && told.reachable;
                assert!(fits, "law: offers go to ready agents within reach, not {told:?}");
                let named = self.offers.insert(*offer, (*call, *agent, State::Open));
                assert!(named.is_none(), "law: an offer's name is used once");
            }
            Event::OfferEnded { offer, call, agent, queue, result, rang } => {
                let known = self.offers.get_mut(offer).expect("law: only offers end");
                assert_eq!(*known, (*call, *agent, State::Open), "law: an offer ends once");
                let answered = *result == OfferResult::Answered;
                known.2 = if answered { State::Answered } else { State::Over };
                self.ended += 1;
                let longest = picture.queue(*queue).ring_timeout;
                assert!(*rang <= longest, "law: nothing rings for longer than {longest:?}");
                if *result == OfferResult::NoAnswer {
                    assert_eq!(*rang, longest, "law: a miss rang for the whole time");
                }
            }
            Event::ConnectFailed { offer, .. } => self.over(*offer),
            Event::WaitEnded { call, .. } => {
                // Connected, or the caller gave up while the two were being joined.
                if let Some(Stage::Answered(offer)) = picture.call(*call).map(|call| call.stage) {
                    self.over(offer);
                }
            }
            Event::Decided(why) => self.decided = Some((why.offer, why.call, why.agent)),
            Event::Withdrawn { .. }
            | Event::ServiceLevelMissed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. }
            | Event::AgentChanged { .. } => {}
        }
    }

    fn over(&mut self, offer: OfferId) {
        let known = self.offers.get_mut(&offer).expect("law: only offers are answered");
        assert_eq!(known.2, State::Answered, "law: an answer comes to one end");
        known.2 = State::Over;
    }

    /// `event`s of this answer are not told yet.
    pub(super) fn answered(&mut self, offer: OfferId, answer: Answer) {
        let known = self.offers.get(&offer);
        match (answer, known) {
            (Answer::Stale, None | Some((_, _, State::Over))) => {}
            (Answer::Accepted { call, agent }, Some((of, to, State::Open | State::Answered))) => {
                assert_eq!((call, agent), (*of, *to), "law: an answer is about its offer");
            }
            (answer, known) => panic!("law: a stale answer is stale: {answer:?} to {known:?}"),
        }
    }

    pub(super) fn day_over(&self) {
        let open = self.offers.iter().find(|(_, (_, _, state))| *state != State::Over);
        assert!(open.is_none(), "law: at night no offer is open: {open:?}");
        assert_eq!(self.ended, self.offers.len() as u64, "law: each offer has exactly one end");
    }
}
