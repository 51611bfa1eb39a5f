"""What a soak proves: each check prints its figure, and one that fails fails the run."""

import math
import sqlite3

OUTCOMES = {"answered", "abandoned", "short_abandoned", "callback", "overflow", "timeout", "no_agents", "closed",
            "rejected_full", "key_exit", "withdrawn", "failed"}
# What `kill -9` may cost (docs/api.md): what was handed to the database in the last milliseconds.
KILL_LOSES_SECS = 0.25
# An idle server notes so often that it is alive (docs/api.md); what a kill cuts off ends at its last note.
LIFE_SIGN_SECS = 5.0
# A call is answered within this: requests may be lost twice on the way (RFC 3261, timer A: after 0.5 and 1 s more).
ANSWER_SECS = 4.0
# Offers below this say nothing about their p99.
LATE_OFFERS_MIN = 50
# Growth of memory after the warm-up, and lateness, that are still accepted.
RSS_GROWTH_MAX = 0.05

# Counters that stay at zero in a soak: what a bound, a full disk or a fault threw away. Agents' own calls are refused
# where a colleague is not free.
NONE_DROPPED = (
    *(f'dozvon_calls_refused_total{{reason="{reason}"}}' for reason in (
        "overload", "calls_max", "draining", "unknown_number", "forbidden", "no_codec", "no_port")),
    "dozvon_sip_inbox_full_total", "dozvon_sip_unsent_total", "dozvon_sip_connections_refused_total",
    "dozvon_media_datagrams_unsent_total", "dozvon_media_reports_shed_total", "dozvon_media_orders_lost_total",
    "dozvon_store_errors_total", "dozvon_store_dropped_total", "dozvon_events_errors_total", "dozvon_events_dropped_total")


class Verdict:
    """Collects the checks."""

    def __init__(self):
        self.lines, self.failed = [], 0

    def check(self, what, good, figure, examples=()):
        mark = {True: "ok  ", False: "FAIL", None: "-   "}[good]
        self.failed += good is False
        print(f"{mark} {what}: {figure}", flush=True)
        if good is False:
            for example in list(examples)[:8]:
                print(f"       {example}", flush=True)


def quantile(values, part):
    return sorted(values)[int((len(values) - 1) * part)] if values else 0.0


def undeserved(status, text):
    """Whether no request of the soak deserves this answer. A call may have ended meanwhile, and anybody may stand
    otherwise (409); the rest would be our mistake, or the server's."""
    gone = status == 404 and "no such call" in text
    return status >= 500 or 400 <= status < 500 and status != 409 and not gone


def api(verdict, answers, wrong):
    verdict.check("the API answers as documented", bool(answers) and not wrong,
                  f"{len(wrong)} answers that must not come, or did not; {answers}", wrong)


def was_down(since, until, downs):
    """Whether there was no server at a moment of that stretch."""
    return any(since <= up and down <= until for down, up in downs)


def answered(verdict, records, downs):
    """Each call is answered at once, but for those that a stretch without a server was in the way of."""
    bad, forgiven = [], 0
    for record in records:
        until = record.answered_at or record.ended_at or math.inf
        failed = record.answered_at is None and (record.end or "").startswith("failed")
        if not failed and until - record.invited_at <= ANSWER_SECS:
            continue
        if was_down(record.invited_at, until, downs):
            forgiven += 1
        else:
            bad.append((record.number, record.dial, record.end, record.invited_at, record.answered_at, record.ended_at))
    verdict.check("every call is answered while the server is up", bool(records) and not bad,
                  f"{len(bad)} of {len(records):,} failed, or not answered within {ANSWER_SECS:g} s; {forgiven} more "
                  "while it was down", bad)


def foreign(verdict, lanes, records, downs):
    """SIPp made each call that it was told to make, and each went as its scenario has it, but for those that a stretch
    without a server was in the way of. Its own statistics and its exit say the same as its log."""
    odd, made, failed, again = [], 0, 0, 0
    for lane in lanes:
        code, counted = lane.process.returncode, lane.counted()
        created, good, bad, sent = (int(counted.get(name, -1)) for name in (
            "TotalCallCreated", "SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)"))
        if (created, good + bad, code) != (lane.count, lane.count, 1 if bad else 0):
            odd.append(f"{lane.name}: exit code {code}, {created} of {lane.count} calls, {good} good, {bad} failed; "
                       f"{lane.said()}")
        made, failed, again = made + created, failed + bad, again + sent
    told = [record for record in records if (record.end or "failed").startswith("failed")]
    verdict.check("SIPp made its calls, and counts them as its log does",
                  bool(lanes) and not odd and (made, failed) == (len(records), len(told)),
                  f"{made:,} calls by {len(lanes)} SIPp, {failed} failed; its log has {len(records):,}, "
                  f"{len(told)} failed; sent again {again}", odd)
    bad = [(record.number, record.dial, record.end, record.invited_at, record.answered_at, record.ended_at)
           for record in told if not was_down(record.invited_at, record.ended_at or record.invited_at, downs)]
    verdict.check("every call goes as SIPp has it, but for those cut by a kill", bool(records) and not bad,
                  f"{len(bad)} failed, {len(told) - len(bad)} more were cut", bad)


def settled(verdict, rows, calls, agents, callers, commands):
    """What is left long after the last call. `rows` and `calls` are what the API shows: None when it shows nothing."""
    busy = [row for row in rows or () if row["activity"] != "idle"]
    verdict.check("no stuck agent: agents not idle after the last call", len(rows or ()) == agents and not busy,
                  f"{len(busy)} of {len(rows)}, {agents} there are" if rows is not None else "the API does not tell", busy)
    verdict.check("no stuck call: calls that run after the last one", calls == [],
                  f"{len(calls)}" if calls is not None else "the API does not tell", calls or ())
    verdict.check("no stuck caller, no command without an answer", not callers and not commands,
                  f"{len(callers)} callers, {commands} commands", callers)


def dropped(verdict, scrapes):
    """Nothing was thrown away in any life; `scrapes` are the metrics at the end of each. A counter that isn't there
    says nothing."""
    missing = {name for scrape in scrapes for name in NONE_DROPPED if name not in scrape}
    lost = {name: sum(scrape.get(name, 0) for scrape in scrapes) for name in NONE_DROPPED}
    lost = {name: count for name, count in lost.items() if count}
    good = bool(scrapes) and not missing and not lost
    verdict.check("nothing dropped by a bound, in any life", good,
                  lost or f"no call, record, event, order, report or datagram in {len(scrapes)} lives",
                  [f"{name} is not told" for name in sorted(missing)])


def lateness(verdict, late, limit_ms, judged):
    values = [row[0] for row in late]
    p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
    enough = len(values) >= LATE_OFFERS_MIN
    good = enough and p99 <= limit_ms if enough or judged else None
    verdict.check("offers late, agent and call free → INVITE", good,
                  f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {max(values, default=0):.2f} ms over {len(values):,} offers "
                  f"(p99 at most {limit_ms:g} ms, over at least {LATE_OFFERS_MIN})")
    for ms, number, agent, call_at, agent_at, invited_at in sorted(late, reverse=True)[:3]:
        print(f"       {ms:.1f} ms: call of {number} could be given at {call_at:.3f}, {agent} free at {agent_at:.3f}, "
              f"INVITE at {invited_at:.3f}")


def memory(verdict, samples, warm_at, end_at, judged):
    """Resident memory of the last life: just after the warm-up against the last moments."""
    window = max(10, (end_at - warm_at) / 6)
    early = [kb for at, kb in samples if warm_at <= at <= warm_at + window]
    late = [kb for at, kb in samples if end_at - window <= at <= end_at]
    if not early or not late:
        verdict.check("memory", False if judged else None, f"not measured, {len(early)} and {len(late)} looks"
                      if judged else "not judged: the run is too short")
        return
    first, last = sum(early) / len(early), sum(late) / len(late)
    growth = last / first - 1
    word = "" if judged else "; not judged: the last life is too short for its tables to fill"
    verdict.check("memory, after the warm-up → end under load", growth <= RSS_GROWTH_MAX if judged else None,
                  f"{first / 1024:.1f} MB → {last / 1024:.1f} MB, {growth:+.1%} in {end_at - warm_at:.0f} s{word}")


def cut_off(row, kills):
    """Whether a contact was ended at the next start because a kill had cut it off."""
    _, _, began, ended, _, reason, _ = row
    return reason == "interrupted" and any(
        began <= kill + KILL_LOSES_SECS and -KILL_LOSES_SECS <= kill - ended <= LIFE_SIGN_SECS + 1 for kill in kills)


def contacts(verdict, path, records, kills):
    """Each call that was taken has one contact with one end, and each of its waits one outcome."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = database.execute("SELECT call, caller, started_at / 1e6, ended_at / 1e6, ending_fault, ending_reason, answered_at"
                            " FROM contacts").fetchall()
    by_caller = {}
    for row in rows:
        by_caller.setdefault(row[1].lstrip("+"), []).append(row)
    taken = [record for record in records if record.answered_at]
    lost, double, forgiven, reasons, matched = [], [], [], {}, set()
    for record in taken:
        found = [row for row in by_caller.get(record.number, ())
                 if record.invited_at - 0.05 <= row[2] <= record.answered_at + 0.05]
        matched.update(row[0] for row in found)
        if len(found) == 1:
            reason = found[0][5] if found[0][5] == "interrupted" else "other"
            reasons[reason] = reasons.get(reason, 0) + 1
        elif found:
            double.append((record.number, [row[0] for row in found]))
        elif any(0 <= kill - record.answered_at <= KILL_LOSES_SECS for kill in kills):
            forgiven.append(min(kill - record.answered_at for kill in kills if kill >= record.answered_at))
        else:
            lost.append((record.number, record.dial, record.invited_at, record.answered_at, record.end))
    verdict.check("no lost contact: calls taken / with exactly one contact", not lost and not double,
                  f"{len(taken):,} / {len(taken) - len(lost) - len(double) - len(forgiven):,}; "
                  f"{reasons.get('interrupted', 0)} cut by a kill; not written: {len(forgiven)} answered within "
                  f"{max(forgiven, default=0) * 1000:.0f} ms before one ({KILL_LOSES_SECS * 1000:.0f} ms allowed)",
                  lost + double)
    open_rows = [row for row in rows if row[3] is None or row[5] is None or row[4] is None]
    verdict.check("every contact has one end, whose doing and why", not open_rows,
                  f"{len(rows):,} contacts, {len(open_rows)} without; {len(rows) - len(matched)} that no phone heard of",
                  open_rows)
    ours = [row for row in rows if row[4] == "ours" and not cut_off(row, kills)]
    verdict.check("no contact ended by our fault, but for kills", not ours, f"{len(ours)} did", ours)
    odd = database.execute("SELECT call, started_at, ended_at FROM contacts WHERE ended_at < started_at").fetchall()
    verdict.check("nothing ends before it begins", not odd, f"{len(odd)} contacts do", odd)
    stays = database.execute(
        "SELECT s.call, s.seq, s.outcome, count(w.id), max(w.outcome), count(DISTINCT w.outcome) FROM segments s"
        " LEFT JOIN waits w ON w.call = s.call AND w.entered_at = s.from_at AND w.queue = s.queue"
        " WHERE s.kind = 'queue' GROUP BY s.call, s.seq").fetchall()
    wrong = [row for row in stays if row[3] != 1 or row[2] not in OUTCOMES or row[2] != row[4]]
    counts = dict(database.execute("SELECT outcome, count(*) FROM waits GROUP BY outcome").fetchall())
    total = database.execute("SELECT count(*) FROM waits").fetchone()[0]
    shares = ", ".join(f"{name} {count / max(1, total):.3f}" for name, count in sorted(counts.items()))
    verdict.check("every stay in a queue has one outcome, the outcomes sum to one",
                  not wrong and sum(counts.values()) == len(stays) and set(counts) <= OUTCOMES,
                  f"{len(stays):,} stays, {total:,} outcomes: {shares}; {len(wrong)} wrong", wrong)
    gaps = database.execute(
        "SELECT a.call, a.seq, a.kind, a.to_at, b.kind, b.from_at FROM segments a JOIN segments b ON b.call = a.call"
        " AND b.seq = a.seq + 1 WHERE a.to_at IS NOT b.from_at").fetchall()
    verdict.check("the stages of a contact abut", not gaps, f"{len(gaps)} gaps", gaps)
    talks = database.execute(
        "SELECT s.call, s.seq, s.agent, count(t.id) FROM segments s LEFT JOIN talks t ON t.call = s.call"
        " AND t.connected_at = s.from_at AND t.agent = s.agent WHERE s.kind = 'talk' AND s.queue IS NOT NULL"
        " GROUP BY s.call, s.seq HAVING count(t.id) <> 1").fetchall()
    verdict.check("every talk is counted once", not talks, f"{len(talks)} are not", talks)
    stretches = database.execute(
        "SELECT agent, to_at, next FROM (SELECT agent, to_at, lead(from_at) OVER (PARTITION BY agent ORDER BY id) AS next"
        " FROM agent_status) WHERE next IS NOT NULL AND (to_at IS NULL OR to_at > next)").fetchall()
    verdict.check("agents' stretches do not overlap", not stretches, f"{len(stretches)} do", stretches)
    left = database.execute("SELECT agent, status, activity FROM agent_status WHERE to_at IS NULL").fetchall()
    verdict.check("after the stop no stretch is open", not left, f"{len(left)} are", left)
    database.close()


def differences(records):
    """How calls ended, as their phones saw it."""
    ends = {}
    for record in records:
        end = (record.end or "open").partition(":")[0]
        ends[end] = ends.get(end, 0) + 1
    return ", ".join(f"{end} {count:,}" for end, count in sorted(ends.items(), key=lambda item: -item[1]))
