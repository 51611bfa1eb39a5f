-- What the figures of reports are made of. Each row tells of one thing that is over, as the facts told it; nothing here
-- is changed later but a talk that gets its wrap-up. `counted_at` is the moment by which reports attribute a row: when
-- the caller was queued (t_q), or when the call came in where there was no queue before.

-- One stay of a call in a queue: one segment of the law "offered = sum of the outcomes + waiting".
CREATE TABLE waits (
    id             INTEGER PRIMARY KEY,
    call           INTEGER NOT NULL,
    queue          TEXT    NOT NULL,
    entered_at     INTEGER NOT NULL,  -- t_q
    ended_at       INTEGER NOT NULL,
    waited_secs    REAL    NOT NULL,
    outcome        TEXT    NOT NULL,  -- one of twelve
    service_level  TEXT    NOT NULL,  -- met, missed, excluded
    threshold_secs REAL               -- T in force then
);
CREATE INDEX waits_by_entry ON waits (entered_at);
CREATE INDEX waits_by_call  ON waits (call);

-- One attempt to ring one agent.
CREATE TABLE offers (
    id         INTEGER PRIMARY KEY,
    call       INTEGER NOT NULL,
    queue      TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    counted_at INTEGER NOT NULL,
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    rang_secs  REAL    NOT NULL,
    result     TEXT    NOT NULL
);
CREATE INDEX offers_by_count ON offers (counted_at);

-- One talk of a caller with an agent.
CREATE TABLE talks (
    id           INTEGER PRIMARY KEY,
    call         INTEGER NOT NULL,
    queue        TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    counted_at   INTEGER NOT NULL,
    connected_at INTEGER NOT NULL,  -- t_con
    ended_at     INTEGER NOT NULL,
    waited_secs  REAL    NOT NULL,
    talk_secs    REAL    NOT NULL,
    hold_secs    REAL    NOT NULL,
    wrap_up_secs REAL               -- NULL while the agent still works on it
);
CREATE INDEX talks_by_count ON talks (counted_at);
CREATE INDEX talks_by_call  ON talks (call);
CREATE INDEX talks_by_agent ON talks (agent, connected_at);

-- One part of a call that a voice bot had.
CREATE TABLE bot_talks (
    id           INTEGER PRIMARY KEY,
    call         INTEGER NOT NULL,
    bot          TEXT    NOT NULL,
    counted_at   INTEGER NOT NULL,
    connected_at INTEGER,           -- NULL: it was never reached
    ended_at     INTEGER NOT NULL,
    end          TEXT    NOT NULL,
    talk_secs    REAL    NOT NULL
);
CREATE INDEX bot_talks_by_call ON bot_talks (call);

-- One call of a flow to a number outside.
CREATE TABLE transfers (
    id         INTEGER PRIMARY KEY,
    call       INTEGER NOT NULL,
    counted_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    answered   INTEGER NOT NULL
);
CREATE INDEX transfers_by_call ON transfers (call);

-- Surveys offered, and the scores given in them. `queue` is that of the talk before, empty after a bot.
CREATE TABLE survey_offers (
    id         INTEGER PRIMARY KEY,
    call       INTEGER NOT NULL,
    queue      TEXT    NOT NULL,
    counted_at INTEGER NOT NULL,
    offered_at INTEGER NOT NULL,
    answered   INTEGER NOT NULL     -- scores given
);
CREATE INDEX survey_offers_by_count ON survey_offers (counted_at);
CREATE TABLE survey_answers (
    id         INTEGER PRIMARY KEY,
    call       INTEGER NOT NULL,
    queue      TEXT    NOT NULL,
    counted_at INTEGER NOT NULL,
    question   TEXT    NOT NULL,
    score      INTEGER NOT NULL
);
CREATE INDEX survey_answers_by_count ON survey_answers (counted_at);

-- What a call was about: the last option its caller took before anybody handled it.
CREATE TABLE topics (
    call  INTEGER PRIMARY KEY,
    topic TEXT NOT NULL
);

-- Calls refused before any flow, by the minute, so that a flood of them makes no more rows than a trickle.
CREATE TABLE refusals (
    minute_at INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    calls     INTEGER NOT NULL,
    PRIMARY KEY (minute_at, reason)
) WITHOUT ROWID;

ALTER TABLE agent_status ADD COLUMN team TEXT;
CREATE INDEX agent_status_by_end  ON agent_status (to_at);
