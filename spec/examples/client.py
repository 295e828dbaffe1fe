"""Enrols a sensor, attaches one reading and reads it back; exits 0 only if the value came back.

    python client.py [http://127.0.0.1:8470]

A sketch of a device: a real one keeps its seed in a file and makes each counter durable before it uses it.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.request

import weft
from dilithium_py.ml_dsa import ML_DSA_44

URL = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8470").rstrip("/")
DAY = 24 * 60 * 60 * 1000


def call(path, body=None):
    request = urllib.request.Request(URL + path, body, {"Accept": "application/json, application/senml+json"})
    if body is not None:
        request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: {error.code} {error.read().decode()}")


class Device:
    def __init__(self, seed):
        self.public, self.secret = ML_DSA_44.key_derive(seed)
        self.id = weft.blake2s(self.public)
        self.text = weft.to_text(self.id)

    def send(self, kind, content_format, content):
        """Takes a ticket, makes the transaction, posts it. `content` may depend on the ticket's time."""
        ticket = call(f"/api/v1/ticket?device={self.text}&count=1")
        network = weft.from_text(ticket["network"], 32)
        parents = [weft.from_text(parent, 40) for parent in ticket["parents"][0]]
        youngest = max(int.from_bytes(parent[:8], "big") for parent in parents)
        timestamp = max(ticket["time"], youngest + 1)
        bits = ticket["enrolment_difficulty" if kind == weft.ENROL else "difficulty"]
        wire, identifier = weft.make(
            self.secret, network, kind, content_format, ticket["counter"], timestamp, self.id, parents,
            os.urandom(weft.SALT), content(timestamp), bits)
        answer = call("/api/v1/transactions", wire)
        assert answer["id"] == weft.to_text(identifier), "the node names the transaction as we do"
        print(f"{answer['status']}: {answer['id']}")

    def enrol(self):
        self.send(weft.ENROL, weft.WEFT, lambda now: weft.enrolment(
            "sensor", now - now % DAY, now + 30 * DAY, self.public))

    def read(self, name, unit, value):
        pack = [{"n": name, "u": unit, "v": value}]
        self.send(weft.READING, weft.SENML_JSON, lambda _: json.dumps(pack).encode())


device = Device(os.urandom(32))
print(f"device: {device.text}")
device.enrol()
name, value = f"urn:dev:ops:weft-{device.text[:8]}:hr", 60 + time.time_ns() % 40
device.read(name, "beat/min", value)
records = call(f"/api/v1/devices/{device.text}/readings")
found = [record for record in records if record.get("n") == name and record.get("v") == value]
print(f"read back: {found}")
sys.exit(0 if len(found) == 1 else 1)
