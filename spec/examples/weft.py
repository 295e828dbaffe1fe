"""Weft's formats in Python, from the pages of spec/ alone: ids, headers, signatures, proof of work.

Needs Python 3.10 and the packages of requirements.txt.
"""
import base64
import hashlib
import struct

from dilithium_py.ml_dsa import ML_DSA_44

HEADER, SIGNATURE, NONCE, SALT = 160, 2420, 8, 16
BODY = HEADER + SIGNATURE + NONCE
WEFT, SENML_JSON = 0xFFFF, 110
ENROL, READING = 1, 2
ROLES = ["", "sensor", "gateway", "patient", "practitioner", "fog", "researcher"]


def blake2s(*parts, key=b""):
    return hashlib.blake2s(b"".join(parts), key=key).digest()


def to_text(data):
    return base64.b32hexencode(data).decode().rstrip("=").lower()


def from_text(text, size):
    """The bytes of an id; refuses every other spelling of them."""
    data = base64.b32hexdecode(text.upper() + "=" * (-len(text) % 8))
    if len(data) != size or to_text(data) != text:
        raise ValueError(f"not {size} bytes in lower-case base32hex: {text}")
    return data


def message(label, network, *parts):
    return label.encode() + b"\0" + network + b"".join(parts)


def header(kind, content_format, counter, timestamp, issuer, parents, body):
    head = struct.pack(">BBHIQ", 1, kind, content_format, counter, timestamp)
    return head + issuer + parents[0] + parents[1] + blake2s(body)


def transaction_id(network, head):
    return head[8:16] + blake2s(head, key=network)


def zero_bits(work):
    return len(work) * 8 - int.from_bytes(work, "big").bit_length()


def difficulty(rules, open_enrolment, kind, counter):
    if kind == 3:
        return 0
    base = rules["enrolment_difficulty" if kind == ENROL and open_enrolment else "difficulty"]
    return min(64, base + (1 + counter // rules["quota"]).bit_length() - 1)


def search(seed, bits):
    nonce = 0
    while zero_bits(blake2s(seed, nonce.to_bytes(8, "big"))) < bits:
        nonce += 1
    return nonce.to_bytes(8, "big")


def make(secret, network, kind, content_format, counter, timestamp, issuer, parents, salt, content, bits):
    """A transaction in wire form, signed and worked for, and its id."""
    body = salt + content
    head = header(kind, content_format, counter, timestamp, issuer, parents, body)
    identifier = transaction_id(network, head)
    signature = ML_DSA_44.sign(secret, message("weft/transaction/1", network, identifier))
    nonce = search(blake2s(identifier, signature), bits)
    return head + signature + nonce + body, identifier


def enrolment(role, valid_from, valid_until, public_key):
    """The content of a self-enrolment: no owner, KEM key, address or registrar."""
    start = struct.pack(">BQQ", ROLES.index(role), valid_from, valid_until)
    return start + bytes(32) + public_key + bytes(2) + bytes(1) + bytes(32)
