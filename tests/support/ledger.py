"""What was acknowledged, kept where no fault reaches it, and the checks that a
server still has it after a fault.

    O1  it starts without hand work
    O2  every acknowledged snapshot is listed
    O3  it restores to what its source was: contents and metadata
    O4  nothing incomplete is listed: a scrub finds nothing, and what is listed
        although its answer was lost restores to a tree that was tried
    O5  the next backup of each host succeeds
    O6  what no snapshot refers to is no more than unacknowledged backups sent
    O7  logs hold no secret

A check script runs its backups through `start` and `backup`:

    ledger = Ledger(world, world.reader(quick=True), rng)
    attempt = ledger.start(host, root)  # the agent runs
    ...                                 # the fault
    attempt.wait()                      # whether it was acknowledged
    ledger.recover()                    # O1, O2
    ledger.backup(host, root)           # O5
    ledger.finish()                     # all of them; prints figures
"""

import hashlib
import json
import os
import shutil
import stat
import struct
import tempfile

from packs import read_pack
from world import PASSPHRASE, check

SLACK_BYTES = 256 << 10  # nodes, manifest and torn tails of one backup


def tree_digest(root):
    """SHA-256 over path, kind, owner, mode, times, attributes, links and
    content of everything below and including `root`."""
    total = hashlib.sha256()
    for folder, names, files in os.walk(os.fsencode(root)):
        names.sort()
        for name in sorted(files + [n for n in names if os.path.islink(
                os.path.join(folder, n))]) + [b"."]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            several = not stat.S_ISDIR(status.st_mode) and status.st_nlink
            total.update(repr((
                os.path.relpath(path, os.fsencode(root)), status.st_mode,
                status.st_uid, status.st_gid, status.st_mtime_ns, several,
                [(key, os.getxattr(path, key, follow_symlinks=False))
                 for key in sorted(os.listxattr(path, follow_symlinks=False))]
            )).encode())
            if stat.S_ISLNK(status.st_mode):
                total.update(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as content:
                    total.update(hashlib.file_digest(
                        content, "sha256").digest())
    return total.hexdigest()


def tree_bytes(root):
    return sum(os.lstat(os.path.join(folder, name)).st_size
               for folder, _, names in os.walk(root) for name in names)


class Attempt:
    """One backup, acknowledged or not."""

    def __init__(self, ledger, number, machine, root, set_name, process):
        self.ledger = ledger
        self.number = number
        self.machine = machine
        self.name = f"{machine.name}/{set_name}"
        self.root = root
        self.digest = tree_digest(root)
        self.bytes = tree_bytes(root)
        self.process = process
        self.output = ""
        self.snapshot = None  # 12 digits once it is acknowledged
        self.interrupted = False  # the server died during it
        self.restored = False

    def running(self):
        return self.process.poll() is None

    def wait(self):
        """Whether it was acknowledged; noted durably before this returns."""
        self.output += self.process.communicate()[0].decode(errors="replace")
        self.ledger.log(self)
        if self.process.returncode == 0 and self.snapshot is None:
            line = next(l for l in self.output.splitlines()
                        if l.startswith("snapshot "))
            self.snapshot = line.split()[1]
            self.ledger.note(acknowledged=self.number, snapshot=self.snapshot)
        return self.snapshot is not None

    @property
    def code(self):
        return self.process.returncode


class Ledger:
    """Lies in world.directory: keep the faulty file system elsewhere."""

    def __init__(self, world, reader, rng):
        self.world = world
        self.reader = reader
        self.rng = rng
        self.attempts = []
        self.restores = 0
        self.unanswered = {}  # listed, but nobody was told: id -> name
        self.path = os.path.join(world.directory, "ledger")
        self.file = open(self.path, "w")  # pylint: disable=consider-using-with
        self.agent_log = os.path.join(world.directory, "agents.log")

    # Writing it.

    def note(self, **fields):
        self.file.write(json.dumps(fields) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def log(self, attempt):
        with open(self.agent_log, "a") as out:
            out.write(attempt.output)

    def start(self, machine, root, set_name="files", command=None):
        """The agent, running. `root` must stay as it is until it has ended.
        `command`: what to run instead of the plain `nightsafe backup`."""
        attempt = Attempt(self, len(self.attempts), machine, root, set_name,
                          None)
        self.attempts.append(attempt)
        self.note(attempt=attempt.number, of=attempt.name, root=root,
                  digest=attempt.digest)
        attempt.process = machine.start(
            *(command or ["backup", "--set", set_name, root]))
        return attempt

    def backup(self, machine, root, set_name="files"):
        """O5: one that must be acknowledged."""
        attempt = self.start(machine, root, set_name)
        check(attempt.wait(), f"the backup of {attempt.name} ended with "
              f"{attempt.code}: {attempt.output}")
        return attempt

    def kill_server(self):
        """With a note of the backups that this interrupts."""
        for attempt in self.attempts:
            attempt.interrupted |= attempt.running()
        self.world.kill_server()

    def acknowledged(self):
        return [a for a in self.attempts if a.snapshot]

    # Reading the server after a fault.

    def recover(self):
        """O1 and O2 of a server that does not run."""
        self.world.start_server()
        self.check_listed()

    def check_listed(self):
        """O2. Notes what is listed although nobody was told."""
        listed = {s["snapshot"][:12]: f"{s['host']}/{s['set']}"
                  for s in self.world.snapshots()}
        mine = {a.snapshot: a.name for a in self.acknowledged()}
        lost = {snapshot: name for snapshot, name in mine.items()
                if listed.get(snapshot) != name}
        check(not lost, f"acknowledged, but not listed: {lost}")
        for snapshot, name in listed.items():
            if snapshot not in mine:
                self.unanswered.setdefault(snapshot, name)
        for snapshot in mine:
            self.unanswered.pop(snapshot, None)

    def restored(self, name, snapshot, root):
        """Digest of `root` in that snapshot, which must restore whole."""
        target = tempfile.mkdtemp(prefix="restored-",
                                  dir=self.reader.directory)
        self.reader.run("restore", f"{name}@{snapshot}", "--target", target)
        digest = tree_digest(target + root)
        shutil.rmtree(target)
        self.restores += 1
        return digest

    def check_restores(self, count=None):
        """O3: of `count` snapshots not restored so far; None: of all."""
        waiting = [a for a in self.acknowledged() if not a.restored]
        if count is None:
            waiting = self.acknowledged()
        else:
            waiting = self.rng.sample(waiting, min(count, len(waiting)))
        for attempt in waiting:
            check(self.restored(attempt.name, attempt.snapshot, attempt.root)
                  == attempt.digest, f"{attempt.name}@{attempt.snapshot} "
                  "restores to something else than its source was")
            attempt.restored = True

    def check_complete(self):
        """O4."""
        self.world.admin("scrub")
        for snapshot, name in self.unanswered.items():
            tried = {(a.root, a.digest) for a in self.attempts
                     if a.name == name}
            check(any(self.restored(name, snapshot, root) in
                      {d for r, d in tried if r == root}
                      for root in sorted({r for r, _ in tried})),
                  f"{name}@{snapshot}, listed without an answer, restores to "
                  "something that was never tried")

    def check_orphans(self):
        """O6, and O4 once more by other means: what each listed manifest
        refers to is there. Reads the packs without the product's code; no
        backup may run. Returns the bytes that nothing refers to."""
        used = 0
        objects = {}
        for pack in self.world.packs():
            used += os.path.getsize(pack)
            for one in read_pack(pack, whole=False):
                objects.setdefault((one.domain, one.id), one)
        reached = {key for key in objects
                   if objects[key].kind == "manifest"
                   and key[1][:12] in self.listed_ids()}
        waiting = list(reached)
        live = 0
        while waiting:
            domain, name = waiting.pop()
            live += objects[domain, name].length
            for child in references(objects[domain, name]):
                check((domain, child) in objects, f"object {child} that "
                      f"{name} refers to is in no pack")
                if (domain, child) not in reached:
                    reached.add((domain, child))
                    waiting.append((domain, child))
        # What was interrupted and done all the same may have sent all twice.
        ended = [a for a in self.attempts if a.interrupted or not a.snapshot]
        bound = (sum(a.bytes for a in ended)
                 + SLACK_BYTES * (len(self.attempts) + 1))
        check(used - live <= bound, f"{used - live} bytes that no snapshot "
              f"refers to, more than {bound}: {len(ended)} backups failed or "
              "were interrupted")
        return used - live

    def listed_ids(self):
        return ({a.snapshot for a in self.acknowledged()}
                | set(self.unanswered))

    def check_logs(self):
        """O7."""
        needles = {PASSPHRASE}
        for folder, _, names in os.walk(
                os.path.join(self.world.directory, "machines")):
            for name in names:
                if name.endswith((".key", "key.pem", "enrolment")):
                    with open(os.path.join(folder, name),
                              errors="replace") as file:
                        needles.update(line.strip() for line in file
                                       if len(line) > 30
                                       and not line.startswith("-----"))
        for path in (self.world.log, self.agent_log):
            if not os.path.exists(path):
                continue
            with open(path, errors="replace") as file:
                text = file.read()
            check(not any(n in text for n in needles), f"{path} has a secret")

    def finish(self):
        """Everything, of a server that runs; what was seen, in words."""
        self.check_listed()
        self.check_complete()
        self.check_restores()
        orphans = self.check_orphans()
        self.check_logs()
        return (f"{len(self.attempts)} backups, {len(self.acknowledged())} "
                f"acknowledged, all listed and restored; "
                f"{len(self.unanswered)} committed without an answer, "
                f"restored too; {self.restores} restores; {orphans >> 10} KiB "
                "referred to by nothing")


def references(stored):
    """Ids that an object names in clear (common/object/FORMAT.md)."""
    with open(stored.pack, "rb") as file:
        file.seek(stored.offset)
        content = file.read(stored.length)
    magic, _, _, count = struct.unpack_from("<2sBBI", content)
    check(magic == b"NS", f"object {stored.id} is none")
    return [content[8 + 32 * i:40 + 32 * i].hex() for i in range(count)]


def bound_in_words(failures, runs):
    """For the end of a report: 0 failures in N: at most 3/N at 95 %."""
    if failures:
        return f"{failures} failures in {runs}"
    return f"0 failures in {runs}: at most {min(100, 300 / runs):.3g} % at 95 %"
