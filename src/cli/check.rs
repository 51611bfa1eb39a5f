//! `dozvon check`: reads a whole configuration as `serve` would and starts nothing.

use super::{CheckArgs, Format, print, tell, verdict};
use crate::server::config::{Loaded, Missing, Tests, environment, load, read_schedules};
use std::process::ExitCode;

/// Names every mistake; says what there is when there is none.
pub(crate) fn check(args: &CheckArgs) -> ExitCode {
    let (loaded, mut findings) = load(&args.folder, &environment(), Missing::Leave, Tests::Play);
    if let Some(loaded) = &loaded {
        // A planner's slip is told, and stops no telephone: `serve` doesn't read them.
        let agents = loaded.policy.acd.agents.iter();
        let agents: Vec<&str> = agents.map(|agent| &*agent.name).collect();
        read_schedules(&mut findings, &loaded.settings.shifts, &agents);
    }
    tell(&findings, args.format);
    if let (Some(loaded), Format::Full | Format::Concise) = (&loaded, args.format) {
        print(&format!("{}: {}\n", args.folder.display(), summary(loaded)));
    }
    verdict(&findings)
}

fn summary(loaded: &Loaded) -> String {
    let several = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    [
        several(loaded.policy.acd.queues.len(), "queue"),
        several(loaded.policy.acd.agents.len(), "agent"),
        several(loaded.switch.numbers.len(), "number"),
        several(loaded.switch.trunks.len(), "trunk"),
        several(loaded.policy.bots.len(), "bot"),
        several(loaded.policy.rollouts.len(), "rollout"),
        several(loaded.policy.flows.len(), "flow"),
        several(loaded.prompts.len(), "prompt"),
    ]
    .join(", ")
}
