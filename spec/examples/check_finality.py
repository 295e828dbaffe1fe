"""Checks finality.json for check_vectors.py: witnesses, commits, verdicts, refusals, votes and paths."""
import struct

import finality
import proofs
import weft
from dilithium_py.ml_dsa import ML_DSA_44


def check(vectors, keys, network, wires, equal, refuses):
    names = sorted(("member-a", "member-b"), key=lambda name: weft.blake2s(keys[name][0]))
    committee = {weft.blake2s(keys[name][0]): keys[name][0] for name in names}
    context = vectors, network, committee, equal
    check_witnesses(*context, keys, wires, refuses)
    for row in vectors["graphs"]:
        equal(finality.drawn(row["members"], row["witnesses"]).leaders(), row["leaders"], row["about"])
    check_verdicts(*context)
    check_split(*context, weft.blake2s(keys["sensor"][0]))
    check_refusals(*context)
    check_proofs(vectors, equal, refuses)


def check_witnesses(vectors, network, committee, equal, keys, wires, refuses):
    transactions = {}
    for wire in wires.values():
        transactions[weft.transaction_id(network["id"], wire[:160])] = wire[:160], wire[2604:], None
    votes = []
    for row in vectors["witnesses"]:
        head, salt, content = (bytes.fromhex(row[name]) for name in ("header", "salt", "content"))
        equal(finality.body_digest(3, salt + content), head[128:160], "a witness's digest")
        fields = finality.check_witness(network, len(committee), head, content)
        equal(fields, row["witness"], "witness")
        identifier = weft.transaction_id(network["id"], head)
        equal(weft.to_text(identifier), row["id"], "a witness's id")
        message = weft.message("weft/transaction/1", network["id"], identifier)
        public, _ = keys[row["key"]]
        equal(ML_DSA_44.verify(public, message, bytes.fromhex(row["signature"])), True, "a witness's signature")
        equal(refuses(finality.witness, content + b"\0"), True, "a trailing byte")
        transactions[identifier] = head, content, fields
        wire = head + bytes.fromhex(row["signature"] + row["nonce"]) + salt + content
        votes.append(proofs.vote(network, committee, wire[:proofs.VOTE_BYTES]))
        spoilt = wire[:2600] + b"\xff" + wire[2601:proofs.VOTE_BYTES]
        equal(refuses(proofs.vote, network, committee, spoilt), True, "another salt")
    check_chain(network, committee, transactions, vectors["commits"], votes, vectors["certified"], equal)


def check_chain(network, committee, transactions, rows, votes, certified, equal):
    """The commits that follow, and what the votes in the witnesses certify of them. Gives the commits."""
    chain = finality.commits(network, transactions, sorted(committee), network["rules"]["epoch_ms"])
    equal(len(chain), len(rows), "number of commits")
    for (commit, digest, delivered, _), row in zip(chain, rows):
        equal(delivered, row.get("delivered", delivered), "what a commit delivers")
        equal((commit.hex(), digest.hex()), (row["bytes"], row["digest"]), "commit")
    said = proofs.Votes(len(committee))
    said.own = {index: digest for index, (_, digest, _, _) in enumerate(chain, 1)}
    for vote, expected in zip(votes, certified, strict=True):
        said.said.add(vote)
        equal((said.certified(), said.stops()), (expected, False), "what votes certify")
    return chain


def bare(network, row):
    """Id, header and content of a transaction without a signature."""
    head, content = bytes.fromhex(row["header"]), bytes.fromhex(row["content"])
    if finality.body_digest(head[1], bytes(16) + content) != head[128:160]:
        raise ValueError("digest")
    return weft.transaction_id(network["id"], head), head, content


def add_witnesses(network, committee, transactions, rows):
    """Adds witnesses to transactions; gives their votes."""
    votes = []
    for row in rows:
        id, head, content = bare(network, row)
        fields = finality.check_witness(network, len(committee), head, content)
        transactions[id] = head, content, fields
        votes.append((head[16:48], fields["vote"]["index"], bytes.fromhex(fields["vote"]["digest"])))
    return votes


def check_verdicts(vectors, network, committee, equal):
    rows = vectors["verdicts"]
    made = [(bare(network, row), row) for row in rows["transactions"]]
    transactions = {id: (head, content, None) for (id, head, content), _ in made}
    votes = add_witnesses(network, committee, transactions, rows["witnesses"])
    chain = check_chain(network, committee, transactions, rows["commits"], votes, rows["certified"], equal)
    found = {id: verdict for _, _, delivered, _ in chain for id, verdict in delivered}
    for (id, _, _), row in made:
        equal(found[weft.to_text(id)], row["verdict"], row["about"])
    equal(set(found.values()), {0, 1, 2, 3}, "every verdict")
    equal([disputed for *_, disputed in chain], rows["disputed_later"], "what later commits dispute")


def check_split(vectors, network, committee, equal, sensor):
    row, transactions = vectors["split"], {}
    parents, body = [network["genesis"]] * 2, bytes(16) + b"[]"
    for number in range(row["readings"]):
        counter = 65_535 if number == 65_536 else number
        head = weft.header(2, 110, counter, network["created_ms"] + 1_000 + number, sensor, parents, body)
        id = weft.transaction_id(network["id"], head)
        transactions[id] = head, b"[]", None
        parents = [id, parents[0]]
    votes = add_witnesses(network, committee, transactions, row["witnesses"])
    chain = check_chain(network, committee, transactions, row["commits"], votes, row["certified"], equal)
    (_, _, first, _), (_, _, second, disputed) = chain[:2]
    equal((len(first), first[-1][1], second[0][1], disputed), (65_536, 0, 2, [first[-1][0]]), "a leader of two commits")


def check_refusals(vectors, network, committee, equal):
    for row in vectors["refusals"]:
        try:
            _, head, content = bare(network, row)
        except ValueError:
            equal("digest", row["refused"], row["about"])
            continue
        try:
            finality.check_witness(network, len(committee), head, content)
            found = None
        except LookupError:
            found = "parents"
        except (ValueError, struct.error):
            found = "malformed"
        equal(found, row["refused"], row["about"])
    shapes = vectors["shapes"]
    graph = finality.drawn(shapes["members"], shapes["below"])
    for row in shapes["rows"]:
        previous = None if row["parent_1"] == "genesis" else row["parent_1"]
        arguments = ord(row["author"]) - ord("A"), row["round"], row["witness_parents"].split(), previous
        try:
            graph.check(*arguments)
            is_refused = False
        except ValueError:
            is_refused = True
        equal(is_refused, row["refused"], row["about"])


def check_proofs(vectors, equal, refuses):
    paths = vectors["paths"]
    leaves = [bytes.fromhex(leaf) for leaf in paths["leaves"]]
    trees = {tree["count"]: tree for tree in paths["trees"]}

    def path(count, place):
        return [bytes.fromhex(digest) for digest in trees[count]["paths"][place]]

    for count, tree in trees.items():
        equal(finality.root(leaves[:count]).hex(), tree["root"], "root")
        for place in range(count):
            found = proofs.root_of(leaves[place], place, count, path(count, place))
            equal(found.hex(), tree["root"], "the root that a path leads to")
    for row in paths["invalid"]:
        count = row["count"]
        digests = path(row.get("in_tree_of", count), row["path_of"])
        digests = digests[:len(digests) - row.get("cut", 0)] + [bytes(32)] * row.get("more", 0)
        arguments = leaves[row["path_of"]], row["place"], count, digests
        is_proof = not refuses(proofs.root_of, *arguments) and proofs.root_of(*arguments).hex() == trees[count]["root"]
        equal(is_proof, False, row["about"])
    for row in vectors["votes"]:
        votes = proofs.Votes(row["members"])
        for step in row["steps"]:
            index = step.get("made", step.get("index"))
            digest = bytes([index + (128 if step["chain"] == "other" else 0)]) * 32
            if "made" in step:
                votes.own[index] = digest
            else:
                votes.said.add((step["member"], index, digest))
            equal((votes.certified(), votes.stops()), (step["certified"], step["stops"]), f"{row['about']}: {step}")
