#!/usr/bin/env python3
"""Alert rules and dashboard speak of what a running server shows, and of
nothing else."""

import json
import os
import random
import re
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, check, make_tree, repository, seed_from_arguments

NAME = re.compile(r"\bnightsafe_[a-z0-9_]+")
# Shown once it has happened; the rules say what holds before.
ONCE_IT_HAPPENED = {"nightsafe_recovery_key_proven_timestamp_seconds"}


def expressions_in(node):
    """Of every panel and variable of a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions_in(value)


def deployed(*parts):
    return os.path.join(repository(), "deploy", *parts)


def names_used():
    with open(deployed("grafana", "nightsafe.json")) as file:
        expressions = list(expressions_in(json.load(file)))
    check(len(expressions) > 15, "the dashboard is almost empty")
    dashboard = {n for e in expressions for n in NAME.findall(e)}
    with open(deployed("prometheus", "nightsafe.rules.yml")) as file:
        rules = {n for line in file if not line.lstrip().startswith("#")
                 for n in NAME.findall(line)}
    check(len(dashboard) > 15 and len(rules) > 15, "too few names were found")
    return dashboard, rules


def well_formed(expressions, directory):
    """Prometheus itself reads what the dashboard asks."""
    path = os.path.join(directory, "dashboard.yml")
    with open(path, "w") as out:
        json.dump({"groups": [{"name": "dashboard", "rules": [
            {"record": f"panel:{i}",
             "expr": e.replace("$instance", ".*")}
            for i, e in enumerate(expressions)]}]}, out)
    subprocess.run(["promtool", "check", "rules", path], check=True)


def main():
    rng = random.Random(seed_from_arguments())
    dashboard, rules = names_used()
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        tree = os.path.join(world.directory, "tree")
        make_tree(tree, rng, files=20)
        host.run("backup", tree)
        world.admin("scrub")
        lost = world.host("lost1")
        world.admin("host", "revoke", "lost1")
        lost.run("backup", tree, expect=5)  # a refusal to be counted
        url = f"http://127.0.0.1:{world.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as page:
            text = page.read().decode()
        shown = {line.split()[2] for line in text.splitlines()
                 if line.startswith("# TYPE ")}
        with open(deployed("grafana", "nightsafe.json")) as file:
            panels = [e for e in expressions_in(json.load(file))
                      if "label_values" not in e and e != "prometheus"]
        well_formed(panels, world.directory)
    print(f"the dashboard uses {len(dashboard)} series, the rules "
          f"{len(rules)}, the server shows {len(shown)}")
    check(dashboard <= shown, f"not shown: {sorted(dashboard - shown)}")
    missing = rules - shown - ONCE_IT_HAPPENED
    check(not missing, f"not shown: {sorted(missing)}")


if __name__ == "__main__":
    main()
