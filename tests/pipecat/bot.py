"""A bot built on Pipecat: its Twilio serializer, its transport, its voice activity detector; no key and no network.

The mode stands in the address: /ws?mode=echo, scripted or barge. Keys: 4 asks for a person, 9 ends the pipeline, which
then hangs up by REST.
"""

import asyncio
import os
import sys
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
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

logger.remove()
logger.add(sys.stderr, level="WARNING")
app = FastAPI()


class Script(FrameProcessor):
    """Does as the mode and the keys say."""

    def __init__(self, mode, sid):
        super().__init__()
        self.mode, self.sid = mode, sid

    async def say(self):
        with wave.open(os.environ["BOT_PROMPT"]) as prompt:
            rate, sound = prompt.getframerate(), prompt.readframes(prompt.getnframes())
        step = rate // 50 * 2
        for at in range(0, len(sound), step):
            frame = OutputAudioRawFrame(audio=sound[at : at + step], sample_rate=rate, num_channels=1)
            await self.push_frame(frame)
        mark = {"event": "mark", "streamSid": self.sid, "mark": {"name": "greeting"}}
        await self.push_frame(OutputTransportMessageFrame(message=mark))

    async def key(self, key):
        if key == "4":
            said = {"to": "queue:cards", "reason": "customer_request"}
            said["summary"] = "Клиент просит оператора"
            message = {"event": "transfer", "streamSid": self.sid, "transfer": said}
            await self.push_frame(OutputTransportMessageUrgentFrame(message=message))
        elif key == "9":
            await self.push_frame(EndFrame())

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputDTMFFrame):
            await self.key(frame.button.value)
        elif isinstance(frame, InputAudioRawFrame):
            if self.mode == "echo":
                rate = frame.sample_rate
                await self.push_frame(OutputAudioRawFrame(audio=frame.audio, sample_rate=rate, num_channels=1))
        else:
            await self.push_frame(frame, direction)
            if isinstance(frame, StartFrame) and self.mode != "echo":
                await self.say()
            if isinstance(frame, VADUserStartedSpeakingFrame) and self.mode == "barge":
                print("heard him speak", flush=True)
                await self.broadcast_frame(InterruptionFrame)


@app.websocket("/ws")
async def converse(websocket: WebSocket):
    await websocket.accept()
    kind, call = await parse_telephony_websocket(websocket)
    print("platform", kind, flush=True)
    mode = websocket.query_params.get("mode", "echo")
    serializer = TwilioFrameSerializer(
        stream_sid=call.stream_id,
        call_sid=call.call_id,
        account_sid="AClocal",
        auth_token=os.environ["BOT_TOKEN"],
        base_url=os.environ["BOT_REST"],
    )
    params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer)
    transport = FastAPIWebsocketTransport(websocket=websocket, params=params)
    steps = [transport.input()]
    if mode == "barge":
        steps.append(VADProcessor(vad_analyzer=SileroVADAnalyzer()))
    steps += [Script(mode, call.stream_id), transport.output()]
    rates = PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000)
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
