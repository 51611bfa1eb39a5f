#!/usr/bin/env python3
"""Times `dozvon flow check` of one flow with many nodes, all but two of them menus. CPU time is told
beside time on the wall, because others on the machine blur it less.

usage: flow_check.py [--nodes N] [--runs N] [--dozvon FILE]
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = """flow: large
languages: [ru, kk, en]
start: m0
promises: {silent_caller_in_queue_within: 24h, told_about_operator_within: 24h, urgent_in_queue_within: 24h, max_depth: 100}
operator: {keys: ["0"], to: people}
nodes:
  people: {queue: {name: general, max_wait: 15m, after: {answered: bye, max_wait: bye, nobody: bye}}}
  bye: {hangup: {play: goodbye}}
"""
TAIL = "tests: [{name: the key works, when: [{at: 1s, press: \"0\"}], then: {in_queue: general}}]\n"


def flow(nodes: int) -> str:
    """A tree of menus; a wrong key leads one level up, so often at most."""
    inner = nodes - 2
    lines = []
    for n in range(inner):
        one, two = (f"m{child}" if child < inner else "people" for child in (2 * n + 1, 2 * n + 2))
        up = f"m{(n - 1) // 2}" if n else "people"
        urgent = "" if n % 3 else ", urgent: true"
        lines.append(f"  m{n}: {{menu: {{timeout: 4s, attempts: 2, max_visits: 2, then: people, silence: {two}, "
                     f"wrong: {up}, play: [hello, operator-hint], mentions_operator: true, options: "
                     f"{{\"1\": {{say: opt-stolen, to: {one}{urgent}}}, \"3\": {{say: opt-cards, to: {two}}}}}}}}}")
    return HEAD + "\n".join(lines) + "\n" + TAIL


def cpu() -> float:
    """Seconds of CPU that ended children have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--dozvon", default=str(ROOT / "target/release/dozvon"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "large.yaml"
        path.write_text(flow(args.nodes), encoding="utf-8")
        (path.parent / "prompts").symlink_to(ROOT / "ivr-flows/prompts")
        took, spent = [], []
        for _ in range(args.runs):
            began, before = time.monotonic(), cpu()
            done = subprocess.run([args.dozvon, "flow", "check", path], capture_output=True, text=True, check=False)
            took.append((time.monotonic() - began) * 1000)
            spent.append((cpu() - before) * 1000)
            if done.returncode != 0:
                raise SystemExit(done.stderr[:2000])
    print(f"{args.nodes} nodes, {args.runs} runs: median {statistics.median(took):.0f} ms, "
          f"slowest {max(took):.0f} ms; CPU median {statistics.median(spent):.0f} ms")


if __name__ == "__main__":
    main()
