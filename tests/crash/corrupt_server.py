"""Damaged files of the server: what it says, and what becomes of snapshots."""

import os
import re
import subprocess
import time
from collections import namedtuple

from packs import HEADER
from world import Failure, check, digest_of_tree, program

DOCUMENTED = (1, 2, 4, 7, 8)
NEXT_STEP = re.compile(
    r"run `|rebuild|restore|copy|put back|put it back|give|see |replace|remove|free|init|"
    r"backup|correct|must be", re.I)
Context = namedtuple("Context", "sibling older")


def listed(folder, suffix=""):
    return sorted(os.path.join(folder, n) for n in os.listdir(folder)
                  if n.endswith(suffix))


def packs_of(data, place, pack_class):
    """Of the class (1 data, 2 node), the largest first."""
    found = []
    for path in listed(os.path.join(data, "vaults/main/packs", place), ".pack"):
        with open(path, "rb") as file:
            if HEADER.unpack(file.read(HEADER.size))[3] == pack_class:
                found.append(path)
    return sorted(found, key=os.path.getsize, reverse=True)


def first_pack(place, pack_class):
    def find(data):
        found = packs_of(data, place, pack_class)
        return found[0], (found + packs_of(data, "sealed", pack_class))[1]
    return find


def first_toc(pack_class):
    def find(data):
        return [p[:-5] + ".toc"
                for p in packs_of(data, "sealed", pack_class)[:2]]
    return find


def segment(journal, number):
    def find(data):
        found = listed(os.path.join(data, journal, "journal"), ".seg")
        check(len(found) > 2, f"{journal} has {len(found)} segments")
        at = {"first": 0, "middle": 1, "last": len(found) - 1}[number]
        return found[at], found[at - 1 if at else 1]
    return find


def in_index(pattern):
    def find(data):
        index = os.path.join(data, "index")
        found = [p for p in listed(index)
                 if re.match(pattern, os.path.basename(p))
                 and os.path.getsize(p)]
        found.sort(key=os.path.getsize, reverse=True)
        others = [p for p in listed(index) if p != found[0]
                  and os.path.getsize(p)]
        return found[0], found[1] if len(found) > 1 else others[0]
    return find


def file_at(path, sibling=None):
    def find(data):
        return (os.path.join(data, path),
                os.path.join(data, sibling) if sibling else None)
    return find


FILES = {
    "sealed data pack": first_pack("sealed", 1),
    "sealed node pack": first_pack("sealed", 2),
    "toc of data pack": first_toc(1),
    "toc of node pack": first_toc(2),
    "open data pack": first_pack("open", 1),
    "open node pack": first_pack("open", 2),
    "vault journal first": segment("vaults/main", "first"),
    "vault journal middle": segment("vaults/main", "middle"),
    "vault journal last": segment("vaults/main", "last"),
    "vault journal newest": file_at("vaults/main/journal/newest",
                                    "server/journal/newest"),
    "server journal first": segment("server", "first"),
    "server journal middle": segment("server", "middle"),
    "server journal last": segment("server", "last"),
    "index SST": in_index(r".*\.sst$"),
    "index WAL": in_index(r".*\.log$"),
    "index MANIFEST": in_index(r"MANIFEST-"),
    "index CURRENT": in_index(r"CURRENT$"),
    "index OPTIONS": in_index(r"OPTIONS-"),
    "index IDENTITY": in_index(r"IDENTITY$"),
    "settings": file_at("nightsafed.yaml", "VERSION"),
    "VERSION": file_at("VERSION", "nightsafed.yaml"),
    "CA certificate": file_at("pki/ca.crt", "pki/server.crt"),
    "CA key": file_at("pki/ca.key", "pki/server.key"),
    "server certificate": file_at("pki/server.crt", "pki/ca.crt"),
    "server key": file_at("pki/server.key", "pki/ca.key"),
}
RUNNING = {name + ", running": FILES[name] for name in FILES
           if "pack" in name or "journal last" in name or "index" in name}


class ServerCell:
    def __init__(self, history, find, damage, rng, running):
        self.history = history
        self.world = history.world
        self.find = find
        self.damage = damage
        self.rng = rng
        self.running = running
        self.note = ""

    def damage_it(self):
        self.path, sibling = self.find(self.world.data)
        context = Context(sibling, self.history.older_copy_of(self.path))
        self.done = self.damage(self.path, context, self.rng)
        self.names = [os.path.basename(p)
                      for p in (self.path, sibling if self.done and "swapped"
                                in self.done else None) if p]
        return self.done is not None

    def run(self):
        """The verdict in a word, or None if there is nothing to damage."""
        self.history.put_back()
        if self.running:
            self.world.start_server()
            # So that there are packs which this run has open.
            self.history.host.run("backup", "--stdin", "--set", "open",
                                  stdin=self.rng.randbytes(20000))
        if not self.damage_it():
            return None
        if not self.running:
            refused = self.start()
            if refused is not None:
                return self.after_refusal(refused)
        return self.judge()

    def start(self):
        """None when it serves, else what it says instead."""
        self.world.start_server(wait=False)
        end = time.monotonic() + 60
        while "ready\n" not in self.world.log_text():
            if self.world.server.poll() is not None:
                break
            check(time.monotonic() < end, "the server neither serves nor ends")
            time.sleep(0.005)
        else:
            return None
        code, said = self.world.server.returncode, self.world.log_text()
        self.world.server = None
        check(code in DOCUMENTED, f"nightsafed ended with {code}: {said}")
        return said

    def named(self, said):
        in_index = os.sep + "index" + os.sep in self.path
        return any(n in said for n in self.names) or (in_index and
                                                      "index" in said)

    def after_refusal(self, said):
        self.note = said.strip().splitlines()[-1]
        check(self.named(said), f"refused without naming {self.names}: {said}")
        check(NEXT_STEP.search(said), "refused without saying what to do: "
              + said)
        if "nightsafed rebuild" in said:
            self.world.run([program("nightsafed"), "rebuild", self.world.data])
            again = self.start()
            check(again is None, f"refused after the rebuild, too: {again}")
            verdict = self.judge()
            check(verdict in ("fine", "rebuilt"), f"{verdict} after a rebuild")
            return "refused, rebuilt"
        kept = [os.path.join(self.world.data, name)
                for name in ("server", "vaults")]
        before = [digest_of_tree(path) for path in kept]
        again = self.start()
        check(again is not None and self.named(again),
              f"it was refused once and is taken now: {again}")
        check([digest_of_tree(path) for path in kept] == before,
              "a server that refused to start changed packs or journals")
        subprocess.run(["rm", "-rf", self.world.data], check=True)
        subprocess.run(["cp", "-a", os.path.join(self.history.kept, "server"),
                        self.world.data], check=True)
        check(self.start() is None, "refused although the file is whole again")
        check(self.lacking() == {}, "lost, although the file is whole again")
        return "refused"

    def lacking(self):
        """What the listed snapshots of the ledger lack now."""
        found = {}
        for taken in self.history.ledger:
            if taken.snapshot in self.listed:
                lacks = self.history.restore(taken)
                if lacks:
                    found[taken.name] = lacks
        return found

    @property
    def listed(self):
        return {s["snapshot"][:12] for s in self.world.snapshots()}

    def judge(self):
        """Of a server that serves."""
        started = self.world.log_text()
        forgotten = [t for t in self.history.ledger
                     if t.snapshot not in self.listed]
        for taken in forgotten:
            check(taken.snapshot in started,
                  f"{taken.name} is forgotten and nothing says so: {started}")
        before = self.lacking()
        scrubbed = self.world.admin("scrub", expect=(0, 7))
        sound = " 0 not as they should be" in scrubbed
        told = not sound or self.named(started)
        check(told or not before, f"lacking {before}, and neither start-up nor "
              f"scrub names {self.names}: {scrubbed}")
        after = self.heal(before)
        self.note = "; ".join(
            [line for line in started.splitlines()
             if "LOST" in line or self.named(line)][:1]
            + ([] if sound else ["scrub names it"]))
        if forgotten:
            return "lost, named"
        if not before:
            return "fine" if not self.note else (
                "rebuilt" if "index" in self.note else "noticed")
        return "healed, older named" if after else "healed"

    def heal(self, before):
        """The next backups work and heal; so does another start."""
        for root, host in ((self.history.tree, self.history.host),
                           (self.history.other_tree, self.history.other)):
            output = self.back_up(host, root)
            check(self.history.reader.restored_digest(
                f"{host.name}/files", root) == digest_of_tree(root),
                "the backup after the damage restores to something else: "
                + output)
        if not self.running:
            self.world.kill_server()
            refused = self.start()
            check(refused is None, f"the next start was refused: {refused}")
        return self.lacking() if before else {}

    def back_up(self, host, root):
        last = None
        for _ in range(2):
            try:
                return host.run("backup", root)
            except Failure as failure:  # the second run must do
                last = failure
                self.retried = str(failure)
        raise last
