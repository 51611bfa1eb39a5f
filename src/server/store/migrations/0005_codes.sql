-- What talks were about: the code that the talk was given last, the classifier and its version (`bank@3`),
-- and the note.
ALTER TABLE segments ADD COLUMN code TEXT;
ALTER TABLE segments ADD COLUMN code_version TEXT;
ALTER TABLE segments ADD COLUMN code_note TEXT;
