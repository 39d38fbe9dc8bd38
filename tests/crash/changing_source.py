#!/usr/bin/env python3
"""The source changes while it is read.

    tests/crash/changing_source.py [--files N] [--seed S]

Every file meets one change at a chosen place: right before the agent opens it,
right after, or after the first read. It is truncated, extended, rewritten,
renamed, deleted, or gives way to a fifo, a symbolic link to a secret outside
the tree, a device or a directory; some directories give way to a link that
leads outside. (A preloaded library holds the agent at these places.) The backup
must end, with 0 or 3; a file restores to what it was or what it became, or was
reported by name; nothing from outside may be in the snapshot.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, argument, check, program, seed_from_arguments

PATIENCE = 300
STAGES = ("before", "opened", "read")
SECRET = b"the secret that lies outside of the tree"


def truncate(path, rng):
    os.truncate(path, rng.randrange(os.path.getsize(path)))


def extend(path, rng):
    with open(path, "ab") as out:
        out.write(rng.randbytes(rng.randrange(1, 50_000)))


def rewrite(path, rng):
    """As long as before, with the modification time of before."""
    before = os.stat(path)
    with open(path, "r+b") as out:
        out.write(rng.randbytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path, rng):
    with open(path + ".new", "wb") as out:
        out.write(rng.randbytes(rng.randrange(1, 50_000)))
    os.rename(path + ".new", path)


def rename(path, _):
    os.rename(path, path + ".renamed")


def delete(path, _):
    os.unlink(path)


def to_fifo(path, _):
    os.unlink(path)
    os.mkfifo(path)


def to_link(path, _):
    os.unlink(path)
    os.symlink(OUTSIDE + "/secret", path)


def to_device(path, _):
    os.unlink(path)
    os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))  # /dev/zero


def to_directory(path, _):
    os.unlink(path)
    os.mkdir(path)
    with open(path + "/inside", "wb") as out:
        out.write(b"new")


def directory_to_link(path, _):
    os.rename(path, path + ".renamed")
    os.symlink(OUTSIDE + "/folder", path)


CHANGES = [truncate, extend, rewrite, replace, rename, delete, to_fifo,
           to_link, to_directory]
if os.geteuid() == 0:
    CHANGES.append(to_device)
OUTSIDE = ""


class Holder(threading.Thread):
    """Answers the agent's library, and changes what it is about to read."""

    def __init__(self, path, plan, rng):
        super().__init__(daemon=True)
        self.plan = plan  # path: (stage, change)
        self.rng = rng
        self.made = []
        self.error = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()

    def run(self):
        try:
            peer, _ = self.listener.accept()
            with peer, peer.makefile("rb") as lines:
                for line in lines:
                    stage, path = os.fsdecode(line[:-1]).split(" ", 1)
                    if self.plan.get(path, ("",))[0] == stage:
                        _, change = self.plan.pop(path)
                        change(path, self.rng)
                        self.made.append((path, stage, change.__name__))
                    peer.sendall(b"\n")
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.listener.close()
        self.join(PATIENCE)
        check(self.error is None, f"the change failed: {self.error!r}")


def contents(root):
    """By path: the bytes of regular files, None for anything else."""
    found = {}
    for folder, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(folder, name)
            found[path[len(root):]] = None
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as content:
                    found[path[len(root):]] = content.read()
    return found


def make_files(tree, count, rng):
    for i in range(count):
        folder = os.path.join(tree, f"d{i % 10}")
        os.makedirs(folder, exist_ok=True)
        size = rng.choice((20_000, 20_000, 20_000, 600_000))
        with open(os.path.join(folder, f"f{i:04}"), "wb") as out:
            out.write(rng.randbytes(size))
    for i in range(max(1, count // 50)):
        folder = os.path.join(tree, f"s{i}")
        os.makedirs(folder)
        with open(os.path.join(folder, "secret"), "wb") as out:
            out.write(b"not secret")


def plan_changes(tree, rng):
    plan = {}
    for folder, names, files in os.walk(tree):
        for name in files:
            if name.startswith("f"):
                plan[os.path.join(folder, name)] = (rng.choice(STAGES),
                                                    rng.choice(CHANGES))
        for name in names:
            if name.startswith("s"):
                plan[os.path.join(folder, name)] = (rng.choice(STAGES[:2]),
                                                    directory_to_link)
    return plan


def judge(made, old, new, got, output, tree):
    """How many were in the snapshot as they were, as they became, reported."""
    as_was = became = reported = 0
    said = set(output.replace(":", " ").split())
    for path, stage, change in made:
        place = path[len(tree):]
        what = f"{place}, {change} at {stage}"
        if change == "directory_to_link":
            for inside in (p for p in got if p.startswith(place + "/")):
                check(got[inside] == old.get(inside), what + ": from outside")
            reported += 1
        elif path in said:
            reported += 1
        elif place in got and got[place] == old[place]:
            as_was += 1
        elif place in got and place in new and got[place] == new[place]:
            became += 1
        else:
            check(False, f"{what}: neither old nor new and not reported")
    return as_was, became, reported


def run_round(world, host, reader, rng, files):
    tree = tempfile.mkdtemp(prefix="tree-", dir=world.directory)
    make_files(tree, files, rng)
    old = contents(tree)
    path = os.path.join(world.directory, f"holder{rng.randrange(1 << 30)}")
    holder = Holder(path, plan_changes(tree, rng), rng)
    holder.start()
    environment = dict(host.environment, TELL_UNDER=tree, TELL_SOCKET=path,
                       LD_PRELOAD=program("nth_call.so"))
    environment.setdefault("ASAN_OPTIONS", "")
    environment["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    done = subprocess.run(host.command("backup", tree), env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE, check=False)
    holder.stop()
    output = done.stdout.decode(errors="replace")
    check(done.returncode in (0, 3), f"{done.returncode}: {output[-2000:]}")
    check(not holder.plan, f"never met: {list(holder.plan.items())[:3]}")
    new = contents(tree)
    target = tempfile.mkdtemp(prefix="target-", dir=world.directory)
    reader.run("restore", "web1/files", "--target", target, expect=(0, 3))
    got = contents(target + tree)
    for content in got.values():
        check(content is None or SECRET not in content,
              "a file from outside the tree is in the snapshot")
    figures = judge(holder.made, old, new, got, output, tree)
    # What did change is read anew: the next backup is right, quietly.
    host.run("backup", tree)
    shutil.rmtree(target)
    reader.run("restore", "web1/files", "--target", target)
    check(contents(target + tree) == contents(tree),
          "the backup after it is not what the tree is")
    shutil.rmtree(target)
    shutil.rmtree(tree)
    return figures


def main():
    global OUTSIDE
    files = argument("--files", 100)
    seed = seed_from_arguments()
    rng = random.Random(seed)
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        OUTSIDE = os.path.join(world.directory, "outside")
        os.makedirs(OUTSIDE + "/folder")
        for name in ("secret", "folder/secret", "folder/more"):
            with open(os.path.join(OUTSIDE, name), "wb") as out:
                out.write(SECRET)
        totals = [0, 0, 0]
        left = files
        while left > 0:
            count = min(left, 250)
            figures = run_round(world, host, reader, rng, count)
            totals = [a + b for a, b in zip(totals, figures)]
            left -= count
    print(f"{sum(totals)} files and directories changed while they were read: "
          f"{totals[0]} restored as they were, {totals[1]} as they became, "
          f"{totals[2]} reported by name")
    check(all(totals), "some outcome was never met")
    print(f"0 failures in {sum(totals)}: at most "
          f"{300 / sum(totals):.2g} % at 95 %")
    print(f"{sum(totals)} passed, 0 failed")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
    else:
        main()
