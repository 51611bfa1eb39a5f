-- Complaints about contacts, each marked by a person or a program; the first about a contact counts.
CREATE TABLE complaints (
    call      INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    marked_by TEXT    NOT NULL,  -- whose token it was
    text      TEXT               -- what was said, if anything. Personal
);
