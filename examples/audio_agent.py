"""A voice agent that is sent audio and sends audio: Twilio Media Streams, in one short file.

    pip install websockets
    python examples/audio_agent.py --port 8770

The agent's `audio_websocket_url` is ws://127.0.0.1:8770. It greets the caller with a tone and says everything back.
Key 1 silences it, key 9 transfers the caller to --transfer-to, key 0 hangs up. A real agent puts speech recognition
where `on_audio` is, and speech synthesis where `speak` is.
"""

import argparse
import asyncio
import base64
import json
import math

from websockets.asyncio.server import ServerConnection, serve

RATE_HZ = 8000  # mu-law, one byte a sample, always


def mulaw(sample: float) -> int:
    """One sample, -1..1, as a byte of ITU-T G.711 mu-law."""
    level = min(int(abs(sample) * 32635) + 132, 32767)
    exponent = level.bit_length() - 8
    return ~((sample < 0) << 7 | exponent << 4 | (level >> (exponent + 3) & 15)) & 255


def tone(hz: float, seconds: float) -> bytes:
    """A sine wave."""
    return bytes(mulaw(0.3 * math.sin(2 * math.pi * hz * n / RATE_HZ)) for n in range(int(RATE_HZ * seconds)))


class Call:
    """One call; there is one websocket for each."""

    def __init__(self, websocket: ServerConnection, transfer_to: str) -> None:
        self.websocket, self.transfer_to, self.stream_sid = websocket, transfer_to, ""

    async def send(self, event: str, **fields: object) -> None:
        await self.websocket.send(json.dumps({"event": event, "streamSid": self.stream_sid, **fields}))

    async def speak(self, audio: bytes) -> None:
        """Send as much as you like at once: it is played at the caller's pace, until `clear`."""
        await self.send("media", media={"payload": base64.b64encode(audio).decode()})

    async def on_audio(self, audio: bytes) -> None:
        """20 ms of what the caller says."""
        await self.speak(audio)

    async def on_key(self, digit: str) -> None:
        match digit:
            case "1":
                await self.send("clear")
            case "9":
                await self.send("transfer", transfer={"to": self.transfer_to, "mode": "sip_refer"})
            case "0":
                await self.send("hangup", hangup={"q850_cause": 16})

    async def run(self) -> None:
        async for text in self.websocket:
            match json.loads(text):
                case {"event": "start", "streamSid": sid, "start": {"customParameters": parameters}}:
                    self.stream_sid = sid
                    print("a call with", parameters, flush=True)
                    await self.speak(tone(523, 0.4))
                case {"event": "media", "media": {"payload": payload}}:
                    await self.on_audio(base64.b64decode(payload))
                case {"event": "dtmf", "dtmf": {"digit": digit}}:
                    await self.on_key(digit)
                case {"event": "transfer", "transfer": outcome}:
                    print("transfer", outcome, flush=True)


async def main(host: str, port: int, transfer_to: str) -> None:
    async with serve(lambda websocket: Call(websocket, transfer_to).run(), host, port) as server:
        print(f"audio agent: ws://{host}:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8770)
    parser.add_argument("--transfer-to", default="+15551234567")
    asyncio.run(main(**vars(parser.parse_args())))
