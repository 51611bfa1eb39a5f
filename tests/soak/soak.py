#!/usr/bin/env python3
"""A soak of the release binary in real time: calls, agents and people at random, and `kill -9` now and then.

All calls are made by SIPp, as a foreign telephone would: they give up, press keys, wait, are helped, hang up, vanish.
Agents answer, decline, let ring, drop calls, lose their phones; commands over HTTP come at random. The server is killed
and started again on the same folder. At the end nothing may be stuck, lost or grown; each check prints its figure and
fails the run.

usage: soak.py [FILE], a binary that is built already
SOAK_SECS=600       seconds of load
SOAK_RATE=30        calls offered a second
SOAK_AGENTS         agents; as many for each call a second as make 200 at 30
SOAK_COMMANDS       commands a second; half as many as calls
SOAK_KILLS=2        kills, spread over the first half
SOAK_LATE_MS=10     p99 of the time from a free agent to his INVITE that is accepted
SOAK_SEED           of everything random but the order in which the machine runs things
"""

import asyncio
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import traceback

from desk import Desk
from house import (EXTEND_SECS, NUMBERS, PASSWORD, RING_SECS, ROOT, SILENCE_SECS, WRAP_UP_SECS, House, before_others)
from callers import CALL_SECS_MAX, Callers
from phones import TALK_SECS_MAX, Agents, Sound
from verdict import Verdict, answered, api, contacts, differences, dropped, foreign, lateness, memory, settled

SECS = float(os.environ.get("SOAK_SECS", 600))
RATE = float(os.environ.get("SOAK_RATE", 30))
AGENTS = int(os.environ.get("SOAK_AGENTS", max(20, round(RATE * 200 / 30))))
COMMANDS = float(os.environ.get("SOAK_COMMANDS", RATE / 2))
KILLS = int(os.environ.get("SOAK_KILLS", 2))
LATE_MS = float(os.environ.get("SOAK_LATE_MS", 10))
SEED = int(os.environ.get("SOAK_SEED", time.time_ns() % 1_000_000))

MEAN_TALK_SECS, PATIENCE_SECS, AWAY_SHARE = 5.0, 15.0, 0.1
# After a start: until caches, tables of transactions (32 s) and the allocator's heaps are as full as they get.
WARM_UP_SECS = 90.0
# A last life shorter than this says nothing about memory, and so few calls nothing about lateness.
JUDGED_SECS, JUDGED_CALLS = 180.0, 600
# The longest that an agent may be in each activity: its watchdog, and what a busy machine takes to notice.
SLACK_SECS = 3.0
# How long the last callers stay, of whom there are as many as agents.
PROBE_SECS = 15
TALK_SECS = TALK_SECS_MAX + 5 + SILENCE_SECS
BOUNDS = {"reserved": 2, "ringing": RING_SECS + 1, "connecting": 5, "wrap_up": WRAP_UP_SECS + EXTEND_SECS,
          "talking": TALK_SECS, "hold": TALK_SECS, "consult": TALK_SECS, "conference": TALK_SECS, "outbound": TALK_SECS,
          "supervising": TALK_SECS}
GAUGES = ("dozvon_calls_active", "dozvon_sip_dialogs", "dozvon_media_sessions", "dozvon_sip_transactions",
          "dozvon_queue_waiting", "dozvon_store_pending")


class Soak:
    """The whole run."""

    def __init__(self, house, rng):
        self.house, self.rng = house, rng
        self.sound = Sound()
        self.callers = Callers(house, self.sound, rng, PATIENCE_SECS, NUMBERS)
        self.agents = Agents(house.sip, self.sound, rng, self.callers, house.agents, PASSWORD, MEAN_TALK_SECS)
        self.desk = Desk(house, self.agents, self.callers, rng, AWAY_SHARE)
        self.began = self.until = 0.0
        self.up = False
        # When it was killed, and the stretches from there until it was up again.
        self.kills, self.downs = [], []
        self.rss, self.stuck, self.restarts = [], {}, []
        # The metrics of each life at its end.
        self.scrapes = []
        self.files = {}
        self.cpu, self.waited, self.life_began, self.loop_late = 0.0, 0.0, 0.0, []
        self.busiest = 0

    async def staff(self):
        """All phones register, and people set them ready."""
        gate = asyncio.Semaphore(20)

        async def one(name, phone):
            async with gate:
                if not await phone.register():
                    raise SystemExit(f"{name} can't register")
                status, text = await self.desk.set_status(name, "ready")
                if status != 200:
                    raise SystemExit(f"{name} can't be made ready: {status} {text}")
        await asyncio.gather(*(one(name, phone) for name, phone in self.agents.phones.items()))

    # ---- what goes on all the time ----------------------------------------------------------------------------------

    async def arrivals(self):
        """SIPp makes the calls; what is left is to wait for the last one."""
        loop = asyncio.get_running_loop()
        self.callers.call(SECS, RATE)
        while loop.time() < self.until or len(self.callers.records) < self.callers.planned:
            await asyncio.sleep(0.2)
            self.busiest = max(self.busiest, len(self.callers.by_number))
            if not self.callers.running():
                # They are over already, or it has given up, which is judged.
                break

    async def registrations(self):
        """Each phone registers anew every hundred seconds, well within the time that it is granted."""
        while True:
            await asyncio.sleep(100 / len(self.agents.phones))
            if self.up:
                await min(self.agents.phones.values(), key=lambda phone: phone.registered_at).register()

    async def watch(self):
        """Looks at the agents and the process every second."""
        while True:
            before = time.time()
            await asyncio.sleep(1)
            self.loop_late.append((time.time() - before - 1) * 1e3)
            if not self.up:
                continue
            try:
                self.rss.append((time.time(), self.house.rss_kb()))
                self.cpu, self.waited = self.house.cpu_secs(), self.house.waited_secs()
            except (OSError, TypeError):
                continue
            for row in await self.desk.refresh():
                bound = BOUNDS.get(row["activity"])
                if bound is not None and row["for_secs"] > bound + SLACK_SECS:
                    key = (row["name"], row["activity"], row["since"])
                    self.stuck[key] = row
                self.seen_free(row)

    def seen_free(self, row):
        """Who has been idle for longer than any rest that follows a missed offer can be given a call at any moment."""
        phone = self.agents.phones[row["name"]]
        free = row["status"] == "ready" and row["activity"] == "idle" and row["reachable"] and row["for_secs"] > 3
        if free and row["name"] not in self.desk.away and not phone.calls and phone.free_at is None:
            phone.free_at = time.time()

    async def killing(self):
        """Kills spread over the first half, each followed by a start on the same folder."""
        loop = asyncio.get_running_loop()
        for number in range(KILLS):
            at = self.began + SECS / 2 * (number + 1) / KILLS + self.rng.uniform(-1, 0)
            await asyncio.sleep(max(0, at - loop.time()))
            self.scrapes.append(await self.house.metrics())
            self.up = False
            self.tell(f"kill -9 with {len(self.callers.by_number)} calls")
            self.kills.append(time.time())
            await self.house.kill()
            self.agents.cut()
            await asyncio.sleep(self.rng.uniform(0.2, 1.0))
            began = time.time()
            await self.open()
            self.downs.append((self.kills[-1], time.time()))
            await self.staff()
            self.restarts.append(time.time() - began)
            self.tell(f"started again, all agents ready {self.restarts[-1]:.1f} s later")

    async def open(self):
        await self.house.start()
        self.life_began = time.time()
        self.files["idle"] = self.house.files()
        self.up = True

    def tell(self, what):
        print(f"  {asyncio.get_running_loop().time() - self.began:6.0f} s  {what}", flush=True)

    # ---- the run ----------------------------------------------------------------------------------------------------

    async def run(self, verdict):
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        await self.open()
        await self.staff()
        self.began, self.until = loop.time(), loop.time() + SECS
        helpers = [loop.create_task(work) for work in (
            self.watch(), self.registrations(), self.sound.speak(), self.callers.follow())]
        working = [loop.create_task(work) for work in (
            self.arrivals(), self.killing(), self.desk.run(COMMANDS, lambda: self.until))]
        for task in helpers + working:
            task.add_done_callback(lambda done: done.cancelled() or done.result())
        while any(not task.done() for task in working):
            await asyncio.wait(working, timeout=60)
            self.tell(f"{len(self.callers.records):,} calls, {len(self.callers.by_number)} now; "
                      f"{self.rss[-1][1] / 1024:.1f} MB; {sum(self.house.answers.values()):,} requests")
            for task in working:
                task.done() and task.result()
        end = time.time()
        # What a second under load looks like, before it ends.
        self.files["load"] = self.house.files()
        await self.settle(verdict)
        await self.probe(verdict)
        helpers[1].cancel()
        await self.empty(verdict)
        for task in helpers:
            task.cancel()
        self.judge(verdict, end)
        code = await self.house.stop()
        verdict.check("a stop in good order", code == 0, f"exit code {code}")

    async def settle(self, verdict):
        """After the last call and the longest wrap-up every agent must be idle."""
        began = time.time()
        until = began + CALL_SECS_MAX + TALK_SECS + WRAP_UP_SECS + EXTEND_SECS
        while time.time() < until:
            await asyncio.sleep(0.5)
            rows, calls = await self.house.get("agents"), await self.house.get("calls")
            quiet = rows and all(row["activity"] == "idle" for row in rows) and calls == []
            if quiet and not self.callers.running() and not self.callers.by_number and not self.desk.tasks:
                break
        self.tell(f"waited for the last call and the last wrap-up, {time.time() - began:.0f} s after the last arrival")
        settled(verdict, rows, calls, AGENTS, list(self.callers.by_number), len(self.desk.tasks))
        verdict.check("no agent ever in an activity for longer than its watchdog", not self.stuck,
                      f"{len(self.stuck)} in {len(self.loop_late):,} looks at {AGENTS} agents", self.stuck.values())

    async def probe(self, verdict):
        """Everybody is made ready, and as many callers come as there are agents: each agent must have one."""
        for name in self.agents.phones:
            await self.desk.set_status(name, "ready")
        # Those who missed or declined a moment ago rest.
        await asyncio.sleep(6)
        rows = {row["name"]: row for row in await self.house.get("agents") or []}
        free = [name for name, row in rows.items()
                if row["status"] == "ready" and row["activity"] == "idle" and row["reachable"]]
        away = [rows.get(name, name) for name in self.agents.phones if name not in free]
        self.agents.steady = True
        before = {name: phone.offered for name, phone in self.agents.phones.items()}
        earlier = len(self.callers.records)
        self.callers.call_at_once("200", AGENTS, PROBE_SECS)
        for _ in range(PROBE_SECS * 10):
            await asyncio.sleep(0.1)
            records = self.callers.records[earlier:]
            if len(records) == AGENTS and all(record.talks for record in records):
                break
        idle = [name for name, phone in self.agents.phones.items() if phone.offered == before[name]]
        waiting = AGENTS - sum(record.talks > 0 for record in records)
        verdict.check("as many callers as agents: every agent is ready and has one", not (away or idle or waiting),
                      f"{len(away)} not ready, {len(idle)} without a call, {waiting} callers without an agent",
                      away + idle)

    async def empty(self, verdict):
        """Calls, dialogs, sessions and transactions are gone once RFC 3261 lets them go (32 s)."""
        until, left = time.time() + PROBE_SECS + 50, {}
        while time.time() < until:
            await asyncio.sleep(1)
            metrics = await self.house.metrics()
            left = {name: metrics.get(name) for name in GAUGES if metrics.get(name) != 0}
            if not left:
                break
        verdict.check("nothing left: calls, dialogs, media sessions, transactions, waiting, records", not left, left or "all 0")
        self.files["end"] = self.house.files()
        idle, load, end = (sum(self.files[when].values()) for when in ("idle", "load", "end"))
        grown = {name: count - self.files["idle"].get(name, 0) for name, count in self.files["end"].items()
                 if count > self.files["idle"].get(name, 0)}
        # Readers of the database and of HTTP come with the first request and stay.
        verdict.check("files and sockets, at the start of the last life → at its end",
                      grown.get("socket", 0) <= 2 and sum(grown.values()) <= 16, f"{idle} → {end} (under load {load}); {grown}")
        dropped(verdict, self.scrapes + [metrics])

    def judge(self, verdict, end):
        answered(verdict, self.callers.records, self.downs)
        foreign(verdict, self.callers.lanes, self.callers.records, self.downs)
        lateness(verdict, self.agents.late(), LATE_MS, len(self.callers.records) >= JUDGED_CALLS)
        warm_at = self.life_began + WARM_UP_SECS
        memory(verdict, self.rss, warm_at, end, end - self.life_began >= JUDGED_SECS)
        api(verdict, self.house.answers, self.house.wrong)
        log = self.house.log_lines()
        bad = [line for line in log if " ERROR " in line or "panicked" in line]
        warned = sum(" WARN " in line for line in log)
        verdict.check("nothing on fire in the log", not bad, f"{len(bad)} errors or panics, {warned} warnings", bad)


async def main(binary):
    first = before_others("soak")
    house = House(binary, AGENTS)
    verdict, soak, own = Verdict(), Soak(house, random.Random(SEED)), []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: own.append("".join(traceback.format_exception(context["exception"]))
                               if "exception" in context else context["message"]))
    began, began_at = time.process_time(), time.monotonic()
    print(f"{SECS:.0f} s at {RATE:g} calls/s, all by SIPp, {AGENTS} agents, {COMMANDS:g} commands/s, {KILLS} kills, seed {SEED}; "
          f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}, {'before' if first else 'beside'} others; in {house.folder}", flush=True)
    try:
        await soak.run(verdict)
    finally:
        soak.callers.stop()
        if house.process and house.process.returncode is None:
            house.process.kill()
    verdict.check("the soak itself made no mistake", not own, f"{len(own)} exceptions", own)
    records = soak.callers.records
    contacts(verdict, house.folder / "soak.db", records, soak.kills)
    offers = sum(phone.offered for phone in soak.agents.phones.values())
    print(f"calls {len(records):,}, at most {soak.busiest} at once; as their phones saw it: {differences(records)}")
    print(f"offers {offers:,}; sent again by agents' phones: {soak.agents.line.sent_again:,}; commands {soak.desk.given}")
    print(f"load average {os.getloadavg()[0]:.2f}; our own loop late by p99 {quantile_of(soak.loop_late):.0f} ms; "
          f"the server in its last life: {soak.cpu:.1f} CPU-s, waited {soak.waited:.1f} s for a core")
    cpu, sipp = time.process_time() - began, sum(lane.cpu for lane in soak.callers.lanes)
    print(f"the soak itself: {cpu:.1f} CPU-s, SIPp {sipp:.1f}, in {time.monotonic() - began_at:.0f} s")
    if verdict.failed:
        print(f"{verdict.failed} checks FAILED; everything is in {house.folder}")
        return 1
    shutil.rmtree(house.folder)
    print("all checks hold")
    return 0


def quantile_of(values):
    return sorted(values)[int((len(values) - 1) * 0.99)] if values else 0.0


def build():
    """The release binary, built if it is not given."""
    target = os.environ.get("CARGO_TARGET_DIR")
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    return str((pathlib.Path(target) if target else ROOT / "target") / "release/dozvon")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else build())))
