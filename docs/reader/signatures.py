"""ECDSA signatures on the curve P-256 (docs/archive-format.md, section 2.16), without a library."""
import base64, hashlib

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
# The beginning of each SubjectPublicKeyInfo of an uncompressed point of P-256 (RFC 5480).
PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def parse(pem):
    """The point of a public key in PEM."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))
    x, y = (int.from_bytes(der[i:i + 32], "big") for i in (len(PREFIX), len(PREFIX) + 32))
    if not der.startswith(PREFIX) or len(der) != len(PREFIX) + 64 or (y * y - x**3 + 3 * x - B) % P:
        raise ValueError("no public key of the curve P-256")
    return x, y


def add(a, b):
    """The sum of two points; None is the neutral one."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(factor, point):
    total = None
    while factor:
        if factor & 1:
            total = add(total, point)
        factor, point = factor >> 1, add(point, point)
    return total


def integers(der):
    """The two numbers of a signature in DER."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 2 or der[1] > 127:
        raise ValueError("no signature")
    end = 4 + der[3]
    if der[end:end + 1] != b"\x02" or end + 2 + der[end + 1] != len(der):
        raise ValueError("no signature")
    return int.from_bytes(der[4:end], "big"), int.from_bytes(der[end + 2:], "big")


def valid(public, signature, text):
    """Whether a base64 signature of a text is that of the key."""
    try:
        r, s = integers(base64.b64decode(signature, validate=True))
    except (ValueError, IndexError):
        return False
    if not (0 < r < N and 0 < s < N):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(text).digest(), "big"), pow(s, -1, N)
    point = add(times(digest * inverse % N, G), times(r * inverse % N, public))
    return point is not None and point[0] % N == r
