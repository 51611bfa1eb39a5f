"""Agents' telephones that behave at random: answer, decline, let ring, hang up, fall silent; and all phones' sound."""

import asyncio
import os
import random
import socket
import struct
import time

from sip import Line, address, description, digest, parameter, sound_of, user

# The longest a phone stays in one talk, whatever happens.
TALK_SECS_MAX = 25.0
# How many of a hundred calls agents treat how; the rest is answered.
MANNERS = {"decline": 4, "ignore": 4, "silent": 1, "broken": 1, "drop": 2, "dead": 1, "vanish": 1}


class Sound:
    """One socket for the sound of all phones: nothing is listened to, a little is said, so that silence is noticed."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.to = {}
        self.sequence = 0

    async def speak(self):
        """A packet a second for each phone in a call."""
        while True:
            for key in list(self.to):
                self.sequence += 1
                head = struct.pack("!BBHII", 0x80, 0, self.sequence & 0xFFFF, self.sequence * 160 & 0xFFFFFFFF, 7)
                try:
                    self.socket.sendto(head + b"\xff" * 160, self.to.get(key) or ("127.0.0.1", 9))
                except OSError:
                    pass
                if self.sequence % 32 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(1)


class Phone:
    """An agent's telephone: his registration, and the calls that ring on it."""

    def __init__(self, agents, name, password):
        self.agents, self.line, self.name, self.password = agents, agents.line, name, password
        self.contact = f"sip:{name}@{self.line.at}"
        self.calls = {}
        self.sequence = 0
        # When he asked for his registration last, or for its end.
        self.registered_at = 0
        # When he could last be given a call, where that can be told from outside.
        self.free_at = None
        self.register_id = f"r-{name}-{os.getpid()}"
        self.offered = self.missed = 0

    async def register(self, secs=300):
        """Registers, or ends the registration with 0; answers whether it went well."""
        self.registered_at = time.time()
        uri, more = "sip:%s:%d" % self.line.server, f"Expires: {secs}\r\n"
        party = f"<sip:{self.name}@{self.agents.domain}>"
        for _ in range(3):
            self.sequence += 1
            request = self.line.request("REGISTER", uri, f"{party};tag={self.name}", party, self.register_id,
                                        self.sequence, self.contact, more)
            answer = await request.final()
            if answer is None or answer.status == 200:
                return answer is not None
            challenge = next((c for c in answer.all("www-authenticate") if "SHA-256" in c), None)
            if answer.status != 401 or challenge is None:
                return False
            proof = digest(challenge, "REGISTER", uri, self.name, self.password)
            more = f"Expires: {secs}\r\nAuthorization: {proof}\r\n"
        return False

    async def dial(self, number, secs):
        """A call of his own: a colleague, or a feature code."""
        uri = "sip:%s@%s:%d" % (number, *self.line.server)
        party = f"<sip:{self.name}@{self.agents.domain}>;tag=o{self.sequence}"
        call_id, sequence, more = f"o-{self.name}-{random.getrandbits(48):x}", 0, ""
        for _ in range(2):
            sequence += 1
            invite = self.line.request("INVITE", uri, party, f"<{uri}>", call_id, sequence, self.contact, more,
                                       description(self.agents.sound.port))
            answer = await invite.final()
            if answer is None:
                return None
            if answer.status >= 300:
                self.line.request("ACK", uri, party, answer.get("to"), call_id, sequence, self.contact,
                                  branch=invite.branch)
            challenges = answer.all("www-authenticate") + answer.all("proxy-authenticate")
            challenge = next((c for c in challenges if "SHA-256" in c), None)
            if answer.status not in (401, 407) or challenge is None:
                break
            name = "Authorization" if answer.status == 401 else "Proxy-Authorization"
            more = f"{name}: {digest(challenge, 'INVITE', uri, self.name, self.password)}\r\n"
        if answer.status >= 300:
            return answer.status
        target, to = address(answer.get("contact")), answer.get("to")
        self.line.request("ACK", target, party, to, call_id, sequence, self.contact)
        call = self.calls[call_id] = asyncio.Event()
        self.agents.sound.to[call_id] = sound_of(answer)
        try:
            await asyncio.wait_for(call.wait(), secs)
        except asyncio.TimeoutError:
            await self.line.request("BYE", target, party, to, call_id, sequence + 1, self.contact).final()
        self.calls.pop(call_id, None)
        self.agents.sound.to.pop(call_id, None)
        return 200


class Ring:
    """One INVITE to an agent's phone, until its end."""

    def __init__(self, phone, message, at, source):
        self.phone, self.message, self.source = phone, message, source
        self.id = message.get("call-id")
        self.tag = f"u{random.getrandbits(40):x}"
        self.wake = asyncio.Event()
        self.cancelled = self.over = False
        self.acknowledged, self.answered_at = False, None
        agents = phone.agents
        self.caller = agents.callers.find(user(message.get("from")))
        busy = any(isinstance(call, Ring) for call in phone.calls.values())
        self.manner = "busy" if busy else agents.manner()
        phone.offered += 1
        self.measure(at)
        phone.calls[self.id] = self

    def measure(self, at):
        """How late the offer is: both the call and the agent could have been matched since then."""
        call, phone = self.caller, self.phone
        if call and call.dial == "200" and not call.moved and phone.free_at:
            if call.available_at or not call.offered:
                phone.agents.offers.append((call, call.available_at, phone.name, phone.free_at, at))
        phone.free_at = None
        if call:
            # The next offer may be sent before this one is cancelled.
            call.available_at, call.offered = None, True
            call.rung.add(self)

    def reply(self, words, body=None):
        return self.phone.line.answer(self.message, words, self.source, self.phone.contact, self.tag, body)

    async def wait(self, secs):
        """Waits so long; answers whether the ringing, or the talk, was ended meanwhile."""
        try:
            await asyncio.wait_for(self.wake.wait(), secs)
        except asyncio.TimeoutError:
            pass
        self.wake.clear()
        return self.cancelled or self.over

    async def live(self):
        phone, manner, rng = self.phone, self.manner, self.phone.agents.rng
        try:
            if manner == "dead":
                # A phone without power: it says nothing at all, so that nobody can tell when the call goes on.
                return
            if manner == "silent":
                self.reply("100 Trying")
                await self.wait(20)
                return self.refused("487 Request Terminated")
            if manner in ("busy", "broken"):
                return self.refused("486 Busy Here" if manner == "busy" else "500 Broken")
            self.reply("180 Ringing")
            secs = {"ignore": 20.0, "decline": rng.uniform(0.1, 1.0)}.get(manner, rng.expovariate(3))
            if await self.wait(secs) or manner == "ignore":
                phone.missed += 1
                return self.refused("487 Request Terminated")
            if manner == "decline":
                return self.refused("486 Busy Here")
            await self.answer()
        finally:
            phone.calls.pop(self.id, None)
            phone.agents.sound.to.pop(self.id, None)
            if self.caller:
                self.caller.rung.discard(self)

    def refused(self, words):
        self.reply(words)
        if not self.cancelled:
            self.gives_up(time.time())

    def gives_up(self, at):
        """The call can be given to somebody else from now on."""
        if self.caller:
            self.caller.rung.discard(self)
            if not self.caller.rung and self.manner != "dead":
                self.caller.available_at = at

    async def answer(self):
        phone, agents = self.phone, self.phone.agents
        body = description(agents.sound.port)
        own = self.reply("200 OK", body)
        agents.sound.to[self.id] = sound_of(self.message)
        wait, until = 0.5, time.time() + 32
        while not self.acknowledged and not self.over and time.time() < until:
            await self.wait(wait)
            wait = min(wait * 2, 4)
            if not self.acknowledged and not self.over:
                self.reply("200 OK", body)
        talk = agents.talk_secs(self.manner)
        mine = agents.rng.random() < 0.5 or self.manner == "drop"
        if self.caller:
            self.caller.talks += 1
        self.answered_at = time.time()
        until = self.answered_at + (talk if mine else min(talk + 4, TALK_SECS_MAX))
        while not self.over and time.time() < until:
            await self.wait(max(0.001, until - time.time()))
        if self.manner == "vanish" or self.over:
            return
        target = address(self.message.get("contact"))
        bye = phone.line.request("BYE", target, own, self.message.get("from"), self.id, 1, phone.contact)
        phone.free_at = time.time() if self.fast() else None
        phone.calls.pop(self.id, None)
        await bye.final()

    def hear(self, message, at, source):
        line, method = self.phone.line, message.method
        if method == "ACK":
            self.acknowledged = True
            self.wake.set()
            return
        body = description(self.phone.agents.sound.port) if method == "INVITE" or message.body else None
        line.answer(message, "200 OK", source, self.phone.contact, self.tag, body)
        # The next INVITE may be in the same batch of datagrams: the phone is free now.
        if method == "CANCEL":
            self.cancelled = True
            self.phone.calls.pop(self.id, None)
            self.gives_up(at)
            self.wake.set()
        elif method == "BYE":
            self.over = True
            self.phone.free_at = at if self.fast() else None
            self.phone.calls.pop(self.id, None)
            self.wake.set()

    def fast(self):
        """Whether the agent is free as soon as this talk ends: no wrap-up, and nobody meddled."""
        call = self.caller
        long_enough = self.answered_at and time.time() - self.answered_at > 0.7
        return call and call.dial == "200" and not call.moved and long_enough


class Agents:
    """All agents' phones, on one socket."""

    def __init__(self, server, sound, rng, callers, names, password, mean_talk_secs):
        self.line = Line(server, self.hear)
        self.domain = "%s:%d" % server
        self.sound, self.rng, self.callers = sound, rng, callers
        self.mean_talk_secs = mean_talk_secs
        self.phones = {name: Phone(self, name, password) for name in names}
        # Offers whose beginning can be told: the call, when it could be had (for its first offer, when it was answered),
        # the agent, when he was free, and the INVITE.
        self.offers = []
        # At the end everybody answers, and stays.
        self.steady = False

    def late(self):
        """Milliseconds of each such offer, with the number, the agent and the moments behind them."""
        known = [(call.number, name, call_at or call.answered_at, free_at, at)
                 for call, call_at, name, free_at, at in self.offers]
        return [((at - max(call_at, free_at)) * 1e3, number, name, call_at, free_at, at)
                for number, name, call_at, free_at, at in known if call_at]

    def manner(self):
        if self.steady:
            return "answer"
        dice = self.rng.random() * 100
        for manner, share in MANNERS.items():
            dice -= share
            if dice < 0:
                return manner
        return "answer"

    def talk_secs(self, manner):
        if self.steady:
            return TALK_SECS_MAX
        if manner == "drop":
            return self.rng.uniform(0, 0.3)
        return min(0.3 + self.rng.expovariate(1 / self.mean_talk_secs), TALK_SECS_MAX - 5)

    def hear(self, message, at, source):
        if message.status is not None:
            return
        call_id = message.get("call-id")
        phone = self.phones.get(user(message.uri))
        if phone is None:
            if message.method != "ACK":
                self.line.answer(message, "404 Nobody", source)
            return
        call = phone.calls.get(call_id)
        if call is None and message.method == "INVITE" and not parameter(message.get("to"), "tag"):
            ring = Ring(phone, message, at, source)
            task = asyncio.get_running_loop().create_task(ring.live())
            task.add_done_callback(lambda done: done.cancelled() or done.result())
        elif isinstance(call, Ring):
            if message.method in ("ACK", "CANCEL", "BYE") or call.acknowledged:
                call.hear(message, at, source)
        elif message.method != "ACK":
            if call is not None:
                self.line.answer(message, "200 OK", source, phone.contact,
                                 body=description(self.sound.port) if message.method == "INVITE" else None)
                if message.method == "BYE":
                    call.set()
            else:
                self.line.answer(message, "481 Gone", source)

    def cut(self):
        """The server is gone: talks end soon, and nobody's freedom can be told any more."""
        for phone in self.phones.values():
            phone.free_at = None
            for call in list(phone.calls.values()):
                if isinstance(call, Ring):
                    call.over = call.cancelled = True
                    call.wake.set()
                else:
                    call.set()
