"""Named kill points, and sources that change, for the kill tests.

A point is a place in the source, NS_KILL_POINT("area.place"); a program that
was started with NIGHTSAFE_KILL_POINT=area.place:N dies there at the N-th hit.
"""

import os
import re
import shutil
import sys
import time

from world import check, make_tree, repository

POINT = re.compile(r'NS_KILL_POINT\("([a-z0-9-]+)\.([a-z0-9-]+)"\)')
HITS = (1, 2, 3)
ANYHOW = tuple(range(256))  # exit codes of a command that a kill may hit
KEPT_ROUNDS = 3  # so long a folder stays in its tree


def kill_points():
    """Names of all points, from the source."""
    found = []
    for top in ("common", "server", "client"):
        for folder, _, names in os.walk(os.path.join(repository(), top)):
            for name in names:
                if not name.endswith(".cc"):
                    continue
                with open(os.path.join(folder, name)) as file:
                    text = file.read()
                here = POINT.findall(text)
                check(len(here) == text.count("NS_KILL_POINT"),
                      f"a kill point with an odd name in {folder}/{name}")
                found += here
    names = sorted(".".join(point) for point in found)
    check(len(names) > 50, "too few kill points: is the source here?")
    for name in names:
        check(names.count(name) == 1, f"two kill points are named {name}")
    return names


def area(name):
    return name.split(".")[0]


def chosen_points(names, rng, always, smoke):
    """(name, hit) pairs by --points N|all|NAME:N|NAME or AREA,... on the command
    line; without it the points of `always` and `smoke` others."""
    pairs = [(name, hit) for name in names for hit in HITS]
    if "--points" not in sys.argv:
        return always + rng.sample([p for p in pairs if p[1] == 1
                                    and p not in always], smoke)
    what = sys.argv[sys.argv.index("--points") + 1]
    if what == "all":
        return pairs
    if what.isdigit():
        return rng.sample([p for p in pairs if p[1] == 1], int(what))
    name, _, hit = what.partition(":")
    if hit:
        check(name in names, f"there is no kill point {name}")
        return [(name, int(hit))]
    wanted = what.split(",")
    for one in wanted:
        check(any(one in (n, area(n)) for n in names),
              f"there is no kill point {one}")
    return [p for p in pairs if p[0] in wanted or area(p[0]) in wanted]


class Source:
    """A host with a tree that changes."""

    def __init__(self, world, name, rng, files=40):
        self.host = world.host(name)
        self.name = name
        self.rng = rng
        self.root = os.path.join(world.directory, "tree-" + name)
        self.serial = 0
        make_tree(self.root, rng, files=files, big=1)

    def change(self):
        self.serial += 1
        make_tree(os.path.join(self.root, f"round{self.serial}"), self.rng,
                  files=12, big=self.rng.randrange(3))
        shutil.rmtree(os.path.join(self.root,
                                   f"round{self.serial - KEPT_ROUNDS}"),
                      ignore_errors=True)


class Tally:
    """Which points were hit, and at which hits nothing came."""

    def __init__(self):
        self.hit = []
        self.not_reached = []

    def note(self, name, number, died):
        (self.hit if died else self.not_reached).append((name, number))

    def report(self):
        """Words; a point whose first hit was tried must have been hit."""
        names = {n for n, _ in self.hit}
        never = sorted({n for n, h in self.not_reached if h == 1} - names)
        check(not never, f"kill points that were never hit: {never}")
        return (f"{len(names)} kill points, {len(self.hit)} kills at them"
                + (f"; no such hit in its scenario: "
                   + ", ".join(f"{n}:{h}" for n, h in self.not_reached)
                   if self.not_reached else ""))


def poll(condition, seconds=120):
    """Waits until it holds; whether it ever did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True

