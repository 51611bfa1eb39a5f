//! What a caller hears of his wait: position, forecast and comfort, over the music; and how right the forecast was.
//!
//! A number larger than the one told before is never told without saying that more people are calling. What can't be
//! known is not told. An agent's answer cuts everything off.

use crate::acd::Estimate;
use crate::border::LegCommand;
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::fact::What;
use crate::flow::Prompt;
use crate::ids::CallId;
use crate::limits::SPOKEN_NUMBER_MAX;
use crate::saying::{Language, Saying};
use dozvon_clock::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What callers of one queue are told while they wait, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcements {
    /// Their place in the queue.
    pub position: bool,
    /// How long they will wait, when that can be known.
    pub wait: bool,
    /// When they hear the first one after they came to the queue.
    pub first_after: Duration,
    /// From the beginning of one to the beginning of the next.
    pub every: Duration,
    /// Prompts of which one is heard each time, in turn.
    pub comfort: Vec<Arc<str>>,
}

impl Announcements {
    /// Whether there is anything to hear.
    pub fn is_silent(&self) -> bool {
        !self.position && !self.wait && self.comfort.is_empty()
    }

    /// Every prompt that may be needed, in a caller's language.
    pub fn prompts(&self, language: &str) -> Vec<Arc<str>> {
        let mut prompts = self.comfort.clone();
        let mut add = |name: &str| prompts.push(name.into());
        if self.position {
            [POSITION, POSITION_OVER].into_iter().for_each(&mut add);
        }
        if self.wait {
            [WAIT_SHORT, WAIT_MINUTES].into_iter().for_each(&mut add);
        }
        if self.position || self.wait {
            add(MORE_PEOPLE);
            let numbers = (1..=SPOKEN_NUMBER_MAX).flat_map(|value| number(value, language));
            prompts.extend(numbers.collect::<BTreeSet<_>>());
        }
        prompts
    }
}

const POSITION: &str = "queue-position";
const POSITION_OVER: &str = "queue-over-30";
const WAIT_SHORT: &str = "queue-wait-short";
const WAIT_MINUTES: &str = "queue-wait-minutes";
const MORE_PEOPLE: &str = "queue-more-people";

/// A number in words; in a language that has no words for values, one recording.
fn number(value: u64, language: &str) -> Vec<Arc<str>> {
    match Language::by_code(language) {
        Some(language) => {
            let said = Saying::Number(value as i64).fragments(language);
            said.into_iter().map(|fragment| fragment.name.into()).collect()
        }
        None => vec![format!("say-{value}").into()],
    }
}

/// What a caller has been told so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The place last told; one more than the largest number that is spoken stands for all beyond.
    position: Option<u64>,
    /// The minutes last told; none is "less than a minute".
    minutes: Option<u64>,
    /// Whose turn it is in the comfort list.
    comfort: usize,
}

impl Told {
    /// What is said now, as names of prompts; nothing when there is nothing to say. What isn't wanted isn't asked for.
    pub(crate) fn next(
        &mut self,
        what: &Announcements,
        language: &str,
        position: Option<usize>,
        estimate: Option<Estimate>,
    ) -> Vec<Arc<str>> {
        let position = position.filter(|_| what.position);
        let position = position.map(|place| (place as u64).min(SPOKEN_NUMBER_MAX + 1));
        let minutes = estimate.filter(|_| what.wait).and_then(minutes);
        let more = |now: Option<u64>, before: Option<u64>| {
            now.is_some() && before.is_some() && now > before
        };
        let mut said: Vec<Arc<str>> = Vec::new();
        if more(position, self.position) || more(minutes, self.minutes) {
            said.push(MORE_PEOPLE.into());
        }
        match position {
            Some(place) if place > SPOKEN_NUMBER_MAX => said.push(POSITION_OVER.into()),
            Some(place) => {
                said.push(POSITION.into());
                said.extend(number(place, language));
            }
            None => {}
        }
        match minutes {
            Some(0) => said.push(WAIT_SHORT.into()),
            Some(minutes) => {
                said.push(WAIT_MINUTES.into());
                said.extend(number(minutes, language));
            }
            None => {}
        }
        self.position = position.or(self.position);
        self.minutes = minutes.or(self.minutes);
        if !what.comfort.is_empty() {
            said.push(what.comfort[self.comfort % what.comfort.len()].clone());
            self.comfort += 1;
        }
        said
    }
}

/// The minutes that hold for nine of ten; none when eight of ten wait less than one. A wait longer than the largest
/// number that is spoken is not told.
fn minutes(estimate: Estimate) -> Option<u64> {
    let minutes = match estimate.p80.as_secs() {
        0..60 => 0,
        _ => estimate.p90.as_micros().div_ceil(60_000_000) as u64,
    };
    (minutes <= SPOKEN_NUMBER_MAX).then_some(minutes)
}

impl Center {
    /// A wait begins: its announcements will follow.
    pub(crate) fn begin_announcing(&mut self, now: Timestamp, call: &Call) {
        let what = call.state.queue().and_then(|queue| self.policy.announcements.get(&queue));
        if let Some(what) = what.filter(|what| !what.is_silent()) {
            self.deadlines.set((call.id, Timer::Announce), now + what.first_after);
        }
    }

    /// Time for an announcement. Who is being offered to an agent hears none: the answer may come at any moment.
    pub(crate) fn announce_wait(&mut self, now: Timestamp, call: &mut Call) {
        let State::Waiting { name, rings, .. } = &call.state else { return };
        let Some(what) = self.policy.announcements.get(name).cloned() else { return };
        self.deadlines.set((call.id, Timer::Announce), now + what.every);
        if !rings.is_empty() {
            return;
        }
        let position = what.position.then(|| self.acd.position(call.id)).flatten();
        let estimate = what.wait.then(|| self.acd.estimate(call.id)).flatten();
        let language: Arc<str> = call.run.language().into();
        let said = call.told.next(&what, &language, position, estimate).into_iter();
        let prompts: Vec<Prompt> =
            said.map(|name| Prompt { name, language: language.clone() }).collect();
        self.announce(call, prompts);
    }

    /// Cuts off what is being announced: the wait is over.
    pub(crate) fn hush_announcement(&mut self, call: &mut Call) {
        if call.announcing.take().is_some() {
            self.tell(call.leg, LegCommand::StopPlaying);
        }
    }

    /// Forecasts the wait of a call that has just come to a queue.
    pub(crate) fn forecast(&mut self, now: Timestamp, call: &mut Call) {
        call.forecast = self.acd.estimate(call.id).map(|estimate| (now, estimate));
        let (Some((_, estimate)), Some(queue)) = (call.forecast, call.state.queue()) else {
            return;
        };
        let what = What::WaitForecast {
            queue,
            mean_secs: estimate.mean.as_secs_f64(),
            p80_secs: estimate.p80.as_secs_f64(),
            p90_secs: estimate.p90.as_secs_f64(),
        };
        self.fact(now, Some(call.id), what);
    }

    /// An agent and the caller hear each other: the forecast is judged.
    pub(crate) fn forecast_met(&mut self, now: Timestamp, id: CallId, queue: &Arc<str>) {
        let call = self.calls.get_mut(&id);
        let Some((at, estimate)) = call.and_then(|call| call.forecast.take()) else { return };
        let waited = now.since(at);
        let what = What::ForecastMet {
            queue: queue.clone(),
            error_secs: waited.as_secs_f64() - estimate.mean.as_secs_f64(),
            within_p90: waited <= estimate.p90,
        };
        self.fact(now, Some(id), what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Announcements {
        Announcements {
            position: true,
            wait: true,
            first_after: Duration::from_secs(15),
            every: Duration::from_secs(60),
            comfort: vec!["a".into(), "b".into()],
        }
    }

    fn estimate(p80: u64, p90: u64) -> Option<Estimate> {
        let [mean, p50, p80, p90] = [p80 / 2, p80 / 2, p80, p90].map(Duration::from_secs);
        Some(Estimate { mean, p50, p80, p90 })
    }

    fn said(told: &mut Told, position: usize, estimate: Option<Estimate>) -> String {
        told.next(&all(), "ru", Some(position), estimate).join(" ")
    }

    #[test]
    fn numbers_fall_and_comfort_goes_round() {
        let mut told = Told::default();
        assert_eq!(
            said(&mut told, 4, estimate(200, 241)),
            "queue-position say-4 queue-wait-minutes say-5 a"
        );
        assert_eq!(
            said(&mut told, 2, estimate(100, 120)),
            "queue-position say-2 queue-wait-minutes say-2 b"
        );
        assert_eq!(said(&mut told, 1, estimate(59, 90)), "queue-position say-1 queue-wait-short a");
    }

    #[test]
    fn a_larger_number_is_explained_and_one_that_can_not_be_known_is_not_told() {
        let mut told = Told::default();
        assert_eq!(said(&mut told, 2, None), "queue-position say-2 a");
        assert_eq!(said(&mut told, 3, None), "queue-more-people queue-position say-3 b");
        assert_eq!(said(&mut told, 3, None), "queue-position say-3 a");
        said(&mut told, 3, estimate(30, 50));
        // The wait was last told before the forecast was lost; it is compared with that.
        said(&mut told, 3, None);
        assert_eq!(
            said(&mut told, 3, estimate(70, 100)),
            "queue-more-people queue-position say-3 queue-wait-minutes say-2 b"
        );
    }

    #[test]
    fn beyond_the_numbers_that_are_spoken_a_place_is_paraphrased_and_a_wait_is_not_told() {
        let mut told = Told::default();
        assert_eq!(said(&mut told, 31, estimate(1_700, 1_801)), "queue-over-30 a");
        assert_eq!(said(&mut told, 900, None), "queue-over-30 b");
        assert_eq!(
            said(&mut told, 30, estimate(1_700, 1_800)),
            "queue-position say-30 queue-wait-minutes say-30 a"
        );
        assert_eq!(said(&mut told, 31, None), "queue-more-people queue-over-30 b");
    }

    #[test]
    fn only_what_is_wanted_is_said_and_all_of_it_is_asked_for() {
        let what = Announcements { position: false, wait: false, comfort: vec![], ..all() };
        assert!(what.is_silent());
        assert_eq!(
            Told::default().next(&what, "ru", Some(3), estimate(70, 90)),
            [""; 0].map(Arc::from)
        );
        for language in ["ru", "kk", "en", "uz"] {
            let wanted = all().prompts(language);
            for position in 1..=40 {
                for p90 in (60..2_000).step_by(7) {
                    let estimate = estimate(p90 - 10, p90);
                    let said = Told::default().next(&all(), language, Some(position), estimate);
                    assert!(said.iter().all(|name| wanted.contains(name)), "{said:?}");
                }
            }
        }
    }
}
