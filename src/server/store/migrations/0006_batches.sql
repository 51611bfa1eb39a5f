-- The number of the last batch that this run has written. Where an answer to a commit was lost with the connection, it
-- tells whether the batch has still to be written.
ALTER TABLE runs ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
