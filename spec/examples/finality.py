"""Witnesses and commits (pages 04 and 17), written from the pages: the rule is computed anew each time."""
import struct

import weft

CONTROL = {1, 4, 5, 6, 8, 10, 11}
COMMIT_TRANSACTIONS = 65_536


def faulty(n):
    return (n - 1) // 3


def quorum(n):
    return -(-(n + faulty(n) + 1) // 2)


def body_digest(kind, body):
    """A witness's digest ends before its list of references, whose digest stands there; None where that is another."""
    if kind != 3:
        return weft.blake2s(body)
    return weft.blake2s(body[:96]) if len(body) >= 96 and weft.blake2s(body[96:]) == body[64:96] else None


def witness(content):
    """The fields of a witness's content, or ValueError."""
    round_, index = struct.unpack(">QQ", content[:16])
    digest, references, rest = content[16:48], content[48:80], content[80:]
    parents, sweeps = struct.unpack(">BH", rest[:3])
    ids = [rest[3 + 40 * at:43 + 40 * at] for at in range(parents + sweeps)]
    lists = ids[:parents], ids[parents:]
    ascending = all(ids == sorted(set(ids)) for ids in lists) and not set(lists[0]) & set(lists[1])
    if (len(rest) != 3 + 40 * len(ids) or round_ == 0 or weft.blake2s(rest) != references or not ascending
            or parents > 128 or sweeps > 256 or (index == 0 and any(digest)) or (round_ == 1 and parents)):
        raise ValueError("no witness")
    return {"round": round_, "vote": {"index": index, "digest": digest.hex()}, "references": references.hex(),
            "witness_parents": [weft.to_text(id) for id in lists[0]],
            "witness_parents_hex": [id.hex() for id in lists[0]],
            "sweeps": [weft.to_text(id) for id in lists[1]], "sweeps_hex": [id.hex() for id in lists[1]]}


def check_witness(network, members, head, content):
    """The fields of a witness by what bytes and network file tell (page 04), or ValueError. Its digest is checked before."""
    fields = witness(content)
    references = [bytes.fromhex(id) for id in fields["witness_parents_hex"] + fields["sweeps_hex"]]
    first, genesis = head[48:88], network["genesis"]
    others = [id for id in references if id != first]
    if head[2:4] != b"\xff\xff" or genesis in references or first.hex() in fields["sweeps_hex"]:
        raise ValueError("another content format, or a reference that is none")
    if fields["round"] > 1 and not quorum(members) <= len(fields["witness_parents"]) <= members:
        raise ValueError("no quorum of witness parents")
    if head[88:128] != (others[0] if others else genesis):
        raise ValueError("another parent 2")
    if any(id[:8] >= head[8:16] for id in references):
        raise LookupError("a reference that is not older")
    return fields


class Graph:
    """Witnesses: name to (author, round, witness parents, parent 1 or None)."""

    def __init__(self, members, witnesses):
        self.members, self.witnesses = members, witnesses
        self.top = max(round_ for _, round_, _, _ in witnesses.values())

    def of_round(self, number):
        return [name for name, (_, round_, _, _) in self.witnesses.items() if round_ == number]

    def many(self, names):
        return len({self.witnesses[name][0] for name in names}) >= quorum(self.members)

    def votes(self, name, leader):
        return leader in self.witnesses[name][2]

    def certifies(self, name, leader):
        return self.many([parent for parent in self.witnesses[name][2] if self.votes(parent, leader)])

    def check(self, author, number, parents, previous):
        """Whose witnesses a witness may build on (page 17); ValueError if it may not."""
        known = [self.witnesses.get(name) for name in parents]
        last = self.witnesses.get(previous)
        if previous is not None and not (last and last[0] == author and last[1] < number):
            raise ValueError("parent 1 is no earlier witness of the author")
        if number == 1:
            if parents:
                raise ValueError("witness parents in round 1")
            return
        if not all(witness and witness[1] == number - 1 for witness in known):
            raise ValueError("a witness parent that is none, or not of the round before")
        authors = {witness[0] for witness in known}
        if len(authors) != len(parents) or not self.many(parents):
            raise ValueError("two of one author, or less than a quorum")
        goes_on = last is not None and last[1] == number - 1
        if goes_on != (author in authors) or goes_on and previous not in parents:
            raise ValueError("parent 1 of the round before is a witness parent, and no other own one is")

    def history(self, name):
        found, queue = set(), [name]
        while queue:
            name = queue.pop()
            if name not in found:
                found.add(name)
                _, _, parents, previous = self.witnesses[name]
                queue.extend([*parents, *([previous] if previous else [])])
        return found

    def decide(self, number, active, decided):
        if number in decided:
            return decided[number]
        leader = active[number % len(active)]
        candidates = [name for name in self.of_round(number) if self.witnesses[name][0] == leader]
        after, second = self.of_round(number + 1), self.of_round(number + 2)
        answer = None
        if self.many(after) and all(self.many([w for w in after if not self.votes(w, c)]) for c in candidates):
            answer = "skip"
        for candidate in candidates if answer is None else []:
            if self.many([w for w in second if self.certifies(w, candidate)]):
                answer = candidate
        if answer is None:
            slots = (self.decide(slot, active, decided) for slot in range(number + 3, self.top + 1))
            anchor = next((slot for slot in slots if slot != "skip"), None)
            if anchor is not None:
                seen = self.history(anchor)
                answer = next((c for c in candidates if any(w in seen and self.certifies(w, c) for w in second)), "skip")
        decided[number] = answer
        return answer

    def leaders(self):
        """The committed leaders, each of which gives one commit."""
        active, leaders, number, decided = list(range(self.members)), [], 1, {}
        while number <= self.top:
            answer = self.decide(number, active, decided)
            if answer is None:
                break
            if answer != "skip":
                leaders.append(answer)
                if len(leaders) % 64 == 0:
                    seen = [self.witnesses[name] for name in self.history(answer)]
                    active = sorted({author for author, round_, _, _ in seen if number - 64 < round_ <= number})
                    if len(active) < quorum(self.members):
                        active = list(range(self.members))
                    decided = {}
            number += 1
        return leaders


def drawn(members, text):
    """A graph drawn as in vectors/finality.json."""
    witnesses = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, _, parents = part.partition(":")
        author, round_, parents = ord(name[0]) - ord("A"), int(name[1:].rstrip("'")), parents.split()
        own = [other for other, (by, earlier, _, _) in witnesses.items() if by == author and earlier < round_]
        previous = next((other for other in own if other in parents), own[-1] if own else None)
        witnesses[name] = author, round_, parents, previous
    return Graph(members, witnesses)


def root(leaves):
    """The Merkle tree hash of RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return weft.blake2s(b"\0" + leaves[0])
    left = 1 << ((len(leaves) - 1).bit_length() - 1)
    return weft.blake2s(b"\1" + root(leaves[:left]) + root(leaves[left:]))


def commits(network, transactions, members, epoch_ms):
    """All commits of `transactions`: id to header, content and kind-3 fields (or None); `members` are device ids in order.
    Each with its bytes, its digest, what it delivers, and what of earlier commits it disputes."""
    graph = Graph(len(members), {
        id: (members.index(head[16:48]), fields["round"], [bytes.fromhex(p) for p in fields["witness_parents_hex"]],
             head[48:88] if head[48:88] != network["genesis"] else None)
        for id, (head, _, fields) in transactions.items() if fields})
    previous, time, delivered, chain, judge = bytes(32), network["created_ms"], set(), [], Judge(transactions, epoch_ms)
    for leader in graph.leaders():
        reached, queue = set(), [leader]
        while queue:
            id = queue.pop()
            if id in reached or id in delivered or id == network["genesis"]:
                continue
            reached.add(id)
            head, _, fields = transactions[id]
            lists = fields["witness_parents_hex"] + fields["sweeps_hex"] if fields else []
            queue.extend([head[48:88], head[88:128], *map(bytes.fromhex, lists)])
        delivered |= reached
        times = sorted(int.from_bytes(parent[:8], "big") for parent in graph.witnesses[leader][2])
        time = max(time, times[(len(times) - 1) // 2]) if times else time
        order = sorted(reached)
        for at in range(0, len(order), COMMIT_TRANSACTIONS):
            batch = order[at:at + COMMIT_TRANSACTIONS]
            verdicts, disputed = judge.commit(batch)
            tree = root([id + bytes([verdict]) for id, verdict in zip(batch, verdicts)])
            commit = struct.pack(">Q32s40sQ32sI", len(chain) + 1, previous, leader, time, tree, len(batch))
            previous = weft.blake2s(b"weft/commit/1\0", commit, key=network["id"])
            leaves = [[weft.to_text(id), verdict] for id, verdict in zip(batch, verdicts)]
            chain.append((commit, previous, leaves, [weft.to_text(id) for id in disputed]))
    return chain


class Judge:
    """The verdicts of commits, one after the other."""

    def __init__(self, transactions, epoch_ms):
        self.transactions, self.epoch_ms = transactions, epoch_ms
        self.revoked, self.disputed = set(), set()
        # Of what is not revoked: by counter, in the final order; and the verdict in the leaf.
        self.used, self.verdicts = {}, {}

    def commit(self, batch):
        disputed, here = [], set(batch)
        for id in batch:
            head, content, _ = self.transactions[id]
            issuer, kind = head[16:48], head[1]
            if issuer in self.revoked:
                self.verdicts[id] = 3
                continue
            key = issuer, int.from_bytes(id[:8], "big") // self.epoch_ms, head[4:8]
            before = self.used.setdefault(key, [])
            self.verdicts[id] = 0 if not before else 1 if kind in CONTROL else 2
            for other in before:
                if self.verdicts[other] == 0 and self.transactions[other][0][1] not in CONTROL:
                    if other in here:
                        self.verdicts[other] = 2
                    elif other not in self.disputed:
                        self.disputed.add(other)
                        disputed.append(other)
            before.append(id)
            if kind == 6 and self.verdicts[id] == 0:
                self.revoked.add(content[:32])
        return [self.verdicts[id] for id in batch], disputed
