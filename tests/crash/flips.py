#!/usr/bin/env python3
"""One flipped bit in any stored byte is found without a key, and heals.

    tests/crash/flips.py [--count N] [--seed S]

Each round puts a server's data back and flips bits at different places: in
objects, in the headers of their records and of their pack, in tables of
contents; of finished packs, and of packs that a killed server left open. The
server alone, without a key, must name each place and no other: a scrub those of
finished packs, start-up those of open ones. With the bits still flipped a
restore of the last snapshot is right or says what it lacks; then one backup of
the unchanged source heals it. --count N flips, in rounds of at most 60.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import flip_bit
from cheap_key import make_cheap
from history import contents_below
from packs import HEADER, RECORD, read_pack
from world import PASSPHRASE, World, argument, check, digest_of_tree, \
    make_tree, seed_from_arguments

PER_ROUND = 60
MEMORY = "/dev/shm"


def make_many_objects(root, rng):
    """Bundles, chunks and nodes, hundreds of them from few bytes."""
    make_tree(root, rng, files=200, big=4)
    empty = os.path.join(root, "empty")
    os.makedirs(empty)
    for i in range(6000):  # about 128 entries make a node
        with open(os.path.join(empty, f"{i:06}"), "wb"):
            pass
    for i in range(50):  # a megabyte of text makes a chunk or two
        with open(os.path.join(root, f"text{i}"), "w") as out:
            for line in range(40000):
                out.write(f"file {i} line {line} of it\n")


def findings_of(world, expect):
    lines = world.admin("scrub", "--json", expect=expect, results_only=True)
    return [json.loads(line) for line in lines.splitlines()]


class Place:
    """Where a bit is flipped, and the finding that must come of it."""

    def __init__(self, region, path, begin, end, one=None):
        self.region = region
        self.path = path
        self.begin = begin
        self.end = end
        self.object = one

    def flip(self, rng):
        flip_bit(self.path, rng.randrange(self.begin, self.end),
                 rng.randrange(8))

    def is_named_by(self, finding):
        if finding["pack"][:32] != os.path.basename(self.path)[:32]:
            return False
        if self.region == "object":
            return (finding["object"] == self.object.id
                    and finding["offset"] == self.object.offset)
        if self.region == "record header":
            return finding["offset"] == self.begin
        return (not finding["object"].strip("0") and finding["offset"] == 0
                and ("table of contents" in finding["detail"])
                == (self.region == "table of contents"))

    def __repr__(self):
        return (f"{self.region} at {self.begin} of "
                f"{os.path.basename(self.path)}")


def places_in(paths, tocs):
    """Of which any may be flipped at once: each spoils nothing but itself."""
    places = []
    for path in paths:
        places.append(Place("pack header", path, 0, HEADER.size))
        for one in read_pack(path):
            places.append(Place("object", path, one.offset,
                                one.offset + one.length, one))
            places.append(Place("record header", path,
                                one.offset - RECORD.size, one.offset, one))
        if tocs:
            toc = path[:-5] + ".toc"
            places.append(Place("table of contents", toc, 0,
                                os.path.getsize(toc)))
    return places


class Flips:
    def __init__(self, world, rng):
        self.world = world
        self.rng = rng
        self.root = os.path.join(world.directory, "tree")
        world.set_up().start_server()
        self.host = world.host("web1")
        self.reader = world.reader()
        make_cheap(self.reader.path("read.key"), PASSPHRASE)
        make_many_objects(self.root, rng)
        self.host.run("backup", self.root)
        world.stop_server()
        world.start_server()
        for i in range(60):
            with open(os.path.join(self.root, f"text{i}"), "a") as out:
                out.write("more\n" * 20000)
            if i % 6 == 5:  # more small packs
                self.host.run("backup", self.root)
        world.kill_server()
        self.contents = contents_below(self.root)
        self.digest = digest_of_tree(self.root)
        self.kept = os.path.join(world.directory, "kept")
        for part in ("server", "machines"):
            self.copy(os.path.join(world.directory, part),
                      os.path.join(self.kept, part))
        self.found = {}
        self.restored_whole = self.restored_partly = 0

    def copy(self, source, target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def put_back(self):
        self.world.kill_server()
        for part in ("server", "machines"):
            current = os.path.join(self.world.directory, part)
            shutil.rmtree(current)
            self.copy(os.path.join(self.kept, part), current)

    def packs(self, place):
        return [p for p in self.world.packs() if f"/{place}/" in p]

    def round(self, place, count):
        """Flips up to `count` bits in packs of `place`; how many."""
        self.put_back()
        if place == "sealed":  # those left open are none of them
            places = places_in(self.packs(place), tocs=True)
        else:
            places = [p for p in places_in(self.packs(place), tocs=False)
                      if p.region != "pack header"]
        self.rng.shuffle(places)
        chosen, taken = [], set()
        for one in places:
            # One place of each record, so that each flip counts.
            key = (one.path, one.object.offset if one.object else one.region)
            if len(chosen) < count and key not in taken:
                taken.add(key)
                chosen.append(one)
        for one in chosen:
            one.flip(self.rng)
        self.world.start_server()
        if place == "sealed":
            self.check_scrub(chosen)
        else:
            self.check_start(chosen)
        for one in chosen:
            key = (place, one.region)
            self.found[key] = self.found.get(key, 0) + 1
        self.check_restore()
        self.check_heals()
        return len(chosen)

    def check_scrub(self, chosen):
        findings = findings_of(self.world, expect=7)
        missed = [one for one in chosen
                  if not any(one.is_named_by(f) for f in findings)]
        check(not missed, f"{len(missed)} of {len(chosen)} not found: {missed}")
        extra = [f for f in findings
                 if not any(one.is_named_by(f) for one in chosen)]
        check(not extra, f"found, but sound: {extra}")

    def check_start(self, chosen):
        """Start-up says how many objects of each pack are gone."""
        said = self.world.log_text()
        for pack in {one.path for one in chosen}:
            name = os.path.basename(pack)
            gone = re.search(name + r".*?(\d+) objects are gone", said)
            planted = sum(one.path == pack for one in chosen)
            check(gone is not None and int(gone.group(1)) == planted,
                  f"{planted} flips in {name}: {said}")
        check(findings_of(self.world, expect=0) == [],
              "a scrub after start-up finds more")

    def check_restore(self):
        target = os.path.join(self.world.directory, "out")
        shutil.rmtree(target, ignore_errors=True)
        output = self.reader.run("restore", "web1/files", "--target", target,
                                 expect=(0, 7))
        got = contents_below(target + self.root)
        wrong = [path for path, content in got.items()
                 if self.contents.get(path) != content]
        check(not wrong, f"restored to something else: {wrong}")
        lacking = set(self.contents) - set(got)
        check(bool(lacking) == ("damaged:" in output), f"lacks {lacking}: "
              + output)
        if lacking:
            self.restored_partly += 1
        else:
            self.restored_whole += 1

    def check_heals(self):
        output = self.host.run("backup", self.root)
        check(self.reader.restored_digest("web1/files", self.root)
              == self.digest, "the next backup did not heal: " + output)


def main():
    count = argument("--count", 200)
    seed = seed_from_arguments()
    done = rounds = 0
    with World(MEMORY if os.path.isdir(MEMORY) else None) as world:
        flips = Flips(world, random.Random(seed))
        try:
            while done < count:
                # Open packs hold fewer objects.
                place = "open" if rounds % 4 == 3 else "sealed"
                done += flips.round(place, min(PER_ROUND, count - done))
                rounds += 1
        except AssertionError:
            print(f"replay: tests/crash/flips.py --count {count} "
                  f"--seed {seed}")
            raise
        for (place, region), number in sorted(flips.found.items()):
            print(f"{number:6} in {place} packs: {region}")
        print(f"{done} bits flipped in {rounds} rounds, {done} found without a "
              f"key; {flips.restored_partly} restores with damage named every "
              f"loss, {flips.restored_whole} were whole, none was wrong; every "
              f"next backup healed")
    print(f"0 failures in {done}: at most {300 / done:.2g} % at 95 %")
    print(f"{done} passed, 0 failed")


if __name__ == "__main__":
    main()
