//! Laws of order: nobody is overtaken, the first in the queue's order of agents is rung, nobody idles beside a call
//! that he could take and isn't kept from.

use super::picture::Picture;
use dozvon_center::acd::Event;
use dozvon_center::ids::{AgentId, CallId};
use dozvon_clock::Timestamp;

/// Among equally able, the first call goes to the first agent; and nobody is offered what he has just refused, or is
/// kept from.
pub(super) fn nobody_is_overtaken(picture: &Picture, now: Timestamp, event: &Event) {
    let Event::Offer { call, agent, .. } = event else { return };
    let offered = picture.call(*call).expect("law: only calls that wait are offered");
    let fits = picture.fits(*agent, offered, now);
    let Some((level, _)) = fits else { panic!("law: {agent} has the skills for {call}") };
    let barred = picture.barred(*call, *agent, now);
    assert!(barred != Some(true), "law: {agent} isn't offered {call} again, which he just refused");
    let kept = picture.kept(*call, *agent, now);
    assert!(kept != Some(true), "law: {agent} is kept for others than {call}");
    for (kind, calls) in picture.waiting() {
        let before = calls.iter().take_while(|place| **place < offered.place);
        for (_, other) in before {
            let could = could_have(picture, *other, *agent, now);
            assert!(could.is_none(), "law: {call} doesn't overtake {other} of {kind:?}");
        }
    }
    for other in picture.free(now) {
        let better = could_have(picture, *call, other, now).filter(|found| *found <= level);
        let Some(found) = better else { continue };
        let before = found < level || picture.goes_before(offered.queue, other, *agent, now);
        assert!(!before, "law: {other} goes before {agent}");
    }
}

/// How well the agent certainly could have the call now, if he could.
fn could_have(picture: &Picture, id: CallId, agent: AgentId, now: Timestamp) -> Option<u8> {
    let call = picture.call(id).expect("who waits is here");
    let (level, certain) = picture.fits(agent, call, now)?;
    let free = certain
        && picture.barred(id, agent, now) == Some(false)
        && picture.kept(id, agent, now) == Some(false);
    free.then_some(level)
}

/// No call waits beside a free agent who has the skills, unless he is kept for others.
pub(super) fn nobody_idles_beside_a_call(picture: &Picture, now: Timestamp) {
    let kinds: Vec<_> = picture.waiting().filter(|(_, calls)| !calls.is_empty()).collect();
    if kinds.is_empty() {
        return;
    }
    for agent in picture.free(now) {
        for (kind, calls) in &kinds {
            for (_, call) in *calls {
                let idle = could_have(picture, *call, agent, now).is_some();
                assert!(!idle, "law: {agent} isn't free beside {call} of {kind:?}");
            }
        }
    }
}
