#!/usr/bin/env python3
"""Retention as an admin meets it: policies, plans, orders, the trash, holds,
locks, the audit, with real programs.

    retention.py [--only CASE] [--list]
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import run_cases, says
from world import World, check


class Sample:
    """A server whose policy, set before the first snapshot, has no floor."""

    def __init__(self, world):
        self.world = world
        self.source = os.path.join(world.directory, "source")
        os.makedirs(self.source)
        world.admin("policy", "set", "min-age=0", "trash-days=7",
                    "keep-daily=7")
        self.host = world.host("web1")
        for _ in range(5):
            self.backup()

    def backup(self, *arguments):
        with open(os.path.join(self.source, "file"), "ab") as out:
            out.write(os.urandom(1000))
        self.host.run("backup", self.source, *arguments)

    def live(self, *arguments):
        return {one["snapshot"] for one in self.world.snapshots(*arguments)}

    def trash(self):
        return {one["snapshot"] for one in json.loads(
            self.world.admin("trash", "list", "--json", results_only=True))}

    def plan(self, *arguments, expect=0):
        hosts = json.loads(self.world.admin(
            "prune", "--json", *arguments, expect=expect, results_only=True))
        return {one["host"]: one for one in hosts}


def policy_is_inherited_and_shown(sample):
    admin = sample.world.admin
    admin("policy", "set", "web1", "keep-weekly=9")
    admin("policy", "set", "web1/files", "keep-hourly=24", "keep-weekly=0")
    shown = json.loads(admin("policy", "show", "web1/files", "--json",
                             results_only=True))["rules"]
    check(shown["keep-hourly"] == {"value": "24", "from": "set"}, shown)
    check(shown["keep-weekly"] == {"value": "0", "from": "set"}, shown)
    check(shown["keep-daily"] == {"value": "7", "from": "vault"}, shown)
    check(shown["keep-monthly"] == {"value": "6", "from": "default"}, shown)
    says(admin("policy", "set", "web1/files", "keep-weekly=inherit",
               "keep-hourly=inherit"), "inherited")
    shown = admin("policy", "show", "web1/files")
    says(shown, "keep-weekly            9      host")
    admin("policy", "set", "web1", "keep-weekly=inherit")


def bad_policies_are_refused(sample):
    admin = sample.world.admin
    says(admin("policy", "set", "keep-dayly=7", expect=2), "keep-daily")
    says(admin("policy", "set", "keep-daily=many", expect=2),
         "a number such as 7")
    says(admin("policy", "set", "min-age=7", expect=2), "such as 36h, 30d")
    says(admin("policy", "set", "web1", "keep-last=9", "keep-daily=0",
               "keep-weekly=0", "keep-monthly=0", expect=2), "push out")
    says(admin("policy", "set", expect=2), "RULES")


def lowered_trash_time_waits(sample):
    admin = sample.world.admin
    says(admin("policy", "set", "web1", "trash-days=1"), "trash-days")
    shown = json.loads(admin("policy", "show", "web1", "--json",
                             results_only=True))["rules"]["trash-days"]
    check(shown["value"] == "7" and shown["pending"].startswith("1 from "),
          shown)
    admin("policy", "set", "web1", "trash-days=inherit")


def a_fleet_is_one_file(sample):
    admin = sample.world.admin
    path = os.path.join(sample.world.directory, "fleet.yaml")

    def write(text):
        with open(path, "w") as out:
            out.write(text)

    write("vaults:\n  main:\n    policy: {min-age: 0, trash-days: 7, "
          "keep-daily: 7}\n    hosts:\n      db1: {policy: {keep-yearly: 3}}\n")
    says(admin("apply", path, "--dry-run"), "db1", "keep-yearly")
    says(admin("apply", path), "db1", "keep-yearly")
    says(admin("apply", path), "everything is as the file says")
    write("vaults:\n  main:\n    policy: {min-age: 0, trash-days: 7, "
          "keep-daily: 7}\n")
    says(admin("apply", path), "inherited")
    write("vaults:\n  main:\n    polcy: {}\n")
    says(admin("apply", path, expect=2), "line 3", "polcy")
    write("vaults:\n  main:\n    policy: {keep-daily: x}\n")
    says(admin("apply", path, expect=2), "line 3", "keep-daily")
    write("vaults: [")
    says(admin("apply", path, expect=2), "line")


def what_goes_goes_to_the_trash_and_comes_back(sample):
    world = sample.world
    before = sample.live()
    plan = sample.plan("--dry-run", expect=9)["web1"]
    going = {one["snapshot"] for one in plan["snapshots"] if not one["keep"]}
    # The first and the last of the day stay.
    check(len(going) == 3, plan)
    check(all(one["reasons"] for one in plan["snapshots"] if one["keep"]), plan)
    check(sample.live() == before, "a dry run changed something")
    says(world.admin("prune", expect=9), "more than half", "--override")
    check(sample.live() == before, "refused, and done all the same")
    says(world.admin("prune", "--override", "--reason", "test"),
         "EXPIRE", "no rule keeps it", "3 of 5 snapshots expired", "free on")
    check(sample.live() == before - going, "others went")
    check(sample.trash() == going, "not in the trash")
    one = sorted(going)[0]
    says(world.admin("trash", "undelete", one[:12]), "brought back: 1")
    check(sample.live() == before - going | {one}, "not the one that was named")
    world.admin("trash", "undelete", "web1/files")
    check(sample.live() == before and not sample.trash(), "not all came back")
    says(world.admin("trash", "undelete", "web9", expect=4), "web9")
    audit = world.admin("audit", "--kind", "expire", "--kind", "undelete")
    says(audit, "checks overridden", "test", "chain checked", "signed by")


def nothing_goes_that_is_locked_or_held(sample):
    world = sample.world
    world.admin("hold", "web1", "--reason", "court")
    for _ in range(3):
        sample.backup()
    says(world.admin("prune", "--override"), "held", "nothing goes")
    says(world.admin("policy", "show", "web1"), "held: web1", "court")
    world.admin("release", "web1")
    world.admin("lock", "web1/files", "--until", "30d")
    says(world.admin("lock", "web1/files", "--until", "10d", expect=1),
         "never shortened")
    says(world.admin("prune", "--override"), "locked", "nothing goes")
    says(world.admin("host", "list"), "locked")


def unattended_prune_needs_no_key(sample):
    world = sample.world
    for _ in range(3):
        sample.backup("--set", "other")
    hidden = world.admin_directory + ".away"
    os.rename(world.admin_directory, hidden)
    try:
        says(world.admin("prune", "--by-policy"), "web1: 4 of 8")
    finally:
        os.rename(hidden, world.admin_directory)
    check(len(sample.live("web1/other")) == 2, "not by the policy")
    check(len(sample.live("web1/files")) == 2, "not by the policy")
    says(world.admin("audit", "--kind", "prune by policy"), "4 snapshots")


def audit_is_in_order_and_survives_a_restart(sample):
    world = sample.world

    def records():
        return [json.loads(line) for line in world.admin(
            "audit", "--json", results_only=True).splitlines()]

    before = records()
    check([one["number"] for one in before]
          == list(range(1, len(before) + 1)), "numbers")
    check(not any(one["refused"] for one in before), before)
    kinds = {one["kind"] for one in before}
    check({"init", "commit", "set policy", "expire", "undelete", "hold",
           "release", "lock", "prune by policy"} <= kinds, kinds)
    live, trash = sample.live(), sample.trash()
    world.stop_server()
    world.start_server()
    check(records()[:len(before)] == before, "another history after a restart")
    check((live, trash) == (sample.live(), sample.trash()), "another state")
    says(world.admin("audit", "--server"), "host added", "chain checked")


def main():
    with World() as world:
        world.set_up().start_server()
        run_cases([policy_is_inherited_and_shown, bad_policies_are_refused,
                   lowered_trash_time_waits, a_fleet_is_one_file,
                   what_goes_goes_to_the_trash_and_comes_back,
                   unattended_prune_needs_no_key,
                   nothing_goes_that_is_locked_or_held,
                   audit_is_in_order_and_survives_a_restart], Sample(world))


if __name__ == "__main__":
    main()
