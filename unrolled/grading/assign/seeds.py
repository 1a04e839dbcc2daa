"""The seeds of graded cases: made from the class's secret, so that nobody else can draw them."""

import hashlib
import hmac
import json

SEEDS = 3  # per exercise: one lucky draw earns nothing


def seeds(assignment, exercise, student):
    """The seeds from which the cases of an exercise are drawn; each student's own in variants."""
    parts = [assignment.lab, exercise]
    parts += [student] if assignment.variants else []
    return [derive(assignment.secret, *parts, number) for number in range(SEEDS)]


def derive(secret, *parts):
    """A whole number from 2^32 up, so never the published 0, by HMAC-SHA256 of the parts."""
    text = json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")
    digest = hmac.new(secret.encode("utf-8", "surrogatepass"), text, hashlib.sha256).digest()
    return int.from_bytes(digest[:15], "big") + 2**32
