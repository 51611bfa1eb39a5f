-- Emergencies of sites that go on: a restart of the switch doesn't end them.
CREATE TABLE site_emergencies (
    site   TEXT PRIMARY KEY,
    since  INTEGER NOT NULL,
    by     TEXT NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
