"""A bot built on Pipecat: its Twilio serializer, its transport, its voice activity detector; no key and no network.

The address says what it speaks, /ws the words of Twilio and /hook those of Genesys AudioHook, and its mode: echo, slow
(the same, reading five messages a second), scripted, barge, or hum (a tone in pieces of a second until he speaks).
Keys: 4 asks for a person, 5 hums, 6 stops it, 9 ends the pipeline.
"""

import asyncio
import math
import os
import struct
import sys
import time
import wave

from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    EndFrame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    StartFrame,
    VADUserStartedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.genesys import GenesysAudioHookSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

logger.remove()
logger.add(sys.stderr, level="WARNING")
app = FastAPI()

RATE = 8000
# One second of 1,000 Hz.
TONE = b"".join(struct.pack("<h", int(12_000 * math.sin(math.tau * n / 8))) for n in range(RATE))
SUMMARY = "Клиент просит оператора"


class Noting:
    """A serializer that writes down when sound is to stop, and reads as slowly as its mode says."""

    mode = "echo"

    async def serialize(self, frame):
        said = await super().serialize(frame)
        if isinstance(frame, InterruptionFrame):
            print("clear", time.time_ns(), flush=True)
        return said

    async def deserialize(self, data):
        if self.mode == "slow":
            await asyncio.sleep(0.2)
        return await super().deserialize(data)


class Twilio(Noting, TwilioFrameSerializer):
    pass


class Genesys(Noting, GenesysAudioHookSerializer):
    pass


class Script(FrameProcessor):
    """Does as the mode and the keys say."""

    def __init__(self, mode, serializer, sid):
        super().__init__()
        self.mode, self.serializer, self.sid = mode, serializer, sid

    async def say(self):
        with wave.open(os.environ["BOT_PROMPT"]) as prompt:
            rate, sound = prompt.getframerate(), prompt.readframes(prompt.getnframes())
        step = rate // 50 * 2
        for at in range(0, len(sound), step):
            frame = OutputAudioRawFrame(audio=sound[at : at + step], sample_rate=rate, num_channels=1)
            await self.push_frame(frame)
        mark = {"event": "mark", "streamSid": self.sid, "mark": {"name": "greeting"}}
        await self.push_frame(OutputTransportMessageFrame(message=mark))

    async def hum(self):
        for _ in range(20):
            await self.push_frame(OutputAudioRawFrame(audio=TONE, sample_rate=RATE, num_channels=1))

    async def key(self, key):
        if key == "4" and isinstance(self.serializer, Genesys):
            said = {"action": "transfer", "transfer_to": "queue:cards", "summary": SUMMARY, "cards": "2"}
            self.serializer.set_output_variables(said)
            await self.push_frame(EndFrame())
        elif key == "4":
            said = {"to": "queue:cards", "reason": "customer_request", "summary": SUMMARY}
            message = {"event": "transfer", "streamSid": self.sid, "transfer": said}
            await self.push_frame(OutputTransportMessageUrgentFrame(message=message))
        elif key == "5":
            await self.hum()
        elif key == "6":
            await self.broadcast_frame(InterruptionFrame)
        elif key == "9":
            if isinstance(self.serializer, Genesys):
                self.serializer.set_output_variables({"action": "finished", "resolved": True})
            await self.push_frame(EndFrame())

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputDTMFFrame):
            await self.key(frame.button.value)
        elif isinstance(frame, InputAudioRawFrame):
            if self.mode in ("echo", "slow"):
                rate = frame.sample_rate
                await self.push_frame(OutputAudioRawFrame(audio=frame.audio, sample_rate=rate, num_channels=1))
        else:
            await self.push_frame(frame, direction)
            if isinstance(frame, StartFrame) and self.mode in ("scripted", "barge"):
                await self.say()
            if isinstance(frame, StartFrame) and self.mode == "hum":
                await self.hum()
            if isinstance(frame, VADUserStartedSpeakingFrame):
                print("heard him speak", flush=True)
                await self.broadcast_frame(InterruptionFrame)


@app.websocket("/ws")
async def speak_twilio(websocket: WebSocket):
    await websocket.accept()
    kind, call = await parse_telephony_websocket(websocket)
    print("platform", kind, flush=True)
    serializer = Twilio(
        stream_sid=call.stream_id,
        call_sid=call.call_id,
        account_sid="AClocal",
        auth_token=os.environ["BOT_TOKEN"],
        base_url=os.environ["BOT_REST"],
    )
    await converse(websocket, serializer, call.stream_id)


@app.websocket("/hook")
async def speak_genesys(websocket: WebSocket):
    await websocket.accept()
    print("key", websocket.headers["x-api-key"] == os.environ["BOT_TOKEN"], flush=True)
    serializer = Genesys()

    @serializer.event_handler("on_open")
    async def opened(_serializer, message):
        print("open", message["parameters"]["participant"]["ani"], flush=True)

    @serializer.event_handler("on_ping")
    async def pinged(_serializer, _message):
        print("ping", flush=True)

    @serializer.event_handler("on_close")
    async def closed(_serializer, message):
        print("close", message["parameters"]["reason"], flush=True)

    await converse(websocket, serializer, None)


async def converse(websocket, serializer, sid):
    """One call."""
    mode = serializer.mode = websocket.query_params.get("mode", "echo")
    chunks = {"hum": 100, "slow": 20}.get(mode, 4)
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, audio_out_10ms_chunks=chunks, serializer=serializer
    )
    transport = FastAPIWebsocketTransport(websocket=websocket, params=params)
    steps = [transport.input()]
    if mode in ("barge", "hum"):
        steps.append(VADProcessor(vad_analyzer=SileroVADAnalyzer()))
    steps += [Script(mode, serializer, sid), transport.output()]
    rates = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    worker = PipelineWorker(Pipeline(steps), params=rates, enable_rtvi=False, idle_timeout_secs=None)

    @transport.event_handler("on_client_disconnected")
    async def gone(_transport, _client):
        await worker.cancel()

    await WorkerRunner(handle_sigint=False).run(worker)


if __name__ == "__main__":
    import uvicorn

    config = uvicorn.Config(app, host="127.0.0.1", port=int(os.environ["BOT_PORT"]), log_level="warning")
    print("loading", flush=True)
    asyncio.run(uvicorn.Server(config).serve())
