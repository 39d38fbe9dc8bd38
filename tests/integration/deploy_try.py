#!/usr/bin/env python3
"""deploy/try: twice in a row on a small tree, then --clean leaves nothing."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import check, repository


def run(scratch, *arguments):
    environment = dict(os.environ, NIGHTSAFE_TRY_DIR=scratch)
    done = subprocess.run(
        [os.path.join(repository(), "deploy", "try"), *arguments],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=500, check=False)
    output = done.stdout.decode(errors="replace")
    check(done.returncode == 0, f"deploy/try {arguments} ended with "
          f"{done.returncode}:\n{output}")
    return output


def main():
    with tempfile.TemporaryDirectory() as parent:
        scratch = os.path.join(parent, "try")
        tree = os.path.join(repository(), "common")
        try:
            for attempt in ("first", "second"):
                output = run(scratch, tree)
                check("finds 0 differences" in output,
                      f"the {attempt} run restored something else:\n{output}")
                check("methods that a host must not call are refused" in output,
                      f"no refusals were shown:\n{output}")
                check("0 not as they should be" in output, output)
                check("the vaults had" in output, output)
        finally:
            run(scratch, "--clean")
        check(not os.path.exists(scratch), "--clean left something")

        # What it did not make, it does not remove.
        os.mkdir(scratch)
        with open(os.path.join(scratch, "mine"), "w") as out:
            out.write("mine")
        done = subprocess.run(
            [os.path.join(repository(), "deploy", "try"), "--clean"],
            env=dict(os.environ, NIGHTSAFE_TRY_DIR=scratch), check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check(done.returncode != 0, "--clean removed a foreign directory")
        check(os.path.exists(os.path.join(scratch, "mine")), "mine is gone")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
