#!/usr/bin/env python3
"""Arguments, names, targets, local state and interruptions of a client."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, flip_bit, run_cases, says, wait_for
from world import World, check, digest_of_tree, make_tree, program, \
    seed_from_arguments

NOBODY = 65534


def wrong_arguments(sample):
    wrong = {
        "nightsafe": [
            [], ["fly"], ["--fly"], ["backup"], ["backup", "--fly", "/etc"],
            ["backup", "--stdin", "/etc"], ["backup", "--set", "A/B", "/etc"],
            ["restore"], ["restore", "web1"], ["restore", "web1@noon", "x"],
            ["restore", "web1:etc", "x"], ["ls", "@latest"], ["ls", "web1@12"],
            ["snapshots", "web1/"], ["key"], ["key", "derive", "gold", "x"],
            ["vault", "create", "UPPER", "--recovery",
             sample.world.recovery_key],
            ["--server", "ftp://x", "snapshots"],
        ],
        "nightsafe-admin": [
            [], ["fly"], ["host"], ["host", "add"], ["host", "add", "A B"],
            ["host", "add", "x", "--valid", "soon"], ["host", "list", "x"],
            ["--server", "ftp://x", "host", "list"],
            ["--server", "ssh://:22x", "host", "list"],
            ["vault", "add", "/etc/hostname"],
        ],
        "nightsafed": [
            [], ["fly"], ["serve"], ["serve", "--fly"], ["init", "x"],
            ["init", sample.fresh("x"), "--admin-key", "/etc/hosts"],
        ],
    }
    for name, lines in wrong.items():
        for line in lines:
            output = sample.world.run(
                [program(name), *line], expect=2,
                environment=sample.reader.environment)
            check(output.strip(), f"{name} {line} says nothing")
            says(output)
        says(sample.world.run([program(name), "--help"]), name)
        says(sample.world.run([program(name), "--version"]), ".")


def relative_paths(sample):
    done = subprocess.run(
        sample.host.command("backup", "--set", "relative",
                            os.path.basename(sample.tree)),
        cwd=os.path.dirname(sample.tree), env=sample.host.environment,
        capture_output=True, check=False)
    check(done.returncode == 0, done.stderr.decode())
    check(sample.reader.restored_digest("web1/relative", sample.tree)
          == sample.digest, "the snapshot is of something else")


def path_that_does_not_exist(sample):
    before = len(sample.world.snapshots())
    says(sample.host.run("backup", sample.tree, "/no/such/place",
                         expect=(2, 4)), "/no/such/place")
    check(len(sample.world.snapshots()) == before, "a snapshot was made")


def target_that_is_not_empty(sample):
    target = sample.fresh("restored")
    os.mkdir(target)
    mine = os.path.join(target, "mine")
    with open(mine, "w") as out:
        out.write("mine")
    says(sample.reader.run("restore", "web1/files", "--target", target,
                           expect=(1, 2)), target, "not empty",
         "--into-existing")
    check(os.listdir(target) == ["mine"], "something was written")
    says(sample.reader.run("restore", "web1/files", "--target", mine,
                           expect=(1, 2)), mine)
    with open(mine) as file:
        check(file.read() == "mine", "a file was overwritten")
    sample.reader.run("restore", "web1/files", "--target", target,
                      "--into-existing")
    check(digest_of_tree(target + sample.tree) == sample.digest, "differs")


def names_of_nothing(sample):
    sample.host.run("backup", "--stdin", "--set", "dump", stdin=b"x")
    target = sample.fresh("restored")
    for name, needles in {
            "web9": ["web9", "web1"],
            "web1/nothing": ["nothing", "dump", "files"],
            "web1/files@ffffffffffff": ["ffffffffffff"],
            "web1/files@2020-01-01": ["web1/files", sample.first],
            "web1/files@latest:/no/such": ["/no/such"],
            "web1/files@latest:" + sample.tree + "/file": ["/file"],
    }.items():
        for command in (["restore", name, "--target", target], ["ls", name]):
            says(sample.reader.run(*command, expect=4), *needles)
        check(not os.path.exists(target), f"{name}: a target was made")
    says(sample.reader.run("ls", "web1", expect=2), "web1/dump", "web1/files")


def unreadable_file(sample):
    """Root reads everything: the agent runs as a user who may not."""
    world = sample.world
    machine = sample.machine()
    machine.run("enrol", invite(sample, "modest1"))
    root = sample.new_tree(files=20)
    secret = os.path.join(root, "secret")
    with open(secret, "w") as out:
        out.write("secret")
    os.chmod(secret, 0)
    os.mkdir(os.path.join(root, "closed"))
    with open(os.path.join(root, "closed", "inside"), "w") as out:
        out.write("inside")
    os.chmod(os.path.join(root, "closed"), 0)
    command = machine.command("backup", root)
    if os.geteuid() == 0:
        copy = sample.fresh("nightsafe")  # where everybody may enter
        shutil.copy(command[0], copy)
        os.chmod(world.directory, 0o711)
        os.chmod(os.path.dirname(machine.directory), 0o711)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}",
                        machine.directory], check=True)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                   "--clear-groups", copy, *command[1:]]
    output = world.run(command, expect=3, environment=machine.environment)
    says(output, secret, os.path.join(root, "closed"), "2 unreadable")
    target = sample.fresh("restored")
    output = sample.reader.run("restore", "modest1", "--target", target,
                               expect=(0, 3))
    says(output, secret, os.path.join(root, "closed") + ": its names could not")
    os.chmod(secret, 0o600)
    os.remove(secret)
    os.chmod(os.path.join(root, "closed"), 0o700)
    shutil.rmtree(os.path.join(root, "closed"))
    for name in ("secret", "closed"):
        path = os.path.join(target + root, name)
        if os.path.isdir(path):
            os.rmdir(path)
        elif os.path.exists(path):
            os.remove(path)
    check(digest_of_tree(target + root) == digest_of_tree(root),
          "the readable files differ")


def invite(sample, name):
    path = sample.fresh("enrolment")
    sample.world.admin("host", "add", name, "--output", path)
    return path


def set_files(host):
    folder = host.state("agent", "sets", "files")
    index = [n for n in os.listdir(folder) if n.startswith("index-")]
    check(len(index) == 1, f"not one index in {folder}: {index}")
    return folder, os.path.join(folder, index[0])


def flags_of(world, host):
    hosts = json.loads(world.admin("host", "list", "--json",
                                   results_only=True))
    return [flag for h in hosts if h["host"] == host for flag in h["flags"]]


def backs_up_and_restores(sample, host, root, *needles):
    says(host.run("backup", root), *needles)
    check(sample.reader.restored_digest(f"{host.name}/files", root)
          == digest_of_tree(root), "the snapshot restores to something else")


def damaged_index(sample):
    host = sample.world.host("index1")
    root = sample.new_tree(files=60)
    for share in (0.001, 0.3, 0.6, 0.9, 0.9999):
        host.run("backup", root)
        _, index = set_files(host)
        size = os.path.getsize(index)
        flip_bit(index, int(size * share), sample.rng.randrange(8))
        make_tree(os.path.join(root, f"new{share}"), sample.rng, files=3)
        backs_up_and_restores(sample, host, root, "note:", "index")
    _, index = set_files(host)
    with open(index, "r+b") as file:
        file.truncate(os.path.getsize(index) // 2)
    backs_up_and_restores(sample, host, root, "note:", "index")
    check(flags_of(sample.world, "index1") == [], "it is flagged")


def deleted_index_and_state(sample):
    world = sample.world
    host = world.host("state1")
    root = sample.new_tree(files=60)
    host.run("backup", root)
    folder, index = set_files(host)
    os.remove(index)
    backs_up_and_restores(sample, host, root, "note:")
    os.remove(os.path.join(folder, "state"))
    backs_up_and_restores(sample, host, root)
    check(flags_of(world, "state1") == ["restarted"],
          f"flags are {flags_of(world, 'state1')}")
    flip_bit(os.path.join(folder, "state"), 60)
    says(host.run("status"), "damaged")
    backs_up_and_restores(sample, host, root, "state file")
    shutil.rmtree(host.state())
    says(host.run("status"), "no backup was made yet")
    backs_up_and_restores(sample, host, root)
    check("forked" not in flags_of(world, "state1")
          or "restarted" in flags_of(world, "state1"), "only called a fork")
    host.run("backup", root)
    check(len(world.snapshots("state1")) == 6, "snapshots are missing")


def cloned_machine(sample):
    world = sample.world
    one = world.host("clone1")
    root = sample.new_tree(files=20)
    one.run("backup", root)
    other = sample.machine()
    shutil.rmtree(other.directory)
    shutil.copytree(one.directory, other.directory)
    digests = {}
    for machine in (one, other):
        make_tree(os.path.join(root, os.path.basename(machine.directory)),
                  sample.rng, files=3)
        output = machine.run("backup", root)
        digests[output.split()[1]] = digest_of_tree(root)
    check("forked" in flags_of(world, "clone1"), "the list shows no fork")
    listed = sample.reader.run("snapshots", "clone1")
    says(listed, "fork", *digests)
    for snapshot, digest in digests.items():
        check(sample.reader.restored_digest(f"clone1/files@{snapshot}", root)
              == digest, f"{snapshot} restores to something else")


def two_backups_of_one_set(sample):
    host = sample.host
    running = host.start("backup", "--stdin", "--set", "slow",
                         stdin=subprocess.PIPE)
    wait_for(lambda: os.path.exists(host.state("agent", "sets", "slow", "lock"))
             and sample.world.metric("nightsafe_sessions_open") > 0,
             "the first backup")
    says(host.run("backup", "--stdin", "--set", "slow", expect=1, stdin=b"x"),
         "slow", "running")
    running.stdin.write(b"the first")
    running.stdin.close()
    running.stdin = None
    check(running.wait() == 0, "the first backup failed: "
          + running.communicate()[0].decode())


def interrupted(process, expect):
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0].decode(errors="replace")
    check(process.returncode in expect, f"it ended with {process.returncode}: "
          + output)
    says(output)


def interrupted_backup(sample):
    world = sample.world
    host = world.host("patient1")
    root = sample.new_tree(files=200, big=20)
    running = host.start("backup", root)
    wait_for(lambda: world.metric("nightsafe_sessions_open") > 0
             or running.poll() is not None, "the backup")
    interrupted(running, expect=(-signal.SIGINT, 130, 0))
    stream = host.start("backup", "--stdin", "--set", "dump",
                        stdin=subprocess.PIPE)
    stream.stdin.write(sample.rng.randbytes(8 << 20))
    stream.stdin.flush()
    interrupted(stream, expect=(-signal.SIGINT, 130))
    check(world.snapshots("patient1/dump") == [],
          "half a stream became a snapshot")
    host.run("backup", "--stdin", "--set", "dump", stdin=b"x")
    backs_up_and_restores(sample, host, root)
    check(flags_of(world, "patient1") == [], "it is flagged")


def interrupted_restore(sample):
    host = sample.world.host("patient2")
    root = sample.new_tree(files=500, big=40)
    host.run("backup", root)
    target = sample.fresh("restored")
    running = sample.reader.start("restore", "patient2", "--target", target)
    wait_for(lambda: os.path.exists(target) and os.listdir(target)
             or running.poll() is not None, "the restore")
    interrupted(running, expect=(-signal.SIGINT, 130))
    says(sample.reader.run("restore", "patient2", "--target", target,
                           expect=(1, 2)), "not empty")
    check(sample.reader.restored_digest("patient2", root)
          == digest_of_tree(root), "differs")


CASES = [
    wrong_arguments,
    relative_paths,
    path_that_does_not_exist,
    target_that_is_not_empty,
    names_of_nothing,
    unreadable_file,
    damaged_index,
    deleted_index_and_state,
    cloned_machine,
    two_backups_of_one_set,
    interrupted_backup,
    interrupted_restore,
    Sample.intact,
]


def main():
    with World() as world:
        sample = Sample(world, random.Random(seed_from_arguments()))
        run_cases(CASES, sample)


if __name__ == "__main__":
    main()
