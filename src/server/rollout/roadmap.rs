//! The roadmap: all options month by month, how many of their callers bots were given, and what is to come.
//!
//! Months are those of a time zone that the asker names. What was comes from the database, what is from the steward.

use super::view::RolloutView;
use crate::server::store::{DrawnOf, Month, ReadError, StoreReader};
use dozvon_center::rollout::TriedKind;
use dozvon_clock::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// The word of rows that try a flow.
const FLOW: &str = TriedKind::Flow.as_str();

/// Months of a roadmap at most. Who wishes for more, or for none, is refused.
pub(crate) const MONTHS_MAX: u32 = 24;

/// All options of the house, and the months behind them.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Roadmap {
    /// The months, oldest first; the last one is this month so far.
    months: Vec<String>,
    /// The options: those with a plan in the order in which they are to come, then those without.
    options: Vec<OptionRow>,
    /// All options together, month by month.
    total: Vec<MonthView>,
}

/// One option of a menu, or one flow on trial.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct OptionRow {
    /// The rollout.
    name: String,
    /// Whether a `bot` is tried or a `flow`. What a new flow has is no bot's, and not in the total.
    tried: String,
    /// Whether a plan moves its share.
    planned: bool,
    /// Where its rollout is; `null` without a plan.
    state: Option<String>,
    /// The share at which callers are drawn now; `null`: nobody is, or it has no plan.
    share: Option<String>,
    /// The stage's number from 1, and how many there are; 0 before the first.
    stage: (usize, usize),
    /// The rollout that must have its last share before this one begins by itself.
    after: Option<String>,
    /// When it may have its last share: at the pace so far now, and then in the shortest time; `null` where nobody
    /// can tell.
    last_share_at: Option<String>,
    /// Month by month.
    months: Vec<MonthView>,
}

/// One month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
struct MonthView {
    /// Calls that came to the option; of the total, all calls that customers made.
    calls: u64,
    /// Of them, those drawn for the bot, or for the new flow.
    bot: u64,
    /// Of those, the ones whom it really had.
    reached: u64,
    /// `bot` of `calls`, 0 to 1; `null` without calls.
    share: Option<f64>,
}

impl MonthView {
    fn new(calls: u64, bot: u64, reached: u64) -> MonthView {
        let share = (calls > 0).then(|| bot as f64 / calls as f64);
        MonthView { calls, bot, reached, share }
    }
}

/// The first moments of so many months up to this one, with their names, and the moment after the last.
fn months(now: Timestamp, zone: &TimeZone, count: u32) -> Option<Vec<(String, Timestamp)>> {
    let micros = i64::try_from(now.as_micros()).ok()?;
    let today = jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned(zone.clone()).date();
    let moment = |day: Date| {
        let begins: Zoned = day.to_zoned(zone.clone()).ok()?;
        u64::try_from(begins.timestamp().as_microsecond()).ok().map(Timestamp::from_micros)
    };
    let first = today.first_of_month();
    let back = |n: u32| {
        let day = first.checked_sub(i64::from(n).months()).ok()?;
        Some((format!("{:04}-{:02}", day.year(), day.month()), moment(day)?))
    };
    let mut all: Vec<(String, Timestamp)> = (0..count).rev().map(back).collect::<Option<_>>()?;
    all.push((String::new(), moment(first.checked_add(1.month()).ok()?)?));
    Some(all)
}

/// The roadmap up to now; the newest so many months of that zone, [`MONTHS_MAX`] at most.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn roadmap(
    reader: &StoreReader,
    rollouts: &[RolloutView],
    now: Timestamp,
    zone: &TimeZone,
    count: u32,
) -> Result<Roadmap, ReadError> {
    let spans = months(now, zone, count).unwrap_or_default();
    let mut known = Vec::new();
    for pair in spans.windows(2) {
        known.push((pair[0].0.clone(), reader.month(pair[0].1, pair[1].1).await?));
    }
    Ok(arrange(rollouts, &known))
}

/// Puts what is known side by side.
fn arrange(rollouts: &[RolloutView], known: &[(String, Month)]) -> Roadmap {
    let of = |name: &str, tried: &str| {
        let month = |(_, month): &(String, Month)| {
            let all = if tried == FLOW { &month.trials } else { &month.options };
            let drawn = all.get(name).copied().unwrap_or_default();
            MonthView::new(drawn.calls, drawn.bot, drawn.reached)
        };
        known.iter().map(month).collect::<Vec<_>>()
    };
    let mut options: Vec<OptionRow> = in_sequence(rollouts)
        .into_iter()
        .map(|rollout| OptionRow {
            name: rollout.name.clone(),
            tried: rollout.tried.clone(),
            planned: true,
            state: Some(rollout.state.clone()),
            share: rollout.share.clone(),
            stage: (rollout.stage, rollout.stages_count()),
            after: rollout.after.clone(),
            last_share_at: rollout.last_share_at.clone(),
            months: of(&rollout.name, &rollout.tried),
        })
        .collect();
    let unplanned: BTreeSet<(&str, &String)> = known
        .iter()
        .flat_map(|(_, month)| {
            let options = month.options.keys().map(|name| (TriedKind::Bot.as_str(), name));
            options.chain(month.trials.keys().map(|name| (FLOW, name)))
        })
        .filter(|(tried, name)| {
            rollouts.iter().all(|rollout| rollout.name != **name || rollout.tried != *tried)
        })
        .collect();
    options.extend(unplanned.into_iter().map(|(tried, name)| OptionRow {
        name: name.clone(),
        tried: tried.to_owned(),
        planned: false,
        state: None,
        share: None,
        stage: (0, 0),
        after: None,
        last_share_at: None,
        months: of(name, tried),
    }));
    let total = |(_, month): &(String, Month)| {
        let sum = |of: fn(&DrawnOf) -> u64| month.options.values().map(of).sum::<u64>();
        MonthView::new(month.calls, sum(|drawn| drawn.bot), sum(|drawn| drawn.reached))
    };
    Roadmap {
        months: known.iter().map(|(name, _)| name.clone()).collect(),
        total: known.iter().map(total).collect(),
        options,
    }
}

/// Each rollout behind the one that it waits for.
fn in_sequence(rollouts: &[RolloutView]) -> Vec<&RolloutView> {
    let mut placed: Vec<&RolloutView> = Vec::new();
    let mut left: Vec<&RolloutView> = rollouts.iter().collect();
    while !left.is_empty() {
        let waits = |rollout: &&RolloutView| {
            let after = rollout.after.as_deref();
            after.is_some_and(|after| left.iter().any(|other| other.name == after))
        };
        // A circle is refused with the configuration; whoever is in one would come as it is written.
        let next = left.iter().position(|rollout| !waits(rollout)).unwrap_or(0);
        let next = left.remove(next);
        let before = placed.iter().position(|other| next.after.as_deref() == Some(&*other.name));
        let at = before.map_or(placed.len(), |before| {
            let row = placed[before + 1..].iter();
            before + 1 + row.take_while(|other| other.after.is_some()).count()
        });
        placed.insert(at, next);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_micros(u64::try_from(moment.as_microsecond()).unwrap())
    }

    #[test]
    fn months_are_those_of_the_zone_and_end_with_this_one() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Asia/Almaty").unwrap();
        // In Almaty, five hours east, it is January already.
        let found = months(at("2025-12-31T20:00:00Z"), &zone, 3).unwrap();
        let wanted = [
            ("2025-11", "2025-10-31T19:00:00Z"),
            ("2025-12", "2025-11-30T19:00:00Z"),
            ("2026-01", "2025-12-31T19:00:00Z"),
            ("", "2026-01-31T19:00:00Z"),
        ];
        let wanted = wanted.map(|(name, begins)| (name.to_owned(), at(begins)));
        assert_eq!(found, wanted);
    }

    #[test]
    fn options_come_one_after_the_other_and_the_total_is_of_all_calls() {
        let rollouts = [
            RolloutView::example("loans", Some("deposits")),
            RolloutView::example("cards", None),
            RolloutView::example("deposits", Some("cards")),
            RolloutView::example("branches", None),
        ];
        let drawn = |calls, bot| DrawnOf { calls, bot, reached: bot };
        let options = [("cards", drawn(80, 40)), ("balance", drawn(20, 10))];
        let options = options.map(|(name, drawn)| (name.to_owned(), drawn)).into();
        let trials = [("greeting".to_owned(), drawn(150, 75))].into();
        let known = [
            ("2026-01".to_owned(), Month::default()),
            ("2026-02".to_owned(), Month { calls: 200, options, trials }),
        ];
        let roadmap = arrange(&rollouts, &known);
        let names: Vec<&str> = roadmap.options.iter().map(|option| &*option.name).collect();
        assert_eq!(names, ["cards", "deposits", "loans", "branches", "balance", "greeting"]);
        let trial = &roadmap.options[5];
        assert_eq!((&*trial.tried, trial.months[1].share), ("flow", Some(0.5)));
        assert_eq!(roadmap.options[0].months[0], MonthView::default());
        assert_eq!(roadmap.options[0].months[1].share, Some(0.5));
        assert!(!roadmap.options[4].planned && roadmap.options[4].share.is_none());
        let total: Vec<Option<f64>> = roadmap.total.iter().map(|month| month.share).collect();
        assert_eq!(
            total,
            [None, Some(0.25)],
            "of 200 calls 50 were drawn for a bot: those of a new flow are none"
        );
    }
}
