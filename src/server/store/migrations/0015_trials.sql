-- What is tried where the draw was made: 'bot' or 'flow'; NULL in old rows: a bot. Of a flow the arm 'bot' is the new one.
ALTER TABLE arms ADD COLUMN tried TEXT;
