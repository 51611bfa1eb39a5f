"""As much SIP over UDP as telephones need: messages, transactions, dialogs. Naive on purpose, and not the switch's own.

One `Line` is a socket that many telephones share. Requests are sent again until they are answered (RFC 3261 §17.1),
answers when the request comes again. Datagrams are stamped by the kernel, so that our own delays enter no figure.
"""

import asyncio
import hashlib
import itertools
import socket
import struct
import time

T1_SECS, T2_SECS = 0.5, 4.0
# A transaction is given up after this (RFC 3261, timers B and F).
GIVE_UP_SECS = 32.0
# Answers are remembered for requests that come again.
REMEMBER_SECS = 32.0
SO_TIMESTAMPNS = 35
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY\r\n"
SERIAL = itertools.count(1)


class Message:
    """A parsed message."""

    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.start = lines[0]
        self.fields = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields.append((name.strip().lower(), value.strip()))
        words = self.start.split(" ", 2)
        self.status = int(words[1]) if words[0] == "SIP/2.0" else None
        self.method = words[0] if self.status is None else self.get("cseq").split(" ")[-1]
        self.uri = words[1] if self.status is None else ""

    def get(self, name):
        return next((value for found, value in self.fields if found == name), "")

    def all(self, name):
        return [value for found, value in self.fields if found == name]

    @property
    def branch(self):
        return parameter(self.get("via"), "branch")


def parameter(value, name):
    """The value of a parameter behind `;`."""
    for word in value.split(";")[1:]:
        key, _, found = word.partition("=")
        if key.strip() == name:
            return found.strip()
    return ""


def address(value):
    """The address between angle brackets."""
    if "<" in value:
        return value[value.index("<") + 1:value.index(">")]
    return value.split(";")[0].strip()


def user(uri):
    """The user part of an address."""
    return address(uri).removeprefix("sip:").split("@")[0]


def description(port, direction="sendrecv"):
    """A session description: PCMU and keys."""
    return (f"v=0\r\no=soak 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
            f"a={direction}\r\n")


def sound_of(message):
    """Where a session description wants its sound."""
    host = port = None
    for line in message.body.split("\r\n"):
        if line.startswith("c=IN IP4 "):
            host = line[9:].strip()
        elif line.startswith("m=audio "):
            port = int(line.split(" ")[1])
    return (host, port) if host and port else None


def ending(body, kind="application/sdp"):
    if body is None:
        return "Content-Length: 0\r\n\r\n"
    return f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def digest(challenge, method, uri, name, password):
    """The answer to a challenge (RFC 7616), SHA-256 with qop=auth."""
    words = {key.strip(): value.strip().strip('"') for key, _, value in
             (word.partition("=") for word in challenge.removeprefix("Digest").split(","))}

    def hashed(text):
        return hashlib.sha256(text.encode()).hexdigest()
    secret = hashed(f"{name}:{words['realm']}:{password}")
    answer = hashed(f"{secret}:{words['nonce']}:00000001:soak:auth:{hashed(f'{method}:{uri}')}")
    return (f'Digest username="{name}", realm="{words["realm"]}", nonce="{words["nonce"]}", uri="{uri}", '
            f'response="{answer}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="soak"')


class Request:
    """A client transaction: sent again until something comes back; what comes is put into `answers`."""

    def __init__(self, line, text, branch, method, to):
        self.line, self.text, self.branch, self.method, self.to = line, text.encode(), branch, method, to
        self.answers = asyncio.Queue()
        self.quiet = False
        self.wait = T1_SECS
        self.until = time.monotonic() + GIVE_UP_SECS
        line.requests[branch, method] = self
        self.send()

    def send(self):
        if self.quiet or self.line.requests.get((self.branch, self.method)) is not self:
            return
        if time.monotonic() > self.until:
            self.answers.put_nowait(None)
            self.close()
            return
        self.line.send(self.text, self.to)
        self.line.loop.call_later(self.wait, self.again)
        self.wait = self.wait * 2 if self.method == "INVITE" else min(self.wait * 2, T2_SECS)

    def again(self):
        if not self.quiet and self.line.requests.get((self.branch, self.method)) is self:
            self.line.sent_again += 1
            self.send()

    def close(self):
        self.line.requests.pop((self.branch, self.method), None)

    async def final(self):
        """The final answer; None when none comes, also where the other side is gone after it said that it would try."""
        while True:
            try:
                answer = await asyncio.wait_for(self.answers.get(), 2 * GIVE_UP_SECS)
            except asyncio.TimeoutError:
                answer = None
            if answer is None or answer[0].status >= 200:
                self.quiet = True
                self.close()
                return answer and answer[0]


class Line:
    """A socket with its transactions."""

    def __init__(self, server, handle):
        self.loop = asyncio.get_running_loop()
        self.server, self.handle = server, handle
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.requests, self.answered, self.forgetting = {}, {}, []
        self.sent_again = self.received = 0
        self.loop.add_reader(self.socket.fileno(), self.read)

    def send(self, data, to=None):
        try:
            self.socket.sendto(data, to or self.server)
        except OSError:
            # Nobody there: what a killed server looks like. It is sent again, as on any lost packet.
            pass

    def read(self):
        for _ in range(64):
            try:
                data, control, _, source = self.socket.recvmsg(4096, 64)
            except BlockingIOError:
                return
            except OSError:
                continue
            stamp = next((value for level, kind, value in control if kind == SO_TIMESTAMPNS), None)
            seconds, nanos = struct.unpack("qq", stamp[:16]) if stamp else divmod(time.time_ns(), 1_000_000_000)
            self.received += 1
            try:
                message = Message(data.decode())
            except (ValueError, IndexError):
                continue
            self.take(message, seconds + nanos / 1e9, source)

    def take(self, message, at, source):
        if message.status is not None:
            request = self.requests.get((message.branch, message.method))
            if request:
                request.quiet = True
                request.answers.put_nowait((message, at))
            elif message.method == "INVITE" and message.status >= 200:
                self.handle(message, at, source)
            return
        key = (message.branch, message.method)
        if message.method != "ACK" and key in self.answered:
            for data in self.answered[key]:
                self.send(data, source)
            return
        self.handle(message, at, source)

    def answer(self, request, words, source, contact="", tag="", body=None):
        """Answers a request and remembers the answer for the same request again."""
        text = f"SIP/2.0 {words}\r\n" + "".join(f"Via: {via}\r\n" for via in request.all("via"))
        to = request.get("to")
        if tag and "tag=" not in to:
            to += f";tag={tag}"
        text += (f"From: {request.get('from')}\r\nTo: {to}\r\nCall-ID: {request.get('call-id')}\r\n"
                 f"CSeq: {request.get('cseq')}\r\n")
        text += (f"Contact: <{contact}>\r\n" if contact else "") + ALLOW + ending(body)
        data, key = text.encode(), (request.branch, request.method)
        if key not in self.answered:
            self.loop.call_later(REMEMBER_SECS, self.answered.pop, key, None)
        self.answered[key] = [data]
        self.send(data, source)
        return to

    def request(self, method, uri, own, other, call_id, sequence, contact, more="", body=None, branch=None, to=None,
                kind="application/sdp"):
        """Sends a request; answers its transaction, or nothing for an ACK."""
        branch = branch or f"z9hG4bK-{next(SERIAL):x}"
        text = (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.at};branch={branch};rport\r\nFrom: {own}\r\n"
                f"To: {other}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: <{contact}>\r\n"
                f"Max-Forwards: 70\r\n{ALLOW}{more}{ending(body, kind)}")
        if method == "ACK":
            self.send(text.encode(), to)
            return None
        return Request(self, text, branch, method, to)
