"""Checks spec/vectors/ with an implementation that shares nothing with the Rust: every id, digest, signature, nonce and
difficulty, and the door's answer to every transaction of verdicts.json, in the order of the checks of page 03.

    python check_vectors.py [DIR]
"""
import json
import pathlib
import struct
import sys

import check_finality
import finality
import gossip
import weft
from dilithium_py.ml_dsa import ML_DSA_44

VECTORS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "vectors")
SLUGS_OF_KINDS = {3: "kind-not-at-door", 9: "kind-not-at-door", 11: "kind-not-at-door",
                  4: "kind-not-yet", 5: "kind-not-yet", 8: "kind-not-yet", 10: "kind-not-yet"}
checks = 0


def load(name):
    return json.loads((VECTORS / name).read_text())


def equal(found, expected, what):
    global checks
    checks += 1
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")


def refuses(function, *arguments):
    try:
        function(*arguments)
    except (ValueError, struct.error):
        return True
    return False


def check_basics():
    identifiers = load("identifiers.json")
    for row in identifiers["valid"]:
        equal(weft.to_text(bytes.fromhex(row["hex"])), row["text"], "text")
        equal(weft.from_text(row["text"], len(row["hex"]) // 2).hex(), row["hex"], "bytes")
    for row in identifiers["invalid"]:
        equal(refuses(weft.from_text, row["text"], 32), True, row["why"])
    hashing = load("hashing.json")
    for row in hashing["hashes"]:
        data = bytes.fromhex(row["input"])
        equal(weft.blake2s(data).hex(), row["blake2s"], "hash")
        equal(weft.blake2s(data, key=bytes.fromhex(hashing["key"])).hex(), row["blake2s_keyed"], "keyed hash")
    pow_ = load("pow.json")
    signature = bytes.fromhex(pow_["signature"]["byte"]) * pow_["signature"]["times"]
    seed = weft.blake2s(bytes.fromhex(pow_["id"]), signature)
    equal(seed.hex(), pow_["seed"], "seed")
    for row in pow_["work"]:
        work = weft.blake2s(seed, bytes.fromhex(row["nonce"]))
        equal((work.hex(), weft.zero_bits(work)), (row["work"], row["zero_bits"]), "work")
    for rules in pow_["difficulty"]:
        for row in rules["rows"]:
            columns = {"enrol_open": (True, 1), "enrol_closed": (False, 1), "others": (True, 2)}
            for column, (is_open, kind) in columns.items():
                equal(weft.difficulty(rules, is_open, kind, row["counter"]), row[column], "difficulty")


def check_keys():
    keys = {}
    for row in load("keys.json")["keys"]:
        public, secret = ML_DSA_44.key_derive(bytes.fromhex(row["seed"]))
        equal(public.hex(), row["public_key"], "public key")
        equal(weft.to_text(weft.blake2s(public)), row["device"], "device id")
        keys[row["name"]] = (public, secret)
    return keys


def check_networks(keys):
    networks = {}
    for row in load("networks.json")["networks"]:
        name, rules = row["name"].encode(), row["rules"]
        form = b"weft/network/1\0" + struct.pack(">H", len(name)) + name
        form += struct.pack(">QBQIBB", row["created_ms"], row["open_enrolment"], rules["epoch_ms"],
                            rules["quota"], rules["difficulty"], rules["enrolment_difficulty"])
        for members in (row["registrars"], row["committee"]):
            public = sorted((keys[member][0] for member in members), key=weft.blake2s)
            form += struct.pack(">H", len(public)) + b"".join(public)
        if row["canonical"]:
            equal(form.hex(), row["canonical"], "canonical form")
        network = weft.blake2s(form)
        equal(weft.to_text(network), row["network"], "network id")
        genesis = struct.pack(">Q", row["created_ms"]) + network
        equal(weft.to_text(genesis), row["genesis"], "genesis")
        registrars = {weft.blake2s(keys[member][0]): keys[member][0] for member in row["registrars"]}
        committee = {weft.blake2s(keys[member][0]): keys[member][0] for member in row["committee"]}
        networks[row["label"]] = dict(row, id=network, genesis=genesis, registrars=registrars, committee=committee)
    return networks


def check_transactions(keys, network):
    """Every intermediate value; gives the wire forms and what the enrolments say."""
    wires, known = {}, {}
    for row in load("transactions.json")["transactions"]:
        part = {name: bytes.fromhex(row[name]) for name in
                ("salt", "content", "header", "message", "signature", "pow_seed", "nonce")}
        public, secret = keys[row["key"]]
        parents = [weft.from_text(parent, 40) for parent in row["parents"]]
        body = part["salt"] + part["content"]
        head = weft.header(row["kind"], row["content_format"], row["counter"], row["timestamp"],
                           weft.blake2s(public), parents, body)
        equal(head, part["header"], "header")
        identifier = weft.transaction_id(network["id"], head)
        equal(weft.to_text(identifier), row["id"], "id")
        equal(weft.message("weft/transaction/1", network["id"], identifier), part["message"], "message")
        equal(ML_DSA_44.sign(secret, part["message"], deterministic=True), part["signature"], "signature")
        equal(weft.blake2s(identifier, part["signature"]), part["pow_seed"], "seed")
        bits = weft.difficulty(network["rules"], network["open_enrolment"], row["kind"], row["counter"])
        equal(bits, row["difficulty"], "difficulty")
        equal(weft.search(part["pow_seed"], bits), part["nonce"], "first nonce")
        wire = head + part["signature"] + part["nonce"] + body
        equal(weft.blake2s(wire).hex(), row["wire_blake2s"], "wire form")
        wires[row["name"]] = wire
        if "enrolment" in row:
            fields = enrolment(part["content"])
            equal(weft.ROLES[fields["role"]], row["enrolment"]["role"], "role")
            known[fields["device"]] = fields
    return wires, known


class Refused(Exception):
    pass


def require(condition, slug):
    if not condition:
        raise Refused(slug)


def enrolment(content):
    """The fields of page 04; refuses what is not canonical."""
    take = Reader(content).take
    role, valid_from, valid_until = struct.unpack(">BQQ", take(17))
    require(1 <= role <= 6 and valid_from < valid_until, "malformed")
    take(32)
    public = take(1312)
    (kem,) = struct.unpack(">H", take(2))
    require(kem in (0, 1216), "malformed")
    take(kem)
    (length,) = take(1)
    address = take(length)
    require(all(0x21 <= byte <= 0x7E for byte in address) and (role == 5 or not address), "malformed")
    unsigned = 1364 + kem + length
    registrar = take(32)
    signature = take(2420) if any(registrar) else b""
    require(len(content) == unsigned + 32 + len(signature), "malformed")
    return {"role": role, "from": valid_from, "until": valid_until, "public": public, "signature": signature,
            "device": weft.blake2s(public), "registrar": registrar, "signed": content[:unsigned + 32]}


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, size):
        require(size <= len(self.data), "malformed")
        head, self.data = self.data[:size], self.data[size:]
        return head


def may_be_admitted(network, fields):
    if any(fields["registrar"]):
        return fields["registrar"] in network["registrars"]
    return network["open_enrolment"] and fields["role"] <= 3


def permits(role, kind, itself):
    """The table of page 05 for the kinds at work."""
    allowed = {2: (1, 2, 3), 7: (1, 2, 3, 4, 6, "registrar"), 6: ("registrar",)}
    return kind >= 128 or role in allowed[kind] or (kind == 6 and itself)


def check_own_encoding(kind, content):
    if kind == 6:
        require(len(content) == 33 and content[32] <= 3, "malformed")
    elif kind == 7:
        require(len(content) >= 41 and len(content) == 41 + content[40], "malformed")
        media = content[41:]
        first, slash, second = media.partition(b"/")
        require(first and slash and second and all(0x20 <= byte <= 0x7E for byte in media), "malformed")


def check_reading(content_format, content):
    require(content_format in (110, 112, 16), "unsupported-media-type")
    if content_format == 110:
        try:
            records = json.loads(content)
        except ValueError:
            records = None
        require(isinstance(records, list) and records, "content")
        pack = records[0].get("bver", 10)
        require(1 <= pack <= 10 and all(record.get("bver", pack) == pack for record in records), "content")


def verdict(network, known, wire, now):
    """What the door answers: None or the slug of the first check that fails."""
    try:
        judge(network, known, wire, now)
    except Refused as refused:
        return refused.args[0]
    return None


def judge(network, known, wire, now):
    require(2604 <= len(wire) <= 18972, "malformed")
    version, kind, content_format, counter, timestamp = struct.unpack(">BBHIQ", wire[:16])
    head, signature, nonce, body = wire[:160], wire[160:2580], wire[2580:2588], wire[2588:]
    content, issuer = body[16:], wire[16:48]
    require(version == 1 and (1 <= kind <= 11 or kind >= 128), "malformed")
    first, second = wire[48:88], wire[88:128]
    require(first != second or first == network["genesis"], "parents")
    require(all(int.from_bytes(parent[:8], "big") < timestamp for parent in (first, second)), "parents")
    require(finality.body_digest(kind, body) == wire[128:160], "digest")
    require(kind not in SLUGS_OF_KINDS, SLUGS_OF_KINDS.get(kind))
    require(now - 86_400_000 <= timestamp <= now + 10_000, "timestamp")
    if kind == 1:
        require(content_format == 65535, "malformed")
        fields = enrolment(content)
        require(fields["device"] == issuer, "malformed")
        require(may_be_admitted(network, fields), "role")
        public = fields["public"]
    else:
        public, role = standing(network, known, issuer, timestamp)
        require(permits(role, kind, content[:32] == issuer), "role")
    identifier = weft.transaction_id(network["id"], head)
    bits = weft.difficulty(network["rules"], network["open_enrolment"], kind, counter)
    require(weft.zero_bits(weft.blake2s(weft.blake2s(identifier, signature), nonce)) >= bits, "pow")
    message = weft.message("weft/transaction/1", network["id"], identifier)
    require(ML_DSA_44.verify(public, message, signature), "signature")
    if kind == 1 and fields["signature"]:
        message = weft.message("weft/enrolment/1", network["id"], fields["signed"])
        registrar = network["registrars"][fields["registrar"]]
        require(ML_DSA_44.verify(registrar, message, fields["signature"]), "signature")
    if kind in (6, 7):
        require(content_format == 65535, "malformed")
        check_own_encoding(kind, content)
    if kind == 2:
        check_reading(content_format, content)


def standing(network, known, issuer, timestamp):
    for member, role in (("registrars", "registrar"), ("committee", 5)):
        if issuer in network[member]:
            return network[member][issuer], role
    fields = known.get(issuer)
    require(fields and fields["from"] <= timestamp < fields["until"], "not-enrolled")
    return fields["public"], fields["role"]


def check_verdicts(networks, known, wires):
    for row in load("verdicts.json")["rows"]:
        wire = bytes.fromhex(row["wire"]) if "wire" in row else edited(wires[row["base"]], row)
        equal(verdict(networks[row["network"]], known, wire, row["now"]), row["refused"], row["name"])
    now = load("transactions.json")["now"]
    for name, wire in wires.items():
        equal(verdict(networks["open"], known, wire, now), None, name)
    for step in load("door.json")["steps"]:
        wire = bytes.fromhex(step["wire"]) if "wire" in step else wires[step["transaction"]]
        equal(verdict(networks["open"], known, wire, step["now"]), None, step["name"])


def edited(wire, row):
    wire = bytearray(wire[:row.get("keep", len(wire))])
    for edit in row.get("edits", []):
        data = bytes.fromhex(edit["bytes"])
        wire[edit["at"]:edit["at"] + len(data)] = data
    append = row.get("append", {"byte": "", "times": 0})
    return bytes(wire) + bytes.fromhex(append["byte"]) * append["times"]


def check_ticket():
    ticket = load("ticket.json")
    fields, data = ticket["json"], bytes.fromhex(ticket["binary"])
    pairs = fields["parents"]
    expected = struct.pack(">BBBBIQQ", 1, fields["difficulty"], fields["enrolment_difficulty"], len(pairs),
                           fields["counter"], fields["time"], fields["epoch"])
    expected += weft.from_text(fields["network"], 32)
    expected += b"".join(weft.from_text(parent, 40) for pair in pairs for parent in pair)
    equal(data, expected, "ticket")


def check_handshake(keys, networks, wires):
    row = load("handshake.json")
    network = networks[row["network"]]["id"]
    public = {side: keys[row[side]][0] for side in ("client", "server")}
    intro = struct.pack(">H", 1) + network + bytes.fromhex(row["instance"]) + public["client"] + wires[row["credential"]]
    equal(intro.hex(), row["intro"], "introduction")
    for proof in row["proofs"]:
        own, peer = ("client", "server") if proof["side"] == "client" else ("server", "client")
        message = b"weft/handshake/1\0" + network + bytes([1 if own == "client" else 2])
        message += weft.blake2s(public[own]) + weft.blake2s(public[peer]) + bytes.fromhex(row["exporter"])
        equal(message.hex(), proof["message"], "handshake message")
        equal(ML_DSA_44.verify(public[own], message, bytes.fromhex(proof["proof"])), True, "proof")


def check_gossip(keys, wires):
    vectors = load("gossip.json")
    for row in vectors["messages"]:
        equal(gossip.frame(row["stream"], bytes.fromhex(row["hex"])), row["fields"], "message")
    named = [wires[name] for name in vectors["transactions"]]
    live, bulk = vectors["live"], vectors["bulk"]
    equal(gossip.frame("live", bytes.fromhex(live["hex"])), {"tree": live["tree"], "transactions": named}, "push")
    equal(gossip.frame("bulk", bytes.fromhex(bulk["hex"])), {"transactions": named}, "bodies")
    left = wires[vectors["erased"]["transaction"]][:2_588]
    equal(gossip.frame("bulk", bytes.fromhex(vectors["erased"]["hex"])), {"transactions": [left]}, "what is left")
    for row in vectors["invalid"]:
        then = row.get("then", {"transactions": 0, "bytes": 0, "byte": ""})
        one = struct.pack(">H", then["bytes"]) + bytes.fromhex(then["byte"]) * then["bytes"]
        data = bytes.fromhex(row["hex"]) + one * then["transactions"]
        equal(refuses(gossip.frame, row["stream"], data), True, row["why"])
    for row in vectors["leads"]:
        own, peer = (weft.blake2s(keys[row[name]][0]) for name in ("own", "peer"))
        equal(gossip.leads(own, peer), row["leads"], "who names first")


def check_tailing(network, wires):
    vectors = load("tailing.json")
    log = [weft.to_text(weft.transaction_id(network["id"], wires[name][:160])) for name in vectors["log"]]
    for story in vectors["stories"]:
        link, fault = gossip.Link(log, vectors["life"]), None
        for step in story["steps"]:
            fields = step["fields"]
            equal(gossip.frame("control", bytes.fromhex(step["hex"])), fields, "message")
            equal(fault, None, story["about"])
            if step["from"] == "peer":
                fault = link.hears(fields)
            elif fields["message"] == "from":
                equal(fields, {"message": "from", "position": link.told, "length": len(log), "life": vectors["life"]}, "from")
            elif fields["message"] == "log":
                equal((fields["first"], fields["behind"], fields["entries"]), link.tells(), "entries")
            elif fields["message"] == "ack":
                equal(fields["position"], link.next, "what is durable is settled")
        equal(fault, story["fault"], story["about"])


check_basics()
all_keys = check_keys()
all_networks = check_networks(all_keys)
all_wires, all_known = check_transactions(all_keys, all_networks["open"])
check_verdicts(all_networks, all_known, all_wires)
check_ticket()
check_handshake(all_keys, all_networks, all_wires)
check_gossip(all_keys, all_wires)
check_tailing(all_networks["open"], all_wires)
check_finality.check(load("finality.json"), all_keys, all_networks["open"], all_wires, equal, refuses)
print(f"{checks} checks passed")
