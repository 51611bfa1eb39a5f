//! Facts folded into rows: what began and what ended, put together and written once, when it is over.
//!
//! Knows nothing of SQL. What is open when the process dies is not in any row; [`super::schema::recover`] closes the
//! waits and talks that the contact records show as running.

use crate::server::events::Directory;
use dozvon_center::acd::Side;
use dozvon_center::contact::PassedOn;
use dozvon_center::fact::{Fact, TransferTarget, What};
use dozvon_center::ids::{AgentId, CallId, OfferId};
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Calls followed at once. A call beyond it is not followed: its contact is stored, its rows are not, and it is counted
/// as a dropped row. Far above what the switch admits.
pub(crate) const CALLS_MAX: usize = 131_072;

/// One row of the figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    /// A wait is over and judged.
    Wait(WaitRow),
    /// An offer is over.
    Offer(OfferRow),
    /// A talk is over; its wrap-up is told later.
    Talk(TalkRow),
    /// The wrap-up of this agent's talk in this call is over.
    WrapUp {
        /// The call.
        call: CallId,
        /// The agent.
        agent: Arc<str>,
        /// How long it took.
        secs: f64,
    },
    /// That wrap-up had gone on, and is over again.
    MoreWrapUp {
        /// The call.
        call: CallId,
        /// The agent.
        agent: Arc<str>,
        /// How much longer it took.
        secs: f64,
    },
    /// A bot's part is over.
    Bot(BotRow),
    /// A customer is back from hold, or gone.
    Hold(HoldRow),
    /// A call of an agent's own is over.
    OwnCall {
        /// Who called.
        agent: Arc<str>,
        /// When it ended.
        ended_at: Timestamp,
        /// The colleague, or `outside`.
        peer: Arc<str>,
        /// Whether somebody answered.
        answered: bool,
        /// How long they talked.
        talk_secs: f64,
    },
    /// A call outside is over.
    Transfer {
        /// The call.
        call: CallId,
        /// The moment by which it is attributed.
        counted_at: Timestamp,
        /// When it ended.
        ended_at: Timestamp,
        /// Whether somebody answered.
        answered: bool,
    },
    /// A survey is over.
    Survey(SurveyRow),
    /// A score was given.
    Answer {
        /// The call.
        call: CallId,
        /// The queue of the talk before.
        queue: Arc<str>,
        /// The moment by which it is attributed.
        counted_at: Timestamp,
        /// The question.
        question: Arc<str>,
        /// The score.
        score: u8,
    },
    /// What the call is about is known for good.
    Topic {
        /// The call.
        call: CallId,
        /// The option taken last.
        topic: Arc<str>,
    },
}

/// A wait.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WaitRow {
    pub(crate) call: CallId,
    pub(crate) queue: Arc<str>,
    pub(crate) entered_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) waited_secs: f64,
    pub(crate) outcome: &'static str,
    pub(crate) service_level: &'static str,
    pub(crate) threshold_secs: Option<f64>,
}

/// An offer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OfferRow {
    pub(crate) call: CallId,
    pub(crate) queue: Arc<str>,
    pub(crate) agent: Arc<str>,
    pub(crate) counted_at: Timestamp,
    pub(crate) began_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) rang_secs: f64,
    pub(crate) result: &'static str,
}

/// A talk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TalkRow {
    pub(crate) call: CallId,
    pub(crate) queue: Arc<str>,
    pub(crate) agent: Arc<str>,
    pub(crate) counted_at: Timestamp,
    pub(crate) connected_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) waited_secs: f64,
    pub(crate) talk_secs: f64,
    pub(crate) hold_secs: f64,
    /// `caller`, `agent` or `system`.
    pub(crate) ended_by: &'static str,
    /// How it was passed on and to what kind of target, if it was.
    pub(crate) passed_on: Option<(&'static str, &'static str)>,
    /// Whether it came from another agent or out of a park, with no wait before it.
    pub(crate) handed: bool,
}

/// A hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HoldRow {
    pub(crate) call: CallId,
    pub(crate) queue: Arc<str>,
    pub(crate) agent: Arc<str>,
    pub(crate) counted_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) hold_secs: f64,
}

/// A bot's part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BotRow {
    pub(crate) call: CallId,
    pub(crate) bot: Arc<str>,
    pub(crate) counted_at: Timestamp,
    pub(crate) connected_at: Option<Timestamp>,
    pub(crate) ended_at: Timestamp,
    pub(crate) end: Arc<str>,
    pub(crate) talk_secs: f64,
}

/// A survey.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SurveyRow {
    pub(crate) call: CallId,
    pub(crate) queue: Arc<str>,
    pub(crate) counted_at: Timestamp,
    pub(crate) offered_at: Timestamp,
    pub(crate) answered: u32,
}

/// What has begun in a call and is not over.
#[derive(Debug)]
struct Open {
    started_at: Timestamp,
    /// When its last wait began.
    queued_at: Option<Timestamp>,
    wait: Option<Wait>,
    /// A wait that is over and whose verdict is on its way.
    unjudged: Option<WaitRow>,
    /// The talks under way, by agent.
    talks: BTreeMap<AgentId, Talking>,
    bot_since: Option<Timestamp>,
    survey: Option<SurveyRow>,
    topic: Option<Arc<str>>,
    /// Somebody has had it, so what it is about is known.
    handled: bool,
    ended: bool,
}

/// A talk under way.
#[derive(Debug)]
struct Talking {
    since: Timestamp,
    /// How long the call had waited; `None` where it came from another agent.
    waited_secs: Option<f64>,
    passed_on: Option<(PassedOn, TransferTarget)>,
}

#[derive(Debug)]
struct Wait {
    entered_at: Timestamp,
    service_level: Option<&'static str>,
}

impl Open {
    fn counted_at(&self) -> Timestamp {
        self.queued_at.unwrap_or(self.started_at)
    }
}

/// The fold over all facts.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    calls: BTreeMap<CallId, Open>,
    /// By which moment each open offer is attributed, and when it began. One agent has one offer at a time.
    offers: BTreeMap<OfferId, (Timestamp, Timestamp)>,
}

impl Ledger {
    /// Takes a fact; the rows that are whole with it go to `rows`. False when the call was one too many to follow.
    pub(super) fn take(
        &mut self,
        fact: &Fact,
        names: &Directory,
        rows: &mut impl FnMut(Row),
    ) -> bool {
        if let What::OwnCallEnded { agent, with, answered, talk_secs } = &fact.what {
            rows(Row::OwnCall {
                agent: agent_name(names, *agent),
                ended_at: fact.at,
                peer: with.clone(),
                answered: *answered,
                talk_secs: *talk_secs,
            });
            return true;
        }
        let Some(call) = fact.call else { return true };
        if let What::CallStarted { .. } = &fact.what {
            return self.open(call, fact.at);
        }
        if let What::OfferEnded { offer, queue, agent, result, rang_secs } = &fact.what {
            // It may end just after its call.
            if let Some((counted_at, began_at)) = self.offers.remove(offer) {
                rows(Row::Offer(OfferRow {
                    call,
                    queue: queue.clone(),
                    agent: agent_name(names, *agent),
                    counted_at,
                    began_at,
                    ended_at: fact.at,
                    rang_secs: *rang_secs,
                    result: result.as_str(),
                }));
            }
            return true;
        }
        if let What::WrapUpEnded { agent, wrap_up_secs, .. } = &fact.what {
            rows(Row::WrapUp { call, agent: agent_name(names, *agent), secs: *wrap_up_secs });
            return true;
        }
        if let What::WrapUpResumed { agent, wrap_up_secs, .. } = &fact.what {
            rows(Row::MoreWrapUp { call, agent: agent_name(names, *agent), secs: *wrap_up_secs });
            return true;
        }
        let Some(open) = self.calls.get_mut(&call) else { return true };
        if let What::OfferStarted { offer, .. } = &fact.what {
            self.offers.insert(*offer, (open.counted_at(), fact.at));
        } else {
            open.take(call, fact, names, rows);
        }
        if open.ended && open.unjudged.is_none() {
            self.calls.remove(&call);
        }
        true
    }

    fn open(&mut self, call: CallId, started_at: Timestamp) -> bool {
        let room = self.calls.len() < CALLS_MAX;
        if room {
            let open = Open {
                started_at,
                queued_at: None,
                wait: None,
                unjudged: None,
                talks: BTreeMap::new(),
                bot_since: None,
                survey: None,
                topic: None,
                handled: false,
                ended: false,
            };
            self.calls.insert(call, open);
        }
        room
    }
}

impl Open {
    fn take(&mut self, call: CallId, fact: &Fact, names: &Directory, rows: &mut impl FnMut(Row)) {
        let (at, counted_at) = (fact.at, self.counted_at());
        match &fact.what {
            What::OptionChosen { option, .. } => {
                if !self.handled {
                    self.topic = Some(option.clone());
                }
            }
            What::SegmentStarted { .. } => {
                self.handled = true;
                self.queued_at = Some(at);
                self.wait = Some(Wait { entered_at: at, service_level: None });
            }
            What::SegmentEnded { queue, outcome, called_back, waited_secs } => {
                let Some(wait) = self.wait.take().filter(|_| !called_back) else { return };
                let known = names.queues.iter().find(|known| known.name == *queue);
                let row = WaitRow {
                    call,
                    queue: queue.clone(),
                    entered_at: wait.entered_at,
                    ended_at: at,
                    waited_secs: *waited_secs,
                    outcome: outcome.as_str(),
                    service_level: wait.service_level.unwrap_or_default(),
                    threshold_secs: known.map(|queue| queue.service_level_secs),
                };
                match wait.service_level {
                    Some(_) => rows(Row::Wait(row)),
                    None => self.unjudged = Some(row),
                }
            }
            What::ServiceLevelDecided { result, .. } => {
                match (self.unjudged.take(), &mut self.wait) {
                    (Some(mut row), _) => {
                        row.service_level = result.as_str();
                        rows(Row::Wait(row));
                    }
                    (None, Some(wait)) => wait.service_level = Some(result.as_str()),
                    (None, None) => {}
                }
            }
            What::TalkStarted { agent, .. } => {
                let talking = Talking { since: at, waited_secs: None, passed_on: None };
                self.talks.insert(*agent, talking);
            }
            What::Connected { agent, waited_secs, .. } => {
                let waited_secs = Some(*waited_secs);
                self.talks.insert(*agent, Talking { since: at, waited_secs, passed_on: None });
            }
            What::Transferred { agent, how, target, .. } => {
                self.passes_on(*agent, *how, *target);
            }
            What::AgentLost { agent, .. } => {
                self.passes_on(*agent, PassedOn::AgentLost, TransferTarget::Queue);
            }
            What::HoldEnded { queue, agent, hold_secs, .. } => rows(Row::Hold(HoldRow {
                call,
                queue: queue.clone(),
                agent: agent_name(names, *agent),
                counted_at,
                ended_at: at,
                hold_secs: *hold_secs,
            })),
            What::TalkEnded { queue, agent, talk_secs, hold_secs, by } => {
                let Some(talking) = self.talks.remove(agent) else { return };
                let passed_on =
                    talking.passed_on.map(|(how, target)| (how.as_str(), target.as_str()));
                rows(Row::Talk(TalkRow {
                    call,
                    queue: queue.clone(),
                    agent: agent_name(names, *agent),
                    counted_at,
                    connected_at: talking.since,
                    ended_at: at,
                    waited_secs: talking.waited_secs.unwrap_or(0.0),
                    talk_secs: *talk_secs,
                    hold_secs: *hold_secs,
                    ended_by: match by {
                        Side::Caller => "caller",
                        Side::Agent => "agent",
                        Side::System => "system",
                    },
                    passed_on,
                    handed: talking.waited_secs.is_none(),
                }));
            }
            What::BotConnected { .. } => {
                self.handled = true;
                self.bot_since = Some(at);
            }
            What::BotEnded { bot, end, talk_secs, .. } => {
                self.handled = true;
                rows(Row::Bot(BotRow {
                    call,
                    bot: bot.clone(),
                    counted_at: self.started_at,
                    connected_at: self.bot_since.take(),
                    ended_at: at,
                    end: end.clone(),
                    talk_secs: *talk_secs,
                }));
            }
            What::TransferEnded { answered } => {
                let answered = *answered;
                rows(Row::Transfer { call, counted_at, ended_at: at, answered });
            }
            What::SurveyOffered { queue } => {
                self.survey_over(rows);
                let queue = queue.clone();
                let survey = SurveyRow { call, queue, counted_at, offered_at: at, answered: 0 };
                self.survey = Some(survey);
            }
            What::SurveyAnswered { queue, question, score } => {
                if let Some(survey) = &mut self.survey {
                    survey.answered += 1;
                }
                let (queue, question) = (queue.clone(), question.clone());
                rows(Row::Answer { call, queue, counted_at, question, score: *score });
            }
            What::CallEnded { .. } => {
                self.survey_over(rows);
                if let Some(topic) = self.topic.take() {
                    rows(Row::Topic { call, topic });
                }
                self.ended = true;
            }
            What::CallStarted { .. }
            | What::CallAnswered
            | What::NodeEntered { .. }
            | What::LookupEnded { .. }
            | What::PromiseMeasured { .. }
            | What::OperatorRequested { .. }
            | What::IvrExited { .. }
            | What::FlowAstray { .. }
            | What::ArmDrawn { .. }
            | What::NotDrawn { .. }
            | What::RolloutDecided { .. }
            | What::ArmDelivered { .. }
            | What::OfferDecided { .. }
            | What::OfferStarted { .. }
            | What::OfferEnded { .. }
            | What::OfferStale { .. }
            | What::CallbackRequested { .. }
            | What::CallbackDialed { .. }
            | What::CallbackMissed { .. }
            | What::CallbackEnded { .. }
            | What::WrapUpEnded { .. }
            | What::WrapUpResumed { .. }
            | What::WrapUpExtended { .. }
            | What::WrapUpCoded { .. }
            | What::WrapUpUncoded { .. }
            | What::AgentChanged { .. }
            | What::StatusLimit { .. }
            | What::ActivityAlarm { .. }
            | What::ConductSeen { .. }
            | What::SessionReplaced { .. }
            | What::IncidentOpened { .. }
            | What::IncidentJoined { .. }
            | What::IncidentClosed { .. }
            | What::EmergencyChanged { .. }
            | What::PolicyChanged { .. }
            | What::BotReplied { .. }
            | What::WaitForecast { .. }
            | What::ForecastMet { .. }
            | What::HoldLasts { .. }
            | What::TalkMeasured { .. }
            | What::Unheard { .. }
            | What::HeardAgain { .. }
            | What::AskStarted { .. }
            | What::AskEnded { .. }
            | What::PhoneBroke { .. }
            | What::PhoneBack { .. }
            | What::AgentDropped { .. }
            | What::OwnCallEnded { .. }
            | What::Supervised { .. } => {}
        }
    }

    fn passes_on(&mut self, agent: AgentId, how: PassedOn, target: TransferTarget) {
        if let Some(talking) = self.talks.get_mut(&agent) {
            talking.passed_on = Some((how, target));
        }
    }

    fn survey_over(&mut self, rows: &mut impl FnMut(Row)) {
        if let Some(survey) = self.survey.take() {
            rows(Row::Survey(survey));
        }
    }
}

fn agent_name(names: &Directory, agent: AgentId) -> Arc<str> {
    names.agent(agent).map_or_else(|| agent.to_string().into(), |agent| agent.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dozvon_center::acd::ServiceLevel;
    use dozvon_center::contact::{Ending, Fault, Outcome};

    /// The rows of these facts of call 1, one second after the other.
    fn rows(facts: Vec<What>) -> (Ledger, Vec<Row>) {
        let (mut ledger, mut rows) = (Ledger::default(), Vec::new());
        for (secs, what) in (1..).zip(facts) {
            let fact = Fact { at: Timestamp::from_secs(secs), call: Some(CallId(1)), what };
            assert!(ledger.take(&fact, &Directory::default(), &mut |row| rows.push(row)));
        }
        (ledger, rows)
    }

    fn started() -> What {
        What::CallStarted { flow: "bank".into(), dialled: "100".into(), caller: String::new() }
    }

    fn ended() -> What {
        let ending = Ending::new(Fault::Caller, "hung_up");
        What::CallEnded { flow: "bank".into(), ending, duration_secs: 1.0 }
    }

    fn queued() -> What {
        What::SegmentStarted { queue: "cards".into(), called_back: false }
    }

    fn left(outcome: Outcome) -> What {
        What::SegmentEnded { queue: "cards".into(), outcome, called_back: false, waited_secs: 1.0 }
    }

    fn judged(result: ServiceLevel) -> What {
        What::ServiceLevelDecided { queue: "cards".into(), result }
    }

    #[test]
    fn a_verdict_may_come_before_the_end_of_the_wait_after_it_or_after_the_call() {
        let late = vec![started(), queued(), left(Outcome::Abandoned), ended()];
        let after = [late, vec![judged(ServiceLevel::Missed)]].concat();
        let before = vec![
            started(),
            queued(),
            judged(ServiceLevel::Missed),
            left(Outcome::Abandoned),
            ended(),
        ];
        for facts in [before, after] {
            let (ledger, rows) = rows(facts);
            let [Row::Wait(row)] = &rows[..] else { panic!("one wait, not {rows:?}") };
            assert_eq!((row.outcome, row.service_level), ("abandoned", "missed"));
            assert_eq!(row.entered_at, Timestamp::from_secs(2));
            assert!(ledger.calls.is_empty(), "a call that is over is forgotten");
        }
    }

    #[test]
    fn the_verdict_on_a_wait_that_is_over_is_not_the_next_ones() {
        let (_, rows) = rows(vec![
            started(),
            queued(),
            left(Outcome::RejectedFull),
            queued(),
            judged(ServiceLevel::Missed),
            left(Outcome::Answered),
            judged(ServiceLevel::Met),
            ended(),
        ]);
        let verdicts = rows.iter().map(|row| {
            let Row::Wait(row) = row else { panic!("no {row:?} was told of") };
            (row.outcome, row.service_level)
        });
        let verdicts: Vec<_> = verdicts.collect();
        assert_eq!(verdicts, [("rejected_full", "missed"), ("answered", "met")]);
    }

    #[test]
    fn an_offer_that_ends_after_its_call_counts_where_the_call_was_queued() {
        let (offer, agent, queue) = (OfferId(5), AgentId(3), Arc::<str>::from("cards"));
        let result = dozvon_center::acd::OfferResult::CallerGone;
        let over = What::OfferEnded { offer, queue: queue.clone(), agent, result, rang_secs: 2.0 };
        let begun = What::OfferStarted { offer, queue, agent, card: None };
        let facts = vec![started(), queued(), begun, left(Outcome::Abandoned)];
        let more = vec![judged(ServiceLevel::Missed), ended(), over];
        let (ledger, rows) = rows([facts, more].concat());
        let Some(Row::Offer(row)) = rows.last() else { panic!("{rows:?}") };
        assert_eq!((row.counted_at, &*row.agent), (Timestamp::from_secs(2), "agent-3"));
        assert!(ledger.offers.is_empty());
    }

    #[test]
    fn a_talk_that_is_passed_on_says_how_and_the_next_one_that_it_was_handed() {
        let queue = Arc::<str>::from("cards");
        let (first, second) = (AgentId(1), AgentId(2));
        let begins = |agent| What::TalkStarted { queue: queue.clone(), agent };
        let ends = |agent, by| What::TalkEnded {
            queue: queue.clone(),
            agent,
            talk_secs: 1.0,
            hold_secs: 0.5,
            by,
        };
        let (how, target) = (PassedOn::Attended, TransferTarget::Agent);
        let (_, rows) = rows(vec![
            started(),
            queued(),
            begins(first),
            What::Connected { queue: queue.clone(), agent: first, waited_secs: 2.0 },
            What::HoldEnded { queue: queue.clone(), agent: first, hold_secs: 0.5, too_long: false },
            What::Transferred { queue: queue.clone(), agent: first, how, target },
            ends(first, Side::System),
            begins(second),
            ends(second, Side::Caller),
        ]);
        let [Row::Hold(hold), Row::Talk(one), Row::Talk(two)] = &rows[..] else {
            panic!("a hold and two talks, not {rows:?}")
        };
        assert_eq!((hold.hold_secs, hold.counted_at), (0.5, Timestamp::from_secs(2)));
        assert_eq!((one.passed_on, one.handed), (Some(("attended", "agent")), false));
        assert_eq!((one.waited_secs, one.ended_by), (2.0, "system"));
        assert_eq!((two.passed_on, two.handed, two.ended_by), (None, true, "caller"));
        assert_eq!(two.counted_at, Timestamp::from_secs(2), "as the talk before it");
    }

    #[test]
    fn a_call_is_about_the_option_taken_last_before_anybody_had_it() {
        let option =
            |option: &str| What::OptionChosen { flow: "bank".into(), option: option.into() };
        let waited = vec![queued(), left(Outcome::Timeout), judged(ServiceLevel::Missed)];
        let facts = [vec![started(), option("a"), option("b")], waited, vec![option("c"), ended()]];
        let (_, rows) = rows(facts.concat());
        assert!(
            matches!(rows.last(), Some(Row::Topic { topic, .. }) if &**topic == "b"),
            "{rows:?}"
        );
    }

    #[test]
    fn a_call_beyond_the_bound_is_not_followed() {
        let mut ledger = Ledger::default();
        let mut take = |call| {
            let fact = Fact { at: Timestamp::EPOCH, call: Some(CallId(call)), what: started() };
            ledger.take(&fact, &Directory::default(), &mut |_| panic!("nothing is over"))
        };
        assert!((0..CALLS_MAX as u64).all(&mut take));
        assert!(!take(CALLS_MAX as u64));
    }
}
