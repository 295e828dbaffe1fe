"""Follows what becomes final at a node and computes each commit anew, from its API alone: leaves, Merkle root, digest, chain.

    python follow.py [http://127.0.0.1:8470] [COMMITS]

Begins with the first commit and ends after COMMITS of them (default 3); exits 0 only if all is as the node says. It trusts the
node for which commits there are; that a quorum of the committee stands behind them is for the witnesses' votes to prove (page 17).
"""
import json
import struct
import sys
import urllib.request

import finality
from weft import blake2s, from_text, to_text

URL = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8470").rstrip("/")
WANTED = int(sys.argv[2]) if len(sys.argv) > 2 else 3
VERDICTS = ["counts", "conflict", "disputed", "revoked"]
STATUS = {"counts": "final", "conflict": "conflict", "disputed": "disputed", "revoked": "revoked"}


def get(path, accept="application/json"):
    """An answer, and where the next page is."""
    request = urllib.request.Request(URL + path, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as answer:
        link = answer.headers.get("Link", "")
        return answer.read(), link[1:link.index(">")] if link else None


def events(after):
    """Name and data of each event behind one, as they come."""
    request = urllib.request.Request(URL + "/api/v1/events?kind=final,commit&of=" + OF, headers={"Last-Event-ID": after})
    event = {}
    with urllib.request.urlopen(request, timeout=60) as stream:
        for line in stream:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field:
                event[field] = value
            elif "data" in event:
                yield event["event"], event.get("id"), json.loads(event["data"])
                event = {}
            else:
                event = {}


def leaves(index):
    """All that a commit delivers, page by page."""
    path, found = f"/api/v1/commits/{index}?transactions=1", []
    while path:
        page, path = get(path)
        found += [(leaf["id"], leaf["verdict"]) for leaf in json.loads(page)["transactions"]]
    return found


def check(network, index, previous, told):
    """A commit against its own numbers, the one before, and what the stream has told; its digest."""
    shown = json.loads(get(f"/api/v1/commits/{index}")[0])
    delivered = leaves(index)
    assert delivered == told, f"commit {index}: the stream tells what the commit delivers, in its order"
    assert [id for id, _ in delivered] == sorted({id for id, _ in delivered}), "in ascending order, each once"
    root = finality.root([from_text(id, 40) + bytes([VERDICTS.index(verdict)]) for id, verdict in delivered])
    commit = struct.pack(">Q32s40sQ32sI", index, previous, from_text(shown["leader"], 40), shown["time"], root,
                         len(delivered))
    assert get(f"/api/v1/commits/{index}", "application/octet-stream")[0] == commit, "its bytes are those computed"
    digest = blake2s(b"weft/commit/1\0", commit, key=network)
    assert shown["digest"] == to_text(digest) and shown["previous"] == to_text(previous), "the chain"
    return digest


OF = "enrol,reading,witness,grant,revoke-grant,revoke-device,anchor,erase,access,emergency,change,application"
network = from_text(json.loads(get("/api/v1/network")[0])["network"], 32)
previous, index, told = bytes(32), 0, []
for name, id, data in events("0-0"):
    if name == "final":
        assert id == f"{index + 1}-{len(told)}" == f"{data['index']}-{data['place']}", "nothing is left out"
        told.append((data["id"], next(verdict for verdict, status in STATUS.items() if status == data["status"])))
    elif name == "commit":
        index += 1
        assert (data["index"], data["count"], id) == (index, len(told), f"{index}-{len(told)}"), "each commit in turn"
        previous = check(network, index, previous, told)
        assert to_text(previous) == data["digest"], "the digest that the stream told"
        print(f"commit {index}: {len(told)} transactions, {data['digest']}")
        told = []
        if index >= WANTED:
            sys.exit(0)
sys.exit("the stream ended: " + json.dumps(data))
