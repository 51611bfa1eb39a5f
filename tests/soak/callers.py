"""Callers: several SIPp as foreign telephones, and what they saw.

All that callers do is drawn here and written down for SIPp, a line for each call; `scenarios/caller.xml` does it. SIPp
tells what it sees in a log, which leaves a `Record` of each call by the wall clock; the switch's records are held
against that. Only sound is ours: a packet a second for each call, so that silence is noticed.
"""

import asyncio
import os
import pathlib
import re
import socket
import subprocess

# So many SIPp share the calls.
LANES = 3
# A caller hangs up at the latest so long after he was answered.
HOLD_SECS_MAX = 37.5
# What the other side has to notice that a caller has vanished, and how long SIPp waits for it.
VANISHED_SECS = 40.0
# So long a caller waits for an answer, a key's among them, which is sent once; requests are sent again for 32 s at most.
ANSWER_SECS_MAX = 35.0
# A call is over after this in any case.
CALL_SECS_MAX = 3 + HOLD_SECS_MAX + VANISHED_SECS + ANSWER_SECS_MAX
# Callers come up to so much later than SIPp's even pace has them.
JITTER_SECS = 3.0
# How many of a hundred callers give up before they are answered, press a key, lose their network, or hang up at once.
CANCELLING, PRESSING, VANISHING, HASTY = 2, 15, 1, 6
# Who calls this number finds a menu, where nearly everybody presses a key.
MENU, MENU_PRESSING = "500", 85
SCENARIO = pathlib.Path(__file__).resolve().parent / "scenarios/caller.xml"
# What SIPp writes before each of its complaints, which end in no line; and the name of a call.
STAMP = re.compile(r"\d{4}-\d\d-\d\d\t[\d:.]+\t(\d+\.\d{6}): ")
CALL = re.compile(r"\w+-\d+-\d+@127\.0\.0\.1")



class Record:
    """One call as its phone saw it."""

    def __init__(self, number, dial, invited_at):
        self.number, self.dial, self.invited_at = number, dial, invited_at
        self.answered_at = self.ended_at = None
        # When it could last be given to an agent, as far as it can be seen from outside.
        self.available_at = None
        # How it ended: caller, switch, cancelled, vanished, or failed, with what SIPp says of it.
        self.end = None
        # Whether an agent's phone has rung for it.
        self.offered = False
        # Whether people were told to move it about, or it pressed a key; and agents who had it.
        self.moved = False
        self.talks = 0
        # The phones that ring, or talk, for it.
        self.rung = set()


def free_port():
    """A UDP port that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return udp.getsockname()[1]


class Tail:
    """What a process has written into a file since it was read last."""

    def __init__(self, path):
        self.path, self.file, self.rest = path, None, b""

    def read(self, ended=False):
        """Whole lines that are new; the rest stays for the next time, unless the process has ended."""
        if self.file is None:
            if not self.path.exists():
                return ""
            self.file = open(self.path, "rb", buffering=0)
        data = self.rest + (self.file.read() or b"")
        if ended:
            self.rest = b""
            return data.decode(errors="replace")
        whole, line, self.rest = data.rpartition(b"\n")
        return (whole + line).decode(errors="replace")


class Lane:
    """One SIPp with its calls."""

    def __init__(self, name, folder, calls, per_sec, server, sound_port):
        self.name, self.count = name, len(calls)
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        lines = "".join(";".join(map(str, call)) + "\n" for call in calls)
        (self.folder / "calls.csv").write_text("SEQUENTIAL\n" + lines)
        ten_secs = max(1, round(per_sec * 10))
        self.process = subprocess.Popen(
            ["sipp", "-sf", str(SCENARIO), "-i", "127.0.0.1", "-p", str(free_port()), "-cp", str(free_port()),
             "-inf", "calls.csv", "-m", str(self.count), "-r", str(ten_secs), "-rp", "10000", "-l", "5000",
             "-recv_timeout", str(round(ANSWER_SECS_MAX * 1000)), "-nostdin",
             "-cid_str", f"{name}-%u-%p@%s", "-key", "sound", str(sound_port),
             "-trace_logs", "-log_file", "seen", "-trace_err", "-error_file", "errors",
             "-trace_stat", "-stf", "stat", "-fd", "1", "%s:%d" % server],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.folder / "stderr", "w"))
        self.seen, self.errors = Tail(self.folder / "seen"), Tail(self.folder / "errors")
        self.cpu = 0.0

    def running(self):
        return self.process.poll() is None

    def look(self):
        """The processor time so far, while it can be had."""
        try:
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
            self.cpu = max(self.cpu, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
        except (OSError, IndexError):
            pass

    def counted(self):
        """SIPp's own statistics, as of its end: the last row, by the names of the columns."""
        try:
            lines = [line for line in (self.folder / "stat").read_text().splitlines() if line.endswith(";")]
        except OSError:
            return {}
        return dict(zip(lines[0].split(";"), lines[-1].split(";"))) if len(lines) > 1 else {}

    def said(self):
        """What it complained of when it could not even begin."""
        return (self.folder / "stderr").read_text(errors="replace")[:2000]


class Callers:
    """All who call."""

    def __init__(self, house, sound, rng, patience_secs, numbers):
        self.server, self.sound, self.rng, self.patience_secs = house.sip, sound, rng, patience_secs
        self.folder, self.sound_host, self.dials = house.folder / "sipp", house.sound, numbers
        self.lanes, self.records, self.by_number, self.by_id = [], [], {}, {}
        self.planned = 0

    # ---- what they are to do ----------------------------------------------------------------------------------------

    def draw(self, number):
        """One call: the fields of its line, as the scenario has them."""
        rng = self.rng
        dial = rng.choices(list(self.dials), [share for _, _, share in self.dials.values()])[0]
        hold = rng.uniform(0, 0.5) if rng.random() * 100 < HASTY else min(
            1 + rng.expovariate(1 / self.patience_secs), HOLD_SECS_MAX)
        dice, odd = rng.random() * 100, "-"
        for kind, share in (("cancel", CANCELLING), ("vanish", VANISHING),
                            ("key", MENU_PRESSING if dial == MENU else PRESSING)):
            dice -= share
            if dice < 0:
                odd = kind
                break
        key = rng.choice("0123") if dial == MENU else rng.choice("01")
        return (number, dial, round(rng.uniform(0, JITTER_SECS) * 1000), round(hold * 1000), odd, key,
                round(rng.uniform(0.1, 4) * 1000))

    def call(self, secs, per_sec):
        """Calls at that rate for so long. A number calls again only after its last call is long over."""
        each = max(1, round(secs * per_sec / LANES))
        numbers = [f"7{n:07}" for n in range(max(5_000, round(per_sec * CALL_SECS_MAX * 1.5)))]
        self.rng.shuffle(numbers)
        for lane in range(LANES):
            own = numbers[lane::LANES]
            calls = [self.draw(own[n % len(own)]) for n in range(each)]
            self.begin(f"lane{lane + 1}", calls, per_sec / LANES)

    def call_at_once(self, dial, count, hold_secs):
        """So many callers within a moment, who stay and do nothing odd."""
        calls = [(f"79{n:06}", dial, n * 20, round(hold_secs * 1000), "-", 0, 0) for n in range(count)]
        self.begin("steady", calls, 1000)

    def begin(self, name, calls, per_sec):
        self.planned += len(calls)
        self.lanes.append(Lane(name, self.folder, calls, per_sec, self.server, self.sound.port))

    # ---- what they see ----------------------------------------------------------------------------------------------

    def find(self, number):
        """The call from that number, as of this moment."""
        self.look()
        return self.by_number.get(number)

    def look(self):
        """Takes in what SIPp has seen meanwhile."""
        for lane in self.lanes:
            for line in lane.seen.read().splitlines():
                what, secs, micros, call, *more = line.split(" ")
                self.take(what, float(secs) + float(micros) / 1e6, call, more)
            _, *complaints = STAMP.split(lane.errors.read(not lane.running()))
            for at, words in zip(complaints[::2], complaints[1::2]):
                self.complain(float(at), words.partition("\n")[0])

    def take(self, what, at, call, more):
        if what == "invite":
            number, dial, odd = more
            record = Record(number, dial, at)
            record.moved = odd == "key"
            self.records.append(record)
            self.by_number[number] = self.by_id[call] = record
            return
        record = self.by_id.get(call)
        if record is None:
            # A call that has failed is told of more than once.
            return
        if what == "answer":
            record.answered_at = at
            record.available_at = None if record.offered else at
            if more:
                self.sound.to[call] = (self.sound_host, int(more[0]))
        elif what == "vanish":
            self.sound.to.pop(call, None)
        elif what == "end":
            record.end, record.ended_at = more[0], at
            self.sound.to.pop(call, None)
            del self.by_id[call]
            if self.by_number.get(record.number) is record:
                del self.by_number[record.number]

    def complain(self, at, words):
        """What SIPp says of a call that it gives up. Of one that is over already it tells what came late."""
        call = CALL.search(words)
        if call and not words.startswith("Dead call"):
            self.take("end", at, call[0], [f"failed: {words[:160]}"])

    async def follow(self):
        """Looks often enough for the sound of who has just been answered."""
        while True:
            self.look()
            for lane in self.lanes:
                lane.look()
            await asyncio.sleep(0.2)

    def stop(self):
        """Ends every SIPp that still runs."""
        for lane in self.lanes:
            if lane.running():
                lane.process.kill()
                lane.process.wait()

    def running(self):
        """Whether any SIPp has calls to make or to end."""
        return any(lane.running() for lane in self.lanes)
