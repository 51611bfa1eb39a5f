#!/usr/bin/env python3
"""Plants known bugs in the center, one at a time, and demands that a simulated day catches each of them: those of the
ACD the day of the floor, all others the day of the house.

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

# name, file below src/center/acd, text, replacement
OF_THE_FLOOR = [
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


# name, file below src/center, text, replacement
OF_THE_HOUSE = [
    ("customers elsewhere are called by our own clock", "callback/hours.rs",
     "calendars.get(elsewhere.or(self.calendar.as_ref())?)", "calendars.get(elsewhere.and(None).or(self.calendar.as_ref())?)"),
    ("whoever calls himself loses the kept place", "callback/merge.rs",
     "        Some(callback.enqueued_at)\n", "        Some(now)\n"),
    ("whoever calls himself is called all the same", "callback/merge.rs",
     "        if !self.turn(now, id, Input::Calls(call)) {\n            return Arriving::Crossed;\n        }\n"
     "        self.end_attempt(now, attempt, \"customer_called\");\n", "        let _ = (attempt, call);\n"),
    ("attempts aren't counted", "callback/machine.rs",
     "                self.attempts += 1;\n", ""),
    ("a customer who did not answer is called again at once", "callback/calls.rs",
     "let again = (attempts < rules.attempts).then(|| now + rules.spacing);",
     "let again = (attempts < rules.attempts).then(|| now + rules.ring_timeout);"),
    ("whoever overflows begins to wait anew", "overflow.rs",
     "            call.credit_from = call.enqueued_at;\n", "            call.credit_from = None;\n"),
    ("whoever loses his place by the flow keeps it", "overflow.rs",
     "            call.enqueued_at = None;\n", "            call.credit_from = call.enqueued_at;\n"),
    ("the operator key costs the caller his place", "pump.rs",
     "                call.credit_from = call.enqueued_at;\n", "                call.credit_from = None;\n"),
    ("the operator key costs the caller his head start", "pump.rs",
     "                call.kept_priority = call.required.take().map(|(_, priority)| priority);\n", ""),
    ("nobody gives a silent bot up", "pump.rs",
     "        self.deadlines.set((call.id, Timer::BotAnswer), now + policy.answer_within);\n", "        let _ = policy;\n"),
    ("a hold that is over is warned of", "talk/hold.rs",
     "        self.deadlines.cancel(&(call.id, Timer::HoldWarning));\n", ""),
    ("a colleague who was asked in vain stays busy", "talk/third.rs",
     "        if let Who::Agent(agent) = third.who {\n            self.acd.disengage(now, agent);\n        }\n    }\n\n"
     "    // ---- the agent leaves", "    }\n\n    // ---- the agent leaves"),
    ("a transfer to a queue costs the caller his wait", "talk/mod.rs",
     "let enqueued_at = call.enqueued_at.unwrap_or(now);", "let enqueued_at = now;"),
    ("the customer hears the supervisor whisper", "hearing.rs",
     "WatchMode::Whisper => *leg == agent,", "WatchMode::Whisper => leg.0 > 0 || *leg == agent,"),
    ("an old place is given for ever", "returning.rs",
     "given_up.take_if(fits).map(|old| old.enqueued_at)",
     "given_up.as_mut().and_then(|old| fits(old).then_some(old.enqueued_at))"),
    ("a talk that broke off is a head start for ever", "returning.rs",
     "talk.is_some_and(|talk| talk.broke_off && now.since(talk.ended) <= INTERRUPTED_WITHIN)",
     "talk.is_some_and(|talk| talk.broke_off && now.since(talk.ended) <= 9 * INTERRUPTED_WITHIN)"),
    ("who waits when it burns waits on", "opening.rs",
     "                self.deadlines.set((call.id, Timer::WaitRules), now);\n", ""),
    ("the draw is not the bot's share of the numbers", "rollout/assign.rs",
     "            number if number < self.share.numbers() => (Arm::Bot, Reason::InShare),",
     "            number if number ^ (1 << 63) < self.share.numbers() && number % 3 != self.share.numbers() % 5 => {\n"
     "                (Arm::Bot, Reason::InShare)\n            }"),
    ("the caller's next call knows nothing of the talk that broke", "talk/hold.rs",
     "            self.returning.talked(now, &number, talk.agent, talk.queue_id, broke_off);",
     "            self.returning.talked(now, &number, talk.agent, talk.queue_id, broke_off && now < talk.since);"),
    ("a broken talk gives no head start in its queue", "acd/call.rs",
     "        if lost.is_some() {\n", "        if lost.is_some() && lost.is_none() {\n"),
    ("a queue that closes keeps its callers", "opening.rs",
     "            call.rules.serve_until(until);\n", ""),
    ("who dropped a talk is offered the same caller", "acd/dropped.rs",
     "        self.add_skip(now, id, agent);\n", ""),
    ("who dropped a talk needs no rest", "acd/dropped.rs",
     "        self.rest(now, agent, self.config.fault_cooldown);\n", ""),
    ("a phone that broke is waited for too long", "talk/broken.rs",
     "Timer::PhoneGone), now + self.policy.talk.media_grace);",
     "Timer::PhoneGone), now + 2 * self.policy.talk.media_grace);"),
    ("the customer of a phone that broke hears nothing", "talk/broken.rs",
     "What::PhoneBroke { queue, agent });\n        self.arrange(now, call);\n",
     "What::PhoneBroke { queue, agent });\n"),
    ("an agent who is back is not heard", "talk/broken.rs",
     "        let broken = talk.broken.take();\n", "        let broken = talk.broken.clone();\n"),
    ("an agent is let go and his phone rings on", "sides/agent.rs",
     "            self.release(ring.leg, ending.clone());\n", "            let _ = (&ring, &ending);\n"),
]

def clock_and_acd(work):
    """A workspace of the clock, the ACD and the day of the floor: it builds in seconds."""
    shutil.copytree(ROOT / "src/center/acd", work / "src/center/acd")
    for name in ("ids.rs", "limits.rs"):
        shutil.copy(ROOT / "src/center" / name, work / "src/center" / name)
    (work / "src/center/lib.rs").write_text("pub mod acd;\npub mod ids;\npub mod limits;\n")
    rooms = (ROOT / "tests/sim/lib.rs").read_text()
    (work / "tests/sim/lib.rs").write_text(rooms.replace("pub mod books;\n", "").replace("pub mod house;\n", ""))
    root = tomllib.loads((ROOT / "Cargo.toml").read_text())
    versions = root["workspace"]["dependencies"]
    plain = {name: v if isinstance(v, str) else v["version"] for name, v in versions.items()
             if isinstance(v, str) or "version" in v}
    package = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2024"\n\n[lib]\npath = "lib.rs"\n\n'
    serde = f'serde = {{ version = "{plain["serde"]}", features = ["derive"] }}\n'
    clock = 'dozvon-clock = { path = "%s/src/clock" }\n' % work
    (work / "Cargo.toml").write_text(
        '[workspace]\nresolver = "3"\nmembers = ["src/clock", "src/center", "tests/sim"]\n\n'
        '[profile.dev]\nopt-level = 0\ndebug = false\n')
    (work / "src/clock/Cargo.toml").write_text(
        package.format("dozvon-clock") + "[dependencies]\n" + serde)
    (work / "src/center/Cargo.toml").write_text(
        package.format("dozvon-center") + "[dependencies]\n" + clock + serde
        + f'thiserror = "{plain["thiserror"]}"\n')
    (work / "tests/sim/Cargo.toml").write_text(
        package.format("dozvon-sim") + '[[test]]\nname = "day"\npath = "day.rs"\n\n[dependencies]\n' + clock
        + 'dozvon-center = { path = "%s/src/center" }\n' % work)


def whole_center(work):
    """A workspace of the clock, the whole center and the day of the house, by the manifests that they have."""
    shutil.copytree(ROOT / "src/center", work / "src/center", dirs_exist_ok=True)
    manifest = (ROOT / "Cargo.toml").read_text().split("[package]")[0]
    manifest = re.sub(r"(?m)^(default-members|dozvon-(sip|media|switch)) = .*\n", "", manifest)
    manifest = re.sub(r"(?m)^members = .*$", 'members = ["src/clock", "src/center", "tests/sim"]', manifest)
    profile = "[profile.dev]\nopt-level = 0\ndebug = false\n"
    (work / "Cargo.toml").write_text(manifest + profile + '[profile.dev.package."*"]\nopt-level = 1\n')


class Garden:
    """A workspace in which bugs are planted, and the day that is to catch them."""

    def __init__(self, name, lay, beds, plants, target, test):
        self.work, self.lay, self.plants, self.target, self.test = WORK / name, lay, plants, target, test
        self.beds = self.work / beds

    def lay_out(self):
        for folder in ("src", "tests"):
            shutil.rmtree(self.work / folder, ignore_errors=True)
        shutil.copytree(ROOT / "src/clock", self.work / "src/clock")
        shutil.copytree(ROOT / "tests/sim", self.work / "tests/sim")
        (self.work / "src/center").mkdir(parents=True)
        self.lay(self.work)
        shutil.copy(ROOT / "Cargo.lock", self.work / "Cargo.lock")
        # A file that is older than what was built of it isn't built again, whatever the run before had planted there.
        for path in (self.work / "src").rglob("*.rs"):
            path.touch()

    def cargo(self, *args, preexec_fn=None):
        env = dict(os.environ, CARGO_TARGET_DIR=str(self.work / "target"), RUST_BACKTRACE="0", CHECK="500")
        env.pop("SEED", None)
        env["SEEDS"] = "2"
        command = ["cargo", "test", "-q", "-p", "dozvon-sim", "--test", self.target, *args]
        return subprocess.run(command, cwd=self.work, env=env, capture_output=True, text=True, preexec_fn=preexec_fn)

    def the_day(self):
        """Whether the laws held, and what was said. A plant that doesn't compile is an error of this script."""
        built = self.cargo("--no-run")
        if built.returncode:
            sys.exit("it doesn't compile:\n" + built.stderr[-3000:])
        ran = self.cargo(self.test, preexec_fn=bounded)
        if STANDS_STILL in ran.stderr:
            return False, "law: the day comes to an end\npanicked at the day:\nthe day never ends"
        return ran.returncode == 0, ran.stdout + ran.stderr

    def wilted(self):
        return [f"{name}: its text is in {file} {count} times" for name, file, text, _ in self.plants
                if (count := (self.beds / file).read_text().count(text)) != 1]

    def missed(self):
        """The plants that the day did not catch."""
        held, said = self.the_day()
        if not held:
            sys.exit("the day fails without any plant:\n" + said[-3000:])
        missed = []
        for name, file, text, bug in self.plants:
            path = self.beds / file
            sound = path.read_text()
            path.write_text(sound.replace(text, bug))
            held, said = self.the_day()
            path.write_text(sound)
            print(f"{'MISSED' if held else 'caught'}  {name}" + ("" if held else f"  |  {law_of(said)}"), flush=True)
            if held:
                missed.append(name)
        return missed


# A day takes seconds of processor time, however busy the machine is; one that takes longer than this stands still, and
# that is as good as a broken law. A virtual day never sleeps.
DAY_CPU_SECS_MAX = 60
STANDS_STILL = f"(signal: {int(signal.SIGXCPU)}"  # as cargo tells the end of a test by a signal


def bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (DAY_CPU_SECS_MAX, DAY_CPU_SECS_MAX + 5))


def law_of(said):
    found = re.search(r"^SEED=.*?law: (.*)$", said, re.M) or re.search(r"panicked at .*\n(.*)", said)
    law = found.group(1) if found else "?"
    return law.rpartition("law: ")[2][:100]


def main():
    words = sys.argv[1:]
    gardens = [
        Garden("floor", clock_and_acd, "src/center/acd", OF_THE_FLOOR, "day", "the_laws_hold_for_a_whole_day"),
        Garden("house", whole_center, "src/center", OF_THE_HOUSE, "house",
               "the_books_agree_over_a_whole_day_of_the_house"),
    ]
    for garden in gardens:
        garden.plants = [p for p in garden.plants if not words or any(word in p[0] for word in words)]
    gardens = [garden for garden in gardens if garden.plants]
    began = time.monotonic()
    for garden in gardens:
        garden.lay_out()
    wilted = [plant for garden in gardens for plant in garden.wilted()]
    if wilted:
        sys.exit("plants that no longer fit; mend them:\n  " + "\n  ".join(wilted))
    missed = [name for garden in gardens for name in garden.missed()]
    plants = sum(len(garden.plants) for garden in gardens)
    print(f"{plants - len(missed)} of {plants} caught in {time.monotonic() - began:.0f} s")
    if missed:
        sys.exit("the days are blind to: " + "; ".join(missed))


if __name__ == "__main__":
    main()
