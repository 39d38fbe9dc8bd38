"""Disks with as much free space as a test says, moment by moment."""

import os
import tempfile
import time

from loop_disk import LoopDisk, run

MEBIBYTE = 1 << 20


def free_bytes(path):
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


class FullExt4(LoopDisk):
    """Free space is what a filler leaves."""

    def __init__(self, directory, megabytes=16384):
        super().__init__(directory, megabytes, test=False)

    def __enter__(self):
        super().__enter__()
        self.filler = os.path.join(self.path, "filler")
        return self

    def set_free(self, wanted):
        with open(self.filler, "ab") as file:
            size = file.tell()
            for _ in range(20):  # others write and delete meanwhile
                missing = wanted - free_bytes(self.path)
                if 0 <= missing < 4096:
                    return
                if missing > 0:
                    size = max(0, size - max(4096, missing))
                    os.truncate(file.fileno(), size)
                    os.fsync(file.fileno())  # or its blocks stay taken
                    if size == 0:
                        return
                else:
                    size = grow(file.fileno(), size, -missing)

    def fill(self):
        """Not a byte is left."""
        with open(self.filler, "ab") as file:
            size = file.tell()
            for step in (1 << 34, MEBIBYTE, 4096):
                while True:
                    new = grow(file.fileno(), size, step)
                    if new == size:
                        break
                    size = new


def grow(descriptor, size, by):
    """The new size; the old one if there is no room for all of it."""
    try:
        os.posix_fallocate(descriptor, size, by)
    except OSError:
        size = os.fstat(descriptor).st_size
        return size
    return size + by


class FullTmpfs:
    """Free space is what its size leaves."""

    def __init__(self, directory):
        self.path = tempfile.mkdtemp(prefix="tmpfs-", dir=directory)

    def __enter__(self):
        run("mount", "-t", "tmpfs", "-o", "size=64m", "none", self.path)
        return self

    def __exit__(self, *_):
        run("umount", "-l", self.path, check=False)
        os.rmdir(self.path)

    def set_free(self, wanted):
        for _ in range(20):  # refused if more was written meanwhile
            status = os.statvfs(self.path)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            size = max(4096, used + wanted)
            if run("mount", "-o", f"remount,size={size}", self.path,
                   check=False, quiet=True) == 0:
                return
            time.sleep(0.01)

    def fill(self):
        self.set_free(0)
