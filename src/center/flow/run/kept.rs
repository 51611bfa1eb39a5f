//! How long what the flow promises really takes this caller: measured where the proof says what the longest is.
//!
//! A caller who presses a key or says a word knows his way: the promises about those who do nothing end for him.

use super::{Effect, Run};
use crate::flow::promise::Promise;
use dozvon_clock::Timestamp;

/// What is still to be measured of this caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// When the flow began.
    since: Timestamp,
    /// He has not heard yet how to reach a person.
    told: bool,
    /// He has done nothing yet.
    silent: bool,
    /// He has taken an urgent option, and nothing since.
    urgent: bool,
}

impl Open {
    /// Of a caller at the start of the flow.
    pub(super) const fn at(since: Timestamp) -> Open {
        Open { since, told: true, silent: true, urgent: false }
    }
}

impl Run {
    /// He does something himself.
    pub(super) fn acts(&mut self) {
        if let Some(open) = &mut self.open {
            (open.told, open.silent, open.urgent) = (false, false, false);
        }
    }

    /// He has taken an option that is urgent.
    pub(super) fn is_urgent(&mut self) {
        if let Some(open) = &mut self.open {
            open.urgent = true;
        }
    }

    /// A play list has been heard to its end.
    pub(super) fn heard_out(&mut self, now: Timestamp) {
        let hint = self.flow.node(self.node).kind.operator_hint();
        let told = self.open.as_mut().filter(|_| hint.is_some());
        if told.is_some_and(|open| std::mem::take(&mut open.told)) {
            let tail = self.flow.after_hint(self.node, &self.language);
            self.measured(now, Promise::ToldAboutOperator, tail);
        }
    }

    /// He stands in a queue: there is nothing more to be measured of him.
    pub(super) fn queued(&mut self, now: Timestamp) {
        let Some(open) = self.open else { return };
        let took = [
            (open.told, Promise::ToldAboutOperator),
            (open.silent, Promise::SilentCallerInQueue),
            (open.urgent, Promise::UrgentInQueue),
        ];
        for (_, promise) in took.into_iter().filter(|(open, _)| *open) {
            self.measured(now, promise, std::time::Duration::ZERO);
        }
        self.open = None;
    }

    /// Tells how long it took, less what has passed since.
    fn measured(&mut self, now: Timestamp, promise: Promise, since: std::time::Duration) {
        let (Some(open), Some(promised)) = (self.open, self.flow.promised(promise)) else { return };
        let took = now.since(open.since).saturating_sub(since);
        self.effects.push_back(Effect::Took { promise, took, promised });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendars;
    use crate::flow::{Caller, Happening, PromptFacts, Surroundings, load_and_check};
    use crate::ids::Key;
    use std::sync::Arc;
    use std::time::Duration;

    const FLOW: &str = r#"
flow: f
languages: [ru, kk]
start: hello
operator: {keys: ["0"], to: q}
promises: {told_about_operator_within: 20s, silent_caller_in_queue_within: 1m, urgent_in_queue_within: 15s}
nodes:
  hello: {say: {play: two, next: main}}
  main:
    menu:
      play: two
      mentions_operator: true
      timeout: 4s
      attempts: 1
      options: {"1": {say: three, to: loans}, "2": {say: three, to: q, urgent: true}}
      silence: q
      wrong: q
  loans: {say: {play: three, next: q}}
  q: {queue: {name: q, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  end: {hangup: {}}
"#;

    fn start() -> Run {
        let mut around =
            Surroundings { queues: ["q".to_owned()].into(), ..Surroundings::default() };
        for (language, name, secs) in
            [("ru", "two", 2), ("ru", "three", 3), ("kk", "two", 2), ("kk", "three", 4)]
        {
            let facts = PromptFacts { duration: Duration::from_secs(secs), text: None };
            around.add_prompt(language, name, facts);
        }
        let (flow, found) = load_and_check("f.yaml", FLOW, &around);
        let flow = flow.unwrap_or_else(|| panic!("{found:#?}"));
        let proved = Promise::ALL.map(|promise| flow.proved(promise).unwrap().as_secs());
        assert_eq!(proved, [4, 16, 12], "in the slower of both languages");
        Run::start(Arc::new(flow), Arc::new(Calendars::new()), at(100.0), Caller::default())
    }

    fn at(secs: f64) -> Timestamp {
        Timestamp::from_micros((secs * 1e6) as u64)
    }

    fn took(run: &mut Run) -> Vec<(Promise, f64)> {
        let effects = std::iter::from_fn(|| run.poll_effect());
        let took = effects.filter_map(|effect| {
            let Effect::Took { promise, took, .. } = effect else { return None };
            Some((promise, took.as_secs_f64()))
        });
        took.collect()
    }

    fn press(run: &mut Run, secs: f64, key: char) {
        run.handle(at(secs), Happening::Key(Key::new(key).unwrap()));
    }

    use Promise::{SilentCallerInQueue, ToldAboutOperator, UrgentInQueue};

    #[test]
    fn a_caller_who_does_nothing_is_told_and_queued_and_each_is_measured_once() {
        let mut run = start();
        run.handle(at(102.1), Happening::Played(1));
        assert_eq!(took(&mut run), [], "the greeting does not tell of the operator");
        run.handle(at(110.2), Happening::Played(2));
        // The hint was over six seconds of options ago.
        assert_eq!(took(&mut run), [(ToldAboutOperator, 4.2)]);
        run.handle_timeout(at(114.2));
        assert_eq!(took(&mut run), [(SilentCallerInQueue, 14.2)]);
    }

    #[test]
    fn who_knows_his_way_is_measured_for_the_urgent_option_alone() {
        let mut run = start();
        run.handle(at(102.0), Happening::Played(1));
        press(&mut run, 103.0, '2');
        assert_eq!(took(&mut run), [(UrgentInQueue, 3.0)]);
        // A key over the greeting is taken by the menu.
        let mut run = start();
        press(&mut run, 101.0, '2');
        assert_eq!(took(&mut run), [(UrgentInQueue, 1.0)]);
        let mut run = start();
        press(&mut run, 101.0, '1');
        run.handle(at(104.0), Happening::Played(2));
        assert_eq!((took(&mut run), run.node()), (vec![], "q"), "not urgent");
    }

    #[test]
    fn who_asks_for_a_person_is_promised_nothing_more() {
        let mut run = start();
        run.leave_for_operator(at(101.0));
        assert_eq!((took(&mut run), run.node()), (vec![], "q"));
    }
}
