#!/usr/bin/env python3
"""From a snapshot that no rule keeps to free space: prune, collect and sweep,
with real programs, beside backups and restores.

    collection.py [--only CASE] [--list]
"""

import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import run_cases, says
from world import World, check, digest_of_tree, program

MIB = 1 << 20


class Sample:
    """Five snapshots of one set. The first and the last of the day stay; what
    only the three between have is garbage once they are pruned."""

    def __init__(self, world):
        self.world = world
        self.source = os.path.join(world.directory, "source")
        os.makedirs(self.source)
        world.admin("policy", "set", "min-age=0", "trash-days=0",
                    "keep-daily=7")
        self.host = world.host("web1")
        self.digests = {}
        self.write("always", 12)
        for _ in range(5):
            self.write("changing", 8)
            self.backup()
        self.reader = world.reader()
        self.sweep_state = os.path.join(world.directory, "sweep")
        os.makedirs(self.sweep_state)

    def write(self, name, mib):
        # Parts, so that chunks to keep and chunks that go share packs.
        for part in range(4):
            with open(os.path.join(self.source, f"{name}{part}"), "wb") as out:
                out.write(os.urandom(mib * MIB // 4))

    def backup(self):
        self.host.run("backup", self.source)
        newest = max(self.world.snapshots(), key=lambda one: one["sequence"])
        self.digests[newest["snapshot"]] = digest_of_tree(self.source)

    def restores_right(self):
        for one in self.world.snapshots():
            name = f"web1@{one['snapshot']}"
            check(self.reader.restored_digest(name, self.source)
                  == self.digests[one["snapshot"]], f"{name} is not as it was")

    def stored(self):
        """Bytes in all directories of packs."""
        return sum(os.lstat(os.path.join(root, name)).st_size
                   for root, _, names in os.walk(
                       os.path.join(self.world.data, "vaults"))
                   for name in names if "/packs" in root or "/removed" in root)

    def collect(self, *arguments, expect=0):
        return json.loads(self.world.admin(
            "collect", "--json", *arguments, expect=expect, results_only=True))

    def sweep(self, *arguments, expect=0, delay_hours=0, server_id=None):
        path = os.path.join(self.world.directory, "sweep.yaml")
        with open(path, "w") as out:
            out.write(f"data: {self.world.data}\nstate: {self.sweep_state}\n"
                      f"server_id: {server_id or self.server_id()}\n"
                      f"delay_hours: {delay_hours}\n")
        return self.world.run([program("nightsafe-sweep"), "--config", path,
                               *arguments], expect=expect)

    def server_id(self):
        with open(self.host.path("host", "credential.json")) as file:
            return json.load(file)["server_id"]


def nothing_to_collect(sample):
    before = sample.stored()
    host = json.loads(sample.world.admin("host", "list", "--json",
                                         results_only=True))[0]
    check(52 * MIB < host["stored_bytes"] < 53 * MIB, host)
    says(sample.world.admin("status"), "growth", "in the last 7 days; full in")
    says(sample.world.admin("collect"), "0 of")
    check(sample.stored() == before, "something was written")


def a_dry_run_changes_nothing(sample):
    says(sample.world.admin("prune", "--override"), "3 of 5", "free on")
    before = sample.stored()
    says(sample.world.admin("collect", "--dry-run"), "(24.", "of 52.", "would free 24.")
    check(sample.stored() == before, "a dry run wrote")
    sample.restores_right()


def collected_beside_a_backup_and_a_restore(sample):
    done = []

    def work():
        sample.backup()
        sample.restores_right()
        done.append(True)
    thread = threading.Thread(target=work)
    thread.start()
    says(sample.world.admin("collect"), "(24.", "packs removed", "24.",
         "will be free")
    thread.join()
    check(done, "the backup or the restore failed")
    sample.restores_right()


def only_the_sweeper_frees(sample):
    sample.world.stop_server()
    sample.world.start_server()
    before = sample.stored()
    says(sample.sweep("--dry-run"), "would move")
    check(sample.stored() == before, "a dry run took something away")
    says(sample.sweep(delay_hours=72), "moved", " 0 unlinked")
    check(sample.stored() == before, "gone before its delay")
    sample.restores_right()
    says(sample.sweep(), " 0 waiting", "unlinked")
    freed = before - sample.stored()
    check(freed >= 23 * MIB, f"only {freed} bytes were freed of 24 MiB")
    sample.restores_right()
    says(sample.world.admin("scrub"), " 0 not as they should be")


def a_foreign_server_is_not_swept(sample):
    says(sample.sweep(server_id="1" * 48, expect=3), "not of")


def all_of_a_host_can_go(sample):
    world = sample.world
    other = world.host("web2")
    tree = os.path.join(world.directory, "other")
    os.makedirs(tree)
    with open(os.path.join(tree, "file"), "wb") as out:
        out.write(os.urandom(8 * MIB))
    other.run("backup", tree)
    world.admin("host", "remove", "web2")
    says(world.admin("prune", "web2"), "nothing goes")
    says(world.admin("snapshot", "expire", "web2", expect=2), "--all")
    says(world.admin("snapshot", "expire", "web2", "--all", "--dry-run"),
         "would expire: 1")
    says(world.admin("snapshot", "expire", "web2", "--all", expect=1),
         "--override")
    says(world.admin("snapshot", "expire", "web2", "--all", "--override",
                     "--reason", "gone"), "expired: 1")
    says(world.admin("snapshot", "expire", "web2", "--all", expect=4), "web2")
    says(world.admin("collect"), "(8.", "of ")
    sample.restores_right()


def main():
    with World() as world:
        world.set_up().start_server()
        run_cases([nothing_to_collect, a_dry_run_changes_nothing,
                   collected_beside_a_backup_and_a_restore,
                   only_the_sweeper_frees, a_foreign_server_is_not_swept,
                   all_of_a_host_can_go], Sample(world))


if __name__ == "__main__":
    main()
