"""Lets the n-th call of a running program that changes files fail.

The other side of failing_calls.cc, which is preloaded into the program.
"""

import errno
import mmap
import os
import struct

from world import program

KINDS = ("write", "sync", "rename", "create", "allocate")
LAYOUT = struct.Struct("<iiIII5I")
SHORT = 0  # in place of an errno: a write takes half of what it was given


class FailingCalls:
    def __init__(self, directory, below):
        self.path = os.path.join(directory, "failing-calls")
        with open(self.path, "wb") as out:
            out.write(bytes(LAYOUT.size))
        self.file = open(self.path, "r+b")  # pylint: disable=consider-using-with
        self.shared = mmap.mmap(self.file.fileno(), LAYOUT.size)
        self.disarm()
        self.environment = {
            "FAILING_CALLS": self.path, "FAILING_BELOW": below,
            "LD_PRELOAD": program("failing_calls.so"),
            "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def arm(self, kind, error, at, lasting):
        """From now on the calls are counted, and that one fails."""
        self.shared[:] = LAYOUT.pack(
            -1, error, at, lasting, 0, *[0] * len(KINDS))
        self.shared[:4] = struct.pack("<i", KINDS.index(kind))

    def disarm(self):
        """Counts anew; nothing fails."""
        self.shared[:] = LAYOUT.pack(-1, 0, 0, 0, 0, *[0] * len(KINDS))

    def relent(self):
        """Nothing fails any more; what did, stays counted."""
        self.shared[:4] = struct.pack("<i", -1)

    def failed(self):
        return LAYOUT.unpack(self.shared[:])[4]

    def seen(self):
        return dict(zip(KINDS, LAYOUT.unpack(self.shared[:])[5:]))


def name_of(error):
    return "short" if error == SHORT else errno.errorcode[error]
