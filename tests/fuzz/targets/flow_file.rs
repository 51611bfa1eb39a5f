//! Any text as a flow file, or a sub-flow: diagnostics, never a panic; and a flow that loads can be checked, drawn and
//! lived.
#![no_main]
use dozvon_center::calendar::Calendars;
use dozvon_center::flow::{self, Caller, Run, Surroundings, graph};
use dozvon_center::ids::Key;
use dozvon_clock::Timestamp;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use std::time::Duration;

fuzz_target!(|text: &str| {
    let mut around = Surroundings::default();
    if around.library.add("fuzz.yaml", text).is_ok() {
        let names: Vec<String> = around.library.names().map(str::to_owned).collect();
        names.iter().for_each(|name| drop(flow::check_subflow(name, &around)));
    }
    let Ok(flow) = flow::load("fuzz.yaml", text) else { return };
    let _ = flow::check(&flow, &Surroundings::default());
    let _ = graph::mermaid(&flow);
    let mut now = Timestamp::from_secs(1_800_000_000);
    let mut run = Run::start(Arc::new(flow), Arc::new(Calendars::new()), now, Caller::default());
    for n in 0..50 {
        while run.poll_effect().is_some() {}
        let key = Key::new(char::from(b'0' + n % 10)).expect("a digit");
        run.handle(now, flow::Happening::Key(key));
        now = now + Duration::from_secs(1);
        run.handle_timeout(now);
    }
    run.leave_for_operator(now);
});
