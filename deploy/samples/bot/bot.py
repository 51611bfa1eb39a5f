#!/usr/bin/env python3
"""A voice bot for dozvon: tells a balance by keys, and hands over to people who ask for one. Wants `pip install websockets`.

1: hears the balance. 2: a person, with a summary for him. 3: done. Speech is tones: put a synthesiser in its place.
"""
import asyncio
import base64
import json
import math
import os

import websockets

BALANCES = {"+77015550150": 125_000}


def ulaw(sample: int) -> int:
    """One sample of 16 bits in µ-law (ITU-T G.711)."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32_635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF


def beep(hertz: float, seconds: float) -> bytes:
    wave = (12_000 * math.sin(2 * math.pi * hertz * n / 8_000) for n in range(int(8_000 * seconds)))
    return bytes(ulaw(int(sample)) for sample in wave)


class Call:
    """One caller."""

    def __init__(self, socket, start):
        self.socket, self.sid = socket, start["streamSid"]
        self.caller = start["customParameters"].get("from_number")

    async def send(self, event, **body):
        await self.socket.send(json.dumps({"event": event, "streamSid": self.sid, **body}))

    async def say(self, sound: bytes, mark: str):
        await self.send("media", media={"payload": base64.b64encode(sound).decode()})
        await self.send("mark", mark={"name": mark})

    async def key(self, digit: str):
        await self.send("clear")
        if digit == "1":
            balance = BALANCES.get(self.caller, 0)
            await self.say(beep(600, 0.3) * len(str(balance)), "balance")
        elif digit == "2":
            said = {"reason": "customer_request", "summary": "Heard the menu, wants a person", "data": {"topic": "balance"}}
            await self.send("transfer", transfer=said)
        elif digit == "3":
            await self.say(beep(400, 0.5), "goodbye")


async def serve(socket):
    call = None
    async for text in socket:
        message = json.loads(text)
        if message["event"] == "start":
            call = Call(socket, message["start"])
            await call.say(beep(800, 0.5), "greeting")
        elif message["event"] == "dtmf":
            await call.key(message["dtmf"]["digit"])
        elif message["event"] == "mark" and message["mark"]["name"] == "goodbye":
            await call.send("hangup", hangup={"reason": "done", "resolved": True})
        elif message["event"] == "stop":
            return


async def main():
    host = os.environ.get("HOST", "127.0.0.1")
    async with websockets.serve(serve, host, int(os.environ.get("PORT", "8765"))) as server:
        print(f"ws://{host}:{server.sockets[0].getsockname()[1]}/", flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main())
