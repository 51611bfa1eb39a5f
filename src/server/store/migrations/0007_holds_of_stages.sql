-- How often the customer was on hold in a talk, how often too long, and how the talk was passed on: blind, attended,
-- conference, taken_over, agent_lost, agent_dropped. 0 and NULL in rows of an older program, which did not know.
ALTER TABLE segments ADD COLUMN holds      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN long_holds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN passed_on  TEXT;
