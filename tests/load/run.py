#!/usr/bin/env python3
"""Measures the release binary under load and prints one table; docs/performance.md holds what it printed.

Writes a temporary configuration, starts `dozvon serve`, registers agents with digest, sets them ready over HTTP, and
drives tests/load (callers and agents in one process). CPU time is /proc/PID/stat of the server, so that others on the
machine blur it less than they blur time on the wall; they are told beside it (load average, time spent waiting for a
core).

usage: run.py [word ...] [--quick] [--alone] [--spread] [--dozvon FILE] [--json FILE]
words: answered, overload, queued, relay, memory, free, crowd. Without words: all of them.
"""

import argparse
import atexit
import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "load-agents-all-share-this-one"
SERVER_CORE, LOAD_CORE = 0, 1
# Loopback addresses of this run's own, so that its ports are nobody else's: for phones, their sound and the server's; and,
# where the server needs nearly all ports for sound, for that alone.
PHONES, CROWDED = (f"127.{net}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}" for net in (65, 66))
CALLERS, AGENTS = PHONES + ":7060", PHONES + ":7080"
SOUND_PORT, AGENT_SOUND_PORT = 7100, 7120
# How long a crowd may take until all who shall wait do.
GATHER_SECS = 180

FLOW = """flow: {name}
languages: [en]
start: {start}
operator: {{keys: ["0"], to: people}}
nodes:
  hello: {{say: {{play: [hello], next: people}}}}
  people: {{queue: {{name: general, max_wait: 1h, after: {{answered: bye, max_wait: bye, nobody: bye}}}}}}
  bye: {{hangup: {{}}}}
"""

SETTINGS = """[sip]
listen_udp = ["127.0.0.1:0"]
listen_tcp = ["127.0.0.1:0"]
registration_max_secs = 3600
[media]
address = "{phones}"
rtp_port_min = 10000
rtp_port_max = 19999
rtp_port_cooldown_secs = 0
rtp_timeout_secs = 3600
workers = 1
[limits]
calls_max = 2500
calls_per_sec_max = 10000
trunk_requests_per_sec_max = 1000000
trunk_requests_burst_max = 1000000
[flows]
folder = "flows"
prompts = "{root}/ivr-flows/prompts"
language = "en"
[acd]
no_agents_grace_secs = 0
[talk]
min_talk_ms = 0
[http]
listen = "127.0.0.1:0"
[store]
path = "load.db"
[drain]
finish_within_secs = 2
"""


def pinned(core, first, files=None):
    """Runs a child on one core; before all others there if wanted and allowed; with so many open files."""
    def before():
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        if os.cpu_count() > 1 and not (core == SERVER_CORE and SPREAD):
            os.sched_setaffinity(0, {core})
        if first:
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
            except OSError:
                pass
    return before


class Held:
    """Keeps others off the server's core while costs are measured, so that they do not empty its caches."""

    def __init__(self):
        self.spinner = None

    def __enter__(self):
        if ALONE:
            spin = "import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))\nwhile True: pass"
            self.spinner = subprocess.Popen([sys.executable, "-c", spin], preexec_fn=pinned(SERVER_CORE, False))

    def __exit__(self, *_):
        if self.spinner:
            self.spinner.kill()
            self.spinner.wait()


class Server:
    """One dozvon with its temporary folder."""

    def __init__(self, dozvon, agents, calls_max=2500, calls_per_sec=10000, wrap_up=0, crowd=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dozvon-load-"))
        self.agents = agents
        self.write(calls_max, calls_per_sec, wrap_up, crowd)
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(
            [dozvon, "serve", "--config", str(self.folder)],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
            preexec_fn=pinned(SERVER_CORE, ALONE, crowd))
        # Whatever ends this run ends its server.
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the server did not start:\n" + (self.folder / "log").read_text())
        self.ready = json.loads(line)
        self.sip = self.ready["sip_udp"][0]
        self.token = (self.folder / "secrets/tokens/admin").read_text().strip()
        self.made = 0

    def write(self, calls_max, calls_per_sec, wrap_up, crowd):
        def put(name, text):
            (self.folder / name).write_text(text)
        for sub in ("flows", "rollouts", "calendars", "secrets"):
            (self.folder / sub).mkdir()
        settings = SETTINGS.format(root=ROOT, phones=PHONES).replace("calls_max = 2500", f"calls_max = {calls_max}")
        settings = settings.replace("per_sec_max = 10000\n", f"per_sec_max = {calls_per_sec}\n", 1)
        if crowd:
            settings = settings.replace(f'address = "{PHONES}"\nrtp_port_min = 10000\nrtp_port_max = 19999',
                                        f'address = "{CROWDED}"\nrtp_port_min = 2000\nrtp_port_max = 61999')
        put("dozvon.toml", settings)
        put("flows/line.yaml", FLOW.format(name="line", start="hello"))
        put("flows/straight.yaml", FLOW.format(name="straight", start="people"))
        put("numbers.toml", '[[number]]\ndial = "100"\nflow = "line"\n[[number]]\ndial = "200"\nflow = "straight"\n')
        put("queues.toml", f'[[queue]]\nname = "general"\nwrap_up_secs = {wrap_up}\nlength_max = 20000\n')
        put("trunks.toml", '[[trunk]]\nname = "load"\nnetworks = ["127.0.0.0/8"]\n')
        put("tokens.toml", '[[token]]\nname = "admin"\nrole = "admin"\n')
        put("bots.toml", "")
        put("secrets/password", PASSWORD + "\n")
        (self.folder / "secrets/password").chmod(0o600)
        rows = (f'[[agent]]\nuser = "a{n}"\nlanguages = ["en"]\npassword_file = "secrets/password"\n'
                for n in range(1, max(1, self.agents) + 1))
        put("agents.toml", "".join(rows))

    def http(self, method, path, body=None, connection=None):
        own = connection or http.client.HTTPConnection(self.ready["http"])
        own.request(method, path, body, {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"})
        answer = own.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text}")
        return text

    def metric(self, name):
        lines = self.http("GET", "/metrics").splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def register(self):
        """Registers all agents."""
        return self.load(register=self.agents, password=PASSWORD, agents=True, calls=0)["registered"]

    def ready_agent(self, number, connection=None):
        body = '{"status":"ready","reason":"load test"}'
        self.http("POST", f"/api/v1/agents/a{number}/status", body, connection)

    def staff(self):
        """Registers all agents and sets them ready."""
        registered = self.register()
        connection = http.client.HTTPConnection(self.ready["http"])
        for number in range(1, self.agents + 1):
            self.ready_agent(number, connection)
        return registered

    def load(self, agents=False, flags=(), pid=None, **options):
        """One run of the generator against this server."""
        words = [str(LOAD), "--server", self.sip, "--callers-at", CALLERS, "--sound-port", str(SOUND_PORT)]
        words += ["--pid", str(pid or self.process.pid)]
        if agents:
            words += ["--agents-at", AGENTS]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), str(value)]
        words += ["--" + flag for flag in flags]
        said = subprocess.run(words, capture_output=True, text=True, preexec_fn=pinned(LOAD_CORE, True))
        if said.returncode:
            sys.exit(f"{' '.join(words)}\n{said.stderr}")
        result = json.loads(said.stdout)
        self.made += result["answered"]
        RESULTS.append({"options": options, "agents_configured": self.agents, "loadavg": os.getloadavg(), **result})
        return result

    def close(self):
        """Waits until nothing is left, reconciles the books, and stops."""
        for _ in range(100):
            left = self.metric("dozvon_calls_active"), self.metric("dozvon_sip_dialogs")
            if left == (0, 0):
                break
            time.sleep(0.1)
        warnings = [line for line in (self.folder / "log").read_text().splitlines()
                    if "WARN" in line or "ERROR" in line]
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        database = sqlite3.connect(f"file:{self.folder / 'load.db'}?mode=ro", uri=True)
        contacts, ended = database.execute("SELECT count(*), count(ended_at) FROM contacts").fetchone()
        database.close()
        books = {"calls": self.made, "contacts": contacts, "ended": ended, "calls_left": left[0],
                 "dialogs_left": left[1], "exit": self.process.returncode, "warnings": warnings[:5]}
        clean = contacts == ended == self.made and left == (0, 0) and self.process.returncode == 0
        BOOKS.append({**books, "clean": clean})
        if clean:
            shutil.rmtree(self.folder)
        else:
            print(f"  NOT CLEAN, kept in {self.folder}: {books}", flush=True)


# ---- what is measured ------------------------------------------------------------------------------------------------

RESULTS, BOOKS, TABLE = [], [], []


def row(what, got, target, met, more=""):
    """A line of the table; shown at once."""
    mark = {True: "yes", False: "NO", None: "-"}[met]
    TABLE.append((what, got, target, mark, more))
    print(f"| {what} | {got} | {target} | {mark} | {more} |", flush=True)


def bad(said):
    return said["failed"] or said["retransmissions"] or said["ended"] != said["started"]


def per_thousand(said):
    return said["cpu_ms"] / max(1, said["answered"])


def answered(scale):
    """Calls into the line: INVITE, 200, ACK, BYE."""
    best = None
    for rate in (100, 200, 400, 800, 1200, 1600, 2000, 2400, 2800, 3200, 4000):
        # A fresh one each: transactions are remembered for 32 s, and their bound is not what is measured here.
        server = Server(DOZVON, 1)
        server.load(dial=100, calls=400, rate=200, hold_ms=0)
        with Held():
            said = server.load(dial=100, calls=int(rate * (10 if rate == 100 else 4) * scale), rate=rate, hold_ms=0)
        server.close()
        cost, times = per_thousand(said), said["set_up_ms"]
        more = (f"INVITE→200 p50/p99 {times['p50']:.2f}/{times['p99']:.2f} ms; {said['answered_per_s']:.0f}/s answered, "
                f"{said['failed']} failed, {said['retransmissions']} sent again")
        if rate == 100:
            row("CPU-s per 1,000 answered calls at 100/s", f"{cost:.3f}", "≤ 0.25", cost <= 0.25, more)
        print(f"  {rate}/s: {cost:.3f} CPU-s per 1,000; {more} {said['refusals'] or ''}", flush=True)
        if bad(said) or said["answered_per_s"] < 0.97 * rate:
            break
        best = (rate, cost, more)
    if best:
        rate, cost, more = best
        row(f"… at the best clean rate, {rate}/s for 4 s", f"{cost:.3f}", "≤ 0.25", cost <= 0.25, more)


def overload(scale):
    """Offered twice what is configured: the rest is refused at once, the taken ones are unhurt."""
    server = Server(DOZVON, 1, calls_per_sec=400)
    said = server.load(dial=100, calls=int(3200 * scale), rate=800, hold_ms=0)
    times, refused = said["set_up_ms"], sum(said["refusals"].values())
    lost = said["started"] - said["answered"] - refused
    row("offered 800/s with calls_per_sec_max = 400", f"{said['answered_per_s']:.0f}/s answered", "no collapse", lost == 0,
        f"{refused} refused with {'/'.join(said['refusals']) or '-'}, {lost} lost; taken ones p99 {times['p99']:.2f} ms")
    server.close()


def queued(scale):
    """Caller, queue, agent, bridge, both BYEs."""
    for agents in (10, 100, 1000, 10000):
        server = Server(DOZVON, agents)
        registered = server.staff()
        server.load(agents=True, dial=200, calls=200, rate=50, talk_ms=50)
        with Held():
            said = server.load(agents=True, dial=200, calls=int(2000 * scale), rate=100, talk_ms=50)
        cost, times = per_thousand(said), said["set_up_ms"]
        row(f"CPU-s per 1,000 queued calls, {agents:,} agents", f"{cost:.3f}", "≤ 1, flat", cost <= 1,
            f"100/s; {said['agents']['invited']} agent calls, {said['failed']} failed, "
            f"{said['retransmissions']} sent again; {registered['agents']:,} registered in {registered['ms']} ms")
        server.close()


def relay(scale):
    """A packet through a bridged call, against a packet through a bare relay, one after the other."""
    calls = 300
    window = int(10_000 * scale)
    server = Server(DOZVON, calls)
    server.staff()

    def measure(said):
        sound = said["sound"]
        packets = sound["reached_agents"] + sound["returned"]
        return (said["window_cpu_ms"] * 1000 / max(1, packets), packets, said["window_cpu_ms"] / said["window_s"] / 10,
                sound["loss_percent"], sound["round_trip_ms"])

    def floor():
        bare = subprocess.Popen(
            [str(LOAD.parent / "relay_floor"), PHONES, str(calls), "10000", str(SOUND_PORT), str(AGENT_SOUND_PORT)],
            stdout=subprocess.PIPE, text=True, preexec_fn=pinned(SERVER_CORE, ALONE))
        bare.stdout.readline()
        said = server.load(pid=bare.pid, calls=calls, relay=PHONES + ":10000", window_ms=window, settle_ms=1000)
        bare.kill()
        bare.wait()
        return measure(said)

    before = floor()
    bridged = server.load(agents=True, flags=["sound"], dial=200, calls=calls, rate=100, window_ms=window)
    ours = measure(bridged)
    after = floor()
    server.close()
    bare = (before[0] + after[0]) / 2
    ratio = ours[0] / bare
    row(f"CPU µs per relayed packet, {calls} bridged calls", f"{ours[0]:.2f}", "≤ 1.5 × floor", ratio <= 1.5,
        f"floor {before[0]:.2f} before, {after[0]:.2f} after: {ratio:.2f} ×; {ours[1]:,} packets, loss {ours[3]:.3f} %, "
        f"round trip p50/p99 {ours[4]['p50']:.2f}/{ours[4]['p99']:.2f} ms")
    row("bridged call, CPU % each", f"{ours[2] / calls:.3f}", "-", None, f"floor {bare / 100:.3f}")
    grown = (bridged["rss_window_kb"] - bridged["rss_start_kb"]) / calls
    row("RSS per talking call, kB", f"{grown:.1f}", "≤ 60", grown <= 60,
        f"{bridged['rss_start_kb']:,} kB before, {bridged['rss_window_kb']:,} kB with {calls}")


def memory(scale):
    """Callers who wait with music and nobody to answer."""
    calls = 1000
    server = Server(DOZVON, 1)
    said = server.load(dial=200, calls=calls, rate=200, window_ms=int(10_000 * scale))
    grown = (said["rss_window_kb"] - said["rss_start_kb"]) / calls
    busy = said["window_cpu_ms"] / said["window_s"] / 10 / calls
    row("RSS per waiting call, kB", f"{grown:.1f}", "≤ 60", grown <= 60,
        f"{said['rss_start_kb']:,} kB before, {said['rss_window_kb']:,} kB with {calls:,}; {said['threads']} threads")
    row("waiting with music, CPU % each", f"{busy:.4f}", "-", None,
        f"{said['sound']['played'] / said['window_s'] / calls:.1f} packets/s each; {said['failed']} failed")
    server.close()


def free(scale):
    """Agents free themselves by hanging up; how soon comes the next caller?"""
    for waiting in (10, 100, 1000):
        server = Server(DOZVON, 10)
        server.staff()
        said = server.load(agents=True, dial=200, calls=waiting + 10 + int(1500 * scale) + 1000, rate=250,
                           keep=waiting + 10, talk_ms=200, window_ms=int(20_000 * scale), settle_ms=1000)
        times, count = said["agents"]["refill_ms"], said["window_agent_calls"]
        row(f"agent free → his next INVITE, {waiting:,} waiting, p50 / p99 ms", f"{times['p50']:.2f} / {times['p99']:.2f}",
            "p99 ≤ 5", times["p99"] <= 5,
            f"n {times['n']}, p99.9 {times['p999']:.2f}, max {times['max']:.2f}; {count / said['window_s']:.0f} agent calls/s; "
            f"{said['window_cpu_ms'] / max(1, count):.2f} CPU-s per 1,000 of them; waited {said['window_wait_ms']} ms for a core")
        server.close()


def crowd(scale):
    """10,000 agents at work and 10,000 who wait, in one process; agents come free as their wrap-ups end."""
    agents, cycle = int(10_000 * scale), 60
    # Who waits has one socket, RTP and RTCP on one port; who talks has two for a second. Where no more files may be opened,
    # fewer wait.
    files = max(open_files_max(), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    waiting = min(agents, files - 4_000)
    if waiting < agents // 2:
        row(f"{agents:,} agents and as many waiting", "not measured", "p99 ≤ 10", False,
            f"a process may open {files:,} files only: raise `ulimit -n` to {agents + 4_000:,}")
        return
    for looked_at in (False, True):
        server = Server(DOZVON, agents, calls_max=int(12_000 * scale), wrap_up=cycle - 1, crowd=files)
        registered = server.register()
        stop = threading.Event()
        helpers = [Helper(begin_work, server, waiting, cycle, stop)]
        helpers += [Helper(look, server, stop)] if looked_at else []
        # All who wait come first, and want no music: for 10,000 it would take more than these two cores. Then the agents
        # begin to work one by one within a cycle: a talk of a second, and the paperwork for the rest of it; whoever is
        # answered is replaced by the next caller.
        said = server.load(
            agents=True, flags=["deaf"], dial=200, calls=waiting + 6 * agents, rate=500 * scale,
            keep=waiting + agents // 50, talk_ms=1000, wrap_up_ms=(cycle - 1) * 1000, settle_ms=(cycle + 20) * 1000,
            window_ms=60_000, give_up_ms=300_000)
        stop.set()
        for helper in helpers:
            helper.join()
        times, count = said["agents"]["refill_ms"], said["window_agent_calls"]
        row(f"{agents:,} agents, {waiting:,} waiting{', looked at' if looked_at else ''}: agent free → INVITE, p50 / p99 ms",
            f"{times['p50']:.2f} / {times['p99']:.2f}", "p99 ≤ 10", crowd_met(said, agents),
            f"n {times['n']}, p99.9 {times['p999']:.2f}, max {times['max']:.2f}; {said['failed']} failed; "
            f"{count / said['window_s']:.0f} agent calls/s; {said['window_cpu_ms'] / said['window_s'] / 10:.0f} % of a core; {said['rss_window_kb'] // 1024} MB; "
            f"{registered['agents']:,} registered in {registered['ms']} ms; waited {said['window_wait_ms']} ms for a core")
        server.close()


def crowd_met(said, agents):
    """Whether the crowd was served in time: nearly all agents came free once within the window, and no call failed."""
    times = said["agents"]["refill_ms"]
    return times["p99"] <= 10 and times["n"] >= 0.9 * agents and not said["failed"]


class Helper(threading.Thread):
    """Work beside the generator. What ends it before its time is raised again by whoever joins it."""

    def __init__(self, work, *about):
        super().__init__(daemon=True)
        self.work, self.about, self.error = work, about, None
        self.start()

    def run(self):
        try:
            self.work(*self.about)
        except BaseException as error:  # `Server.http` ends by SystemExit, which a thread swallows.
            self.error = error

    def join(self, timeout=None):
        super().join(timeout)
        if self.error:
            raise self.error


def open_files_max():
    """How many files a child of ours may open, if we may say so."""
    wanted = 60_000
    trial = subprocess.run(["prlimit", f"--nofile={wanted}:{wanted}", "true"], capture_output=True)
    return wanted if trial.returncode == 0 else 0


def begin_work(server, waiting, cycle, stop):
    """When all who shall wait do, the agents come to work, evenly over one cycle."""
    until = time.time() + GATHER_SECS
    while (count := server.metric("dozvon_queue_waiting")) < waiting:
        if time.time() > until or stop.wait(1):
            sys.exit(f"{count:,.0f} callers wait after {GATHER_SECS} s, or at the end; {waiting:,} should")
    began, connection = time.time(), http.client.HTTPConnection(server.ready["http"])
    for number in range(1, server.agents + 1):
        time.sleep(max(0, began + cycle * number / server.agents - time.time()))
        server.ready_agent(number, connection)


def look(server, stop):
    """A live page and a Prometheus, as they look at the house."""
    while not stop.wait(1):
        for path in ("/api/v1/queues", "/api/v1/agents", "/metrics"):
            server.http("GET", path)


PARTS = {"answered": answered, "overload": overload, "queued": queued, "relay": relay, "memory": memory, "free": free, "crowd": crowd}


def build(words):
    target = os.environ.get("CARGO_TARGET_DIR")
    environment = {**os.environ, "CARGO_TARGET_DIR": target} if target else dict(os.environ)
    where = pathlib.Path(target) if target else ROOT / "target"
    if not words.dozvon:
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, env=environment, check=True)
    environment["CARGO_TARGET_DIR"] = str(where / "load")
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=HERE, env=environment, check=True)
    return words.dozvon or str(where / "release/dozvon"), where / "load/release/load"


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="word")
    reader.add_argument("--quick", action="store_true", help="a fifth of the calls")
    reader.add_argument("--dozvon", help="a binary that is built already")
    reader.add_argument("--alone", action="store_true",
                        help="the server, too, goes before all others on its core, and they stay off it while "
                             "costs are measured: as on a machine of its own")
    reader.add_argument("--spread", action="store_true", help="the server may use all cores, not one")
    reader.add_argument("--json", help="all readings, into this file")
    words = reader.parse_args()
    DOZVON, LOAD = build(words)
    ALONE, SPREAD = words.alone, words.spread
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    print(f"{model[0] if model else '?'}, {os.cpu_count()} cores, Linux {os.uname().release}; load average "
          f"{os.getloadavg()[0]:.2f}", flush=True)
    for name in words.parts or PARTS:
        PARTS[name](0.2 if words.quick else 1)
    made = sum(books["calls"] for books in BOOKS)
    kept = sum(books["contacts"] for books in BOOKS)
    row("after all: calls and dialogs left", sum(b["calls_left"] + b["dialogs_left"] for b in BOOKS), "0",
        all(b["calls_left"] == b["dialogs_left"] == 0 for b in BOOKS))
    row("contacts in SQLite / calls made", f"{kept:,} / {made:,}", "equal", kept == made)
    print(f"load average {os.getloadavg()[0]:.2f}\n\n| figure | measured | target | met | beside it |\n|---|---|---|---|---|")
    for line in TABLE:
        print("| " + " | ".join(str(cell) for cell in line) + " |")
    if words.json:
        pathlib.Path(words.json).write_text(json.dumps({"runs": RESULTS, "books": BOOKS}, indent=1))
    sys.exit(0 if all(books["clean"] for books in BOOKS) else 1)
