"""A receiver of webhooks, with nothing but the standard library.

    ARI_AGENT_API_KEY=... python examples/webhook_receiver.py --port 8772

http://127.0.0.1:8772/inbound is for a number's `inbound_webhook_url`: it is asked while the caller's phone rings, and
gives the agent a variable. http://127.0.0.1:8772/events is for an agent's `webhook_url`, or for ARI_AGENT_WEBHOOK_URL:
it prints each event. What is not signed with the API key is refused.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API_KEY = os.environ["ARI_AGENT_API_KEY"]
FRESH_FOR_MS = 5 * 60 * 1000


def is_signed(body: bytes, header: str) -> bool:
    """X-Retell-Signature: `v=MILLISECONDS,d=HEX`, the HMAC-SHA256 of the body as it came and the milliseconds."""
    match = re.fullmatch(r"v=(\d+),d=([0-9a-f]{64})", header)
    if match is None or abs(time.time() * 1000 - int(match[1])) > FRESH_FOR_MS:
        return False
    digest = hmac.new(API_KEY.encode(), body + match[1].encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest, match[2])


class Webhooks(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_signed(body, self.headers.get("X-Retell-Signature", "")):
            self.answer(401, {"message": "the signature is missing, too old or wrong"})
        elif self.path == "/inbound":
            asked = json.loads(body)["call_inbound"]
            self.answer(200, {"call_inbound": {"dynamic_variables": {"customer": f"caller {asked['from_number']}"}}})
        else:
            event = json.loads(body)
            print(event["event"], json.dumps(event.get("call") or event.get("chat")), flush=True)
            self.answer(200, {})

    def answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8772)
    options = parser.parse_args()
    with ThreadingHTTPServer((options.host, options.port), Webhooks) as server:
        print(f"webhook receiver: http://{options.host}:{options.port}", flush=True)
        server.serve_forever()
