"""Reads packs by server/pack/FORMAT.md, with none of the product's code."""

import os
import struct
from dataclasses import dataclass

HEADER = struct.Struct("<4sBBBB32s16s16sI")
RECORD = struct.Struct("<16sBIII32sI")
KINDS = {1: "data", 2: "node", 3: "manifest"}


@dataclass(frozen=True)
class StoredObject:
    pack: str  # path
    kind: str
    domain: int
    offset: int  # of the object's first byte
    length: int
    id: str


def read_pack(path):
    """The objects of an undamaged pack, in order."""
    with open(path, "rb") as file:
        content = file.read()
    magic, version, suite, pack_class, zero, _, pack, marker, _ = \
        HEADER.unpack_from(content)
    if (magic, version, suite, zero) != (b"NSPK", 1, 1, 0) \
            or pack_class not in (1, 2) \
            or pack.hex() + ".pack" != os.path.basename(path):
        raise ValueError(f"{path} is not a pack")
    objects = []
    at = HEADER.size
    while at < len(content):
        mark, kind, domain, _, length, name, _ = RECORD.unpack_from(content, at)
        at += RECORD.size
        if mark != marker or content[at:at + 2] != b"NS":
            raise ValueError(f"{path} has no record at {at - RECORD.size}")
        objects.append(
            StoredObject(path, KINDS[kind], domain, at, length, name.hex()))
        at += length
    return objects
