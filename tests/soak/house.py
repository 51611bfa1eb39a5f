"""The server under test: its configuration, its process, its HTTP, and what the system says of it."""

import asyncio
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import tempfile

from verdict import undeserved

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "soak-agents-all-share-this-one"
# The server and the soak go before others on the machine where that is allowed, so that lateness is the switch's own.
NICE = {"server": -15, "soak": -10}
# What bounds each activity, seconds; a talk is bounded by the phones. Beside it: time to notice, on a busy machine.
RING_SECS, WRAP_UP_SECS, EXTEND_SECS, SILENCE_SECS = 4, 3, 5, 15

QUEUE = "  {queue}: {{queue: {{name: {queue}, max_wait: 40s, after: {{answered: bye, max_wait: bye, nobody: bye}}}}}}\n"
HELLO = "  hello: {{say: {{play: [hello], next: {queue}}}}}\n"
FLOW = """flow: {name}
languages: [en]
start: {start}
operator: {{keys: ["0"], to: {queue}}}
nodes:
""" + HELLO + QUEUE + "  bye: {{hangup: {{}}}}\n"

SETTINGS = """[sip]
listen_udp = ["127.0.0.1:{sip}"]
listen_tcp = ["127.0.0.1:{sip}"]
[media]
address = "{sound}"
rtp_port_min = 10000
rtp_port_max = 18999
rtp_port_cooldown_secs = 2
rtp_timeout_secs = {silence}
[limits]
calls_per_sec_max = 1000
trunk_requests_per_sec_max = 1000000
trunk_requests_burst_max = 1000000
[flows]
folder = "flows"
prompts = "{root}/ivr-flows/prompts"
language = "en"
[acd]
rona_cooldown_secs = 2
reject_cooldown_secs = 1
fault_cooldown_secs = 2
skip_secs = 5
unreachable_grace_secs = 2
[talk]
hold_warn_at_secs = 2
hold_max_secs = 4
ring_timeout_secs = 5
min_talk_ms = 500
park_max_secs = 6
[http]
listen = "127.0.0.1:{http}"
[store]
path = "soak.db"
[events]
file = "events.jsonl"
[drain]
finish_within_secs = 5
"""

QUEUES = f"""[[queue]]
name = "fast"
wrap_up = "off"
ring_timeout_secs = {RING_SECS}
length_max = 2000
[[queue]]
name = "timed"
wrap_up_secs = 1
wrap_up_extend_max_secs = {EXTEND_SECS}
ring_timeout_secs = {RING_SECS}
length_max = 2000
sticky_within_secs = 600
sticky_wait_secs = 5
[[queue]]
name = "coded"
wrap_up = "until_code_max"
wrap_up_secs = {WRAP_UP_SECS}
wrap_up_extend_max_secs = {EXTEND_SECS}
classifier = "bank"
ring_timeout_secs = {RING_SECS}
length_max = 50
[[queue]]
name = "many"
wrap_up = "off"
ring = "parallel"
ring_phones_max = 3
ring_timeout_secs = {RING_SECS}
length_max = 2000
"""
# A menu before the queues: a wrong key, or none, leads to one of them too.
MENU = """flow: menu
languages: [en]
start: main
operator: {keys: ["0"], to: fast}
nodes:
  main:
    menu:
      play: hello
      timeout: 2s
      attempts: 1
      options: {"1": {to: timed}, "2": {to: coded}}
      silence: fast
      wrong: many
""" + "".join(QUEUE.format(queue=queue) for queue in ("fast", "timed", "coded", "many")) + "  bye: {hangup: {}}\n"
# Each number with its flow, named like the queue that it leads to, whether a prompt comes first, and its share of the
# calls.
NUMBERS = {"100": ("timed", True, 20), "200": ("fast", False, 35), "300": ("coded", False, 20), "400": ("many", False, 15),
           "500": ("menu", True, 10)}


def before_others(who):
    """Raises our priority, if we may."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE[who])
    except PermissionError:
        return False
    return True


def free_port():
    """A port for SIP and HTTP that nobody has now; the server keeps it over its restarts."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
    raise SystemExit("no port is free")


class House:
    """One configuration folder and the server that runs on it."""

    def __init__(self, binary, agents):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dozvon-soak-"))
        self.agents = [f"a{n}" for n in range(1, agents + 1)]
        self.sip, self.http_port = ("127.0.0.1", free_port()), free_port()
        self.write()
        self.process = self.ready = None
        self.lives = 0
        # Whether somebody must answer: from when it is ready until we stop or kill it.
        self.alive = False
        # Answers of the API by status, and those that no client deserves.
        self.answers, self.wrong = {}, []

    def write(self):
        def put(name, text):
            (self.folder / name).write_text(text)
        for sub in ("flows", "rollouts", "calendars", "classifiers", "secrets"):
            (self.folder / sub).mkdir()
        # A loopback address of its own, so that no port for sound is somebody else's.
        self.sound = sound = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
        put("dozvon.toml", SETTINGS.format(root=ROOT, sip=self.sip[1], http=self.http_port, sound=sound, silence=SILENCE_SECS))
        rows = ""
        for dial, (queue, prompt, _) in NUMBERS.items():
            flow = FLOW.format(name=queue, queue=queue, start="hello" if prompt else queue)
            flow = MENU if queue == "menu" else flow
            put(f"flows/{queue}.yaml", flow if prompt else flow.replace(HELLO.format(queue=queue), ""))
            rows += f'[[number]]\ndial = "{dial}"\nflow = "{queue}"\n'
        put("numbers.toml", rows)
        put("queues.toml", QUEUES)
        put("trunks.toml", '[[trunk]]\nname = "soak"\nnetworks = ["127.0.0.0/8"]\n')
        put("tokens.toml", '[[token]]\nname = "boss"\nrole = "supervisor"\n')
        put("bots.toml", "")
        shutil.copy(ROOT / "config/classifiers/bank.yaml", self.folder / "classifiers")
        put("secrets/password", PASSWORD + "\n")
        (self.folder / "secrets/password").chmod(0o600)
        put("agents.toml", "".join(
            f'[[agent]]\nuser = "{name}"\nlanguages = ["en"]\npassword_file = "secrets/password"\n' for name in self.agents))

    async def start(self):
        """Starts the server, for the first time or again, and waits until it is ready."""
        log = open(self.folder / "log", "a")
        self.process = await asyncio.create_subprocess_exec(
            self.binary, "serve", "--config", str(self.folder), stdout=asyncio.subprocess.PIPE, stderr=log,
            preexec_fn=lambda: before_others("server"))
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        if not line:
            raise SystemExit("the server did not start:\n" + (self.folder / "log").read_text()[-4000:])
        self.ready = json.loads(line)
        self.token = (self.folder / "secrets/tokens/boss").read_text().strip()
        self.lives += 1
        self.alive = True

    async def kill(self):
        """As a power cut would, but for the disk."""
        self.alive = False
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self):
        """In good order; answers the exit code."""
        self.alive = False
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 60)

    # ---- HTTP -------------------------------------------------------------------------------------------------------

    async def ask(self, method, path, body=None):
        """One request; answers status and text, or (None, "") when nobody is there, which is wrong in a running life."""
        life = self.lives if self.alive else None
        data = b"" if body is None else json.dumps(body).encode()
        head = (f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {self.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port, limit=8 << 20)
            writer.write(head.encode() + data)
            answer = await asyncio.wait_for(reader.read(), 30)
            writer.close()
        except (OSError, asyncio.TimeoutError) as error:
            return self.nobody(life, f"{method} {path}: {error!r}")
        head, _, text = answer.decode(errors="replace").partition("\r\n\r\n")
        if " " not in head or not (self.alive and life == self.lives):
            # Nothing came, or what a kill has left of an answer.
            return self.nobody(life, f"{method} {path}: closed without an answer")
        status = int(head.split(" ")[1])
        if "chunked" in head.lower():
            text = unchunked(text)
        self.answers[status] = self.answers.get(status, 0) + 1
        if undeserved(status, text):
            self.wrong.append(f"{method} {path} {body}: {status} {text[:200]}")
        return status, text

    def nobody(self, life, what):
        """No answer. Wrong when the server has been up since the request began."""
        if self.alive and life == self.lives:
            self.answers[None] = self.answers.get(None, 0) + 1
            self.wrong.append(what)
        return None, ""

    async def get(self, path):
        """What the API shows, as JSON; None when it can't be had."""
        status, text = await self.ask("GET", "/api/v1/" + path)
        return json.loads(text) if status == 200 else None

    async def metrics(self):
        """The sum of each exported family, and each series by its name with its labels."""
        _, text = await self.ask("GET", "/metrics")
        found = {}
        for line in text.splitlines():
            match = re.match(r"([a-z_]+)(\{[^}]*\})? ([-+.0-9eNa]+)$", line)
            if match and match[3] != "NaN":
                for name in {match[1], match[1] + (match[2] or "")}:
                    found[name] = found.get(name, 0.0) + float(match[3])
        return found

    # ---- the process ------------------------------------------------------------------------------------------------

    def rss_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def files(self):
        """Open files by what they are: `socket`, or the name of the file."""
        folder, found = pathlib.Path(f"/proc/{self.process.pid}/fd"), {}
        for entry in os.listdir(folder):
            try:
                name = os.readlink(folder / entry).split(":")[0].rsplit("/", 1)[-1]
            except OSError:
                continue
            found[name] = found.get(name, 0) + 1
        return found

    def cpu_secs(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited_secs(self):
        """How long its threads were ready to run and another had the core."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks.iterdir()) / 1e9

    def log_lines(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.folder / "log").read_text(errors="replace")).splitlines()


def unchunked(text):
    """A body that came in chunks."""
    whole = []
    while text:
        size, _, text = text.partition("\r\n")
        count = int(size or "0", 16)
        if not count:
            break
        data = text.encode()
        whole.append(data[:count].decode(errors="replace"))
        text = data[count + 2:].decode(errors="replace")
    return "".join(whole)
