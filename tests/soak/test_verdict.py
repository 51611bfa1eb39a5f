#!/usr/bin/env python3
"""The judgments of the soak, held against what must pass and what must fail: a check that never fails proves nothing."""

import asyncio
import contextlib
import io
import pathlib
import sqlite3
import tempfile
import types
import unittest

import callers
import house
from verdict import (NONE_DROPPED, Verdict, answered, api, contacts, dropped, foreign, lateness, memory, settled,
                     undeserved)

# The tables that the judgment of contacts reads, with the columns that it reads.
TABLES = """
CREATE TABLE contacts (call, caller, started_at, ended_at, ending_fault, ending_reason, answered_at);
CREATE TABLE segments (call, seq, kind, queue, outcome, agent, from_at, to_at);
CREATE TABLE waits (id INTEGER PRIMARY KEY, call, queue, entered_at, outcome);
CREATE TABLE talks (id INTEGER PRIMARY KEY, call, agent, connected_at);
CREATE TABLE agent_status (id INTEGER PRIMARY KEY, agent, status, activity, from_at, to_at);
"""
SECOND = 1_000_000


def marks(judge, *about):
    """What a judgment printed, a mark for each check: ok, FAIL or -."""
    said, verdict = io.StringIO(), Verdict()
    with contextlib.redirect_stdout(said):
        judge(verdict, *about)
    found = [line.split(" ")[0] for line in said.getvalue().splitlines() if not line.startswith(" ")]
    assert verdict.failed == found.count("FAIL")
    return found


def call(end="caller", invited=100.0, answer=100.1, ended=110.0, number="71"):
    """A call as its phone saw it."""
    return types.SimpleNamespace(number=number, dial="100", end=end, invited_at=invited, answered_at=answer,
                                 ended_at=ended)


class Answered(unittest.TestCase):
    def mark(self, record, downs=()):
        return marks(answered, [call(), record], downs)

    def test_a_call_that_is_refused_fails(self):
        self.assertEqual(self.mark(call()), ["ok"])
        self.assertEqual(self.mark(call("failed: received 503", answer=None, ended=100.1)), ["FAIL"])

    def test_a_call_that_is_never_answered_fails(self):
        self.assertEqual(self.mark(call("failed: timeout", answer=None, ended=132.0)), ["FAIL"])
        self.assertEqual(self.mark(call("caller", answer=None, ended=115.0)), ["FAIL"], "he gave up at last")
        self.assertEqual(self.mark(call(None, answer=None, ended=None)), ["FAIL"], "he calls still")
        self.assertEqual(self.mark(call(answer=104.5)), ["FAIL"], "late is never")

    def test_who_gives_up_at_once_need_not_be_answered(self):
        self.assertEqual(self.mark(call("caller", answer=None, ended=100.4)), ["ok"])

    def test_a_server_that_is_down_answers_nobody(self):
        down = [(101.0, 103.0)]
        self.assertEqual(self.mark(call("failed: timeout", answer=None, ended=132.0), down), ["ok"])
        self.assertEqual(self.mark(call("failed: received 503", answer=None, ended=102.0), down), ["ok"])
        self.assertEqual(self.mark(call("failed: received 503", 103.1, None, 103.2), down), ["FAIL"], "it was up again")
        self.assertEqual(self.mark(call("failed: received 503", 100.1, None, 100.2), down), ["FAIL"], "it was up still")

    def test_a_soak_without_calls_fails(self):
        self.assertEqual(marks(answered, [], []), ["FAIL"])


class Foreign(unittest.TestCase):
    def lane(self, code=0, made=2, good=2, failed=0, planned=2):
        counted = {"TotalCallCreated": str(made), "SuccessfulCall(C)": str(good), "FailedCall(C)": str(failed),
                   "Retransmissions(C)": "0"}
        return types.SimpleNamespace(name="lane1", count=planned, process=types.SimpleNamespace(returncode=code),
                                     counted=lambda: counted, said=lambda: "")

    def judged(self, lane, *records, downs=()):
        return marks(foreign, [lane], list(records), downs)

    def test_calls_as_sipp_has_them(self):
        self.assertEqual(self.judged(self.lane(), call(), call("vanished")), ["ok", "ok"])

    def test_a_call_that_fails_on_sipp_fails(self):
        one_failed = self.lane(1, good=1, failed=1)
        self.assertEqual(self.judged(one_failed, call(), call("failed: 481")), ["ok", "FAIL"])
        self.assertEqual(self.judged(one_failed, call(), call(None, ended=None)), ["ok", "FAIL"], "nobody says when")

    def test_only_a_stretch_without_a_server_cuts(self):
        for downs, mark in [([(105.0, 106.0)], "ok"), ([(111.0, 112.0)], "FAIL"), ([(90.0, 99.0)], "FAIL")]:
            found = self.judged(self.lane(1, good=1, failed=1), call(), call("failed: 481"), downs=downs)
            self.assertEqual(found, ["ok", mark], downs)

    def test_sipp_that_does_not_do_its_work_fails(self):
        for lane in (self.lane(255), self.lane(made=1, good=1), self.lane(good=1), self.lane(1),
                     self.lane(1, good=1, failed=1), self.lane(planned=3)):
            self.assertEqual(self.judged(lane, call(), call())[0], "FAIL")
        self.assertEqual(self.judged(self.lane(), call()), ["FAIL", "ok"], "a call that its log has not")
        killed = types.SimpleNamespace(returncode=-9)
        broken = types.SimpleNamespace(name="lane1", count=2, process=killed, counted=dict, said=str)
        self.assertEqual(self.judged(broken, call(), call())[0], "FAIL")
        self.assertEqual(marks(foreign, [], [], []), ["FAIL", "FAIL"])


class Seen(unittest.TestCase):
    """What SIPp writes becomes calls."""
    INVITE = "invite 100.000000 500000.000000 lane1-1-77@127.0.0.1 71 200 -\n"
    ANSWER = "answer 100.000000 600000.000000 lane1-1-77@127.0.0.1 10004\n"

    def look(self, seen, errors="", ended=False):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "seen").write_text(seen)
            (folder / "errors").write_text(errors)
            lane = types.SimpleNamespace(
                seen=callers.Tail(folder / "seen"), errors=callers.Tail(folder / "errors"), running=lambda: not ended)
            sound = types.SimpleNamespace(to={})
            home = types.SimpleNamespace(sip=None, sound="127.0.0.9", folder=folder)
            found = callers.Callers(home, sound, None, 1, {})
            found.lanes = [lane]
            found.look()
        return found, sound.to

    def test_a_call_from_its_invite_to_its_end(self):
        found, to = self.look(self.INVITE + self.ANSWER)
        record = found.by_number["71"]
        self.assertEqual((record.dial, record.invited_at, record.answered_at, record.end), ("200", 100.5, 100.6, None))
        self.assertEqual(list(to.values()), [("127.0.0.9", 10004)])
        found, to = self.look(self.INVITE + self.ANSWER + "end 109.000000 0.000000 lane1-1-77@127.0.0.1 switch\n")
        self.assertEqual([(record.end, record.ended_at) for record in found.records], [("switch", 109.0)])
        self.assertEqual((found.by_number, to), ({}, {}))

    def test_a_line_that_is_not_whole_waits(self):
        found, _ = self.look(self.INVITE + self.ANSWER[:-9])
        self.assertIsNone(found.records[0].answered_at)

    def test_a_complaint_ends_its_call(self):
        mark = "2026-11-22\t12:56:25.774954\t{}.774954: "
        said = (mark.format(90) + "Maximum number of open sockets" + mark.format(125)
                + "Aborting call on unexpected message for Call-Id 'lane1-1-77@127.0.0.1': while expecting '200'")
        for ended, end in ((False, None), (True, 125.774954)):
            found, _ = self.look(self.INVITE + self.ANSWER, said, ended)
            self.assertEqual(found.records[0].ended_at, end, "it may not be whole before SIPp has ended")
        found, _ = self.look(self.INVITE, said + ", received 'SIP/2.0 481\r\nCall-ID: lane1-2-77@127.0.0.1\r\n'")
        self.assertTrue(found.records[0].end.startswith("failed: Aborting"))
        late = mark.format(125) + "Dead call lane1-1-77@127.0.0.1 (aborted at index 4), received 'SIP/2.0 200 OK\n'"
        self.assertIsNone(self.look(self.INVITE, late)[0].records[0].end)


class Api(unittest.TestCase):
    def test_what_no_client_deserves(self):
        for status in (400, 401, 403, 404, 405, 413, 422, 500, 503):
            self.assertTrue(undeserved(status, "{}"), status)
        for status, text in ((200, "[]"), (204, ""), (409, "{}"), (404, '{"detail":"no such call: it has ended"}')):
            self.assertFalse(undeserved(status, text), status)

    def test_an_answer_that_must_not_come_fails(self):
        self.assertEqual(marks(api, {200: 5}, []), ["ok"])
        self.assertEqual(marks(api, {200: 5}, ["GET /: 400"]), ["FAIL"])
        self.assertEqual(marks(api, {}, []), ["FAIL"], "nothing was ever answered")

    def ask(self, alive, serve):
        """One request to a server that treats connections like that; what was noted as wrong."""
        async def run():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            asked = house.House.__new__(house.House)
            asked.http_port, asked.token = server.sockets[0].getsockname()[1], "t"
            asked.answers, asked.wrong, asked.lives, asked.alive = {}, [], 1, alive
            if serve is None:
                server.close()
                await server.wait_closed()
            answer = await asked.ask("GET", "/healthz")
            server.close()
            return answer, asked.wrong
        return asyncio.run(run())

    def test_silence_is_wrong_while_the_server_is_alive(self):
        async def hang_up(_, writer):
            writer.close()
        for serve in (None, hang_up):
            answer, wrong = self.ask(True, serve)
            self.assertEqual((answer, len(wrong)), ((None, ""), 1), wrong)
            answer, wrong = self.ask(False, serve)
            self.assertEqual((answer, wrong), ((None, ""), []), "killed servers say nothing")

    def test_an_answer_is_read(self):
        async def fine(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nfine")
            await writer.drain()
            writer.close()
        self.assertEqual(self.ask(True, fine), ((200, "fine"), []))


class Settled(unittest.TestCase):
    IDLE, BUSY = {"name": "a1", "activity": "idle"}, {"name": "a2", "activity": "wrap_up"}

    def test_everybody_is_free_and_nothing_runs(self):
        self.assertEqual(marks(settled, [self.IDLE], [], 1, [], 0), ["ok", "ok", "ok"])

    def test_who_is_busy_fails(self):
        self.assertEqual(marks(settled, [self.IDLE, self.BUSY], [], 2, [], 0)[0], "FAIL")
        self.assertEqual(marks(settled, [self.IDLE], [], 2, [], 0)[0], "FAIL", "one of two is not even shown")

    def test_an_api_that_does_not_tell_fails(self):
        self.assertEqual(marks(settled, None, None, 1, [], 0), ["FAIL", "FAIL", "ok"])

    def test_what_is_left_fails(self):
        self.assertEqual(marks(settled, [self.IDLE], [{"id": 1}], 1, [], 0), ["ok", "FAIL", "ok"])
        self.assertEqual(marks(settled, [self.IDLE], [], 1, ["71"], 0), ["ok", "ok", "FAIL"])
        self.assertEqual(marks(settled, [self.IDLE], [], 1, [], 1), ["ok", "ok", "FAIL"])


class Dropped(unittest.TestCase):
    NONE = dict.fromkeys(NONE_DROPPED, 0.0)

    def test_nothing_dropped(self):
        self.assertEqual(marks(dropped, [self.NONE, self.NONE]), ["ok"])

    def test_what_an_earlier_life_dropped_fails(self):
        for name in NONE_DROPPED:
            self.assertEqual(marks(dropped, [{**self.NONE, name: 1.0}, self.NONE]), ["FAIL"], name)

    def test_a_life_that_does_not_tell_fails(self):
        self.assertEqual(marks(dropped, [{}, self.NONE]), ["FAIL"])
        self.assertEqual(marks(dropped, []), ["FAIL"])


class Figures(unittest.TestCase):
    def late(self, *milliseconds):
        return [(ms, "71", "a1", 1.0, 1.0, 1.0) for ms in milliseconds]

    def test_late_offers_fail(self):
        self.assertEqual(marks(lateness, self.late(*[1.0] * 60), 10, True), ["ok"])
        self.assertEqual(marks(lateness, self.late(*[1.0] * 58, 50.0, 50.0), 10, True), ["FAIL"])
        self.assertEqual(marks(lateness, self.late(*[50.0] * 60), 10, False), ["FAIL"], "so many say enough")

    def test_too_few_offers_fail_where_there_must_be_more(self):
        self.assertEqual(marks(lateness, self.late(1.0), 10, False), ["-"])
        self.assertEqual(marks(lateness, self.late(1.0), 10, True), ["FAIL"])
        self.assertEqual(marks(lateness, [], 10, True), ["FAIL"])

    def test_growing_memory_fails(self):
        flat = [(at, 1000.0) for at in range(400)]
        grown = [(at, 1000.0 + at) for at in range(400)]
        self.assertEqual(marks(memory, flat, 90, 399, True), ["ok"])
        self.assertEqual(marks(memory, grown, 90, 399, True), ["FAIL"])
        self.assertEqual(marks(memory, grown, 90, 399, False), ["-"])

    def test_memory_that_nobody_looked_at_fails(self):
        self.assertEqual(marks(memory, [], 90, 399, True), ["FAIL"])
        self.assertEqual(marks(memory, [], 90, 399, False), ["-"])


class Contacts(unittest.TestCase):
    WHAT = ["lost", "end", "ours", "odd", "outcome", "gaps", "talks", "stretches", "open"]

    def failing(self, kills=(), spoil="", **change):
        """The checks that fail for one call that waited and talked, with columns of its contact changed, or more."""
        row = {"call": 1, "caller": "+71", "started_at": 100 * SECOND, "ended_at": 110 * SECOND,
               "ending_fault": "caller", "ending_reason": "hung_up", "answered_at": 105 * SECOND, **change}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "soak.db"
            database = sqlite3.connect(path)
            database.executescript(TABLES)
            database.execute("INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?)", tuple(row.values()))
            database.executemany("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [
                (1, 0, "queue", "fast", "answered", None, 100, 105), (1, 1, "talk", "fast", None, "a1", 105, 110)])
            database.execute("INSERT INTO waits (call, queue, entered_at, outcome) VALUES (1, 'fast', 100, 'answered')")
            database.execute("INSERT INTO talks (call, agent, connected_at) VALUES (1, 'a1', 105)")
            database.executescript(spoil)
            database.close()
            found = marks(contacts, path, [call()], list(kills))
        self.assertEqual(len(found), len(self.WHAT))
        return [what for what, mark in zip(self.WHAT, found) if mark == "FAIL"]

    def test_a_call_with_one_contact_passes(self):
        self.assertEqual(self.failing(), [])

    def test_a_call_without_a_contact_fails(self):
        self.assertEqual(self.failing(caller="+72"), ["lost"])

    def test_a_contact_without_an_end_fails(self):
        self.assertEqual(self.failing(ended_at=None), ["end"])

    def test_an_end_by_our_fault_fails(self):
        self.assertEqual(self.failing(ending_fault="ours", ending_reason="our_fault"), ["ours"])

    def test_only_a_kill_interrupts(self):
        cut = {"ending_fault": "ours", "ending_reason": "interrupted"}
        self.assertEqual(self.failing(**cut), ["ours"], "nobody killed it")
        self.assertEqual(self.failing(kills=[112.0], **cut), [], "its last sign of life was two seconds before")
        self.assertEqual(self.failing(kills=[90.0], **cut), ["ours"], "the kill was before")
        self.assertEqual(self.failing(kills=[130.0], **cut), ["ours"], "the kill was long after")

    def test_what_does_not_add_up_fails(self):
        for what, spoil in [
                ("lost", "INSERT INTO contacts SELECT 2, caller, started_at, ended_at, 'caller', 'hung_up', 1 FROM contacts"),
                ("odd", "UPDATE contacts SET ended_at = started_at - 1"),
                ("outcome", "DELETE FROM waits"), ("outcome", "UPDATE waits SET outcome = 'overflow'"),
                ("gaps", "UPDATE segments SET from_at = 106 WHERE seq = 1; UPDATE talks SET connected_at = 106"),
                ("talks", "INSERT INTO talks (call, agent, connected_at) VALUES (1, 'a1', 105)"),
                ("stretches", "INSERT INTO agent_status (agent, from_at, to_at) VALUES ('a1', 1, 5), ('a1', 4, 6)"),
                ("open", "INSERT INTO agent_status (agent, from_at) VALUES ('a1', 1)")]:
            self.assertEqual(self.failing(spoil=spoil), [what], spoil)


if __name__ == "__main__":
    unittest.main()
