//! Laws of records: the contact says the same as the facts, its stages abut, every drawn arm was delivered or not.

use super::{Books, Call};
use dozvon_center::contact::{Contact, StageKind};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::Arm;

/// The draws of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Arms {
    /// One is drawn and it isn't told yet whether the caller got it.
    open: bool,
    /// What is told of those before.
    told: Vec<bool>,
}

impl Books {
    /// A record is written: new, changed or closed.
    pub(super) fn record(&mut self, contact: &Contact) {
        let mut at = contact.started_at;
        for (number, stage) in contact.stages.iter().enumerate() {
            assert_eq!(stage.from, at, "law: a stage begins where the one before it ended");
            let last = number + 1 == contact.stages.len();
            match stage.to {
                Some(to) => at = to,
                None => assert!(last && contact.ended_at.is_none(), "law: only the last runs"),
            }
        }
        if contact.ended_at.is_some() {
            assert_eq!(Some(at), contact.ended_at, "law: the last stage ends with its contact");
            assert!(contact.ending.is_some(), "law: an end has a reason");
        }
        let before = self.contacts.insert(contact.call, contact.clone());
        let closed = before.is_some_and(|before| before.ended_at.is_some());
        assert!(!closed || contact.ended_at.is_some(), "law: what is closed stays closed");
    }

    /// The record of a call that is over says what these books say.
    pub(super) fn compare(&self, id: CallId, call: &Call) {
        let contact = self.contacts.get(&id).expect("law: every call has its record");
        assert!(contact.ended_at.is_some(), "law: the record of {id} is closed with it");
        assert_eq!(contact.flow_version, call.version, "law: a call keeps the flow it began with");
        let waits = contact.stages.iter().filter(|stage| stage.kind == StageKind::Queue);
        let outcomes: Vec<_> = waits.filter_map(|stage| stage.outcome).collect();
        assert_eq!(
            outcomes, call.outcomes,
            "law: every stay of {id} has its outcome in the record"
        );
        let open = contact
            .stages
            .iter()
            .find(|stage| stage.kind == StageKind::Queue && stage.outcome.is_none());
        assert!(open.is_none(), "law: no stay is without an outcome: {open:?}");
        let talks = contact.stages.iter().filter(|stage| stage.kind == StageKind::Talk);
        let holds: Vec<f64> = talks.map(|stage| stage.hold_secs).collect();
        let told: Vec<f64> = call.holds.iter().map(|held| held.as_secs_f64()).collect();
        assert_eq!(holds.len(), told.len(), "law: every talk of {id} is in the record");
        let near = |(one, other): (&f64, &f64)| (one - other).abs() < 1e-6;
        assert!(holds.iter().zip(&told).all(near), "law: and its holds: {holds:?}, {told:?}");
        assert!(!call.arms.open, "law: whether an arm was delivered is told");
        let drawn = contact.arms.iter().filter(|arm| arm.excluded.is_none());
        let delivered: Vec<bool> = drawn.map(|arm| arm.delivered).collect();
        assert_eq!(delivered, call.arms.told, "law: the record says what was delivered");
    }

    /// An arm is drawn: the same one for the same number, and more for the bot when its share grows.
    pub(super) fn drawn(&mut self, id: CallId, arm: Arm, share: f64) {
        let bot = match arm {
            Arm::Bot => true,
            Arm::People => false,
        };
        self.tally.count(format!("drawn {arm} at {share}"));
        let call = self.known(id);
        assert!(!call.arms.open, "law: one draw at a time");
        call.arms.open = true;
        let Some(number) = super::waits::own(call.number.as_ref()).cloned() else {
            assert!(!bot, "law: who hides his number, or shares it, is served by people");
            return;
        };
        let before = self.arms_of.insert(number, (bot, share));
        let Some((had_bot, at)) = before else { return };
        if share >= at {
            assert!(bot || !had_bot, "law: nobody flips back from the bot as its share grows");
        }
        if share <= at {
            assert!(!bot || had_bot, "law: nobody flips to the bot by himself");
        }
    }

    /// It is told whether the caller got what was drawn.
    pub(super) fn delivered(&mut self, id: CallId, delivered: bool) {
        self.tally.count(format!("delivered {delivered}"));
        let arms = &mut self.known(id).arms;
        assert!(std::mem::take(&mut arms.open), "law: a draw is delivered, or not, once");
        arms.told.push(delivered);
    }

    /// Of everybody drawn last at a share so many had the bot.
    pub(super) fn arms_are_as_drawn(&self) {
        for share in [0.2, 0.5, 1.0] {
            let here = self.arms_of.values().filter(|(_, at)| *at == share);
            let (mut all, mut bots) = (0.0, 0.0);
            for (bot, _) in here {
                all += 1.0;
                bots += f64::from(u8::from(*bot));
            }
            // Five of a hundred stay with people whatever the share.
            let expected = all * f64::min(share, 0.95);
            let spread = (expected * (1.0 - f64::min(share, 0.95))).sqrt();
            let far = f64::abs(bots - expected);
            assert!(far <= 5.0 * spread + 3.0, "law: {bots} of {all} at {share} had the bot");
        }
    }
}
