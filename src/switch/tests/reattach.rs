//! An agent's phone dies in a talk and another one of his takes the talk up: INVITE with Replaces over real SIP text,
//! crossing whatever else is on the wire.

mod world;

use dozvon_center::fact::What;
use dozvon_center::ids::AgentId;
use dozvon_center::rollout::Share;
use dozvon_center::supervise::WatchMode;
use dozvon_center::talk::{Destination, TalkCommand};
use dozvon_media::order::Report;
use dozvon_switch::border::{CallCommand, WatchCommand};
use std::net::SocketAddr;
use std::time::Duration;
use world::World;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// A caller and Anna in a talk, Boris beside them; where the second phone of one of them would be.
struct Talk {
    world: World,
    caller: SocketAddr,
    anna: SocketAddr,
    boris: SocketAddr,
}

impl Talk {
    fn new() -> Talk {
        let mut world = World::new(2, Share::None);
        let anna = world.ready_agent(0);
        let caller = world.dial(0, "100");
        world.press(caller, '0');
        world.run(SECOND);
        assert!(world.hear_each_other(caller, anna));
        let boris = world.ready_agent(1);
        world.run(10 * SECOND);
        Talk { world, caller, anna, boris }
    }

    /// Another phone of an agent, registered.
    fn phone(&mut self, n: usize, name: &str) -> SocketAddr {
        let address = World::agent_address(n);
        self.world.plug(address, name);
        let now = self.world.now;
        self.world.phones.get_mut(&address).expect("plugged in").register(now, "secret");
        self.world.run(100 * MILLI);
        address
    }

    /// That phone wants the call that is named so.
    fn take_up(&mut self, address: SocketAddr, names: &str) {
        let now = self.world.now;
        self.world.phones.get_mut(&address).expect("plugged in").take_up(now, names);
    }

    fn dies(&mut self, address: SocketAddr) {
        self.world.phones.get_mut(&address).expect("plugged in").dead = true;
    }

    /// The sound of Anna's line has been silent for long.
    fn silent(&mut self) {
        let session = self.world.session(self.anna).expect("she talks");
        self.world.media(Report::Silent { session, silence: 30 * SECOND });
    }

    fn hang_up(&mut self, address: SocketAddr) {
        let now = self.world.now;
        self.world.phones.get_mut(&address).expect("plugged in").hang_up(now);
    }

    fn is_up(&self, address: SocketAddr) -> bool {
        !self.world.phones[&address].up.is_empty()
    }

    fn refused(&self, address: SocketAddr) -> &[u16] {
        &self.world.phones[&address].refused
    }

    /// The caller and the phone there have each other's sound.
    fn talks_at(&self, address: SocketAddr) -> bool {
        let Some(session) = self.world.session(address) else { return false };
        self.is_up(address)
            && self.world.hear_each_other(self.caller, address)
            && self.world.sound_goes_to(session).ip() == address.ip()
    }

    fn count(&self, of: impl Fn(&What) -> bool) -> usize {
        self.world.count(of)
    }

    fn command(&mut self, command: TalkCommand) {
        let call = *self.world.contacts.keys().next().expect("one call");
        let (now, command) = (self.world.now, CallCommand::Talk { call, command });
        self.world.switch.command(now, command).expect("allowed");
        self.world.drain();
        self.world.run(SECOND);
    }

    /// Everybody goes, and nothing is left: one contact, no talk that has not ended.
    fn over(mut self) {
        for address in self.world.phones.keys().copied().collect::<Vec<_>>() {
            self.hang_up(address);
            self.world.run(SECOND);
        }
        self.world.run(100 * SECOND);
        self.world.assert_empty();
        let started = self.count(|what| matches!(what, What::TalkStarted { .. }));
        let ended = self.count(|what| matches!(what, What::TalkEnded { .. }));
        assert_eq!((started, self.world.contacts.len()), (ended, 1));
    }
}

#[test]
fn a_phone_that_dies_is_replaced_by_another_before_anybody_has_noticed() {
    let mut talk = Talk::new();
    let names = talk.world.names(talk.anna, true);
    talk.dies(talk.anna);
    let new = talk.phone(5, "anna");
    talk.world.take_ladder();
    talk.take_up(new, &names);
    talk.world.run(40 * MILLI);
    let ladder = talk.world.take_ladder();
    let expected = "\
anna → switch: INVITE
switch → anna: 401 Unauthorized
anna → switch: ACK
anna → switch: INVITE
switch → anna: 100 Trying
switch → anna: 200 OK
switch → anna: BYE
anna → switch: ACK";
    assert_eq!(ladder, expected);
    assert!(talk.talks_at(new), "the customer hears the agent again");
    let back = |what: &What| matches!(what, What::PhoneBack { away_secs: 0.0, .. });
    assert_eq!(talk.count(back), 1);
    talk.world.run(60 * SECOND);
    assert!(talk.talks_at(new), "and nothing of the old phone disturbs them");
    talk.hang_up(talk.caller);
    talk.world.run(SECOND);
    assert!(!talk.is_up(new), "the customer's end ends the new leg");
    assert_eq!(talk.count(|what| matches!(what, What::TalkStarted { .. })), 1);
    talk.over();
}

#[test]
fn a_break_that_was_noticed_is_waited_out_for_ten_seconds() {
    for (after, in_time) in [(0, true), (9_900, true), (10_100, false)] {
        let mut talk = Talk::new();
        let names = talk.world.names(talk.anna, true);
        talk.dies(talk.anna);
        let new = talk.phone(5, "anna");
        talk.silent();
        talk.world.run(after * MILLI);
        talk.take_up(new, &names);
        talk.world.run(50 * MILLI);
        let lost = talk.count(|what| matches!(what, What::AgentLost { .. }));
        assert_eq!((talk.talks_at(new), lost), (in_time, usize::from(!in_time)), "{after} ms");
        assert_eq!(talk.refused(new), if in_time { [].as_slice() } else { &[603] });
        talk.over();
    }
}

/// The switch gives the old phone's dialog up for want of an answer, and the new phone still names it.
#[test]
fn a_dialog_that_broke_can_be_taken_up_as_well() {
    for (after, in_time) in [(1, true), (11, false)] {
        let mut talk = Talk::new();
        let names = talk.world.names(talk.anna, true);
        talk.dies(talk.anna);
        let new = talk.phone(5, "anna");
        let broke = |what: &What| matches!(what, What::PhoneBroke { .. });
        while talk.count(broke) == 0 {
            talk.world.run(SECOND);
        }
        talk.world.run(after * SECOND);
        talk.take_up(new, &names);
        talk.world.run(50 * MILLI);
        assert_eq!(talk.talks_at(new), in_time, "{after} s");
        assert_eq!(talk.refused(new), if in_time { [].as_slice() } else { &[603] });
        talk.over();
    }
}

#[test]
fn nobody_takes_up_what_is_not_his() {
    let mut talk = Talk::new();
    let names = talk.world.names(talk.anna, true);
    let early = format!("{names};early-only");
    let callers = talk.world.names(talk.caller, false);
    let second = talk.phone(5, "anna");
    let of_trunk = World::caller_address(7);
    talk.world.plug(of_trunk, "+77010000099");
    for (address, names, status) in [
        (talk.boris, names.clone(), 603),
        (of_trunk, names.clone(), 603),
        (of_trunk, callers.clone(), 603),
        (second, callers, 603),
        (second, names.replace("to-tag=", "to-tag=x"), 481),
        (second, early, 486),
    ] {
        talk.take_up(address, &names);
        talk.world.run(100 * MILLI);
        assert_eq!(talk.refused(address).last(), Some(&status), "{names}");
        assert!(talk.talks_at(talk.anna), "nothing has changed");
    }
    let stranger = World::agent_address(8);
    talk.world.plug(stranger, "mallory");
    talk.take_up(stranger, &names);
    talk.world.run(100 * MILLI);
    assert_eq!(talk.refused(stranger), [401], "a stranger is asked who he is");
    talk.over();
}

/// The old phone hangs up, or the customer does, while the new phone's INVITE is under way.
#[test]
fn an_end_that_crosses_the_invite_is_an_end_in_every_order() {
    for delay in (0..60).step_by(3) {
        for of_customer in [false, true] {
            let mut talk = Talk::new();
            let names = talk.world.names(talk.anna, true);
            let new = talk.phone(5, "anna");
            talk.take_up(new, &names);
            talk.world.run(delay * MILLI);
            talk.hang_up(if of_customer { talk.caller } else { talk.anna });
            talk.world.run(SECOND);
            // A BYE of the old phone that comes after the new one has the call ends nothing any more.
            let taken = talk.count(|what| matches!(what, What::PhoneBack { .. })) == 1;
            let goes_on = taken && !of_customer;
            assert_eq!((talk.talks_at(new), talk.is_up(new)), (goes_on, goes_on), "{delay} ms");
            assert!(taken || talk.refused(new) == [603], "{delay} ms: {:?}", talk.refused(new));
            assert!(!talk.is_up(talk.anna), "the old phone is out of it");
            talk.over();
        }
    }
}

#[test]
fn a_talk_can_be_taken_up_again_and_again_but_by_one_at_a_time() {
    let mut talk = Talk::new();
    let first = talk.world.names(talk.anna, true);
    let (second, third, fourth) =
        (talk.phone(5, "anna"), talk.phone(6, "anna"), talk.phone(7, "anna"));
    talk.take_up(second, &first);
    talk.take_up(third, &first);
    talk.world.run(100 * MILLI);
    assert!(talk.talks_at(second), "the first that comes in has it");
    assert_eq!(talk.refused(third), [603]);
    let names = talk.world.names(second, false);
    talk.dies(second);
    talk.take_up(fourth, &names);
    talk.world.run(100 * MILLI);
    assert!(talk.talks_at(fourth) && !talk.is_up(talk.anna));
    talk.take_up(third, &first);
    talk.world.run(100 * MILLI);
    assert_eq!(talk.refused(third), [603, 603], "the first name is nobody's any more");
    assert!(talk.talks_at(fourth));
    talk.over();
}

#[test]
fn a_hold_of_the_old_phone_is_over_and_that_of_the_screen_is_not() {
    for of_screen in [false, true] {
        let mut talk = Talk::new();
        let names = talk.world.names(talk.anna, true);
        let new = talk.phone(5, "anna");
        if of_screen {
            talk.command(TalkCommand::Hold);
        } else {
            let now = talk.world.now;
            talk.world.phones.get_mut(&talk.anna).unwrap().hold(now, true);
            talk.world.run(SECOND);
        }
        assert!(!talk.talks_at(talk.anna));
        talk.take_up(new, &names);
        talk.world.run(100 * MILLI);
        assert_eq!(talk.talks_at(new), !of_screen);
        if of_screen {
            talk.command(TalkCommand::Resume);
        }
        assert!(talk.talks_at(new));
        talk.over();
    }
}

#[test]
fn a_consultation_a_conference_and_a_supervisor_go_on_with_the_new_phone() {
    let mut talk = Talk::new();
    let names = talk.world.names(talk.anna, true);
    let (caller, boris) = (talk.caller, talk.boris);
    talk.command(TalkCommand::Consult(Destination::Agent(AgentId(1))));
    talk.dies(talk.anna);
    talk.silent();
    let new = talk.phone(5, "anna");
    talk.take_up(new, &names);
    talk.world.run(SECOND);
    assert!(talk.world.hear_each_other(new, boris), "she asks on");
    // Boris's phone dies as well, and he takes his side up.
    let his = talk.world.names(boris, true);
    talk.dies(boris);
    let his_new = talk.phone(6, "boris");
    talk.take_up(his_new, &his);
    talk.world.run(SECOND);
    assert!(talk.world.hear_each_other(new, his_new));
    talk.command(TalkCommand::Join);
    let session = |of| talk.world.session(of).unwrap();
    assert_eq!(talk.world.hears(session(caller)).len(), 2, "all three");
    talk.command(TalkCommand::Drop);
    assert!(talk.talks_at(new));
    talk.over();

    let mut talk = Talk::new();
    let names = talk.world.names(talk.anna, true);
    let watch = WatchCommand::Watch { agent: AgentId(0), mode: WatchMode::Listen };
    let command = CallCommand::Supervise { supervisor: AgentId(1), command: watch };
    let now = talk.world.now;
    talk.world.switch.command(now, command).expect("allowed");
    talk.world.drain();
    talk.world.run(SECOND);
    let new = talk.phone(5, "anna");
    talk.take_up(new, &names);
    talk.world.run(SECOND);
    assert!(talk.talks_at(new));
    let vera = talk.world.session(talk.boris).unwrap();
    assert_eq!(talk.world.hears(vera).len(), 2, "the supervisor hears both");
    talk.over();
}

#[test]
fn a_call_that_the_agent_has_left_is_not_his_any_more() {
    let mut talk = Talk::new();
    let names = talk.world.names(talk.anna, true);
    let new = talk.phone(5, "anna");
    talk.command(TalkCommand::Park);
    talk.take_up(new, &names);
    talk.world.run(SECOND);
    assert_eq!(talk.refused(new), [603]);
    talk.over();
}

#[test]
fn an_own_call_is_taken_up_and_a_house_that_goes_down_lets_it() {
    let mut talk = Talk::new();
    talk.hang_up(talk.caller);
    talk.world.run(5 * SECOND);
    let (now, anna) = (talk.world.now, talk.anna);
    talk.world.phones.get_mut(&anna).unwrap().dial(now, "boris");
    talk.world.run(SECOND);
    assert!(talk.world.hear_each_other(anna, talk.boris));
    let names = talk.world.names(anna, false);
    let new = talk.phone(5, "anna");
    let now = talk.world.now;
    talk.world.switch.drain(now);
    talk.take_up(new, &names);
    talk.world.run(SECOND);
    assert!(talk.is_up(new) && !talk.is_up(anna));
    assert!(talk.world.hear_each_other(new, talk.boris));
    talk.over();
}

/// A phone that can't have the sound of the call changes nothing: the old one talks on.
#[test]
fn a_phone_without_a_codec_of_ours_leaves_the_talk_as_it_is() {
    let mut talk = Talk::new();
    let names = talk.world.names(talk.anna, true);
    let new = talk.phone(5, "anna");
    talk.world.phones.get_mut(&new).unwrap().mute = true;
    talk.take_up(new, &names);
    talk.world.run(SECOND);
    assert_eq!(talk.refused(new), [488]);
    assert!(talk.talks_at(talk.anna));
    talk.over();
}
