//! The rules of a queue node: what becomes of a caller who waits on.

use super::Loader;
use crate::flow::grammar;
use crate::flow::limits::WAIT_RULES_MAX;
use crate::flow::model::{WaitAct, WaitPoint, WaitRule};
use crate::flow::yaml::{Fields, Y004, Yaml};
use crate::limits::QUEUE_LENGTH_MAX;
use std::time::Duration;

impl Loader<'_> {
    /// `at: [{wait: 3m, overflow: others}, {position_over: 20, announce: busy}]`.
    pub(super) fn wait_rules(
        &mut self,
        fields: Fields<'_>,
        max_wait: Option<Duration>,
    ) -> Vec<WaitRule> {
        let Some(yaml) = fields.get("at") else { return Vec::new() };
        let items = self.reader.list(yaml, "rules such as {wait: 3m, overflow: others}");
        if items.len() > WAIT_RULES_MAX {
            let message = format!("{} rules in one queue, at most {WAIT_RULES_MAX}", items.len());
            self.reader.error(Y004, yaml.spot, message);
        }
        items.iter().filter_map(|item| self.wait_rule(item, max_wait)).collect()
    }

    fn wait_rule(&mut self, yaml: &Yaml, max_wait: Option<Duration>) -> Option<WaitRule> {
        let fields = self.reader.shape(yaml, &grammar::RULE)?;
        let points = ["wait", "estimate_over", "position_over"].map(|key| fields.get(key));
        let at = match points {
            [Some(wait), None, None] => {
                let waited = self.reader.duration(wait)?;
                if max_wait.is_some_and(|longest| waited >= longest) {
                    let message = "this never comes: `max_wait` is over before";
                    self.reader.error(Y004, wait.spot, message);
                }
                WaitPoint::Waited(waited)
            }
            [None, Some(over), None] => WaitPoint::EstimateOver(self.reader.duration(over)?),
            [None, None, Some(over)] => {
                let most = QUEUE_LENGTH_MAX as i64;
                WaitPoint::PositionOver(self.reader.number(over, 1, most)?.try_into().ok()?)
            }
            _ => {
                let message = "a rule has one of `wait`, `estimate_over`, `position_over`";
                self.reader.error(Y004, yaml.spot, message);
                return None;
            }
        };
        let acts = ["announce", "overflow", "callback"].map(|key| fields.get(key));
        let act = match acts {
            [Some(announce), None, None] => WaitAct::Announce(self.prompts(announce)),
            [None, Some(overflow), None] => WaitAct::Overflow(self.target(overflow)),
            [None, None, Some(callback)] => WaitAct::Callback(self.target(callback)),
            _ => {
                let message = "a rule has one of `announce`, `overflow`, `callback`";
                self.reader.error(Y004, yaml.spot, message);
                return None;
            }
        };
        Some(WaitRule { at, act })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::load::F001;
    use crate::flow::load::load;
    use crate::flow::model::{Kind, NodeIx};
    use crate::flow::yaml::Y002;

    const GOOD: &str = "flow: f\nlanguages: [ru, en]\nstart: a\noperator: {keys: [\"0\"], to: q}\nnodes:\n  a: \
        {say: {play: \
                        p, next: q}}\n  q:\n    queue:\n      name: q\n      max_wait: 1m\n      after: \
                        {answered: end, \
                        max_wait: end, nobody: end}\n  end: {hangup: }\n";

    fn found(text: &str) -> Vec<(&'static str, u32)> {
        let found = load("f.yaml", text).err().unwrap_or_default();
        found.into_iter().map(|d| (d.code, d.line)).collect()
    }

    #[test]
    fn rules_of_waiting_are_read_and_their_mistakes_told_with_their_place() {
        let with =
            |rules: &str| GOOD.replace("name: q\n", &format!("name: q\n      at: [{rules}]\n"));
        let flow = load(
            "f.yaml",
            &with(
                "{wait: 20s, announce: p}, {position_over: 3, overflow: end}, {estimate_over: 5m, overflow: a}",
            ),
        );
        let flow = flow.unwrap();
        let Kind::Queue(queue) = &flow.node(NodeIx(1)).kind else { panic!("no queue") };
        let points: Vec<WaitPoint> = queue.rules.iter().map(|rule| rule.at).collect();
        let secs = Duration::from_secs;
        assert_eq!(
            points,
            [
                WaitPoint::Waited(secs(20)),
                WaitPoint::PositionOver(3),
                WaitPoint::EstimateOver(secs(300))
            ]
        );
        let overflows: Vec<NodeIx> = queue.overflows().map(|target| target.node).collect();
        assert_eq!(overflows, [NodeIx(2), NodeIx(0)]);
        for (rules, code) in [
            ("{wait: 60s, announce: p}", Y004),
            ("{wait: 20s}", Y004),
            ("{wait: 20s, position_over: 3, announce: p}", Y004),
            ("{wait: 20s, announce: p, overflow: end}", Y004),
            ("{position_over: 0, announce: p}", Y004),
            ("{wait: 20s, overflow: nowhere}", F001),
            ("{wiat: 20s, overflow: end}", Y002),
        ] {
            let found = found(&with(rules));
            assert!(found.contains(&(code, 10)), "{rules}: {found:?}");
        }
        let announce = GOOD.replace("name: q\n", "name: q\n      announce: {wait_every: 60s}\n");
        assert_eq!(found(&announce)[0].0, Y002, "that belongs to queues.toml");
    }
}
