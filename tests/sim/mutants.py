#!/usr/bin/env python3
"""Plants known bugs in the ACD, one at a time, and demands that the simulated day catches each of them.

A simulator that has never caught anything proves nothing. Works on copies in a scratch folder (MUTANTS_DIR, by default
a folder of the system's temporary directory); the tree is only read. Each plant is an exact replacement: when the text
is gone, or stands there twice, the run fails and says so, because then a law has lost its proof.

usage: mutants.py [word ...]     only the plants whose names contain one of the words
"""

import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = pathlib.Path(os.environ.get("MUTANTS_DIR", pathlib.Path(tempfile.gettempdir()) / "acd-mutants"))
ACD = WORK / "src/center/acd"

# name, file, text, replacement
PLANTS = [
    ("a call that comes back loses its place", "call.rs",
     "let due = due(enqueued_at, config.service_level, priority);",
     "let due = due(now, config.service_level, priority);"),
    ("enqueueing twice restarts the wait", "call.rs",
     "        if self.calls.contains_key(&call) {\n            return;\n        }\n        let room",
     "        let room"),
    ("an abandoned wait is not told", "call.rs",
     "        self.tell(Event::WaitEnded { call: id, queue, why, waited, service_level, called_back });",
     "        if why != WaitEnd::HungUp {\n"
     "            self.tell(Event::WaitEnded { call: id, queue, why, waited, service_level, called_back });\n        }"),
    ("the agent rings on after the caller hung up", "call.rs",
     "                    self.close(now, offer, OfferResult::CallerGone);\n"
     "                    self.enter(now, agent, Phase::Idle, Cause::Call);",
     "                    self.close(now, offer, OfferResult::CallerGone);"),
    ("the longest wait doesn't end a wait that was offered", "call.rs",
     "                call.overdue = true;\n                self.set_room(id, false);",
     "                self.set_room(id, false);"),
    ("the service level is missed too late", "call.rs",
     "let late = now + self.queue_of(id).service_level + Duration::from_micros(1);",
     "let late = now + self.queue_of(id).service_level + Duration::from_secs(1);"),
    ("a short abandon counts as missed", "call.rs",
     "WaitEnd::HungUp if waited < config.short_abandon => ServiceLevel::Excluded,",
     "WaitEnd::HungUp if waited < config.short_abandon => ServiceLevel::Missed,"),
    ("a call is given up while somebody is at lunch", "status.rs",
     "        matches!(self, Presence::Chosen(_))",
     "        matches!(self, Presence::Chosen(Status::Ready))"),
    ("nobody ever gives a call up", "call.rs",
     "        if grace.is_zero() || self.matcher.grows(class) {\n            return None;",
     "        if !grace.is_zero() {\n            return None;"),
    ("a stale answer is accepted", "offer.rs",
     "let Some(&Offer { agent, .. }) = self.offers.get(&offer) else { return Answer::Stale };",
     "let Some(&Offer { agent, .. }) = self.offers.get(&offer) else {\n"
     "            return Answer::Accepted { call: CallId(0), agent: AgentId(0) };\n        };"),
    ("a late answer is still a miss", "offer.rs",
     "        self.agents[agent.0 as usize].misses = Default::default();\n", ""),
    ("declining counts as a miss", "offer.rs",
     "                Failure::Declined => self.refused(now, offer, call, OfferResult::Declined),",
     "                Failure::Declined => self.missed(now, offer),"),
    ("a missed offer needs no rest", "offer.rs",
     "        self.rest(now, id, self.config.rona_cooldown);\n", ""),
    ("an agent never becomes not responding", "offer.rs",
     "        self.give_back(now, id, struck.then_some(Cause::Rona));",
     "        self.give_back(now, id, None);"),
    ("a withdrawn call is forgotten", "desk.rs",
     "        self.stand(now, id, presence, Phase::Idle, cause);\n"
     "        if let Some(call) = freed {\n            self.wait_on(now, call, None);\n        }",
     "        self.stand(now, id, presence, Phase::Idle, cause);\n        drop(freed);"),
    ("a break asked for in a talk is forgotten", "desk.rs",
     "            (self.presence, cause) = (asked, by);",
     "            cause = by;\n            let _ = asked;"),
    ("a timer outlives its state", "desk.rs",
     "None => drop(self.timers.cancel(&Timer::Phase(id))),",
     "None => {}"),
    ("nobody looks for a call when an agent becomes free", "desk.rs",
     "            self.match_agent(now, id);\n", ""),
    ("the end of a cooldown wakes nobody", "desk.rs",
     "        self.enter(now, id, self.agents[id.0 as usize].phase, Cause::Call);\n", ""),
    ("a login jumps the line", "desk.rs",
     "    came_back || (handled", "    (came_back && false) || (handled"),
    ("a caller who hung up costs the agent his place", "desk.rs",
     "        | Phase::Ringing { .. }\n        | Phase::Lapsing { .. }\n        | Phase::Connecting { .. } => false,\n"
     "    };\n    came_back",
     "        | Phase::Lapsing { .. }\n        | Phase::Connecting { .. } => false,\n"
     "        Phase::Ringing { .. } => true,\n    };\n    came_back"),
    ("an agent's time has a hole", "desk.rs",
     "        if from != to {\n            agent.since = now;\n        }",
     "        if from.0 != to.0 {\n            agent.since = now;\n        }"),
    ("a phone out of reach is offered calls", "agent.rs",
     "            && self.reachable()\n            && self.cooldown_until.is_none()",
     "            && self.cooldown_until.is_none()"),
    ("who declined a call is asked again at once", "skip.rs",
     "self.agents[agent.0 as usize].skips.contains(&call) && self.others_could(call)",
     "false && self.agents[agent.0 as usize].skips.contains(&call) && self.others_could(call)"),
    ("the only one left isn't asked again", "skip.rs",
     "        self.staff.on_duty(&self.matcher, call.class) > skipped",
     "        self.staff.on_duty(&self.matcher, call.class) > 0 * skipped"),
    ("the second call of a class hides behind the first", "matcher.rs",
     "        self.class_heads[at] = self.class_heads[at].min(key);",
     "        if self.classes[at].calls.len() == 1 {\n            self.class_heads[at] = key;\n        }"),
    ("who lost a race goes to the end of the line", "offer.rs",
     "            self.close(now, *other, OfferResult::LostRace);\n",
     "            self.close(now, *other, OfferResult::LostRace);\n"
     "            self.agents[agent.0 as usize].standing.load = occupancy::last(now);\n"
     "            self.agents[agent.0 as usize].standing.idle_since = now;\n"),
    ("a newcomer counts as having done nothing", "occupancy.rs",
     "(Duty::Off, Duty::Free | Duty::Busy) if new_shift => team.mean(),",
     "(Duty::Off, Duty::Free | Duty::Busy) if new_shift => 0.0,"),
    ("a break makes an agent look less busy", "occupancy.rs",
     "            Duty::Off => value,\n            Duty::Free", "            Duty::Off => value * 0.5,\n            Duty::Free"),
    ("nobody is kept for those who have nobody else", "matcher.rs",
     "(bit, low) = (1 << at, reserve.idle <= reserve.keep)", "(bit, low) = (1 << at, false)"),
    ("what is kept is kept for ever", "timeline.rs",
     "over: bits(reserves.iter().map(|reserve| reserve.lasts <= after)),", "over: 0,"),
    ("a stage never comes", "call.rs",
     "        call.class = next;\n", ""),
]


def copy_the_tree():
    """A workspace of the clock, the ACD and the simulator: it builds in seconds."""
    for folder in ("src", "tests"):
        shutil.rmtree(WORK / folder, ignore_errors=True)
    shutil.copytree(ROOT / "src/clock", WORK / "src/clock")
    shutil.copytree(ROOT / "src/center/acd", ACD)
    for name in ("ids.rs", "limits.rs"):
        shutil.copy(ROOT / "src/center" / name, WORK / "src/center" / name)
    (WORK / "src/center/lib.rs").write_text("pub mod acd;\npub mod ids;\npub mod limits;\n")
    shutil.copytree(ROOT / "tests/sim", WORK / "tests/sim")
    root = tomllib.loads((ROOT / "Cargo.toml").read_text())
    versions = root["workspace"]["dependencies"]
    plain = {name: v if isinstance(v, str) else v["version"] for name, v in versions.items()
             if isinstance(v, str) or "version" in v}
    package = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2024"\n\n[lib]\npath = "lib.rs"\n\n'
    serde = f'serde = {{ version = "{plain["serde"]}", features = ["derive"] }}\n'
    clock = 'dozvon-clock = { path = "%s/src/clock" }\n' % WORK
    (WORK / "Cargo.toml").write_text(
        '[workspace]\nresolver = "3"\nmembers = ["src/clock", "src/center", "tests/sim"]\n\n'
        '[profile.dev]\nopt-level = 0\ndebug = false\n')
    (WORK / "src/clock/Cargo.toml").write_text(
        package.format("dozvon-clock") + "[dependencies]\n" + serde)
    (WORK / "src/center/Cargo.toml").write_text(
        package.format("dozvon-center") + "[dependencies]\n" + clock + serde
        + f'thiserror = "{plain["thiserror"]}"\n')
    (WORK / "tests/sim/Cargo.toml").write_text(
        package.format("dozvon-sim") + '[[test]]\nname = "day"\npath = "day.rs"\n\n[dependencies]\n' + clock
        + 'dozvon-center = { path = "%s/src/center" }\n' % WORK)
    shutil.copy(ROOT / "Cargo.lock", WORK / "Cargo.lock")


# A day takes seconds of processor time, however busy the machine is; one that takes longer than this stands still, and
# that is as good as a broken law. A virtual day never sleeps.
DAY_CPU_SECS_MAX = 60
STANDS_STILL = f"(signal: {int(signal.SIGXCPU)}"  # as cargo tells the end of a test by a signal


def bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (DAY_CPU_SECS_MAX, DAY_CPU_SECS_MAX + 5))


def cargo(*args, preexec_fn=None):
    env = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "target"), RUST_BACKTRACE="0", CHECK="500")
    env.pop("SEED", None)
    env["SEEDS"] = "2"
    command = ["cargo", "test", "-q", "-p", "dozvon-sim", "--test", "day", *args]
    return subprocess.run(command, cwd=WORK, env=env, capture_output=True, text=True, preexec_fn=preexec_fn)


def the_day():
    """Whether the laws held, and what was said. A plant that doesn't compile is an error of this script."""
    built = cargo("--no-run")
    if built.returncode:
        sys.exit("it doesn't compile:\n" + built.stderr[-3000:])
    ran = cargo("the_laws_hold_for_a_whole_day", preexec_fn=bounded)
    if STANDS_STILL in ran.stderr:
        return False, "law: the day comes to an end\npanicked at the day:\nthe day never ends"
    return ran.returncode == 0, ran.stdout + ran.stderr


def law_of(said):
    found = re.search(r"^SEED=.*?law: (.*)$", said, re.M) or re.search(r"panicked at .*\n(.*)", said)
    return found.group(1).removeprefix("law: ")[:100] if found else "?"


def main():
    words = sys.argv[1:]
    plants = [p for p in PLANTS if not words or any(word in p[0] for word in words)]
    began = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    copy_the_tree()
    wilted = [f"{name}: its text is in {file} {count} times" for name, file, text, _ in plants
              if (count := (ACD / file).read_text().count(text)) != 1]
    if wilted:
        sys.exit("plants that no longer fit; mend them:\n  " + "\n  ".join(wilted))
    held, said = the_day()
    if not held:
        sys.exit("the day fails without any plant:\n" + said[-3000:])
    missed = []
    for name, file, text, bug in plants:
        path = ACD / file
        sound = path.read_text()
        path.write_text(sound.replace(text, bug))
        held, said = the_day()
        path.write_text(sound)
        print(f"{'MISSED' if held else 'caught'}  {name}" + ("" if held else f"  |  {law_of(said)}"), flush=True)
        if held:
            missed.append(name)
    print(f"{len(plants) - len(missed)} of {len(plants)} caught in {time.monotonic() - began:.0f} s")
    if missed:
        sys.exit("the day is blind to: " + "; ".join(missed))


if __name__ == "__main__":
    main()
