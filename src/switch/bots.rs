//! Voice bots, both kinds: those that a stream of messages leads to, whom the roof connects, and what those that are
//! called by SIP say in the headers of their goodbye.

use crate::border::{BotCall, BotNews, BotOrder, Output};
use crate::line::{Kind, Line, Owner};
use crate::switch::Switch;
use dozvon_center::border::{LegEvent, Refusal};
use dozvon_center::bot::{BotBrief, BotFailure, BotNote, BotOver};
use dozvon_center::ids::{Key, LegId};
use dozvon_clock::Timestamp;
use dozvon_media::order::{Codec, Order};
use dozvon_sip::endpoint::{Party, Reason};
use std::net::SocketAddr;
use std::sync::Arc;

impl Switch {
    /// Opens the line of a bot that speaks over a stream: its sound is an ordinary session, and the roof's connector
    /// is the far side of it.
    pub(crate) fn open_stream(
        &mut self,
        now: Timestamp,
        leg: LegId,
        bot: Arc<str>,
        caller: LegId,
        brief: BotBrief,
    ) {
        let beside = self.lines.get(Owner::Leg(caller));
        let Some((family, worker, call)) =
            beside.map(|line| (line.sound.local.ip(), line.sound.worker, line.call))
        else {
            self.news.push_back((leg, LegEvent::Refused(Refusal::Error)));
            return;
        };
        let Some(mut sound) = self.open_sound(now, family, worker) else {
            self.news.push_back((leg, LegEvent::Refused(Refusal::Error)));
            return;
        };
        sound.speak_only(Codec::Pcmu);
        let open = BotCall { leg, bot, sound: sound.local, brief };
        let line = Line { call, ..Line::new(Kind::Stream { leg }, Vec::new(), sound) };
        self.lines.insert(Owner::Leg(leg), line);
        self.order_line(Owner::Leg(leg), |session| Order::Near { session });
        self.outputs.push_back(Output::Bot(BotOrder::Open(Box::new(open))));
    }

    /// What the connector tells of a bot. News of a line that is gone crossed our order to close it.
    pub(crate) fn bot_news(&mut self, news: BotNews) {
        match news {
            BotNews::Up { leg, sound } => self.bot_up(leg, sound),
            BotNews::Over { leg, over, note } => {
                if self.lines.get(Owner::Leg(leg)).is_some() {
                    self.tell(Owner::Leg(leg), LegEvent::BotOver(over, note));
                }
            }
        }
    }

    fn bot_up(&mut self, leg: LegId, far: SocketAddr) {
        let Some(line) = self.lines.get_mut(Owner::Leg(leg)) else { return };
        line.sound.joined(far);
        if let Some(order) = line.sound.agree() {
            let worker = line.sound.worker;
            self.order(worker, order);
        }
        self.tell(Owner::Leg(leg), LegEvent::Answered);
    }

    /// Tells a bot of a key. One that is called by SIP hears it by itself: as an event or as a tone.
    pub(crate) fn bot_key(&mut self, leg: LegId, key: Key) {
        let line = self.lines.get(Owner::Leg(leg));
        if line.is_some_and(|line| line.kind == (Kind::Stream { leg })) {
            self.outputs.push_back(Output::Bot(BotOrder::Key { leg, key }));
        }
    }
}

/// How a bot that hung up wants its part to be understood: the headers of its BYE.
///
/// `X-Outcome` is `done` (also when there is none), `transfer` or `failed`; any other word is a fault of the bot's.
pub(crate) fn said_goodbye(headers: &[(String, String)], reason: Option<&Reason>) -> LegEvent {
    let over = match header(headers, "X-Outcome").map(str::to_ascii_lowercase).as_deref() {
        None | Some("done") => BotOver::Done,
        Some("transfer") => BotOver::Transfer,
        Some(_) => BotOver::Failed(BotFailure::Said),
    };
    LegEvent::BotOver(over, note(headers, reason, header(headers, "X-Transfer-To")))
}

/// A bot's REFER: the caller is to be handed over.
pub(crate) fn asked_for_people(headers: &[(String, String)], to: &Party) -> LegEvent {
    LegEvent::BotOver(BotOver::Transfer, note(headers, None, Some(&to.uri)))
}

/// What the headers say: `X-Reason` (else the text of Reason), `X-Summary`, `X-Resolved`, and of `X-Data` the members
/// of its JSON object.
fn note(
    headers: &[(String, String)],
    reason: Option<&Reason>,
    to: Option<&str>,
) -> Option<Box<BotNote>> {
    let reason = reason.map(|reason| reason.text.as_str()).filter(|text| !text.is_empty());
    let reason = header(headers, "X-Reason").or(reason);
    let note = BotNote::of_texts(&[
        ("to", to),
        ("reason", reason),
        ("summary", header(headers, "X-Summary")),
        ("resolved", header(headers, "X-Resolved")),
        ("data", header(headers, "X-Data")),
    ]);
    (!note.is_empty()).then(|| Box::new(note))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bye(headers: &[(&str, &str)]) -> (BotOver, Option<Box<BotNote>>) {
        let headers: Vec<_> =
            headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let LegEvent::BotOver(over, note) = said_goodbye(&headers, None) else {
            panic!("a goodbye ends the bot's part")
        };
        (over, note)
    }

    #[test]
    fn a_goodbye_is_done_a_transfer_or_a_failure() {
        assert_eq!(bye(&[]), (BotOver::Done, None));
        assert_eq!(bye(&[("x-outcome", "DONE")]).0, BotOver::Done);
        assert_eq!(bye(&[("X-Outcome", "transfer")]).0, BotOver::Transfer);
        assert_eq!(bye(&[("X-Outcome", "failed")]).0, BotOver::Failed(BotFailure::Said));
        assert_eq!(bye(&[("X-Outcome", "whatever")]).0, BotOver::Failed(BotFailure::Said));
    }

    #[test]
    fn the_headers_make_a_note() {
        let (_, note) = bye(&[
            ("X-Outcome", "transfer"),
            ("X-Reason", "customer_request"),
            ("X-Summary", "Хочет человека"),
            ("X-Resolved", "false"),
            ("X-Data", "{\"intent\":\"block\"}"),
        ]);
        let note = note.unwrap();
        assert_eq!(note.reason.as_deref(), Some("customer_request"));
        assert_eq!(note.summary.as_deref(), Some("Хочет человека"));
        assert_eq!((note.resolved, &*note.data["intent"]), (Some(false), "block"));
        assert_eq!(bye(&[("X-Data", "{broken")]), (BotOver::Done, None));
    }

    #[test]
    fn the_reason_of_rfc_3326_counts_where_there_is_no_other() {
        let reason = Reason { protocol: "SIP".into(), cause: 200, text: "solved".into() };
        let LegEvent::BotOver(_, Some(note)) = said_goodbye(&[], Some(&reason)) else {
            panic!("there is a note");
        };
        assert_eq!(note.reason.as_deref(), Some("solved"));
    }
}
