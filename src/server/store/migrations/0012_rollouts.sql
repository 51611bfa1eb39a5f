-- Decisions about rollouts, kept for ever and never changed: what was decided with every figure it was made on.
CREATE TABLE rollout_decisions (
    rollout    TEXT    NOT NULL,
    version    TEXT    NOT NULL,  -- of the bot
    number     INTEGER NOT NULL,  -- from 1, without a gap
    at         INTEGER NOT NULL,
    verdict    TEXT    NOT NULL,
    state      TEXT    NOT NULL,  -- after it
    stage      TEXT    NOT NULL,  -- after it; empty before the first
    share      TEXT,              -- at which callers are drawn from then on; nobody is where there is none
    ordered_by TEXT,              -- who, where a person did
    reason     TEXT,
    plan       TEXT    NOT NULL,  -- the fingerprint of the plan
    draw       TEXT    NOT NULL,  -- the fingerprint of salt and holdout
    whole      TEXT    NOT NULL,  -- all of it as JSON
    PRIMARY KEY (rollout, version, number)
) WITHOUT ROWID;
CREATE INDEX rollout_decisions_by_time ON rollout_decisions (rollout, at);

-- Plans by their fingerprints, as they were when something was decided by them.
CREATE TABLE rollout_plans (
    plan  TEXT PRIMARY KEY,
    whole TEXT NOT NULL
) WITHOUT ROWID;
