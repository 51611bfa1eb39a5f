-- Who asked for a status, and why.
ALTER TABLE agent_status ADD COLUMN asked_by TEXT;
ALTER TABLE agent_status ADD COLUMN reason   TEXT;
CREATE INDEX agent_status_by_time ON agent_status (from_at);

-- What was seen of agents that may be misconduct: missed, declined, quick_hang_up, status_avoidance.
CREATE TABLE conduct (
    id    INTEGER PRIMARY KEY,
    agent TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    kind  TEXT    NOT NULL,
    call  INTEGER
);
CREATE INDEX conduct_by_time ON conduct (at);

-- Technical problems, from the first agent's report to the last one's return.
CREATE TABLE incidents (
    id         INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    agents     TEXT    NOT NULL,  -- JSON array of [name, from, until]
    requeued   TEXT    NOT NULL,  -- JSON array of calls that were taken from an agent and waited on
    lost       TEXT    NOT NULL,  -- JSON array of calls that were lost
    unlisted   INTEGER NOT NULL   -- touches of further calls
);
