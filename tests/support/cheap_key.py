"""Protects a key file anew at the least cost, so that opening it is quick.

By common/crypto/FORMAT.md, with libsodium alone. Only for tests that open the
same key hundreds of times.
"""

import base64
import ctypes
import os
import struct

MEMORY_BYTES = 8192
PASSES = 1
ARGON2ID = 2


def sodium():
    library = ctypes.CDLL("libsodium.so.23")
    if library.sodium_init() < 0:
        raise OSError("libsodium does not start")
    return library


def varint(content, at):
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def encode_varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def fields_of(content):
    fields, at = {}, 0
    while at < len(content):
        tag, at = varint(content, at)
        value, at = varint(content, at)
        if tag & 7 == 2:
            value, at = content[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def message_of(fields):
    out = b""
    for number, value in sorted(fields.items()):
        if isinstance(value, bytes):
            out += encode_varint(number << 3 | 2) + encode_varint(len(value))
            out += value
        elif value:
            out += encode_varint(number << 3) + encode_varint(value)
    return out


def associated_data(fields):
    def text(value):
        return struct.pack("<I", len(value)) + value
    return (text(b"nightsafe key file v1") + struct.pack(
        "<II", fields[1], fields[2]) + text(fields.get(3, b""))
        + text(fields.get(4, b"")) + text(fields.get(5, b""))
        + struct.pack("<QI", fields[6], fields[7]) + text(fields[8]))


def passphrase_key(library, fields, passphrase):
    key = ctypes.create_string_buffer(32)
    if library.crypto_pwhash_argon2id(
            key, ctypes.c_ulonglong(32), passphrase,
            ctypes.c_ulonglong(len(passphrase)), fields[8],
            ctypes.c_ulonglong(fields[7]), ctypes.c_size_t(fields[6]),
            ARGON2ID) != 0:
        raise MemoryError("Argon2id")
    return key.raw


def make_cheap(path, passphrase):
    """Rewrites the protected key file `path`."""
    library = sodium()
    secret = passphrase.encode()
    with open(path) as file:
        lines = file.read().splitlines()
    fields = fields_of(base64.b64decode("".join(lines[1:-1])))
    nonce, body = fields[9][:24], fields[9][24:]
    aad = associated_data(fields)
    plain = ctypes.create_string_buffer(len(body))
    length = ctypes.c_ulonglong()
    if library.crypto_aead_xchacha20poly1305_ietf_decrypt(
            plain, ctypes.byref(length), None, body,
            ctypes.c_ulonglong(len(body)), aad, ctypes.c_ulonglong(len(aad)),
            nonce, passphrase_key(library, fields, secret)) != 0:
        raise ValueError(f"{path} does not open")
    fields.update({6: MEMORY_BYTES, 7: PASSES, 8: os.urandom(16)})
    nonce, aad = os.urandom(24), associated_data(fields)
    sealed = ctypes.create_string_buffer(length.value + 16)
    library.crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed, None, plain, length, aad, ctypes.c_ulonglong(len(aad)), None,
        nonce, passphrase_key(library, fields, secret))
    fields[9] = nonce + sealed.raw
    text = base64.b64encode(message_of(fields)).decode()
    with open(path, "w") as out:
        out.write("\n".join(
            lines[:1] + [text[i:i + 64] for i in range(0, len(text), 64)]
            + lines[-1:]) + "\n")
