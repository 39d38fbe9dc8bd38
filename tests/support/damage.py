"""What can become of a file on a disk: one function for each kind of damage.

Each changes the file in place and says in words what it did, or None if there
is nothing to do (the older copy is the same, the file has one byte).
"""

import os

SECTOR = 512


def content_of(path):
    with open(path, "rb") as file:
        return file.read()


def used_bytes(content):
    """Without space that was reserved, which is zero."""
    used = len(content.rstrip(b"\0"))
    return used if len(content) - used >= SECTOR else len(content)


def write_over(path, content):
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(content)


def flip_at(path, offset, bit):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))
    return f"bit {bit} of byte {offset} flipped"


def flip_between(low, high):
    def flip(path, _, rng):
        used = used_bytes(content_of(path))
        if used == 0:
            return None
        first = int(used * low)
        return flip_at(path, rng.randrange(first, max(first + 1,
                                                      int(used * high))),
                       rng.randrange(8))
    return flip


def flip_first(path, _, rng):
    if os.path.getsize(path) == 0:
        return None
    return flip_at(path, 0, rng.randrange(8))


def flip_last(path, _, rng):
    used = used_bytes(content_of(path))
    return flip_at(path, used - 1, rng.randrange(8)) if used else None


def truncate_to(share):
    def truncate(path, _, rng):
        used = used_bytes(content_of(path))
        if used < 2:
            return None
        length = used - 1 if share == 1 else int(used * share)
        os.truncate(path, length)
        return f"cut from {used} used bytes to {length}"
    return truncate


def empty(path, *_):
    if os.path.getsize(path) == 0:
        return None
    os.truncate(path, 0)
    return "made empty"


def missing(path, *_):
    os.unlink(path)
    return "removed"


def swapped(path, context, _):
    other = context.sibling
    if other is None or content_of(path) == content_of(other):
        return None
    mine = content_of(path)
    write_over(path, content_of(other))
    write_over(other, mine)
    return f"swapped with {os.path.basename(other)}"


def older(path, context, _):
    if context.older is None or not os.path.exists(context.older):
        return None
    old = content_of(context.older)
    if old == content_of(path):
        return None
    write_over(path, old)
    return "replaced by an older copy"


def zeroed(path, _, rng):
    used = used_bytes(content_of(path))
    if used < 2:
        return None
    length = min(used // 2, 4096)
    offset = rng.randrange(used - length)
    if not content_of(path)[offset:offset + length].strip(b"\0"):
        return None
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(length))
    return f"{length} bytes at {offset} zeroed"


def garbage(path, _, rng):
    used = used_bytes(content_of(path))
    with open(path, "r+b") as file:
        file.seek(used)
        file.write(rng.randbytes(300))
    return f"300 random bytes at {used}"


DAMAGES = {
    "first bit": flip_first,
    "bit in head": flip_between(0, 0.1),
    "bit in middle": flip_between(0.1, 0.9),
    "bit in tail": flip_between(0.9, 1),
    "last bit": flip_last,
    "half": truncate_to(0.5),
    "byte short": truncate_to(1),
    "empty": empty,
    "missing": missing,
    "swapped": swapped,
    "older copy": older,
    "zeroed": zeroed,
    "garbage": garbage,
}
