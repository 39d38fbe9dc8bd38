#!/usr/bin/env python3
"""What one host may store: new data is refused, the past never touched."""

import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, run_cases, says
from world import World, check, digest_of_tree, seed_from_arguments

FULL = 8  # exit code: disk or quota


def stored(sample, host, what="bytes"):
    return host_metric(sample.world, f"nightsafe_host_stored_{what}", host)


def host_metric(world, name, host):
    import urllib.request
    url = f"http://127.0.0.1:{world.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=30) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(name + "{") and f'host="{host}"' in line:
                return float(line.split()[-1])
    return None


def restart(sample, **settings):
    sample.world.stop_server()
    sample.world.configure(**settings)
    sample.world.start_server()


def quota_of_bytes(sample):
    world = sample.world
    host = world.host("greedy1")
    first = sample.new_tree(files=10, big=1)
    host.run("backup", first)
    used = stored(sample, "greedy1")
    check(used > 1 << 20, f"{used} bytes are charged")
    limit = int(used + (2 << 20))
    restart(sample, host_quota_bytes=limit)
    # A commit's own manifest is counted with the next whole count.
    check(0 <= stored(sample, "greedy1") - used <= 64 << 10,
          "a restart changed the count")
    more = sample.new_tree(files=2, big=8)
    output = host.run("backup", more, expect=FULL)
    says(output, "greedy1", "quota is " + str(limit), "earlier snapshots are",
         "ask the admin")
    now = stored(sample, "greedy1")
    check(used < now <= limit, f"{now} bytes stored, quota {limit}")
    # The other host and the past are as they were.
    sample.host.run("backup", sample.tree)
    check(sample.reader.restored_digest("greedy1", first)
          == digest_of_tree(first), "the past was touched")
    # What is stored can still be committed.
    host.run("backup", first)
    # The count holds over a crash, uncommitted bytes included.
    world.kill_server()
    world.start_server()
    check(abs(stored(sample, "greedy1") - now) < 64 << 10,
          f"{stored(sample, 'greedy1')} after a crash, {now} before")
    host.run("backup", more, expect=FULL)
    check(stored(sample, "greedy1") <= limit, "a crash made room")
    restart(sample, host_quota_bytes=1 << 40)
    host.run("backup", more)
    check(sample.reader.restored_digest("greedy1", more)
          == digest_of_tree(more), "differs")


def quota_of_objects(sample):
    host = sample.world.host("tiny1")
    root = sample.new_tree(files=4)
    host.run("backup", root)
    objects = int(stored(sample, "tiny1", "objects"))
    check(stored(sample, "tiny1") >= objects * 4096,
          "small objects are charged too little")
    restart(sample, host_quota_objects=objects + 2)
    says(host.run("backup", sample.new_tree(files=20, big=6), expect=FULL),
         "objects", "quota is " + str(objects + 2))
    check(stored(sample, "tiny1", "objects") <= objects + 4, "more are stored")
    restart(sample, host_quota_objects=0)


def snapshots_of_a_day(sample):
    restart(sample, snapshots_per_day=3)
    host = sample.world.host("often1")
    root = sample.new_tree(files=4)
    for _ in range(3):
        host.run("backup", root)
    output = host.run("backup", root, expect=FULL)
    says(output, "3 snapshots of the last 24 hours", "limit 3",
         "max-snapshots-per-day")
    host.run("backup", "--set", "other", root)
    check(len(sample.world.snapshots("often1")) == 4, "wrong number")
    restart(sample, snapshots_per_day=0)
    host.run("backup", root)


CASES = [quota_of_bytes, quota_of_objects, snapshots_of_a_day, Sample.intact]


def main():
    with World() as world:
        run_cases(CASES, Sample(world, random.Random(seed_from_arguments())))


if __name__ == "__main__":
    main()
