-- Requests to be called back, as they stand: written whole at each change, read back when the server starts.
CREATE TABLE callbacks (
    id          INTEGER PRIMARY KEY,
    contact     INTEGER,           -- the contact that asked
    number      TEXT    NOT NULL,
    queue       TEXT    NOT NULL,
    asked_by    TEXT    NOT NULL,  -- key, staff, program
    enqueued_at INTEGER NOT NULL,  -- the place in the line
    asked_at    INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    missed      TEXT,              -- how the last attempt failed
    stage       TEXT    NOT NULL,  -- due, queued, offered, dialing, here, calling; reached, expired, cancelled, merged
    ended_at    INTEGER,
    whole       TEXT    NOT NULL   -- all of it, with the proof of the request, as JSON
);
CREATE INDEX callbacks_by_time   ON callbacks (asked_at);
CREATE INDEX callbacks_open      ON callbacks (ended_at) WHERE ended_at IS NULL;

-- The callback that a contact is an attempt of, or whose place it took; and the contact that asked for it.
ALTER TABLE contacts ADD COLUMN callback  INTEGER;
ALTER TABLE contacts ADD COLUMN continues INTEGER;
