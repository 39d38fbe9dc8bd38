#!/usr/bin/env python3
"""A machine keeps its certificate by itself, however long it was off."""

import datetime
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from certificates import FORMAT, reissue
from cases import says
from world import World, check, make_tree, seed_from_arguments

DAY = 24 * 3600 * 10**9


def date(days):
    """So many days from now, as OpenSSL wants it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(days=days)).strftime(FORMAT)


def now_ns():
    return int(datetime.datetime.now().timestamp()) * 10**9


def certificate(machine, role):
    with open(machine.path(role, "certificate.pem")) as file:
        return file.read()


def expires(machine):
    status = json.loads(machine.run("status", "--json"))
    return status["certificate_expires_unix_ns"]


def known_to_server(world, name):
    hosts = json.loads(world.admin("host", "list", "--json",
                                   results_only=True))
    return next(h for h in hosts if h["host"] == name)[
        "certificate_expires_unix_ns"]


def off_for_months(world, tree):
    """As if it had been off from the day after its enrolment: ten days left."""
    host = world.host("vm1")
    host.run("backup", tree)
    reissue(host, "host", date(-355), date(10))
    says(host.run("status"), "the next backup renews it")
    says(host.run("backup", tree), "snapshot")
    check(expires(host) > now_ns() + 360 * DAY, "it was not renewed")
    check(abs(expires(host) - known_to_server(world, "vm1")) < DAY * 7,
          "the server does not know of it")
    says(host.run("status"), "renewed by the first backup after")
    host.run("backup", tree)
    return host


def young_one_stays(world, tree):
    host = world.host("young1")
    for age, renewed in ((29, False), (32, True)):
        reissue(host, "host", date(-age), date(365 - age))
        before = certificate(host, "host")
        host.run("backup", tree)
        check((certificate(host, "host") != before) == renewed,
              f"after {age} days: renewed should be {renewed}")


def revoked_one_stays_out(world, tree):
    host = world.host("lost1")
    reissue(host, "host", date(-355), date(10))
    before = certificate(host, "host")
    world.admin("host", "revoke", "lost1")
    host.run("backup", tree, expect=5)
    check(certificate(host, "host") == before, "a revoked one was renewed")


def reader_too(world):
    reader = world.reader("operator")
    role = os.path.join("reader", "operator")
    reissue(reader, role, date(-355), date(10))
    before = certificate(reader, role)
    reader.run("snapshots")
    check(certificate(reader, role) != before, "a reader was not renewed")
    reader.run("snapshots")


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        tree = os.path.join(world.directory, "tree")
        make_tree(tree, rng, files=20)
        host = off_for_months(world, tree)
        young_one_stays(world, tree)
        revoked_one_stays_out(world, tree)
        reader_too(world)
        kept = known_to_server(world, "vm1")
        world.kill_server()
        world.start_server()
        check(known_to_server(world, "vm1") == kept, "forgotten by the server")
        host.run("backup", tree)
    print("renewal: ok")


if __name__ == "__main__":
    main()
