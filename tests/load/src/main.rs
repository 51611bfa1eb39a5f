//! A load generator and meter for telephone switches: callers and answering agents in one thread of one process.
//!
//! Everything is timed by the kernel's receive timestamps, so that the generator's own delays enter neither set-up
//! times nor round trips. It shares no code with the switch that it measures. Prints one JSON object.

mod agents;
mod callers;
mod meter;
mod options;
mod register;
mod sip;
mod socket;
mod sound;

use agents::Agents;
use callers::Callers;
use clap::Parser;
use meter::{Process, Sample, Spread};
use options::Options;
use serde_json::{Map, Value, json};
use socket::{Batch, MILLISECOND, SECOND, now, sleep_until};
use sound::{Counts, Sound};

/// What is being done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Calls are being made.
    Ramp,
    /// All calls are up; things calm down until then.
    Settle(i64),
    /// What is counted, until then.
    Window(i64),
    /// Calls end.
    Ending,
}

/// Readings of the server at the borders of the phases.
struct Marks {
    start: Sample,
    ramped: Option<Sample>,
    opened: Option<Sample>,
    closed: Option<Sample>,
    agent_calls: u64,
    agent_calls_in_window: u64,
    counts: Counts,
}

/// The whole run.
struct Run {
    options: Options,
    callers: Callers,
    agents: Option<Agents>,
    sound: Sound,
    phase: Phase,
    marks: Marks,
    lateness: Spread,
    deadline: i64,
}

fn main() {
    let options = Options::parse();
    let mut batch = Batch::new();
    let process = Process::new(&options.pids);
    let mut agents = options.agents_at.map(|at| Agents::new(at, &options));
    let mut registered = Value::Null;
    if let (Some(agents), true) = (&mut agents, options.register > 0) {
        registered = register::register(agents.socket(), &options, &mut batch);
    }
    let started = now();
    let ramp = options.calls as f64 / options.rate * SECOND as f64;
    let slack = options.hold_ms.unwrap_or(0) + options.window_ms.unwrap_or(0) + options.settle_ms + options.give_up_ms;
    let marks = Marks {
        start: process.sample(),
        ramped: None,
        opened: None,
        closed: None,
        agent_calls: 0,
        agent_calls_in_window: 0,
        counts: Counts::default(),
    };
    let mut run = Run {
        callers: Callers::new(&options, started),
        sound: Sound::new(&options),
        agents,
        phase: Phase::Ramp,
        marks,
        lateness: Spread::default(),
        deadline: started + ramp as i64 + slack * MILLISECOND + 2 * options.patience_ms * MILLISECOND,
        options,
    };
    while run.step(&process, &mut batch) {}
    let end = process.sample();
    println!("{}", run.report(registered, end));
}

impl Run {
    /// One millisecond of work; answers whether there is more.
    fn step(&mut self, process: &Process, batch: &mut Batch) -> bool {
        let at = now();
        self.callers.begin(at, self.phase != Phase::Ending);
        self.callers.timers(at);
        self.callers.receive(batch, &mut self.sound);
        if let Some(agents) = &mut self.agents {
            agents.receive(batch);
            agents.timers(at);
        }
        self.sound.tick(at, batch);
        if !self.advance(at, process) {
            return false;
        }
        let next = (now() / MILLISECOND + 1) * MILLISECOND;
        self.lateness.push((now() - at) as f64 / 1e6);
        sleep_until(next);
        true
    }

    fn advance(&mut self, at: i64, process: &Process) -> bool {
        let Some(window) = self.options.window_ms else {
            // Open loop: until every call has ended and the agents have heard of it.
            let settled = self.agents.as_ref().is_none_or(|agents| agents.active() == 0);
            return !(self.callers.all_over() && settled) && at < self.deadline;
        };
        match self.phase {
            Phase::Ramp if self.callers.ramped() || at > self.deadline => {
                self.marks.ramped = Some(process.sample());
                self.phase = Phase::Settle(at + self.options.settle_ms * MILLISECOND);
            }
            Phase::Settle(until) if at >= until => {
                self.marks.opened = Some(process.sample());
                self.forget_the_ramp();
                self.phase = Phase::Window(at + window * MILLISECOND);
            }
            Phase::Window(until) if at >= until => {
                self.marks.closed = Some(process.sample());
                let calls = self.agents.as_ref().map_or(0, Agents::invited);
                self.marks.agent_calls_in_window = calls - self.marks.agent_calls;
                self.marks.counts = self.sound.counts();
                self.sound.stop();
                if let Some(agents) = &mut self.agents {
                    agents.stop_counting();
                }
                let ending = self.callers.end_all(at);
                self.phase = Phase::Ending;
                self.deadline = ending + self.options.patience_ms * MILLISECOND;
            }
            Phase::Ending => {
                let settled = self.agents.as_ref().is_none_or(|agents| agents.active() == 0);
                return !(self.callers.all_over() && settled) && at < self.deadline;
            }
            Phase::Ramp | Phase::Settle(_) | Phase::Window(_) => {}
        }
        true
    }

    fn forget_the_ramp(&mut self) {
        self.sound.forget();
        self.lateness = Spread::default();
        if let Some(agents) = &mut self.agents {
            agents.forget_refills();
            self.marks.agent_calls = agents.invited();
        }
    }

    fn report(mut self, registered: Value, end: Sample) -> Value {
        let mut out = Map::new();
        out.insert("label".into(), json!(self.options.label));
        out.insert("registered".into(), registered);
        self.callers.report(&mut out);
        let cpu = |from: &Sample, to: &Sample| to.cpu_ms - from.cpu_ms;
        let start = &self.marks.start;
        out.insert("seconds".into(), json!((end.at - start.at) as f64 / 1e9));
        out.insert("cpu_ms".into(), json!(cpu(start, &end)));
        out.insert("own_cpu_ms".into(), json!(end.own_cpu_ms - start.own_cpu_ms));
        out.insert("wait_ms".into(), json!((end.wait_ns - start.wait_ns) / 1_000_000));
        out.insert("rss_start_kb".into(), json!(start.rss_kb));
        out.insert("rss_end_kb".into(), json!(end.rss_kb));
        out.insert("threads".into(), json!(end.threads));
        if let (Some(ramped), Some(opened), Some(closed)) = (&self.marks.ramped, &self.marks.opened, &self.marks.closed)
        {
            out.insert("ramp_cpu_ms".into(), json!(cpu(start, ramped)));
            out.insert("window_s".into(), json!((closed.at - opened.at) as f64 / 1e9));
            out.insert("window_cpu_ms".into(), json!(cpu(opened, closed)));
            out.insert("window_wait_ms".into(), json!((closed.wait_ns - opened.wait_ns) / 1_000_000));
            out.insert("rss_window_kb".into(), json!(closed.rss_kb));
            out.insert("window_agent_calls".into(), json!(self.marks.agent_calls_in_window));
            self.sound.report(&self.marks.counts, &mut out);
        }
        if let Some(agents) = &mut self.agents {
            agents.report(&mut out);
        }
        out.insert("own_tick_ms".into(), self.lateness.json());
        Value::Object(out)
    }
}
