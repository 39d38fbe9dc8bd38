#!/usr/bin/env python3
"""Does what README.md says: runs its commands, in order, in a scratch world.

Every ```sh block that follows a <!-- run: NAME --> line is run with the paths,
names and ports of a scratch directory put in the place of the README's. Every
command, flag, variable and exit code that the README names must exist.
"""

import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import wait_for
from world import World, check, free_port, program, repository

PROGRAMS = ("nightsafe", "nightsafed", "nightsafe-admin", "nightsafe-sweep")
BLOCK = re.compile(r"<!-- run: (\w+) -->\n```sh\n(.*?)```", re.S)
# Checked against the tree: they would install packages and build.
NOT_RUN = {"build"}
# The server must not run meanwhile, as the README says.
WITHOUT_SERVER = {"listen", "rebuild", "rescue"}


def read(*path):
    with open(os.path.join(repository(), *path)) as file:
        return file.read()


class Help:
    """--help of every command of a program, found by asking."""

    def __init__(self):
        self.texts = {}
        for name in PROGRAMS:
            self.visit((name,))

    def visit(self, words):
        done = subprocess.run([program(words[0]), *words[1:], "--help"],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"{' '.join(words)} --help failed")
        self.texts[words] = done.stdout
        commands = done.stdout.partition("\nSubcommands:\n")[2]
        for name in re.findall(r"^  ([a-z]+)\b", commands, re.M):
            self.visit(words + (name,))

    def command(self, words):
        """The longest command that a line begins with."""
        found = (words[0],)
        for word in words[1:]:
            if found + (word,) in self.texts:
                found += (word,)
        return found

    def flags(self, command):
        """Those of the command and of all that it is part of."""
        text = "".join(self.texts[command[:n]]
                       for n in range(1, len(command) + 1))
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))

    def all_flags(self):
        return set().union(*(self.flags(c) for c in self.texts))


def command_lines(text):
    """What stands in blocks and in `code`, split where a command begins."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S))
    spans = re.findall(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)", text)
    for line in blocks.splitlines() + spans:
        for part in re.split(r"[|;&]", line.split("#")[0]):
            words = part.split()
            if words and words[0] in PROGRAMS:
                yield words


def check_names(text, known):
    lines = list(command_lines(text))
    check(len(lines) > 20, f"only {len(lines)} commands found")
    for words in lines:
        command = known.command(words)
        is_command = len(words) > 1 and re.fullmatch(r"[a-z]+", words[1])
        check(len(command) > 1 or not is_command,
              f"no such command: {' '.join(words)}")
        for flag in (w.split("=")[0] for w in words if w.startswith("-")):
            check(flag in known.flags(command) | {"--help", "--version"},
                  f"{' '.join(command)} has no {flag}: {' '.join(words)}")
    every_flag = known.all_flags()
    for flag in re.findall(r"(?<!`)`(--[a-z-]+)", text):
        check(flag in every_flag | {"--clean"}, f"no program has {flag}")
    sources = ""
    for name in set(re.findall(r"NIGHTSAFE_\w+", text)):
        sources = sources or "".join(
            read(os.path.relpath(os.path.join(folder, file), repository()))
            for folder, _, files in os.walk(
                os.path.join(repository(), "client"))
            for file in files if file.endswith(".cc"))
        check(name in sources or name == "NIGHTSAFE_PASSPHRASE",
              f"nothing reads {name}")
    print(f"{len(lines)} commands and their flags exist")


def check_exit_codes(text):
    table = {int(code) for code in re.findall(r"^\| (\d) \|", text, re.M)}
    header = read("client", "terminal", "exit_code.h")
    codes = {int(code) for code in re.findall(r"kExit\w+ =\s+(\d+)", header)}
    check(table == codes, f"README has exit codes {table}, programs {codes}")


def check_build(block):
    packages = read("deploy", "packages")
    presets = read("CMakePresets.json")
    for section in re.findall(r"install-packages (.*)", block):
        for name in section.split():
            check(f"[{name}]" in packages, f"no packages for {name}")
    for preset in re.findall(r"--preset (\S+)", block):
        check(f'"{preset}"' in presets, f"no preset {preset}")
    for targets in re.findall(r"--target (.*)", block):
        check(set(targets.split()) == set(PROGRAMS), "targets: " + targets)
    for path in re.findall(r"build/release/(\S+)", block):
        if "--target" not in path:
            check(os.path.basename(path) in PROGRAMS
                  and path.split("/")[0] in ("server", "client"), path)


class Reader:
    """Follows the README in a scratch world."""

    def __init__(self, world):
        self.world = world
        root = os.path.join(world.directory, "root")
        self.home = os.path.join(root, "root")
        self.data = os.path.join(root, "srv", "nightsafe")
        for folder in ("root", "srv", "tmp", "etc", "home/me"):
            os.makedirs(os.path.join(root, folder))
        for path in ("etc/hostname", "home/me/notes"):
            with open(os.path.join(root, path), "w") as out:
                out.write(path)
        bins = {os.path.dirname(program(name)) for name in PROGRAMS}
        self.environment = {
            key: value for key, value in os.environ.items()
            if not key.startswith("NIGHTSAFE_") or key == "NIGHTSAFE_BIN"}
        self.environment.update(
            HOME=self.home, PATH=":".join(bins) + ":" + os.environ["PATH"],
            NIGHTSAFE_PASSPHRASE="a passphrase for both",
            NIGHTSAFE_CONFIG_DIR=os.path.join(root, "etc-nightsafe"),
            NIGHTSAFE_STATE_DIR=os.path.join(root, "var-lib-nightsafe"))
        admin_address = f"127.0.0.1:{free_port()}"
        # Longer ones first; each is put in once.
        self.instead = {
            "[::]:7482": admin_address,
            "backup1.example.org:7482": admin_address,
            "--address backup1.example.org":
                f"--address 127.0.0.1:{world.port} "
                f"--enrol-address 127.0.0.1:{world.enrol_port} "
                f"--listen 127.0.0.1:{world.port} "
                f"--enrol-listen 127.0.0.1:{world.enrol_port} "
                f"--metrics-listen 127.0.0.1:{world.metrics_port}",
            "/srv/nightsafe": self.data,
            "/etc/nightsafe": self.environment["NIGHTSAFE_CONFIG_DIR"],
            "/tmp/": os.path.join(root, "tmp") + "/",
            "/etc": os.path.join(root, "etc"),
            "/home": os.path.join(root, "home"),
        }
        self.server = None

    def translated(self, text):
        pattern = "|".join(re.escape(word) for word in self.instead)
        return re.sub(pattern, lambda m: self.instead[m.group()], text)

    def start_server(self, command):
        log = open(os.path.join(self.world.directory, "nightsafed.log"), "ab")
        self.server = subprocess.Popen(
            ["bash", "-c", "exec " + command], env=self.environment,
            cwd=self.home, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        socket = os.path.join(self.data, "admin", "admin.sock")
        wait_for(lambda: os.path.exists(socket)
                 or self.server.poll() is not None, "the server")
        check(self.server.poll() is None, "the server ended")
        self.serve_command = command

    def stop_server(self):
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            check(self.server.wait(60) == 0, "the server failed")
            self.server = None

    def run(self, name, block):
        script = self.translated(block)
        if name == "serve":
            self.start_server(script.strip())
            return
        if name in WITHOUT_SERVER:
            self.stop_server()
        elif self.server is None and name != "setup":
            self.start_server(self.serve_command)
        for line in re.findall(r"^export (\w+)=(\S+)$", script, re.M):
            self.environment[line[0]] = line[1]
        # A reader sees the program say that it is ready before typing on.
        script = re.sub(r"(--socket (\S+) &)\n",
                        r"\1\nuntil [ -S \2 ]; do sleep 0.1; done\n", script)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c",
             "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + script],
            env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
            check=False)
        output = done.stdout.decode(errors="replace")
        check(done.returncode == 0,
              f"block {name} ended with {done.returncode}:\n{script}\n{output}")
        print(f"ok {name}", flush=True)


def main():
    text = read("README.md")
    check_exit_codes(text)
    check_names(text, Help())
    blocks = BLOCK.findall(text)
    check(len(blocks) == text.count("```sh"), "a ```sh block has no run: line")
    check(len(blocks) > 8, "too few blocks")
    with World() as world:
        reader = Reader(world)
        try:
            for name, block in blocks:
                if name in NOT_RUN:
                    check_build(block)
                else:
                    reader.run(name, block)
            reader.stop_server()
        finally:
            if reader.server is not None:
                reader.server.kill()
    print(f"{len(blocks)} passed, 0 failed")


if __name__ == "__main__":
    main()
