//! What a queue is asked to do for the caller, with the values of his variables filled in.

use super::{OrderAct, OrderRule, QueueOrder, Run};
use crate::acd::Expression;
use crate::flow::model::{Kind, MUSIC, Part, Prompt, Queue, Template, VarIx, WaitAct};
use std::sync::Arc;

impl Run {
    pub(super) fn order(&self, queue: &Queue) -> QueueOrder {
        let is = |(var, value): &(VarIx, Arc<str>)| self.values[var.0 as usize] == *value;
        let raised = queue.raise.as_ref().filter(|raise| raise.when.iter().all(is));
        QueueOrder {
            queue: Arc::clone(&queue.name.value),
            requires: queue.requires.as_ref().map(|expression| self.filled(expression)),
            priority: raised.map_or(queue.priority, |raise| raise.priority),
            music: queue
                .music
                .as_ref()
                .map(|music| Prompt { name: Arc::clone(&music.value), language: MUSIC.into() }),
            max_wait: queue.max_wait,
            rules: self.rules(queue),
            lose_place: queue.lose_place,
        }
    }

    pub(super) fn rules(&self, queue: &Queue) -> Vec<OrderRule> {
        let (mut overflows, mut callbacks) = (0, 0);
        let rules = queue.rules.iter().map(|rule| {
            let act = match &rule.act {
                WaitAct::Announce(play) => {
                    OrderAct::Announce(play.iter().flat_map(|prompt| self.said(prompt)).collect())
                }
                WaitAct::Overflow(_) => {
                    overflows += 1;
                    OrderAct::Overflow(overflows - 1)
                }
                WaitAct::Callback(target) => {
                    callbacks += 1;
                    // The check lets nothing else be offered.
                    let offered = &self.flow.node(target.node).kind;
                    let play = if let Kind::Callback(it) = offered { &it.play[..] } else { &[] };
                    let prompts = play.iter().flat_map(|prompt| self.said(prompt)).collect();
                    OrderAct::Offer(callbacks - 1, prompts)
                }
            };
            OrderRule { at: rule.at, act }
        });
        rules.collect()
    }

    pub(super) fn filled(&self, expression: &Expression<Template>) -> Expression<String> {
        let mut fill = |template| Ok::<_, std::convert::Infallible>(self.fill(&template));
        let Ok(filled) = expression.clone().try_map(&mut fill);
        filled
    }

    pub(super) fn fill(&self, template: &Template) -> String {
        let parts = template.parts.iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Var(var) => &self.values[var.0 as usize],
        });
        parts.map(|part| &**part).collect()
    }
}
