//! Everything at once: random commands at random moments over a wire that loses, doubles, delays and garbles. Nothing
//! panics, no end is told twice or too early, and when the storm is over the house is empty.

use super::super::*;
use super::wire::{Pair, Side, invite_to_b, ms, secs};
use crate::message::{HeaderName, Method};
use std::collections::BTreeMap;

/// What is known of one dialog of one side.
#[derive(Default)]
struct Known {
    over: bool,
}

fn storm(seed: u64) {
    let mut pair = Pair::new();
    for _ in 0..seed % 97 {
        pair.random(7);
    }
    pair.reseed(seed);
    pair.loss_permille = 80;
    pair.double_permille = 50;
    pair.garble_permille = 100;
    pair.jitter_millis = 200;
    let mut known: BTreeMap<(Side, DialogId), Known> = BTreeMap::new();
    for _ in 0..400 {
        let wait = ms(pair.random(400));
        pair.run(wait);
        note(&mut pair, &mut known);
        let side = if pair.random(2) == 0 { Side::A } else { Side::B };
        let mine: Vec<DialogId> =
            known.keys().filter(|(owner, _)| *owner == side).map(|(_, id)| *id).collect();
        let pick = pair.random(mine.len().max(1) as u64) as usize;
        let id = mine.get(pick).copied().unwrap_or(DialogId(1));
        let choice = pair.random(18);
        pair.at(side, |end, now| match choice {
            0 | 1 if side == Side::A => {
                let with_offer = if choice == 0 { Some("v=0") } else { None };
                let id = end.invite(now, invite_to_b(with_offer));
                known.insert((side, id), Known::default());
            }
            2 | 3 => end.answer(now, id, b"v=0"),
            4 => end.ring(now, id, None),
            5 => end.ring(now, id, Some(b"v=0")),
            6 => end.bye(now, id, None),
            7 => end.reoffer(now, id, b"v=1"),
            8 | 9 => end.accept_offer(now, id, b"v=2"),
            10 => end.refuse_offer(now, id, 488, None),
            11 => end.info(now, id, "text/plain", b"hello"),
            12 if side == Side::B => {
                end.refuse(now, id, Refusal::new(486));
            }
            12 | 13 => refer(end, now, id),
            14 => end.accept_refer(now, id),
            15 => end.refer_progress(now, id, 180, ""),
            16 => end.refer_progress(now, id, 486, "Busy"),
            17 => end.refuse_refer(now, id, 403, "no"),
            _rest => end.handle_timeout(now),
        });
        note(&mut pair, &mut known);
    }
    pair.loss_permille = 0;
    pair.garble_permille = 0;
    pair.double_permille = 0;
    for (side, id) in known.keys() {
        pair.at(*side, |end, now| end.bye(now, *id, None));
    }
    pair.assert_empty();
    note(&mut pair, &mut known);
    let undone = known.iter().filter(|((side, _), dialog)| *side == Side::A && !dialog.over);
    assert_eq!(undone.count(), 0, "seed {seed}: every call of A has its end");
}

/// What a phone sends that transfers the call.
fn refer(end: &mut Endpoint, now: Timestamp, id: DialogId) {
    let stands = |session: &Session| session.peer.remote_tag.is_some();
    if !end.sessions.get(&id).is_some_and(stands) {
        return;
    }
    let Some(draft) = end.draft(id, Method::Refer, None) else { return };
    let bytes = draft.writer.header(HeaderName::ReferTo, "<sip:300@dozvon.test>").finish();
    end.layer.request(now, draft.path, draft.key, bytes, Owner::Nobody);
    end.settle(now);
}

fn note(pair: &mut Pair, known: &mut BTreeMap<(Side, DialogId), Known>) {
    for (side, event) in std::mem::take(&mut pair.events) {
        let (id, ends) = match event {
            Event::Invited { dialog, .. } => {
                let fresh = known.insert((side, dialog), Known::default()).is_none();
                assert!(fresh, "a dialog is told once");
                (dialog, false)
            }
            Event::Refused { dialog, .. } | Event::Ended { dialog, .. } => (dialog, true),
            Event::Ringing { dialog, .. }
            | Event::Answered { dialog, .. }
            | Event::Acked { dialog, .. }
            | Event::Offered { dialog, .. }
            | Event::OfferAnswered { dialog, .. }
            | Event::OfferRefused { dialog, .. }
            | Event::Referred { dialog, .. }
            | Event::Info { dialog, .. } => (dialog, false),
            _other => continue,
        };
        let dialog = known.entry((side, id)).or_default();
        assert!(!dialog.over, "{side:?} {id:?}: nothing follows the end");
        dialog.over |= ends;
    }
}

#[test]
fn no_storm_breaks_the_house() {
    for seed in 1..=60 {
        storm(seed);
    }
}

#[test]
fn a_call_that_nobody_answers_or_gives_up_ends_by_itself() {
    let mut pair = Pair::new();
    pair.call(Some("v=0"));
    pair.run(secs(4000));
    assert_eq!((pair.ends_of(Side::A).len(), pair.ends_of(Side::B).len()), (1, 1));
    pair.assert_empty();
}
