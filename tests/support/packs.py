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


def read_pack(path, whole=True):
    """The objects of an undamaged pack, in order. Unless `whole`: of one that
    a fault ended, as far as its table of contents says or as they go on."""
    with open(path, "rb") as file:
        content = file.read()
    if not whole:
        content = content[:valid_length(path)]
        if len(content) < HEADER.size:
            return []
    magic, version, suite, pack_class, zero, _, pack, marker, _ = \
        HEADER.unpack_from(content)
    if (magic, version, suite, zero) != (b"NSPK", 1, 1, 0) \
            or pack_class not in (1, 2) \
            or pack.hex() + ".pack" != os.path.basename(path):
        raise ValueError(f"{path} is not a pack")
    objects = []
    at = HEADER.size
    while at < len(content):
        if not whole and at + RECORD.size > len(content):
            break
        mark, kind, domain, _, length, name, _ = RECORD.unpack_from(content, at)
        at += RECORD.size
        if mark != marker or content[at:at + 2] != b"NS":
            if not whole:
                break
            raise ValueError(f"{path} has no record at {at - RECORD.size}")
        if not whole and at + length > len(content):
            break
        objects.append(
            StoredObject(path, KINDS[kind], domain, at, length, name.hex()))
        at += length
    return objects


def valid_length(path):
    """How much of a pack counts, by its table of contents; all without one."""
    toc = path.removesuffix(".pack") + ".toc"
    if not os.path.exists(toc):
        return os.path.getsize(path)
    with open(toc, "rb") as file:
        return struct.unpack_from("<Q", file.read(64), 56)[0]
