#!/usr/bin/env python3
"""A host that was broken into fills the disk and never commits.

Over its own mutual TLS it puts objects until it is refused, in several sessions
at a time, large ones and tiny ones. It uses no more than its quota on the disk,
another host's backup beside it finishes and restores; when its sessions have
expired, `nightsafe-admin collect` and nightsafe-sweep give the space back.

    disk_fill.py [--quota-mb 8] [--rounds 2] [--seed N]
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from depositor import Depositor, data_object
from world import World, argument, check, digest_of_tree, make_tree, program, \
    seed_from_arguments

EXPIRY = 2       # seconds, as configured below
SESSIONS = 4     # of one host at a time
# What the object index, the journal and their files may take beside packs.
OVERHEAD = 2 << 20


def used(world):
    """Bytes on the disk; of the object index its files' lengths: it allocates
    room for its log ahead, whoever stores."""
    def du(path, *options):
        return int(subprocess.run(
            ["du", "-s", "-B1", *options, path], check=True,
            stdout=subprocess.PIPE).stdout.split()[0])
    index = os.path.join(world.data, "index")
    return du(world.data) - du(index) + du(index, "--apparent-size")


def host_bytes(world, host, name="nightsafe_host_stored_bytes"):
    import urllib.request
    url = f"http://127.0.0.1:{world.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=30) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(name + "{") and f'host="{host}"' in line:
                return int(float(line.split()[-1]))
    return 0


def put_until_refused(machine, rng, size, told):
    """Never commits; what ended it goes into `told`."""
    call = Depositor(machine, rng.randbytes(16))
    many = 4 if size < 4096 else max(1, (1 << 20) // size)
    while call.put([data_object(rng.randbytes(size)) for _ in range(many)]):
        pass
    call.listen(60, call.over)
    told.append((call.stored(), call.why()))
    call.close()


def attack(world, machine, rng, quota):
    """Until every session is refused; returns how many puts were stored."""
    told = []
    threads = [threading.Thread(target=put_until_refused, args=(
        machine, random.Random(rng.random()), size, told))
        for size in (4 << 20, 1 << 20, 256 << 10, 60 << 10)[:SESSIONS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    # The rest in small change.
    put_until_refused(machine, rng, 100, told)
    check(len(told) == SESSIONS + 1, "a session of the attack hangs")
    for _, why in told:
        check("quota" in why, f"the attack ended with: {why}")
    charged = host_bytes(world, machine.name)
    check(0.4 * quota < charged <= quota and sum(s for s, _ in told) > 0,
          f"{machine.name} is charged with {charged} bytes, quota {quota}")
    return sum(stored for stored, _ in told)


def collect(world, *arguments):
    return json.loads(world.admin("collect", "--json", *arguments,
                                  results_only=True).splitlines()[0])


def wait_for_expiry(world, host):
    """Until a collection would free what the host put."""
    objects = host_bytes(world, host, "nightsafe_host_stored_objects")
    end = time.monotonic() + 60
    while True:
        found = collect(world, "--dry-run")
        if found["condemned_objects"] >= objects:
            return
        check(time.monotonic() < end, "its sessions do not expire: "
              f"{objects} objects stored, {found}")
        time.sleep(0.2)


def sweep(world):
    """Moves and, since the delay is none, unlinks in a second run."""
    state = os.path.join(world.directory, "sweeper")
    os.makedirs(state, exist_ok=True)
    config = os.path.join(world.directory, "sweep.yaml")
    with open(config, "w") as out:
        out.write(f"data: {world.data}\nstate: {state}\nserver_id: "
                  f"{world.server_id}\ndelay_hours: 0\n")
    for _ in range(2):
        print("  " + world.run([program("nightsafe-sweep"), "--config",
                                config]).splitlines()[-1])


def one_round(world, rng, greedy, honest, reader, quota, beside):
    """`beside`: the honest host backs up while it is attacked."""
    before = used(world)
    mine = host_bytes(world, "web1")
    stop = threading.Thread(target=lambda: None)
    told = []
    if beside:
        tree = os.path.join(world.directory, f"tree{rng.randrange(1 << 30)}")
        make_tree(tree, rng, files=100, big=4)
        stop = threading.Thread(
            target=lambda: told.append(honest.run("backup", tree)))
    begin = time.monotonic()
    stop.start()
    puts = attack(world, greedy, rng, quota)
    stop.join()
    took = time.monotonic() - begin
    if beside:
        check(told, "the other host's backup failed beside the attack")
    mine = host_bytes(world, "web1") - mine
    grown = used(world) - before - mine
    print(f"  {puts} puts in {took:.1f} s; charged "
          f"{host_bytes(world, 'greedy1')} of {quota}, on the disk {grown}",
          flush=True)
    check(grown <= quota + OVERHEAD,
          f"it uses {grown} bytes of the disk, its quota is {quota}")
    wait_for_expiry(world, "greedy1")
    done = collect(world)
    sweep(world)
    left = used(world) - before - mine
    print(f"  collected: {done['condemned_bytes']} bytes not needed, "
          f"{done['removed_bytes']} in removed packs, "
          f"{done['rewritten_bytes']} copied; {left} left on the disk")
    # A pack that is needed for the most part is left as it is.
    allowed = OVERHEAD + (mine * 2 // 3 if beside else 0)
    check(left <= allowed, f"{left} bytes did not come back")
    if beside:
        check(reader.restored_digest("web1", tree) == digest_of_tree(tree),
              "the other host's snapshot restores to something else")


def main():
    rng = random.Random(seed_from_arguments())
    quota = argument("--quota-mb", 8) << 20
    with World() as world:
        world.set_up().configure(host_quota_bytes=1 << 40, pack_bytes=2 << 20,
                                 session_expiry_seconds=EXPIRY,
                                 scrub_interval_days=0)
        world.start_server()
        world.server_id = re.search(
            r"[0-9a-f]{48}", world.admin("status", "--json",
                                         results_only=True))[0]
        honest = world.host("web1")
        reader = world.reader(quick=True)
        tree = os.path.join(world.directory, "tree")
        # So that the garbage is less than half of the vault.
        make_tree(tree, rng, files=100, big=max(1, quota * 3 // (5 << 20)))
        honest.run("backup", tree)
        greedy = world.host("greedy1")
        world.admin("policy", "set", "greedy1", f"quota-bytes={quota}")
        for number in range(argument("--rounds", 2)):
            if number > 0:
                # What is stored is counted anew: the quota is free again.
                world.stop_server()
                world.start_server()
            one_round(world, rng, greedy, honest, reader, quota,
                      beside=number % 2 == 1)
        first = min(world.snapshots("web1"), key=lambda one: one["sequence"])
        check(reader.restored_digest("web1@" + first["snapshot"][:12], tree)
              == digest_of_tree(tree),
              "the first snapshot restores to something else")


main()
