#!/usr/bin/env python3
"""A customer system as dozvon asks it (docs/endpoints.md): who calls from a number.

    CRM_TOKEN=secret ./crm.py --port 8090

GET /customers?phone=%2B77015550150 answers with the customer, with several, or with "customer": null. Put your own
look-up in the place of `CUSTOMERS`. Nothing but the Python standard library.
"""
import argparse
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

AIGUL = {
    "id": "C-1001",
    "name": "Айгуль Сериковна",
    "language": "kk",
    "segment": "senior",
    "identification": "by_number",
    "offers": ["gold-card"],
    "fields": {"branch": "Almaty 3", "manager": "Dana"},
}
PETR = {"id": "C-1002", "name": "Пётр Иванович", "language": "ru", "segment": "mass"}
ANNA = {"id": "C-1003", "name": "Анна Петровна", "language": "ru", "segment": "mass"}

# One number may be that of several customers; the agent asks which of them it is.
CUSTOMERS = {"+77015550150": [AIGUL], "+77015550151": [PETR, ANNA]}


def customers_answer(phone):
    """The body of the answer for a number."""
    found = CUSTOMERS.get(phone, [])
    if len(found) > 1:
        return {"customers": found}
    return {"customer": found[0] if found else None}


class Crm(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    token = os.environ.get("CRM_TOKEN", "")

    def do_GET(self):
        url = urlsplit(self.path)
        if self.token and not self.is_allowed():
            self.answer(401, {"error": "who are you?"})
        elif url.path != "/customers":
            self.answer(404, {"error": "there is no such thing"})
        else:
            phone = parse_qs(url.query).get("phone", [""])[0]
            self.answer(200, customers_answer(phone))

    def is_allowed(self):
        """Whether the bearer token is ours; compared in constant time."""
        sent = self.headers.get("Authorization", "").encode()
        return hmac.compare_digest(sent, f"Bearer {self.token}".encode())

    def answer(self, status, body):
        """Sends a JSON object."""
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *args):
        """The log of requests has no numbers: they are personal data. X-Request-Id leads to the call."""
        print(self.headers.get("X-Request-Id", "-"), args[1], file=sys.stderr)


def main():
    """Serves until it is stopped; the first line tells where."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--port", type=int, default=8090, help="0 takes a free one")
    server = ThreadingHTTPServer(("127.0.0.1", arguments.parse_args().port), Crm)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
