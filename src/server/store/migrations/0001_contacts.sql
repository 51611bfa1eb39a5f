-- Times are microseconds since 1970-01-01T00:00:00Z; durations are seconds.

-- One start of the server. `last_alive_at` moves while it lives, so that after a crash we know when it was last seen.
CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    started_at    INTEGER NOT NULL,
    last_alive_at INTEGER NOT NULL,
    stopped_at    INTEGER
);

-- One customer's contact.
CREATE TABLE contacts (
    call               INTEGER PRIMARY KEY,
    caller             TEXT    NOT NULL,
    dialled            TEXT    NOT NULL,
    flow               TEXT    NOT NULL,
    flow_version       TEXT    NOT NULL,
    language           TEXT    NOT NULL,
    started_at         INTEGER NOT NULL,
    answered_at        INTEGER,
    ended_at           INTEGER,
    ending_fault       TEXT,
    ending_reason      TEXT,
    path               TEXT    NOT NULL,  -- JSON array of the nodes entered, in order
    operator_requested INTEGER NOT NULL
);
CREATE INDEX contacts_by_start  ON contacts (started_at, call);
CREATE INDEX contacts_by_caller ON contacts (caller, started_at);
CREATE INDEX contacts_running   ON contacts (call) WHERE ended_at IS NULL;

-- The stages of a contact: they abut without a gap.
CREATE TABLE segments (
    call         INTEGER NOT NULL REFERENCES contacts (call),
    seq          INTEGER NOT NULL,
    kind         TEXT    NOT NULL,  -- ivr, bot, queue, talk, transfer, survey
    from_at      INTEGER NOT NULL,
    to_at        INTEGER,
    queue        TEXT,
    agent        TEXT,
    peer         TEXT,
    outcome      TEXT,
    hold_secs    REAL    NOT NULL,
    wrap_up_secs REAL,
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;
CREATE INDEX segments_by_queue ON segments (queue, call) WHERE queue IS NOT NULL;
CREATE INDEX segments_by_agent ON segments (agent, call) WHERE agent IS NOT NULL;

-- Rollout draws of a contact.
CREATE TABLE arms (
    call      INTEGER NOT NULL REFERENCES contacts (call),
    seq       INTEGER NOT NULL,
    option    TEXT    NOT NULL,
    arm       TEXT    NOT NULL,
    share     REAL    NOT NULL,
    delivered INTEGER NOT NULL,
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- Survey answers of a contact.
CREATE TABLE survey (
    call     INTEGER NOT NULL REFERENCES contacts (call),
    seq      INTEGER NOT NULL,
    question TEXT    NOT NULL,
    score    INTEGER NOT NULL,
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- Stretches of an agent's day: a status with an activity, from one moment to another. They abut.
CREATE TABLE agent_status (
    id       INTEGER PRIMARY KEY,
    agent    TEXT    NOT NULL,
    status   TEXT    NOT NULL,
    activity TEXT    NOT NULL,
    from_at  INTEGER NOT NULL,
    to_at    INTEGER,
    cause    TEXT    NOT NULL
);
CREATE INDEX agent_status_by_agent ON agent_status (agent, from_at);
CREATE INDEX agent_status_open     ON agent_status (agent) WHERE to_at IS NULL;
