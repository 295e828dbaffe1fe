"""What proves to a light verifier that a transaction is final (page 17): votes, what they certify, audit paths."""
import struct

import finality
import weft
from dilithium_py.ml_dsa import ML_DSA_44

VOTE_BYTES = 2_684


def vote(network, keys, data):
    """Author, index and digest of a vote: the first bytes of a witness. `keys` are the committee's, by device id."""
    head, signature, covered = data[:160], data[160:2580], data[2588:]
    message = weft.message("weft/transaction/1", network["id"], weft.transaction_id(network["id"], head))
    is_witness = len(data) == VOTE_BYTES and head[:2] == b"\1\3" and head[16:48] in keys
    if not is_witness or weft.blake2s(covered) != head[128:160]:
        raise ValueError("no vote of a member")
    if not ML_DSA_44.verify(keys[head[16:48]], message, signature):
        raise ValueError("a wrong signature")
    return head[16:48], *struct.unpack(">Q32s", covered[24:64])


class Votes:
    """What the members of a committee have said, and this node's own chain."""

    def __init__(self, members):
        self.quorum, self.own, self.said = finality.quorum(members), {}, set()

    def supporters(self, holds):
        return {member for member, index, digest in self.said if holds(index, digest)}

    def certified(self):
        """The highest index of a commit that is certified, 0 for none."""
        def holds(at):
            return len(self.supporters(lambda index, digest: index >= at and self.own.get(index) == digest)) >= self.quorum
        return max(filter(holds, self.own), default=0)

    def stops(self):
        """Whether chains have parted."""
        against = self.supporters(lambda index, digest: self.own.get(index, digest) != digest)
        certified = {vote[1:] for vote in self.said if len(self.supporters(lambda *other: other == vote[1:])) >= self.quorum}
        return len(against) >= self.quorum or len({index for index, _ in certified}) < len(certified)


def root_of(leaf, place, count, path):
    """The root to which an audit path leads, or ValueError."""
    if place >= count:
        raise ValueError("no leaf has this place")
    digest, at, last, beside = weft.blake2s(b"\0" + leaf), place, count - 1, list(path)
    while last > 0:
        if at % 2 == 1 or at < last:
            if not beside:
                raise ValueError("the path is too short")
            other = beside.pop(0)
            digest = weft.blake2s(b"\1" + (other + digest if at % 2 == 1 else digest + other))
        at, last = at // 2, last // 2
    if beside:
        raise ValueError("the path is too long")
    return digest
