#!/usr/bin/env python3
"""Tokens, certificates, passphrases and keys that must not be accepted.

Each case looks at the exit code of the README's table, at what the message
names, and that what was there before still works.
"""

import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, flip_bit, run_cases, says, wait_for
from certificates import reissue
from world import World, check, program, seed_from_arguments

WRONG = "not the passphrase at all"


def invite(sample, name, *arguments):
    path = sample.fresh("enrolment")
    sample.world.admin("host", "add", name, "--output", path, *arguments)
    return path


def nothing_enrolled(machine):
    says(machine.run("backup", "/etc/hostname", expect=(1, 4)), "enrol")


def damaged_enrolment_line(sample):
    path = invite(sample, "damaged1")
    with open(path) as file:
        line = file.read()
    machine = sample.machine()
    for text in (line[:100] + ("A" if line[100] != "A" else "B") + line[101:],
                 line[:200], "hello\n", ""):
        output = machine.run("enrol", expect=2, stdin=text.encode())
        says(output, "enrolment file")
        nothing_enrolled(machine)
    machine.run("enrol", expect=0, stdin=line.encode())
    machine.run("backup", sample.tree)


def token_of_an_older_invitation(sample):
    old = invite(sample, "invited1")
    new = invite(sample, "invited1")
    machine = sample.machine()
    says(machine.run("enrol", old, expect=5), "token", "enrolment file")
    nothing_enrolled(machine)
    machine.run("enrol", new)
    machine.run("backup", sample.tree)


def token_used_by_a_second_machine(sample):
    path = invite(sample, "twice1")
    first, second = sample.machine(), sample.machine()
    first.run("enrol", path)
    says(second.run("enrol", path, expect=5), "token", "enrolment file")
    nothing_enrolled(second)
    first.run("backup", sample.tree)


def used_token_does_not_replace_a_credential(sample):
    path = invite(sample, "replaced1")
    machine = sample.machine()
    machine.run("enrol", path)
    says(machine.run("enrol", path, expect=1), "--replace")
    other = invite(sample, "replaced2")
    sample.machine().run("enrol", other)
    says(machine.run("enrol", "--replace", other, expect=5), "token")
    machine.run("backup", sample.tree)
    machine.run("status")


def expired_token(sample):
    path = invite(sample, "late1", "--valid", "1s")
    machine = sample.machine()
    end = time.time() + 1.2
    wait_for(lambda: time.time() > end, "the token's end")
    says(machine.run("enrol", path, expect=5), "expired", "host add")
    nothing_enrolled(machine)
    machine.run("enrol", invite(sample, "late1"))
    machine.run("backup", sample.tree)


def revoked_host(sample):
    world = sample.world
    machine = world.host("gone1")
    machine.run("backup", sample.tree)
    running = machine.start("backup", "--stdin", "--set", "stream",
                            stdin=subprocess.PIPE)
    running.stdin.write(sample.rng.randbytes(32 << 20))
    running.stdin.flush()
    world.admin("host", "revoke", "gone1", "--reason", "sold")
    output = running.communicate()[0].decode()
    check(running.returncode == 5, f"an open stream went on: {output}")
    says(output, "revoked")
    says(machine.run("backup", sample.tree, expect=5), "revoked", "admin")
    check([h["state"] for h in sample_hosts(world) if h["host"] == "gone1"]
          == ["revoked"], "the list does not say that it is revoked")
    check(sample.reader.restored_digest("gone1", sample.tree)
          == sample.digest, "its snapshot does not restore")
    world.stop_server()
    world.start_server()
    says(machine.run("backup", sample.tree, expect=5), "revoked")


def sample_hosts(world):
    import json
    return json.loads(world.admin("host", "list", "--json",
                                  results_only=True))


def revoked_reader(sample):
    reader = sample.world.enrol("reader2", reader=True)
    says(reader.run("snapshots"), "web1")
    sample.world.admin("reader", "revoke", "reader2")
    says(reader.run("snapshots", expect=5), "revoked", "admin")
    says(sample.reader.run("snapshots"), "web1")


def expired_certificate(sample):
    machine = sample.world.host("old1")
    machine.run("backup", sample.tree)
    reissue(machine, "host", "20240101000000Z", "20250101000000Z")
    says(machine.run("backup", sample.tree, expect=5), "expired", "2025",
         "nightsafe-admin host add")
    says(machine.run("status"), "EXPIRED")
    check(sample.reader.restored_digest("old1", sample.tree) == sample.digest,
          "its snapshot does not restore")


def wrong_passphrase(sample):
    world = sample.world
    key = sample.fresh("read.key")
    derive = ["key", "derive", "read", key, "--vault-file",
              os.path.join(world.admin_directory, "main.vault"),
              "--recovery", world.recovery_key]
    wrong = dict(sample.reader.environment,
                 NIGHTSAFE_RECOVERY_PASSPHRASE=WRONG)
    says(world.run([program("nightsafe"), *derive], expect=5,
                   environment=wrong), "recovery.key", "passphrase")
    check(not os.path.exists(key), "a key was written all the same")
    wrong = dict(sample.reader.environment, NIGHTSAFE_PASSPHRASE=WRONG)
    says(world.run([program("nightsafe"), "snapshots"], expect=5,
                   environment=wrong), "read.key", "passphrase")
    wrong = dict(world.environment, NIGHTSAFE_PASSPHRASE=WRONG)
    says(world.run([program("nightsafe-admin"), "host", "add", "nobody1"],
                   expect=5, environment=wrong), "enrol-main.key",
         "passphrase")
    says(world.run([program("nightsafe-admin"), "host", "revoke", "web1"],
                   expect=5, environment=wrong), "admin.key", "passphrase")
    sample.host.run("backup", sample.tree)


def no_passphrase_at_all(sample):
    without = dict(sample.reader.environment)
    del without["NIGHTSAFE_PASSPHRASE"]
    says(sample.world.run([program("nightsafe"), "ls", "web1/files"],
                          expect=1, environment=without),
         "read.key", "--passphrase-file", "NIGHTSAFE_PASSPHRASE")


def second_vault(sample):
    """Another recovery key, and a vault and read key made with it."""
    folder = sample.fresh("second")
    os.mkdir(folder)
    at = lambda name: os.path.join(folder, name)
    run = sample.machine().run
    run("key", "create", at("recovery.key"))
    run("vault", "create", "second", "--recovery", at("recovery.key"),
        "--output", at("second.vault"))
    run("key", "derive", "read", at("read.key"), "--vault-file",
        at("second.vault"), "--recovery", at("recovery.key"))
    return at


def keys_of_another_vault(sample):
    world = sample.world
    at = second_vault(sample)
    key = sample.fresh("read.key")
    says(sample.reader.run(
        "key", "derive", "read", key, "--vault-file",
        os.path.join(world.admin_directory, "main.vault"), "--recovery",
        at("recovery.key"), expect=5), "recovery key")
    check(not os.path.exists(key), "a key was written all the same")
    target = sample.fresh("restored")
    for wrong in ("read.key", "recovery.key"):
        output = sample.reader.run("restore", "--key", at(wrong), "web1/files",
                                   "--target", target, expect=5)
        says(output, wrong, "vault" if wrong == "read.key" else "recovery key")
        check(not os.path.exists(target), "a target was made all the same")


def key_files_that_are_none(sample):
    copy = sample.fresh("read.key")
    with open(sample.reader.path("read.key"), "rb") as file:
        content = file.read()
    with open(copy, "wb") as out:
        out.write(content)
    flip_bit(copy, len(content) // 2)
    says(sample.reader.run("ls", "--key", copy, "web1/files",
                           expect=(2, 5, 7)), copy)
    says(sample.reader.run("ls", "--key", sample.fresh("none"), "web1/files",
                           expect=4), "none", "key derive read")
    says(sample.reader.run("ls", "--key", "/etc/passwd", "web1/files",
                           expect=2), "/etc/passwd")


def no_credential(sample):
    machine = sample.machine()
    says(machine.run("backup", sample.tree, expect=4), "nightsafe enrol")
    says(machine.run("snapshots", expect=4), "reader add", "nightsafe enrol")
    says(machine.run("status", expect=4), "nightsafe enrol")


def damaged_credential(sample):
    machine = sample.world.host("damaged2")
    with open(machine.path("host", "credential.json"), "r+b") as file:
        file.write(b"\0\0\0")
    says(machine.run("backup", sample.tree, expect=7), "credential.json",
         "enrol")


CASES = [
    damaged_enrolment_line,
    token_of_an_older_invitation,
    token_used_by_a_second_machine,
    used_token_does_not_replace_a_credential,
    expired_token,
    revoked_host,
    revoked_reader,
    expired_certificate,
    wrong_passphrase,
    no_passphrase_at_all,
    keys_of_another_vault,
    key_files_that_are_none,
    no_credential,
    damaged_credential,
    Sample.intact,
]


def main():
    with World() as world:
        sample = Sample(world, random.Random(seed_from_arguments()))
        run_cases(CASES, sample)


if __name__ == "__main__":
    main()
