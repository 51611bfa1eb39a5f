-- Why a caller of the option was not drawn, if he was not: then he is in no arm, whatever `arm` says; the group of
-- customers that he was known to be one of; and how the bot's part ended: done, transfer, failed, too_long, caller_gone.
ALTER TABLE arms ADD COLUMN excluded       TEXT;
ALTER TABLE arms ADD COLUMN customer_group TEXT;
ALTER TABLE arms ADD COLUMN bot_end        TEXT;
CREATE INDEX arms_by_option ON arms (option, call);
