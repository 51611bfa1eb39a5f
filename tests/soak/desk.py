"""People at their screens: commands over HTTP at random moments, for agents and calls that may have changed meanwhile.

Refusals (409, 404 of a call that has ended) are part of the game; what must not come is told by `House.wrong`.
"""

import asyncio

AWAY = ["lunch", "training", "short_break", "huddle", "not_ready", "one_to_one", "group_meeting", "technical_problems"]
CODES = ["cards/limits", "cards/declined", "loans/payment", "transfers/fees", "app/how-to", "other"]


class Desk:
    """Gives commands until it is told to stop."""

    def __init__(self, house, agents, callers, rng, away_share):
        self.house, self.agents, self.callers, self.rng = house, agents, callers, rng
        self.away_share = away_share
        # Agents that somebody sent away, with the moment of their return.
        self.away = {}
        self.rows, self.calls = [], []
        self.given = {}
        self.tasks = set()
        self.acts = {
            self.look: 15, self.status: 16, self.log_out: 2, self.force_ready: 4, self.talk: 14, self.pass_on: 9,
            self.consult: 7, self.park: 4, self.watch: 6, self.code: 12, self.wrap_up: 6, self.hang_up: 3, self.why: 3,
            self.unplug: 1, self.own_call: 4, self.feature_code: 2}

    def later(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(lambda done: (self.tasks.discard(done), done.cancelled() or done.result()))

    async def run(self, per_sec, until):
        """So many commands a second."""
        loop = asyncio.get_running_loop()
        acts, weights = list(self.acts), list(self.acts.values())
        due = loop.time()
        while loop.time() < until():
            due += self.rng.expovariate(per_sec)
            await asyncio.sleep(max(0, due - loop.time()))
            act = self.rng.choices(acts, weights)[0]
            self.given[act.__name__] = self.given.get(act.__name__, 0) + 1
            self.later(act())

    async def refresh(self):
        """The picture that commands are chosen from; a little old, as on any screen."""
        self.rows = await self.house.get("agents") or self.rows
        self.calls = await self.house.get("calls") or self.calls
        return self.rows

    # ---- what is chosen from ----------------------------------------------------------------------------------------

    def agent(self, **wanted):
        """A random agent of whom that is true; one in ten is any."""
        rows = [row for row in self.rows if all(row[key] in values for key, values in wanted.items())]
        rows = self.rows if self.rng.random() < 0.1 or not rows else rows
        return self.rng.choice(rows) if rows else None

    def talking(self):
        """An agent in a talk."""
        return self.agent(activity=("talking", "hold", "consult", "conference"))

    def free(self):
        return self.agent(activity=("idle",), status=("ready",))

    def touched(self, name, call=None):
        """Somebody meddled: when this agent is free can't be told from outside any more, and the call is not as it was."""
        if name in self.agents.phones:
            self.agents.phones[name].free_at = None
        number = next((row["caller"] for row in self.calls if row["id"] == call), None)
        record = self.callers.by_number.get((number or "").lstrip("+"))
        if record:
            record.moved = True

    async def command(self, row, command, to=None):
        if row is None or row["call"] is None:
            return None
        self.touched(row["name"], row["call"])
        body = {"command": command} if to is None else {"command": command, "to": to}
        return (await self.house.ask("POST", f"/api/v1/calls/{row['call']}/talk", body))[0]

    # ---- commands ---------------------------------------------------------------------------------------------------

    async def look(self):
        await self.house.ask("GET", self.rng.choice([
            "/api/v1/queues", "/api/v1/incidents", "/api/v1/contacts?limit=20", "/metrics", "/healthz",
            f"/api/v1/agents/{self.rng.choice(list(self.agents.phones))}/status"]))

    async def set_status(self, name, status):
        self.touched(name)
        return await self.house.ask("POST", f"/api/v1/agents/{name}/status", {"status": status, "reason": "soak"})

    async def status(self):
        name = self.rng.choice(list(self.agents.phones))
        if name in self.away or len(self.away) > self.away_share * len(self.agents.phones):
            return
        self.away[name] = True
        await self.set_status(name, self.rng.choice(AWAY))
        await asyncio.sleep(self.rng.uniform(0.2, 8))
        await self.set_status(name, "ready")
        self.away.pop(name, None)

    async def force_ready(self):
        row = self.agent(status=("not_responding", "unreachable", "logged_out"))
        if row and row["name"] not in self.away:
            await self.set_status(row["name"], "ready")

    async def log_out(self):
        name = self.rng.choice(list(self.agents.phones))
        if name in self.away:
            return
        self.away[name] = True
        self.touched(name)
        await self.house.ask("POST", f"/api/v1/agents/{name}/logout", {"reason": "soak"})
        await asyncio.sleep(self.rng.uniform(0.2, 4))
        await self.set_status(name, "ready")
        self.away.pop(name, None)

    async def talk(self):
        row = self.talking()
        first, then = self.rng.choice([("hold", "resume"), ("mute", "unmute")])
        if await self.command(row, first) == 204 and self.rng.random() < 0.8:
            await asyncio.sleep(self.rng.uniform(0, 3))
            await self.command(row, then)

    def target(self, queues=True):
        queue = {"queue": self.rng.choice(["fast", "timed", "coded", "many"])}
        free = self.free()
        return queue if queues and self.rng.random() < 0.4 or free is None else {"agent": free["name"]}

    def meddle(self, to):
        if "agent" in to:
            self.touched(to["agent"])
        return to

    async def pass_on(self):
        row = self.talking()
        if row:
            to = {"node": "bye"} if self.rng.random() < 0.1 else self.meddle(self.target())
            await self.command(row, "transfer", to)

    async def consult(self):
        row = self.talking()
        if row and await self.command(row, "consult", self.meddle(self.target())) == 204:
            for _ in range(self.rng.randint(0, 3)):
                await asyncio.sleep(self.rng.uniform(0, 2))
                await self.command(row, self.rng.choice(["complete", "join", "drop", "resume"]))

    async def park(self):
        row = self.talking()
        if row and await self.command(row, "park") == 204 and self.rng.random() < 0.7:
            await asyncio.sleep(self.rng.uniform(0, 4))
            free = self.free()
            if free:
                self.touched(free["name"])
                await self.house.ask("POST", f"/api/v1/calls/{row['call']}/retrieve", {"agent": free["name"]})

    async def watch(self):
        row, boss = self.talking(), self.free()
        if not row or not boss or row["name"] == boss["name"]:
            return
        self.touched(boss["name"])
        self.touched(row["name"], row["call"])
        for mode in self.rng.sample(["listen", "whisper", "barge"], self.rng.randint(1, 3)):
            body = {"supervisor": boss["name"], "mode": mode}
            await self.house.ask("POST", f"/api/v1/agents/{row['name']}/watch", body)
            await asyncio.sleep(self.rng.uniform(0, 2))
        end = "take-over" if self.rng.random() < 0.3 else "end-watch"
        await self.house.ask("POST", f"/api/v1/agents/{boss['name']}/{end}", {})
        if end == "take-over":
            await asyncio.sleep(1)
            await self.house.ask("POST", f"/api/v1/agents/{boss['name']}/end-watch", {})

    async def code(self):
        row = self.agent(activity=("wrap_up",)) if self.rng.random() < 0.6 else self.talking()
        if row:
            self.touched(row["name"])
            await self.house.ask("POST", f"/api/v1/agents/{row['name']}/code", {"code": self.rng.choice(CODES)})

    async def wrap_up(self):
        row = self.agent(activity=("wrap_up",))
        if row:
            self.touched(row["name"])
            if self.rng.random() < 0.5:
                await self.house.ask("POST", f"/api/v1/agents/{row['name']}/end-wrap-up", {})
            else:
                body = {"secs": self.rng.randint(1, 5)}
                await self.house.ask("POST", f"/api/v1/agents/{row['name']}/extend-wrap-up", body)

    async def hang_up(self):
        if self.calls:
            row = self.rng.choice(self.calls)
            self.touched("", row["id"])
            await self.house.ask("DELETE", f"/api/v1/calls/{row['id']}")

    async def why(self):
        if self.calls:
            await self.house.ask("GET", f"/api/v1/calls/{self.rng.choice(self.calls)['id']}/why")

    async def unplug(self):
        """A phone leaves for a while, whatever it is doing."""
        phone = self.agents.phones[self.rng.choice(list(self.agents.phones))]
        phone.free_at = None
        await phone.register(0)
        await asyncio.sleep(self.rng.uniform(0.5, 6))
        await phone.register()
        phone.free_at = None

    async def own_call(self):
        row, other = self.free(), self.free()
        if row and other and row["name"] != other["name"]:
            self.touched(row["name"])
            self.touched(other["name"])
            await self.agents.phones[row["name"]].dial(other["name"], self.rng.uniform(0.5, 8))
            self.touched(row["name"])
            self.touched(other["name"])

    async def feature_code(self):
        row = self.agent(activity=("idle",))
        if row and row["name"] not in self.away:
            self.touched(row["name"])
            await self.agents.phones[row["name"]].dial(self.rng.choice(["*1", "*80" + "13"]), 5)
            self.touched(row["name"])
