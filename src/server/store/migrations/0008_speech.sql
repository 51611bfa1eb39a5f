-- How talks went by ear, holds left out: NULL where one was not measured, and in rows of an older program.
ALTER TABLE segments ADD COLUMN measured_secs REAL;
-- From the answer to the agent's first word; NULL also when he said nothing.
ALTER TABLE segments ADD COLUMN greeting_secs REAL;
-- Seconds in which the agent spoke, the caller, and both at once; how many times they did.
ALTER TABLE segments ADD COLUMN agent_secs REAL;
ALTER TABLE segments ADD COLUMN caller_secs REAL;
ALTER TABLE segments ADD COLUMN both_secs REAL;
ALTER TABLE segments ADD COLUMN both_times INTEGER;
-- Silences of both that were longer than five seconds: how many, all of them, the longest.
ALTER TABLE segments ADD COLUMN silences INTEGER;
ALTER TABLE segments ADD COLUMN silence_secs REAL;
ALTER TABLE segments ADD COLUMN longest_silence_secs REAL;
