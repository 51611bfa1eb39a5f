#!/usr/bin/env python3
"""Checks the dashboard without a Grafana: every query of every panel is run against a live Prometheus that scrapes
dozvon with the rules of deploy/prometheus, and must parse and find something.

    deploy/grafana/check.py [PROMETHEUS_URL] [DASHBOARD.json]      exit code 1 when anything is wrong
"""
import json
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9090"
file = sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).with_name("dozvon.json")
dashboard = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
variables = {v["name"]: v.get("allValue") or ".*" for v in dashboard["templating"]["list"]}
variables |= {"__rate_interval": "1m", "__interval": "15s", "__range": "1h"}
problems = []


def filled(query):
    def value(match):
        name = match[1] or match[2]
        if name not in variables:
            problems.append(f"unknown variable ${name} in: {query}")
        return variables.get(name, "")

    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))", value, query)


def ask(query):
    url = base + "/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        problems.append(f"{query}: {json.load(error).get('error')}")
        return None


seen = set()
for panel in (p for row in dashboard["panels"] for p in [row, *row.get("panels", [])]):
    if panel["id"] in seen:
        problems.append(f"panel id {panel['id']} is used twice")
    seen.add(panel["id"])
    if panel["type"] != "row" and not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        problems.append(f"panel `{panel['title']}` has no unit")
    for target in panel.get("targets", []):
        found = ask(filled(target["expr"]))
        if found is not None:
            print(f"{len(found):4} series  {panel['title']}")
            if not found:
                problems.append(f"panel `{panel['title']}` is empty: {target['expr']}")
for variable in dashboard["templating"]["list"]:
    if variable["type"] == "query":
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        if not ask(f'count by ({label}) ({metric}{{{label}!=""}})'):
            problems.append(f"variable {variable['name']} finds nothing")
for problem in problems:
    print("WRONG:", problem, file=sys.stderr)
sys.exit(bool(problems))
