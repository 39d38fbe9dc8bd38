#!/usr/bin/env python3
"""Orders about hosts and tokens: new keys, another machine, gone for good."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, check, make_tree, seed_from_arguments


def hosts(world):
    listed = json.loads(world.admin("host", "list", "--json",
                                    results_only=True))
    return {host["host"]: host["state"] for host in listed}


def tokens(world):
    listed = json.loads(world.admin("token", "list", "--json",
                                    results_only=True))
    return {token["name"]: token for token in listed}


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        tree = os.path.join(world.directory, "tree")
        make_tree(tree, rng, files=20)
        host.run("backup", tree)

        # An enrolment file that leaked is made useless.
        line = world.admin("host", "add", "web2", results_only=True)
        check(tokens(world)["web2"]["state"] == "open", "no open token")
        world.admin("token", "revoke", tokens(world)["web2"]["token_hash"][:8])
        check("web2" not in tokens(world), "the token is still listed")

        # New keys for the same machine: the old ones are refused.
        line = world.admin("host", "rekey", "web1", "--stolen",
                           results_only=True)
        host.run("backup", tree, expect=(1, 5, 6))
        host.run("enrol", "--replace", stdin=line.encode())
        host.run("backup", tree)
        check(len(world.snapshots()) == 2, "a snapshot is missing")

        # Gone for good; then a machine of that name again.
        world.admin("host", "remove", "web1")
        check("web1" not in hosts(world), "a removed host is listed")
        host.run("backup", tree, expect=(1, 5, 6))
        check(len(world.snapshots()) == 2, "snapshots went with the host")
        line = world.admin("host", "add", "web1", "--replace",
                           results_only=True)
        host.run("enrol", "--replace", stdin=line.encode())
        host.run("backup", tree)
        check(hosts(world)["web1"] == "enrolled", "it is not enrolled")
        check(len(world.snapshots()) == 3, "a snapshot is missing")


main()
