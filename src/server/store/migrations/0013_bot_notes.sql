-- What a voice bot said at its end: a JSON object.
ALTER TABLE segments ADD COLUMN bot_note TEXT;
