#!/usr/bin/env python3
"""Every kind of file is damaged in every way: what becomes of it?

    tests/crash/corrupt.py [--list] [--only TEXT] [--sample N] [--seed S]

Each cell of the table damages one file of a server, an agent, a reader or an
admin, then runs the programs that use it. It may end as

    fine       nothing that counts was hit
    rebuilt    what is derived was made anew
    noticed    the damage is reported, and nothing is lost
    healed     something could not be restored, and was named; the next backup
               of the unchanged source brought it back
    healed, older named
               the same, but for older snapshots of what the source no longer has
    lost, named
               the end of a journal was cut off where an unfinished write may
               have ended: the snapshots behind it are named at start-up
    refused    with a message that names the file and what to do; whole again
               when the file is put back

A crash, a hang, an exit code that is not documented, a restore to something
else, a loss that nobody names, an acknowledged snapshot that is gone: failed.
--list names the cells, --only runs those whose names contain TEXT, --sample N
runs N of them, chosen by the seed.
"""

import os
import random
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import corrupt_client
import corrupt_server
from damage import DAMAGES
from history import History
from world import World, argument, seed_from_arguments


# Nothing here depends on a disk; without one it is many times as fast.
MEMORY = "/dev/shm"


def all_cells():
    """(file, damage) -> what makes the cell."""
    cells = {}
    for files, running in ((corrupt_server.FILES, False),
                           (corrupt_server.RUNNING, True)):
        for name, find in files.items():
            for damage in DAMAGES:
                cells[name, damage] = (
                    lambda history, rng, find=find, damage=damage,
                    running=running: corrupt_server.ServerCell(
                        history, find, DAMAGES[damage], rng, running))
    cells.update(corrupt_client.cells())
    return cells


def chosen(cells, seed):
    only = (sys.argv[sys.argv.index("--only") + 1]
            if "--only" in sys.argv else "")
    names = [name for name in cells if only in " / ".join(name)]
    sample = argument("--sample", len(names))
    if sample < len(names):
        # Every kind of file as evenly as can be.
        random.Random(seed).shuffle(names)
        rank, seen = {}, {}
        for name in names:
            seen[name[0]] = rank[name] = seen.get(name[0], 0) + 1
        names = sorted(names, key=rank.get)[:sample]
        names = [name for name in cells if name in set(names)]
    return names


def run_cell(make, name, history, seed):
    rng = random.Random(f"{seed} {name}")
    cell = make(history, rng)
    begin = time.monotonic()
    try:
        verdict = cell.run()
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        traceback.print_exc(file=sys.stdout)
        print(f"server: {history.world.log_text()[-2000:]}")
        verdict, cell.note = "FAILED", str(error).splitlines()[0]
    if verdict is not None:
        what = getattr(cell, "done", None) or ""
        print(f"{name[0]:24} {name[1]:14} {verdict:20} {what}: {cell.note}"
              f" ({time.monotonic() - begin:.1f} s)", flush=True)
    return verdict


def main():
    cells = all_cells()
    if "--list" in sys.argv:
        print("\n".join(" / ".join(name) for name in cells))
        return
    seed = seed_from_arguments()
    counts = {}
    with World(MEMORY if os.path.isdir(MEMORY) else None) as world:
        history = History(world, random.Random(seed))
        for name in chosen(cells, seed):
            verdict = run_cell(cells[name], name, history, seed)
            if verdict is not None:
                counts[verdict] = counts.get(verdict, 0) + 1
            if verdict == "FAILED":
                print(f"replay: tests/crash/corrupt.py --seed {seed} --only "
                      f"'{' / '.join(name)}'", flush=True)
    failed = counts.pop("FAILED", 0)
    passed = sum(counts.values())
    print(f"{passed + failed} cells: " + ", ".join(
        f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    print(f"{passed} passed, {failed} failed")
    if failed or not passed:
        sys.exit(1)


if __name__ == "__main__":
    main()
