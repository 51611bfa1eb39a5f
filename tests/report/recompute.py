#!/usr/bin/env python3
"""Recomputes the figures of `dozvon report` from exported events, by their definitions in docs/reports.md.

It knows neither the database nor its views. Standard library only.

    recompute.py EVENTS FROM TO NOW QUEUE=T... > figures.json

EVENTS is what `dozvon export events` wrote; FROM, TO and NOW are microseconds since 1970; T is each queue's threshold
of the service level in seconds.
"""

import json
import math
import sys
import zlib
from collections import defaultdict

DAY = 86_400_000_000
OUTCOMES = [
    "answered", "abandoned", "short_abandoned", "callback", "overflow", "timeout", "no_agents", "closed",
    "rejected_full", "key_exit", "withdrawn", "failed",
]
PASSED_ON = {"blind", "attended", "conference", "taken_over"}
# Statuses that are not paid for, as the simulated bank has it.
UNPAID = {"lunch"}
CAPACITY = {"overload", "calls_max", "draining", "no_port"}


def read(path):
    """The events in order; each line of the log must be whole."""
    events = []
    with open(path, "rb") as file:
        for line in file:
            line = line.rstrip(b"\n")
            event = json.loads(line)
            if "crc" in event:
                body = line[: line.rindex(b',"crc":')]
                assert f"{zlib.crc32(body):08x}" == event["crc"], "a line of the log is not whole"
            events.append(event)
    return events


def ratio(part, whole):
    return part / whole if whole else None


def mean(values):
    values = list(values)
    return math.fsum(values) / len(values) if values else None


def quantile(values, percent):
    """The smallest value that at least `percent` of all values do not exceed."""
    values = sorted(values)
    if not values:
        return None
    return values[(len(values) * percent + 99) // 100 - 1]


class Call:
    def __init__(self, event):
        self.id = event["call"]
        self.start = event["at"]
        self.caller = event["caller"]
        # Our own attempt to call somebody back: no call that came in.
        self.attempt = event["dialled"] == ""
        self.end = None
        self.option = None
        self.handled = False
        self.segments = []
        self.talks = []
        self.bots = []
        self.outside = []
        self.offers = []
        self.surveys = []

    def counted_at(self):
        """t_q of the last time it was queued, else when it came."""
        return self.segments[-1]["t_q"] if self.segments else self.start

    def topic(self):
        if self.option is not None:
            return ("option", self.option)
        return ("queue", self.segments[0]["queue"]) if self.segments else ("", "")

    def people(self):
        """Who had it: (who, from when); a person outside is known when he is gone."""
        return [(t["agent"], t["t_con"]) for t in self.talks] + [("", at) for at, ok in self.outside if ok]

    def bot_secs(self):
        connected = [bot["end"] - bot["from"] for bot in self.bots if bot["from"] is not None]
        return sum(connected) / 1e6 if connected else None


class House:
    """What happened, call by call and agent by agent."""

    def __init__(self, events):
        self.calls = {}
        self.offers = {}
        self.stretches = defaultdict(list)  # agent -> [status, activity, from, to]
        self.refused = []
        self.own_calls = []
        self.callbacks = {}
        for event in events:
            getattr(self, "on_" + event["fact"], lambda _: None)(event)

    def call(self, event):
        return self.calls[event["call"]]

    def on_call_started(self, e):
        self.calls[e["call"]] = Call(e)

    def on_call_ended(self, e):
        self.call(e).end = e["at"]

    def on_option_chosen(self, e):
        call = self.call(e)
        if not call.handled:
            call.option = e["option"]

    def on_segment_started(self, e):
        call = self.call(e)
        call.handled = True
        called_back = e.get("called_back", False)
        call.segments.append({"queue": e["queue"], "t_q": e["at"], "outcome": None, "called_back": called_back})

    def on_segment_ended(self, e):
        segment = self.call(e).segments[-1]
        segment["outcome"] = e["outcome"]
        segment["wait"] = (e["at"] - segment["t_q"]) / 1e6

    def on_callback_requested(self, e):
        self.callbacks[e["callback"]] = {"queue": e["queue"], "at": e["at"], "attempts": 0, "end": None, "secs": None}

    def on_callback_dialed(self, e):
        self.callbacks[e["callback"]]["attempts"] += 1

    def on_callback_ended(self, e):
        callback = self.callbacks[e["callback"]]
        callback["end"], callback["secs"] = e["end"], (e["at"] - callback["at"]) / 1e6

    def on_offer_started(self, e):
        self.offers[e["offer"]] = self.call(e).counted_at()

    def on_offer_ended(self, e):
        counted_at = self.offers.pop(e["offer"])
        self.call(e).offers.append((counted_at, e["queue"], e["agent"], e["result"], e["rang_secs"]))

    def on_talk_started(self, e):
        call = self.call(e)
        talk = {"queue": e["queue"], "agent": e["agent"], "t_q": call.counted_at(), "t_con": e["at"], "end": None, "how": None}
        call.talks.append(talk)

    def on_talk_ended(self, e):
        talk = next(t for t in self.call(e).talks if t["agent"] == e["agent"] and t["end"] is None)
        talk["end"] = e["at"]

    def on_transferred(self, e):
        talk = next(t for t in self.call(e).talks if t["agent"] == e["agent"] and t["end"] is None)
        talk["how"], talk["target"] = e["how"], e["target"]

    def on_agent_lost(self, e):
        talk = next(t for t in self.call(e).talks if t["agent"] == e["agent"] and t["end"] is None)
        talk["how"], talk["target"] = "agent_lost", "queue"

    def on_own_call_ended(self, e):
        self.own_calls.append((e["at"], e["agent"], e["answered"], e["talk_secs"]))

    def on_bot_connected(self, e):
        call = self.call(e)
        call.handled = True
        call.bots.append({"from": e["at"], "end": None})

    def on_bot_ended(self, e):
        call = self.call(e)
        call.handled = True
        if call.bots and call.bots[-1]["end"] is None:
            call.bots[-1]["end"] = e["at"]
        else:
            call.bots.append({"from": None, "end": e["at"]})

    def on_transfer_ended(self, e):
        self.call(e).outside.append((e["at"], e["answered"]))

    def on_survey_offered(self, e):
        call = self.call(e)
        call.surveys.append({"queue": e["queue"], "counted_at": call.counted_at(), "answers": []})

    def on_survey_answered(self, e):
        self.call(e).surveys[-1]["answers"].append((e["question"], e["score"]))

    def on_agent_changed(self, e):
        stretches = self.stretches[e["agent"]]
        if e["from"] == e["to"]:
            return
        if stretches:
            stretches[-1][3] = e["at"]
        stretches.append([e["to"][0], e["to"][1], e["at"], None])

    def on_calls_refused(self, e):
        self.refused.append((e["at"], e["reason"], e["calls"]))

    def activity(self, agent, activities, begin, end):
        """Unbroken times (from, to) of these activities within a stretch of time."""
        found = []
        for _, does, since, until in self.stretches[agent]:
            if does not in activities or since < begin or (until is None or until > end):
                continue
            if found and found[-1][1] == since:
                found[-1] = (found[-1][0], until)
            else:
                found.append((since, until))
        return found

    def acw(self, agent, since):
        """The wrap-up that begins where a talk ends."""
        secs = 0
        for _, does, begin, end in self.stretches[agent]:
            if does == "wrap_up" and begin == since and end is not None:
                secs += end - begin
                since = end
        return secs / 1e6


def queue_figures(name, segments, thresholds, talks, offers, firsts):
    """All figures of a queue over its segments that have ended, its talks, offers, and calls it had first."""
    counted = [s for s in segments if s["outcome"] != "short_abandoned"]
    n = len(counted)
    row = {"queue": name, "offered": len(segments), "counted": n}
    for outcome in OUTCOMES:
        cases = sum(s["outcome"] == outcome for s in segments)
        row[outcome] = cases
        if outcome != "short_abandoned":
            row[outcome + "_ratio"] = ratio(cases, n)
    verdicts = [verdict(s, thresholds[s["queue"]]) for s in segments]
    for word in ("met", "missed", "excluded"):
        row[word] = verdicts.count(word)
    row["service_level"] = ratio(row["met"], row["met"] + row["missed"])
    limits = {thresholds[s["queue"]] for s in segments}
    row["threshold_secs"] = limits.pop() if len(limits) == 1 else None
    row["asa_secs"] = mean(s["wait"] for s in segments if s["outcome"] == "answered")
    row["time_to_abandon_secs"] = mean(s["wait"] for s in segments if s["outcome"] == "abandoned")
    waits = [s["wait"] for s in counted]
    row["mean_wait_secs"] = mean(waits)
    row["longest_wait_secs"] = max(waits, default=None)
    for percent in (50, 90, 95):
        row[f"p{percent}_wait_secs"] = quantile(waits, percent)
    row.update(handling(talks))
    for part in ("talk", "hold", "acw"):
        row[part + "_secs"] = math.fsum(t[part] for t in talks)
    holds = [hold for t in talks for hold in t["holds"]]
    row["holds"] = len(holds)
    row["long_holds"] = sum(hold > 120 for hold in holds)
    row["long_holds_ratio"] = ratio(row["long_holds"], len(holds))
    row.update(offer_figures(offers))
    moved = [f for f in firsts if f["moved"]]
    quick = [f for f in moved if f["secs"] <= 60]
    row["human_handled"] = len(firsts)
    row["transferred"] = len(moved)
    row["transfer_ratio"] = ratio(len(moved), len(firsts))
    row["misrouted"] = len(quick)
    row["misroute_ratio"] = ratio(len(quick), len(firsts))
    return row


def verdict(segment, threshold):
    """Met: answered within T. Excluded: a short abandon, or a callback accepted within T. All else is missed."""
    if segment["outcome"] == "short_abandoned":
        return "excluded"
    in_time = segment["wait"] <= threshold
    if segment["outcome"] == "answered" and in_time:
        return "met"
    return "excluded" if segment["outcome"] == "callback" and in_time else "missed"


def handling(talks):
    row = {"handled": len(talks)}
    for part in ("talk", "hold", "acw"):
        row[f"mean_{part}_secs"] = mean(t[part] for t in talks)
    row["aht_secs"] = mean(t["talk"] + t["hold"] + t["acw"] for t in talks)
    return row


def offer_figures(offers):
    delivered = [o for o in offers if o[4] > 0 or o[3] == "answered"]
    rona = sum(o[3] == "no_answer" and o[4] >= 3 for o in offers)
    return {
        "offers": len(offers),
        "offers_delivered": len(delivered),
        "rona": rona,
        "rona_ratio": ratio(rona, len(delivered)),
        "offers_declined": sum(o[3] in ("declined", "busy") for o in offers),
        "mean_ring_secs": mean(o[4] for o in delivered),
    }


def grouped(items, key):
    """By name, and all of them under `*`."""
    groups = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
        groups["*"].append(item)
    return groups


def queues(house, inside, thresholds):
    segments, talks, offers, firsts = [], [], [], []
    for call in house.calls.values():
        segments += [s for s in call.segments if s["outcome"] and inside(s["t_q"]) and not s["called_back"]]
        for talk in call.talks:
            if talk["end"] is not None and inside(talk["t_q"]):
                talks.append(measured(house, talk))
        offers += [o for o in call.offers if inside(o[0])]
        over = [t for t in call.talks if t["end"] is not None]
        if over and inside(over[0]["t_q"]):
            moves = [t for t in over if t["how"] in PASSED_ON and moved_on(call, t)]
            secs = (moves[0]["end"] - moves[0]["t_con"]) / 1e6 if moves else None
            firsts.append({"queue": over[0]["queue"], "moved": bool(moves), "secs": secs})
    by_queue = grouped(segments, lambda s: s["queue"])
    talks_of = grouped(talks, lambda t: t["queue"])
    offers_of = grouped(offers, lambda o: o[1])
    firsts_of = grouped(firsts, lambda f: f["queue"])
    rows = [
        queue_figures(name, by_queue[name], thresholds, talks_of[name], offers_of[name], firsts_of[name])
        for name in by_queue
    ]
    return rows, talks, offers


def moved_on(call, talk):
    """Whether somebody else had the call after this talk."""
    return any(who != talk["agent"] and at >= talk["end"] for who, at in call.people())


def transfers(house, inside):
    """Talks passed on, by queue, how and target."""
    rows = {}
    for call in house.calls.values():
        for talk in call.talks:
            if talk["end"] is None or talk["how"] is None or not inside(talk["t_q"]):
                continue
            for queue in (talk["queue"], "*"):
                key = queue, talk["how"], talk["target"]
                row = rows.setdefault(key, [0, 0])
                row[0] += 1
                row[1] += moved_on(call, talk)
    names = ("queue", "how", "target", "transfers", "transfers_taken")
    return [dict(zip(names, key + tuple(row))) for key, row in rows.items()]


def measured(house, talk):
    # The customer hears music while a third party is asked, too.
    held = house.activity(talk["agent"], ("hold", "consult"), talk["t_con"], talk["end"])
    holds = [(b - a) / 1e6 for a, b in held]
    whole = (talk["end"] - talk["t_con"]) / 1e6
    hold = math.fsum(holds)
    acw = house.acw(talk["agent"], talk["end"])
    return dict(talk, talk=whole - hold, hold=hold, acw=acw, holds=holds)


def agents(house, begin, end, now, talks, offers):
    times = {}
    for agent, stretches in house.stretches.items():
        own = defaultdict(float)
        for status, activity, since, until in stretches:
            until = now if until is None else until
            micros = min(until, end) - max(since, begin)
            if status != "logged_out" and micros > 0 and since < now:
                own[status, activity] += micros / 1e6
        if own:
            times[agent] = own
    everybody = defaultdict(float)
    for own in times.values():
        for key, secs in own.items():
            everybody[key] += secs
    if times:
        times["*"] = everybody
    talks_of = grouped(talks, lambda t: t["agent"])
    offers_of = grouped(offers, lambda o: o[2])
    own_of = grouped([own for own in house.own_calls if begin <= own[0] < end], lambda own: own[1])
    names = set(times) | set(talks_of) | set(offers_of) | set(own_of)
    return [
        agent_figures(name, times.get(name, {}), talks_of[name], offers_of[name], own_of[name])
        for name in names
    ]


def agent_figures(name, time, talks, offers, own):
    def spent(which):
        return math.fsum(secs for (status, activity), secs in time.items() if which(status, activity))

    idle = spent(lambda s, a: s == "ready" and a == "idle")
    ring = spent(lambda s, a: a in ("reserved", "ringing", "connecting"))
    talk = spent(lambda s, a: a in ("talking", "consult", "conference"))
    hold = spent(lambda s, a: a == "hold")
    acw = spent(lambda s, a: a == "wrap_up")
    logged_in = spent(lambda s, a: True)
    not_ready = spent(lambda s, a: s != "ready")
    unpaid = spent(lambda s, a: s in UNPAID)
    busy = ring + talk + hold + acw
    row = {
        "agent": name,
        "logged_in_secs": logged_in,
        "idle_secs": idle,
        "ring_secs": ring,
        "on_talk_secs": talk,
        "on_hold_secs": hold,
        "in_acw_secs": acw,
        "not_ready_secs": not_ready,
        "occupancy": ratio(busy, busy + idle),
        "utilisation": ratio(talk + hold + acw, logged_in),
        "shrinkage": ratio(not_ready - unpaid, logged_in - unpaid),
    }
    row.update(handling(talks))
    row.update(offer_figures(offers))
    row["own_calls"] = len(own)
    row["own_calls_answered"] = sum(answered for _, _, answered, _ in own)
    row["own_talk_secs"] = math.fsum(secs for _, _, _, secs in own)
    return row


def callbacks(house, inside):
    """Requests to be called back, by when they were made."""
    made = [c for c in house.callbacks.values() if inside(c["at"])]
    rows = []
    for name, group in sorted(grouped(made, lambda c: c["queue"]).items(), key=lambda item: (item[0] == "*", item[0])):
        ends = {end: sum(c["end"] == end for c in group) for end in ("reached", "merged", "expired", "cancelled")}
        rows.append({
            "queue": name,
            "callbacks_requested": len(group),
            "callback_attempts": sum(c["attempts"] for c in group),
            **{f"callbacks_{end}": cases for end, cases in ends.items()},
            "callbacks_open": sum(c["end"] is None for c in group),
            "callbacks_reached_ratio": ratio(ends["reached"], ends["reached"] + ends["expired"]),
            "mean_callback_wait_secs": mean(c["secs"] for c in group if c["end"] == "reached"),
        })
    return rows


def blocking(house, inside):
    came = [c for c in house.calls.values() if inside(c.start) and not c.attempt]
    turned_away = sum(any(s["outcome"] == "rejected_full" for s in c.segments) for c in came)
    refused = sum(calls for at, reason, calls in house.refused if inside(at) and reason in CAPACITY)
    return {
        "calls": len(came),
        "refused": refused,
        "turned_away": turned_away,
        "arrivals": len(came) + refused,
        "blocking_ratio": ratio(turned_away + refused, len(came) + refused),
    }


def bots(house, inside, now):
    came = [c for c in house.calls.values() if not c.attempt]
    entered = [c for c in came if inside(c.start) and c.end and (c.bot_secs() or 0) >= 10]
    if not entered:
        return None
    history = by_caller(house)
    contained = [c for c in entered if not c.people()]
    matured = [c for c in entered if c.caller and c.end <= now - 7 * DAY]

    def again(call):
        return any(call.end < c.start <= call.end + 7 * DAY for c in history[call.caller])

    verified = [c for c in matured if not c.people() and not again(c)]
    return {
        "bot_entered": len(entered),
        "bot_contained": len(contained),
        "containment_ratio": ratio(len(contained), len(entered)),
        "bot_escalated": len(entered) - len(contained),
        "escalation_ratio": ratio(len(entered) - len(contained), len(entered)),
        "bot_matured": len(matured),
        "bot_verified": len(verified),
        "verified_containment_ratio": ratio(len(verified), len(matured)),
    }


def by_caller(house):
    history = defaultdict(list)
    for call in house.calls.values():
        if call.caller and not call.attempt:
            history[call.caller].append(call)
    return history


def fcr(house, inside, now, days):
    history = by_caller(house)
    window = days * DAY
    population = [
        c for c in house.calls.values()
        if inside(c.start) and not c.attempt and c.caller and c.end and c.end <= now - window
        and c.end - c.start > 10_000_000 and (c.people() or (c.bot_secs() or 0) > 0)
    ]
    if not population:
        return None

    def tally(alike):
        first = resolved = 0
        for call in population:
            others = [c for c in history[call.caller] if c is not call and alike(c, call)]
            if any(call.start - window <= c.start < call.start for c in others):
                continue
            first += 1
            resolved += not any(call.end < c.start <= call.end + window for c in others)
        return first, resolved

    first, resolved = tally(lambda a, b: a.topic() == b.topic())
    first_any, resolved_any = tally(lambda a, b: True)
    return {
        "days": days,
        "first_contacts": first,
        "resolved": resolved,
        "fcr": ratio(resolved, first),
        "first_contacts_any_topic": first_any,
        "resolved_any_topic": resolved_any,
        "fcr_any_topic": ratio(resolved_any, first_any),
    }


def surveys(house, inside):
    offered = [s for c in house.calls.values() for s in c.surveys if inside(s["counted_at"])]
    rows, scores = [], []
    for queue, group in grouped(offered, lambda s: s["queue"]).items():
        answered = sum(bool(s["answers"]) for s in group)
        rows.append({
            "queue": queue,
            "surveys_offered": len(group),
            "surveys_answered": answered,
            "response_ratio": ratio(answered, len(group)),
        })
        questions = defaultdict(list)
        for survey in group:
            for question, score in survey["answers"]:
                if 1 <= score <= 5:
                    questions[question].append(score)
        scores += [score_figures(queue, question, given) for question, given in questions.items()]
    return rows, scores


def score_figures(queue, question, given):
    n, average = len(given), mean(given)
    row = {
        "queue": queue,
        "question": question,
        "scores": n,
        "mean_score": average,
        "csat": sum(score >= 4 for score in given) / n,
        "csi": (average - 1) / 4 * 100,
        "csi_low": None,
        "csi_high": None,
    }
    if n > 1:
        variance = math.fsum((score - average) ** 2 for score in given) / (n - 1)
        half = 1.96 * math.sqrt(variance / n)
        row["csi_low"] = max(0.0, (average - half - 1) / 4 * 100)
        row["csi_high"] = min(100.0, (average + half - 1) / 4 * 100)
    return row


def main():
    path, begin, end, now = sys.argv[1], *map(int, sys.argv[2:5])
    thresholds = {name: float(secs) for name, secs in (word.split("=") for word in sys.argv[5:])}
    house = House(read(path))

    def inside(moment):
        return begin <= moment < end

    queue_rows, talks, offers = queues(house, inside, thresholds)
    survey_rows, score_rows = surveys(house, inside)
    windows = [fcr(house, inside, now, days) for days in (1, 7, 30)]
    figures = {
        "queues": queue_rows,
        "transfers": transfers(house, inside),
        "callbacks": callbacks(house, inside),
        "calls": [blocking(house, inside)],
        "bots": [row for row in [bots(house, inside, now)] if row],
        "fcr": [row for row in windows if row],
        "surveys": survey_rows,
        "scores": score_rows,
        "agents": agents(house, begin, end, now, talks, offers),
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
