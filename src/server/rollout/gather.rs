//! The evidence of a stage, gathered from the database: who came, who was drawn, and what became of them.
//!
//! Day by day, so that neither a question nor what it answers grows with the stage; what is kept is one observation a
//! drawn call. Later records change nothing about an earlier moment, so it can be gathered again.

use super::steward::Wanted;
use crate::server::store::{ReadError, StoreReader};
use dozvon_center::calendar::Calendars;
use dozvon_center::contact::Contact;
use dozvon_center::rollout::Rollout;
use dozvon_center::rollout::evidence::{Evidence, Hours, Observation, Stratum};
use dozvon_center::rollout::outcome::{Case, History, Visit, observe};
use dozvon_center::rollout::plan::DAY;
use dozvon_center::steering::Memory;
use dozvon_clock::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::Arc;
use std::time::Duration;

/// The group of customers of whom nothing is known.
const NO_GROUP: &str = "all";

/// What is wanted, as the database has it.
///
/// # Errors
/// [`ReadError`]: nothing can be decided now.
pub(crate) async fn gather(
    reader: &StoreReader,
    wanted: &Wanted,
    calendars: &Calendars,
) -> Result<Evidence, ReadError> {
    let Wanted { due, plan, rollout, .. } = wanted;
    let option = &rollout.name;
    let mut visits: Vec<Visit> = Vec::new();
    for (from, until) in days(due.since, due.at) {
        visits.extend(reader.visits(Arc::clone(option), from, until).await?);
    }
    let history = History::of(rollout, option, &visits);
    drop(visits);
    let strata = Strata::new(rollout.hours.as_deref(), calendars);
    let mut observations: Vec<Observation> = Vec::new();
    for (from, until) in days(due.since, due.at) {
        let contacts = reader.drawn(Arc::clone(option), from, until).await?;
        let complaints = reader.complaints(Arc::clone(option), from, until).await?;
        let case = |contact| {
            let case = strata.case(option, contact);
            Case { complained_at: complaints.get(&contact.call).copied(), ..case }
        };
        let cases: Vec<Case<'_>> = contacts.iter().map(case).collect();
        observations.extend(observe(plan, rollout, &cases, &history, due.at));
    }
    Ok(Evidence::gather(plan, due.stage, due.since, due.at, &observations))
}

/// What is known of an option's callers before `now`, as far as it keeps somebody from being drawn.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn recall(
    reader: &StoreReader,
    rollout: &Rollout,
    now: Timestamp,
) -> Result<Memory, ReadError> {
    let (option, rules) = (&rollout.name, &rollout.exclusions);
    let since = |secs: u64| now - Duration::from_secs(secs);
    let mut memory = Memory { option: Arc::clone(option), ..Memory::default() };
    for (from, until) in days(since(rules.opt_out_secs), now) {
        memory.opt_outs.extend(reader.opt_outs(Arc::clone(option), from, until).await?);
    }
    for (from, until) in days(since(rules.same_topic_within_secs), now) {
        let visits = reader.visits(Arc::clone(option), from, until).await?;
        let known = visits.into_iter().filter(|visit| !visit.caller.is_empty());
        memory.last_calls.extend(known.map(|visit| (visit.started_at, visit.caller)));
    }
    Ok(memory)
}

/// From `from` to `until`, which is in the last of them.
fn days(from: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let end = until + Duration::from_micros(1);
    let next = move |at: &Timestamp| Some(*at + DAY).filter(|next| *next < end);
    std::iter::successors(Some(from), next).map(move |at| (at, (at + DAY).min(end)))
}

/// What tells callers apart who are not compared with each other.
struct Strata<'c> {
    hours: Option<&'c str>,
    zone: TimeZone,
    calendars: &'c Calendars,
}

impl<'c> Strata<'c> {
    fn new(hours: Option<&'c str>, calendars: &'c Calendars) -> Strata<'c> {
        let calendar = hours.and_then(|hours| calendars.get(hours));
        let zone = calendar.and_then(|c| TimeZoneDatabase::bundled().get(c.zone()).ok());
        Strata { hours, zone: zone.unwrap_or(TimeZone::UTC), calendars }
    }

    fn case<'a>(&self, option: &str, contact: &'a Contact) -> Case<'a> {
        let at = contact.started_at;
        let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        let moment = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
        let open = self.hours.and_then(|hours| self.calendars.state(hours, at));
        // One call may have come by the options of several rollouts.
        let arm = contact.arms.iter().find(|arm| &*arm.option == option);
        let group = arm.and_then(|arm| arm.group.clone()).unwrap_or_else(|| NO_GROUP.into());
        let failed = arm.is_some_and(|arm| arm.bot_end.as_deref() == Some("failed"));
        Case {
            contact,
            stratum: Stratum {
                week: Stratum::week_of(at, self.zone.to_offset(moment).seconds()),
                hours: open.map_or(Hours::Working, Hours::from),
                group,
            },
            complained_at: None,
            bot_failed: failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::tests::ended;
    use dozvon_center::contact::ArmRecord;
    use dozvon_center::rollout::Arm;

    #[test]
    fn of_a_call_that_came_by_two_options_each_rollout_sees_its_own_arm() {
        let drawn = |option: &str, group: &str, end: &str| ArmRecord {
            group: Some(group.into()),
            bot_end: Some(end.into()),
            ..ArmRecord::drawn(option.into(), Arm::Bot, 0.5, true)
        };
        let mut contact = ended(1);
        contact.arms = vec![drawn("cards", "gold", "failed"), drawn("loans", "mass", "done")];
        let calendars = Calendars::default();
        let strata = Strata::new(None, &calendars);
        let seen = |option| {
            let case = strata.case(option, &contact);
            (case.stratum.group.to_string(), case.bot_failed)
        };
        assert_eq!(seen("cards"), ("gold".to_owned(), true));
        assert_eq!(seen("loans"), ("mass".to_owned(), false));
    }
}
