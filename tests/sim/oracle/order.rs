//! Laws of order: nobody is overtaken, the longest idle is first, nobody idles beside a call that he could take.

use super::picture::{Kind, Picture};
use dozvon_center::acd::Event;
use dozvon_center::ids::{AgentId, CallId};
use dozvon_clock::Timestamp;

/// Among equally able, the first call goes to the first agent; and nobody is offered what he has just refused.
pub(super) fn nobody_is_overtaken(picture: &Picture, now: Timestamp, event: &Event) {
    let Event::Offer { call, agent, .. } = event else { return };
    let offered = picture.call(*call).expect("law: only calls that wait are offered");
    assert!(picture.serves(*agent, offered.kind), "law: {agent} has the skills for {call}");
    let barred = picture.barred(*call, *agent, now);
    assert!(barred != Some(true), "law: {agent} isn't offered {call} again, which he just refused");
    for (kind, calls) in picture.waiting().filter(|(kind, _)| picture.serves(*agent, *kind)) {
        let before = calls.iter().take_while(|place| **place < offered.place);
        for (_, other) in before {
            let barred = picture.barred(*other, *agent, now);
            assert!(barred != Some(false), "law: {call} doesn't overtake {other} of {kind:?}");
        }
    }
    let rank = |id: AgentId| (picture.agent(id).idle_since, id);
    for other in picture.free(now).filter(|other| picture.serves(*other, offered.kind)) {
        if rank(other) < rank(*agent) {
            let barred = picture.barred(*call, other, now);
            assert!(barred != Some(false), "law: {other} is idle for longer than {agent}");
        }
    }
}

/// No call waits beside a free agent who has the skills.
pub(super) fn nobody_idles_beside_a_call(picture: &Picture, now: Timestamp) {
    let kinds: Vec<_> = picture.waiting().filter(|(_, calls)| !calls.is_empty()).collect();
    if kinds.is_empty() {
        return;
    }
    for agent in picture.free(now) {
        for (kind, calls) in kinds.iter().filter(|(kind, _)| picture.serves(agent, *kind)) {
            for (_, call) in *calls {
                let idle = picture.barred(*call, agent, now) == Some(false);
                assert!(!idle, "law: {agent} isn't free beside {call} of {}", words(*kind, *call));
            }
        }
    }
}

fn words(kind: Kind, call: CallId) -> String {
    format!("{} (skills {:b}), {call}", kind.0, kind.1)
}
