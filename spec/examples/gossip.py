"""Reads what fog nodes send each other (page 14): a frame of a stream, without its length, becomes a dictionary with
the fields of vectors/gossip.json. What is no frame raises ValueError."""
import weft

MESSAGES = ("tail", "from", "log", "ack", "want", "done", "prune")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("it ends early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, bits=64):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if (shift > 7 and byte == 0) or value >> bits:
            raise ValueError("a number longer than it needs to be, or too large")
        return value

    def signed(self):
        value = self.number()
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1

    def boolean(self):
        byte = self.take(1)[0]
        if byte > 1:
            raise ValueError("neither no nor yes")
        return byte == 1

    def identifier(self):
        return weft.to_text(self.take(40))

    def list(self, most, read):
        count = self.number()
        if count > most:
            raise ValueError("a list above its bound")
        return [read() for _ in range(count)]

    def end(self):
        if self.at != len(self.data):
            raise ValueError("bytes behind the end")


def entries(reader):
    """Entries of a log: text of an id, or a position in the reader's own log."""
    found, time, place = [], 0, 0
    for _ in range(reader.number()):
        kind, before = reader.number(), len(found)
        if kind == 0:
            for _ in range(reader.number()):
                time = (time + reader.signed()) % 2**64
                found.append(weft.to_text(time.to_bytes(8, "big") + reader.take(32)))
        elif kind == 1:
            place = (place + reader.signed()) % 2**64
            count = min(reader.number(32), 257)
            found += [(place + step) % 2**64 for step in range(count)]
            place = (place + count) % 2**64
        else:
            raise ValueError("no such run")
        if len(found) > 256 or len(found) == before:
            raise ValueError("1 to 256 entries, no empty run")
    if not found:
        raise ValueError("1 to 256 entries, no empty run")
    return found


def message(data):
    if len(data) > 16_384:
        raise ValueError("a message above its bound")
    reader = Reader(data)
    kind = reader.number()
    if kind >= len(MESSAGES):
        raise ValueError("a message that version 1 does not know")
    fields = {"message": MESSAGES[kind]}
    if kind == 0:
        fields["checkpoints"] = reader.list(32, lambda: [reader.number(), reader.identifier(), reader.number()])
        positions = [position for position, *_ in fields["checkpoints"]]
        if positions != sorted(set(positions), reverse=True):
            raise ValueError("checkpoints descend strictly")
        fields["credit"] = reader.number(32)
    elif kind == 1:
        fields.update(position=reader.number(), length=reader.number(), life=reader.number())
    elif kind == 2:
        fields.update(first=reader.number(), behind=reader.number(), entries=entries(reader))
    elif kind == 3:
        fields.update(position=reader.number(), credit=reader.number(32))
    elif kind == 4:
        fields.update(request=reader.number(32), graft=reader.boolean())
        fields["ranges"] = reader.list(32, lambda: [reader.number(), reader.number(32)])
        fields["ids"] = reader.list(128, reader.identifier)
        counts = [count for _, count in fields["ranges"]]
        if 0 in counts or not 1 <= sum(counts) + len(fields["ids"]) <= 128:
            raise ValueError("1 to 128 transactions")
    elif kind == 5:
        fields.update(request=reader.number(32), lacking=reader.list(128, reader.identifier))
        fields["withheld"] = reader.list(128, reader.identifier)
        if len(fields["lacking"]) + len(fields["withheld"]) > 128:
            raise ValueError("128 transactions at most")
    else:
        fields["tree"] = reader.number(32)
    reader.end()
    return fields


def transactions(reader):
    found = []
    while reader.at < len(reader.data):
        found.append(reader.take(int.from_bytes(reader.take(2), "big")))
    if not found or not all(1 <= len(one) <= 18_972 for one in found):
        raise ValueError("transactions behind their lengths, at least one")
    return found


def frame(stream, data):
    if stream == "control":
        fields = message(data)
        if fields["message"] == "done":
            raise ValueError("a done goes on the bulk stream")
        return fields
    if len(data) > 65_536:
        raise ValueError("a frame above its bound")
    reader = Reader(data)
    if stream == "live":
        return {"tree": int.from_bytes(reader.take(4), "big"), "transactions": transactions(reader)}
    first = reader.take(1)[0]
    if first == 0:
        return {"transactions": transactions(reader)}
    fields = message(data[1:])
    if first != 1 or fields["message"] != "done":
        raise ValueError("only a done goes on the bulk stream")
    return fields


def leads(own, peer):
    """Whether `own` names transactions first on its link to `peer`."""
    return (own < peer) == (own[-1] & 1 == peer[-1] & 1)


class Link:
    """One side of a link that says what is wrong with what its peer says. It has told nothing, remembers nothing of the peer's
    log, and nothing becomes durable meanwhile: `log` are the texts of its ids, since `life` it lives."""

    def __init__(self, log, life):
        self.log, self.life = log, life
        # Of the own log: what is acknowledged, granted and told. Of the peer's: the next position, and what it named.
        self.acked = self.credit = self.told = self.next = None
        self.named, self.requests = set(), set()

    def hears(self, fields):
        """The fault in a message of the peer, or None."""
        hear = {"tail": self.tail, "from": self.from_, "log": self.log_, "ack": self.ack, "want": self.want}
        return hear[fields["message"]](fields)

    def tail(self, fields):
        if self.told is not None:
            return "budget"
        self.told = 0
        for position, id, life in reversed(fields["checkpoints"]):
            if life != self.life or self.log[position:position + 1] != [id]:
                break
            self.told = position + 1
        self.acked, self.credit = self.told, min(fields["credit"], 4_096)

    def from_(self, fields):
        if self.next is not None or fields["position"] != 0 or fields["length"] < fields["position"]:
            return "log"
        self.next = fields["position"]

    def log_(self, fields):
        if fields["first"] != self.next:
            return "log"
        for entry in fields["entries"]:
            id = entry if isinstance(entry, str) else self.log[entry] if entry < len(self.log) else None
            if id is None or id in self.named:
                return "log"
            self.named.add(id)
            self.next += 1

    def ack(self, fields):
        if self.told is None or not self.acked <= fields["position"] <= self.told:
            return "log"
        said = fields["position"], min(fields["credit"], 4_096)
        if said == (self.acked, self.credit):
            return "unasked"
        self.acked, self.credit = said

    def want(self, fields):
        ends = [first + count for first, count in fields["ranges"]]
        if max(ends, default=0) > (self.told or 0) or fields["request"] in self.requests or len(self.requests) >= 8:
            return "budget"
        self.requests.add(fields["request"])

    def tells(self):
        """The next entries of the own log: first, those behind them, and the entries."""
        first, self.told = self.told, min(len(self.log), self.acked + self.credit)
        return first, len(self.log) - self.told, self.log[first:self.told]
