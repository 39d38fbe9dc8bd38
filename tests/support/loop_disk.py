"""A small disk of its own whose power can be cut.

An image file, mounted by a loop device. `cut` is the shutdown ioctl of ext4 and
xfs without a flush of the log: from then on every call fails, and what was not
synced is gone when the file system is mounted again.

Mounts are made in a mount namespace of this process, so they and the loop
devices vanish with it, however it ends.
"""

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32); the same for ext4 and xfs
NO_LOG_FLUSH = struct.pack("I", 2)
CLONE_NEWNS = 0x00020000
SKIPPED = 77  # tests/integration/CMakeLists.txt says so to ctest
BLOCK = bytes(range(256)) * 512


def skip_unless_possible():
    """Ends the script as skipped where no file system can be mounted."""
    why = None
    if os.geteuid() != 0:
        why = "needs root"
    elif not os.path.exists("/dev/loop-control"):
        why = "no loop devices here (/dev/loop-control)"
    elif shutil.which("mkfs.ext4") is None:
        why = "mkfs.ext4 is not installed (package e2fsprogs)"
    else:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            why = "no mount namespace: " + os.strerror(ctypes.get_errno())
        elif run("mount", "--make-rprivate", "/", check=False) != 0:
            why = "mounting is not allowed here"
        else:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    with LoopDisk(folder, megabytes=16, test=False):
                        pass
                except subprocess.CalledProcessError as error:
                    why = f"no loop mount: {error}"
    if why:
        print("skipped: " + why)
        sys.exit(SKIPPED)


def run(*command, check=True, quiet=False):
    return subprocess.run(
        command, check=check, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if quiet else None).returncode


class LoopDisk:
    """Mounted while the block lasts, at self.path."""

    def __init__(self, directory, megabytes, kind="ext4", test=True):
        self.kind = kind
        self.image = tempfile.mktemp(prefix="disk-", dir=directory)
        self.path = self.image + ".mount"
        self.megabytes = megabytes
        self.test = test
        self.cuts = 0

    def __enter__(self):
        run("truncate", "-s", f"{self.megabytes}M", self.image)
        options = ["-m", "0"] if self.kind == "ext4" else []
        run(f"mkfs.{self.kind}", "-q", *options, self.image)
        os.mkdir(self.path)
        self.mount()
        try:
            if self.test:
                self.check_that_cuts_lose_data()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if os.path.ismount(self.path):
            run("umount", "-l", self.path, check=False)
        shutil.rmtree(self.path, ignore_errors=True)
        os.unlink(self.image)

    def mount(self):
        run("mount", "-o", "loop", "-t", self.kind, self.image, self.path)

    def cut(self):
        """The power fails. Then end who uses the disk, and call `restore`."""
        root = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(root, SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(root)
        self.cuts += 1

    def restore(self):
        """The power is back: what was synced is there."""
        for _ in range(100):  # a killed process lets go of its files soon
            if run("umount", self.path, check=False, quiet=True) == 0:
                break
            time.sleep(0.05)
        else:
            run("umount", self.path)
        self.mount()

    def power_cut(self, end_users=lambda: None):
        self.cut()
        end_users()
        self.restore()

    def check_that_cuts_lose_data(self):
        """What is not synced must vanish here, or no test proves anything;
        and what is synced must stay."""
        kept = os.path.join(self.path, "kept")
        with open(kept, "wb") as file:
            file.write(BLOCK)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self.path)
        lost = os.path.join(self.path, "lost")
        with open(lost, "wb") as file:
            file.write(BLOCK)
        with open(kept, "ab") as file:  # behind what was synced
            file.write(BLOCK)
        renamed = os.path.join(self.path, "renamed")
        os.rename(kept, renamed)
        self.power_cut()
        self.cuts -= 1
        if os.path.exists(lost) and os.path.getsize(lost) > 0:
            raise AssertionError("a power cut loses nothing on this disk: "
                                 "what was never synced is still there")
        if os.path.exists(renamed) or os.path.getsize(kept) != len(BLOCK):
            raise AssertionError("a power cut undid no rename or append that "
                                 "was never synced")
        with open(kept, "rb") as file:
            if file.read() != BLOCK:
                raise AssertionError("what was synced is damaged by a power "
                                     "cut: this disk is of no use here")
        os.unlink(kept)


def sync_directory(path):
    directory = os.open(path, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
