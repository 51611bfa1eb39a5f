-- How talks end and go on: who ended one, to whom it was passed on, how long the customer was held, and calls of agents'
-- own. NULL and 0 in rows of an older program, which did not know.

-- caller, agent, system.
ALTER TABLE talks ADD COLUMN ended_by  TEXT;
-- blind, attended, conference, taken_over, agent_lost; NULL: it ended with this agent.
ALTER TABLE talks ADD COLUMN passed_on TEXT;
-- queue, agent, external, ivr.
ALTER TABLE talks ADD COLUMN passed_to TEXT;
-- 1: taken from another agent, or out of a park; there was no wait before it.
ALTER TABLE talks ADD COLUMN handed    INTEGER NOT NULL DEFAULT 0;

-- One time that a customer was on hold, from the beginning to his return or his end.
CREATE TABLE holds (
    id         INTEGER PRIMARY KEY,
    call       INTEGER NOT NULL,
    queue      TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    counted_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    hold_secs  REAL    NOT NULL
);
CREATE INDEX holds_by_count ON holds (counted_at);
CREATE INDEX holds_by_call  ON holds (call);

-- One call of an agent's own.
CREATE TABLE own_calls (
    id        INTEGER PRIMARY KEY,
    agent     TEXT    NOT NULL,
    ended_at  INTEGER NOT NULL,
    peer      TEXT    NOT NULL,  -- a colleague, or `outside`
    answered  INTEGER NOT NULL,
    talk_secs REAL    NOT NULL
);
CREATE INDEX own_calls_by_end ON own_calls (ended_at);

-- Whether the time of the status was paid for, by the rules in force then; NULL: not known.
ALTER TABLE agent_status ADD COLUMN paid INTEGER;
