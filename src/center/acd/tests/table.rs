//! Every activity of an agent with every input.

use super::*;

/// What happens to an agent in each activity, for each input; `.` is: nothing.
#[test]
fn every_activity_has_an_answer_to_every_input() {
    type Input = (&'static str, fn(&mut Acd, Timestamp, OfferId));
    let inputs: [Input; 20] = [
        ("ringing", |acd, now, offer| acd.ringing(now, offer)),
        ("answered", |acd, now, offer| {
            acd.answered(now, offer);
        }),
        ("connected", |acd, now, offer| acd.connected(now, offer)),
        ("declined", |acd, now, offer| acd.failed(now, offer, Failure::Declined)),
        ("hold", |acd, now, _| acd.manner(now, CallId(1), Manner::Hold)),
        ("resume", |acd, now, _| acd.manner(now, CallId(1), Manner::Talk)),
        ("consult", |acd, now, _| acd.manner(now, CallId(1), Manner::Consult)),
        ("engage", |acd, now, _| {
            let _ = acd.engage(now, AgentId(0), CallId(9), Engagement::Rung);
        }),
        ("speak", |acd, now, _| {
            acd.engaged(now, AgentId(0), CallId(9), Engagement::Consult);
        }),
        ("disengage", |acd, now, _| acd.disengage(now, AgentId(0))),
        ("agent ends", |acd, now, _| acd.ended(now, CallId(1), Side::Agent)),
        ("caller ends", |acd, now, _| acd.ended(now, CallId(1), Side::Caller)),
        ("withdraw", |acd, now, _| acd.withdraw(now, CallId(1), Leaving::Elsewhere)),
        ("lunch", |acd, now, _| {
            acd.set_status(now, AgentId(0), Status::Lunch, Actor::Agent, None).unwrap();
        }),
        ("log out", |acd, now, _| acd.log_out(now, AgentId(0), Actor::Agent)),
        ("log in", |acd, now, _| acd.log_in(now, AgentId(0))),
        ("phone lost", |acd, now, _| acd.reachable(now, AgentId(0), false)),
        ("own call", |acd, now, _| acd.outbound(now, AgentId(0), true)),
        ("call over", |acd, now, _| acd.outbound(now, AgentId(0), false)),
        ("end wrap-up", |acd, now, _| acd.end_wrap_up(now, AgentId(0))),
    ];
    #[rustfmt::skip]
    let expected = "
            idle     reserved   ringing    lapsing    connecting talking hold    wrap_up outbound rung
ringing     .        ringing    .          .          .          .       .       .       .        .
answered    .        connecting connecting connecting .          .       .       .       .        .
connected   .        .          .          .          talking    .       .       .       .        .
declined    .        idle       idle       idle       idle       .       .       .       .        .
hold        .        .          .          .          .          hold    .       .       .        .
resume      .        .          .          .          .          .       talking .       .        .
consult     .        .          .          .          .          consult consult .       .        .
engage      ringing  .          .          .          .          .       .       .       .        .
speak       .        .          .          .          .          .       .       .       .        consult
disengage   .        .          .          .          .          .       .       .       .        idle
agent_ends  .        .          .          .          idle       wrap_up wrap_up .       .        .
caller_ends .        idle       idle       idle       idle       wrap_up wrap_up .       .        .
withdraw    .        idle       idle       idle       idle       wrap_up wrap_up .       .        .
lunch       lunch    lunch      lunch      lunch      +lunch     +lunch  +lunch  +lunch  +lunch   +lunch
log_out     out      out        out        out        +out       +out    +out    out     out      +out
log_in      .        .          .          .          .          .       .       .       .        .
phone_lost  .        idle       idle       idle       .          .       .       .       .        .
own_call    outbound outbound   outbound   outbound   .          .       .       .       .        .
call_over   .        .          .          .          .          .       .       .       idle     .
end_wrap-up .        .          .          .          .          .       .       idle    .        .";
    let expected: Vec<Vec<&str>> =
        expected.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    for (at, (name, input)) in inputs.into_iter().enumerate() {
        let got: Vec<String> = (0..10).map(|column| outcome(column, input)).collect();
        assert_eq!(got, expected[at][1..], "{name}");
    }
}

/// Brings an agent into an activity, gives the input, and names what became of him.
fn outcome(column: usize, input: fn(&mut Acd, Timestamp, OfferId)) -> String {
    let mut floor = Floor::staffed(config(1));
    let offer = match column {
        0 => OfferId(99),
        1 => {
            floor.enqueue(1, CARDS);
            floor.offer()
        }
        2 | 3 => floor.ring(1),
        4 => floor.answer(1),
        5..=7 => floor.talk(1),
        9 => {
            let rung = |acd: &mut Acd, now| {
                acd.engage(now, AgentId(0), CallId(9), Engagement::Rung).unwrap();
            };
            floor.say(rung);
            OfferId(99)
        }
        _ => {
            floor.say(|acd, now| acd.outbound(now, AgentId(0), true));
            OfferId(99)
        }
    };
    match column {
        3 => floor.pass(secs(20)),
        6 => floor.say(|acd, now| acd.manner(now, CallId(1), Manner::Hold)),
        7 => floor.say(|acd, now| acd.ended(now, CallId(1), Side::Agent)),
        _ => {}
    }
    let before = floor.acd.agent(AgentId(0)).unwrap();
    floor.say(|acd, now| input(acd, now, offer));
    let after = floor.acd.agent(AgentId(0)).unwrap();
    match after.pending {
        Some(Presence::LoggedOut) => "+out".to_owned(),
        Some(pending) => format!("+{pending}"),
        None if after.presence != before.presence && after.presence == Presence::LoggedOut => {
            "out".to_owned()
        }
        None if after.presence != before.presence => after.presence.to_string(),
        None if after.activity != before.activity => after.activity.to_string(),
        None => ".".to_owned(),
    }
}
