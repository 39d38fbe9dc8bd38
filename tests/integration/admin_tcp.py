#!/usr/bin/env python3
"""Admins through the network: who is let in, to what, and for how long."""

import datetime
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, says, wait_for
from certificates import FORMAT, reissue
from http2 import FETCH, SESSION, Connection, field, message
from revocation import ends_within
from world import Machine, World, check, free_port, program, \
    seed_from_arguments

LIMIT = 5.0
GET_SERVER = "/nightsafe.v1.Admin/GetServer"
AUDIT = "/nightsafe.v1.Admin/Audit"
DENIED = "not allowed"


class Admins:
    """The sample's server with a listener for admins, which is off at first."""

    def __init__(self, sample):
        self.sample = sample
        self.world = sample.world
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"

    def listen(self):
        self.world.stop_server()
        self.world.configure(admin_listen=f'"{self.address}"')
        self.world.start_server()

    def add(self, name, **options):
        path = self.sample.fresh(name)
        output = self.world.admin("admin", "add", name, "--out", path,
                                  **options)
        return path, output

    def run(self, credential, *arguments, expect=0, **environment):
        """Through the network alone: no socket is named anywhere."""
        inherited = dict(self.world.environment)
        del inherited["NIGHTSAFE_ADMIN_SERVER"]
        return self.world.run(
            [program("nightsafe-admin"), "--server", self.address,
             "--credential", credential, *arguments],
            expect=expect, environment=dict(inherited, **environment))

    def unpacked(self, path, name):
        """The credential in files as a machine has them, for Connection."""
        machine = Machine(self.world, name)
        folder = machine.path("admin")
        os.makedirs(folder)
        with open(path) as file:
            credential = json.load(file)
        credential["server_address"] = self.address
        for file, text in (("key.pem", credential["private_key"]),
                           ("certificate.pem", credential["certificate"]),
                           ("credential.json", json.dumps(credential))):
            with open(os.path.join(folder, file), "w") as out:
                out.write(text)
        return machine

    def with_dates(self, path, name, begin, end):
        """A copy of the credential, as if it were of other days."""
        machine = self.unpacked(path, name)
        now = datetime.datetime.now(datetime.timezone.utc)
        reissue(machine, "admin", *(
            (now + datetime.timedelta(days=days)).strftime(FORMAT)
            for days in (begin, end)))
        return self.changed(path, certificate=open(
            machine.path("admin", "certificate.pem")).read())

    def changed(self, path, **parts):
        with open(path) as file:
            credential = json.load(file)
        copy = self.sample.fresh("credential")
        with open(copy, "w") as out:
            json.dump(dict(credential, **parts), out)
        return copy

    def names(self):
        return {a["admin"]: a["state"] for a in json.loads(self.world.admin(
            "admin", "list", "--json", results_only=True))}


def off(admins):
    path, output = admins.add("early")
    says(output, "does not listen", "admin_listen")
    says(admins.run(path, "status", expect=6), "cannot reach", "admin_listen")
    says(admins.world.run(
        [program("nightsafe-admin"), "--credential", path, "status"],
        expect=2, environment={
            k: v for k, v in admins.world.environment.items()
            if k != "NIGHTSAFE_ADMIN_SERVER"}), "--server HOST:PORT")
    admins.listen()
    admins.run(path, "host", "list")


def added(admins):
    path, output = admins.add("ops")
    check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "others may read it")
    check("PRIVATE" not in output, "the key was shown")
    says(output, "secret", admins.address)
    check(admins.names()["ops"] == "active", admins.names())
    before = open(path).read()
    says(admins.world.admin("admin", "add", "ops2", "--out", path, expect=1),
         "exists")
    check(open(path).read() == before, "the file was written over")
    other, _ = admins.add("ops", expect=1)
    check(not os.path.exists(other), "a refused one left a file")
    check("ops2" not in admins.names(), "ops2 was added")
    return path


def interrupted(admins, ops):
    """The key is on the disk, and nobody knows what the server did."""
    begun = admins.changed(ops, certificate="")
    says(admins.run(begun, "status", expect=1), "not finished", "admin add ops")
    admins.world.admin("admin", "add", "ops", "--out", begun)
    with open(begun) as one, open(ops) as other:
        check(json.load(one) == json.load(other), "another certificate")
    admins.run(begun, "host", "list")


def every_command(admins, ops):
    says(admins.run(ops, "status", expect=(0, 9)), "vault")
    says(admins.run(ops, "host", "list"), "web1")
    says(admins.run(ops, "snapshot", "list"), admins.sample.first)
    says(admins.run(ops, "admin", "list"), "ops", "active")
    admins.run(ops, "prune", "--dry-run")
    admins.run(ops, "prune")
    admins.run(ops, "prune", "--by-policy")
    admins.run(ops, "policy", "set", "keep-daily=9")
    says(admins.run(ops, "scrub"), "0 not as they should be")
    admins.run(ops, "collect")
    admins.run(ops, "audit")
    says(admins.run(ops, "admin", "add", "far", "--out",
                    admins.sample.fresh("far")), admins.address)
    machine = admins.sample.machine()
    enrolment = admins.sample.fresh("enrolment")
    admins.run(ops, "host", "add", "far1", "--output", enrolment)
    machine.run("enrol", enrolment)
    machine.run("backup", admins.sample.tree)
    # What a credential alone says, and what the environment does.
    plain = {k: v for k, v in admins.world.environment.items()
             if k != "NIGHTSAFE_ADMIN_SERVER"}
    list_hosts = [program("nightsafe-admin"), "host", "list"]
    says(admins.world.run(list_hosts, environment=dict(
        plain, NIGHTSAFE_ADMIN_CREDENTIAL=ops)), "web1")
    says(admins.world.run(list_hosts, environment=dict(
        plain, NIGHTSAFE_ADMIN_CREDENTIAL=ops,
        NIGHTSAFE_ADMIN_SERVER=admins.address)), "web1")
    # A socket that is named takes precedence.
    says(admins.world.run(list_hosts, environment=dict(
        admins.world.environment, NIGHTSAFE_ADMIN_CREDENTIAL="/nowhere")),
        "web1")


def wrong_credentials(admins, ops):
    host, reader = admins.sample.host, admins.sample.reader
    says(admins.run(host.path("host", "credential.json"), "status", expect=5),
         "host web1", "not of an admin")
    says(admins.run(reader.path("reader", "operator", "credential.json"),
                    "status", expect=5), "reader operator", "not of an admin")
    says(admins.run(host.enrolment, "status", expect=2), "no admin credential")
    says(admins.run("/nowhere", "status", expect=4), "/nowhere")
    disguised = admins.changed(
        ops, private_key=open(host.path("host", "key.pem")).read(),
        certificate=open(host.path("host", "certificate.pem")).read())
    says(admins.run(disguised, "status", expect=5), "host web1")
    damaged = admins.changed(ops, certificate="x")
    says(admins.run(damaged, "status", expect=7), "damaged")
    says(admins.world.run(
        [program("nightsafe-admin"), "--server", admins.address, "status"],
        expect=2), "--credential")
    says(admins.world.run(
        [program("nightsafe-admin"), "--server", "backup1", "status"],
        expect=2), "host:port")
    # The listener of hosts and readers is not for admins.
    says(admins.world.run(
        [program("nightsafe-admin"), "--server",
         f"127.0.0.1:{admins.world.port}", "--credential", ops, "status"],
        expect=5), DENIED)


def refused(connection, path):
    stream = connection.headers(path)
    connection.data(stream, message(b""), end=True)
    check(connection.wait_for_end(stream, 10) is not None, f"{path} goes on")
    check("revoked" in connection.ended.get(stream, ""),
          f"{path}: {connection.ended.get(stream)}")


def each_listener_has_its_own(admins, ops):
    """What no program of ours would send."""
    machine = admins.unpacked(ops, "thief")
    allowed = Connection(machine, "admin")
    stream = allowed.headers(GET_SERVER)
    allowed.data(stream, message(b""), end=True)
    check(allowed.wait_for_end(stream, 10) is not None, "no answer")
    check("revoked" not in allowed.ended[stream], allowed.ended[stream])
    for path in (SESSION, FETCH, "/nightsafe.v1.Enrol/Enrol"):
        refused(allowed, path)
    allowed.close()

    def connect(machine, role, address):
        path = machine.path(role, "credential.json")
        with open(path) as file:
            credential = json.load(file)
        before = json.dumps(credential)
        credential["server_address"] = address
        with open(path, "w") as out:
            json.dump(credential, out)
        connection = Connection(machine, role)
        with open(path, "w") as out:
            out.write(before)
        return connection
    elsewhere = connect(machine, "admin", f"127.0.0.1:{admins.world.port}")
    for path in (SESSION, FETCH, GET_SERVER, "/nightsafe.v1.Renewal/Renew"):
        refused(elsewhere, path)
    elsewhere.close()
    for peer, role in ((admins.sample.host, "host"),
                       (admins.sample.reader, "reader/operator")):
        connection = connect(peer, role, admins.address)
        for path in (GET_SERVER, SESSION, FETCH,
                     "/nightsafe.v1.Renewal/Renew"):
            refused(connection, path)
        connection.close()


def stolen(admins, ops):
    """The credential without the admin key: nothing goes."""
    sample = admins.sample
    with World() as other:
        other.set_up()
        theirs = other.admin_directory

        def thief(*arguments, expect):
            return admins.run(ops, *arguments, expect=expect,
                              NIGHTSAFE_ADMIN_DIR=theirs)
        for command in (("snapshot", "expire", "web1", "--all"),
                        ("policy", "set", "min-age=0d", "trash-days=0"),
                        ("host", "revoke", "web1"),
                        ("host", "remove", "web1"),
                        ("reader", "revoke", "operator"),
                        ("admin", "revoke", "early"),
                        ("admin", "add", "mine", "--out",
                         sample.fresh("mine"))):
            says(thief(*command, expect=5), "no admin key of")
        # What the signed policies let go, any admin may have carried out; here
        # they let nothing go.
        thief("prune", "--by-policy", expect=0)
        for override in ("--allow-large", "--allow-missing"):
            says(thief("collect", override, expect=5), "socket alone", "ssh")
        thief("collect", expect=0)
    check("mine" not in admins.names(), "a thief added an admin")
    check(admins.names()["early"] == "active", "a thief revoked an admin")
    admins.world.admin("collect", "--allow-missing")
    sample.host.run("backup", sample.tree)
    sample.intact()


def slow_scrub(admins, path):
    """One that would take hours, and has begun."""
    scrub = subprocess.Popen(
        [program("nightsafe-admin"), "--server", admins.address,
         "--credential", path, "scrub", "--rate", "100"],
        env=admins.world.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def running():
        check(scrub.poll() is None, "the scrub ended early")
        return admins.world.metric("nightsafe_scrub_running") > 0
    wait_for(running, "the scrub")
    return scrub


def revoked_in_a_stream(admins):
    path, _ = admins.add("eve")
    scrub = slow_scrub(admins, path)
    admins.world.admin("admin", "revoke", "eve", "--reason", "left")
    begin = time.monotonic()
    output = scrub.communicate(timeout=60)[0].decode()
    seconds = time.monotonic() - begin
    print(f"a scrub of a revoked admin: ended after {seconds:.2f} s",
          flush=True)
    check(seconds <= LIMIT, f"{seconds} s, limit {LIMIT}")
    check(scrub.returncode == 5, f"{scrub.returncode}: {output}")
    says(output, "revoked")
    wait_for(lambda: admins.world.metric("nightsafe_scrub_running") == 0,
             "the server's end of the scrub", 30)
    says(admins.run(path, "status", expect=5), "revoked")
    check(admins.names()["eve"] == "revoked", admins.names())
    _, output = admins.add("eve", expect=1)
    says(output, "is revoked")
    says(admins.world.admin("reader", "add", "eve", expect=1), "is revoked")
    return path


def takes_nothing(admins):
    """One that asks for a journal, and has no room for a byte of it."""
    path, _ = admins.add("mute")
    connection = Connection(admins.unpacked(path, "mute"), "admin", window=0)
    stream = connection.headers(AUDIT)
    connection.data(stream, message(field(1, b"main")), end=True)
    ends_within("an admin who takes nothing", connection, stream,
                lambda: admins.world.admin("admin", "revoke", "mute"))


def idle(admins, ops):
    """Who takes nothing is idle; who waits for the server at work is not."""
    world = admins.world
    world.stop_server()
    world.configure(idle_timeout_seconds=2)
    world.start_server()
    scrub = slow_scrub(admins, ops)
    connection = Connection(admins.unpacked(ops, "idle"), "admin", window=0)
    stream = connection.headers(AUDIT)
    connection.data(stream, message(field(1, b"main")), end=True)
    seconds = connection.wait_for_end(stream, 20)
    check(seconds is not None and seconds > 1.5, f"ended after {seconds} s")
    check("no message" in connection.ended[stream], connection.ended[stream])
    connection.listen(3)
    check(scrub.poll() is None, "a scrub at work was taken for idle")
    scrub.send_signal(signal.SIGINT)
    scrub.communicate(timeout=60)


def dates(admins):
    path, _ = admins.add("old")
    expired = admins.with_dates(path, "expired", -400, -5)
    says(admins.run(expired, "status", expect=5), "expired on", "admin add")
    due = admins.with_dates(path, "due", -355, 10)
    before = open(due).read()
    admins.run(due, "host", "list")
    check(open(due).read() != before, "it was not renewed")
    check(stat.S_IMODE(os.stat(due).st_mode) == 0o600, "others may read it")
    before = open(due).read()
    admins.run(due, "host", "list")
    check(open(due).read() == before, "it was renewed again")


def main():
    with World() as world:
        admins = Admins(Sample(world, random.Random(seed_from_arguments())))
        off(admins)
        ops = added(admins)
        interrupted(admins, ops)
        every_command(admins, ops)
        wrong_credentials(admins, ops)
        each_listener_has_its_own(admins, ops)
        stolen(admins, ops)
        eve = revoked_in_a_stream(admins)
        takes_nothing(admins)
        dates(admins)
        world.stop_server()
        world.start_server()
        admins.run(ops, "host", "list")
        says(admins.run(eve, "host", "list", expect=5), "revoked")
        idle(admins, ops)
        admins.sample.intact()
    print("admin_tcp: ok")


if __name__ == "__main__":
    main()
