-- The figures, as views over the tables that the event log's facts were written to.
--
-- Made on a connection of the reader's own (TEMP), so a database that is only read has them too. They tell of the
-- intervals in the table `intervals` (i, from_at, to_at; microseconds, the end excluded; they may overlap) and of what is
-- known at `asked.now`. In the sqlite3 shell:
--   CREATE TEMP TABLE intervals (i INTEGER PRIMARY KEY, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL);
--   CREATE TEMP TABLE asked (now INTEGER NOT NULL);
--   INSERT INTO intervals VALUES (0, unixepoch('2026-03-02') * 1000000, unixepoch('2026-03-03') * 1000000);
--   INSERT INTO asked VALUES (unixepoch() * 1000000);
--   .read src/server/store/views.sql
-- What is written here, both SQLite and PostgreSQL take, but for what store/db/dialect.rs changes on the way.
--
-- Attribution: a wait, its offers, talks and surveys count in the interval of t_q, the moment the caller was queued; a
-- call in the interval in which it came in; agents' time in the interval in which it was spent.
-- `queue` is '*' in the row of all queues. O = segments that have ended, S = short abandons, N = O - S.
-- The names of the columns are the names of the figures everywhere: in `--json`, `--csv` and docs/reports.md.

-- Two ways to count a row: for its own queue or agent, and for all of them.
CREATE TEMP VIEW f_ways AS SELECT 0 AS every UNION ALL SELECT 1;

-- One row of each wait on the line for its queue and one for all queues.
CREATE TEMP VIEW f_segments AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue, call, entered_at, waited_secs, outcome, service_level,
    threshold_secs, outcome <> 'short_abandoned' AS counts
FROM intervals JOIN waits ON entered_at >= from_at AND entered_at < to_at
    CROSS JOIN f_ways;

-- Requests to be called back, by the interval in which they were made: each has one end, or is open.
CREATE TEMP VIEW f_callbacks AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue,
    count(*) AS callbacks_requested,
    CAST(sum(attempts) AS INTEGER) AS callback_attempts,
    count(*) FILTER (WHERE stage = 'reached') AS callbacks_reached,
    count(*) FILTER (WHERE stage = 'merged') AS callbacks_merged,
    count(*) FILTER (WHERE stage = 'expired') AS callbacks_expired,
    count(*) FILTER (WHERE stage = 'cancelled') AS callbacks_cancelled,
    count(*) FILTER (WHERE ended_at IS NULL) AS callbacks_open,
    1.0 * count(*) FILTER (WHERE stage = 'reached')
        / nullif(count(*) FILTER (WHERE stage IN ('reached', 'expired')), 0) AS callbacks_reached_ratio,
    avg((ended_at - asked_at) / 1e6) FILTER (WHERE stage = 'reached') AS mean_callback_wait_secs
FROM intervals JOIN callbacks ON asked_at >= from_at AND asked_at < to_at
    CROSS JOIN f_ways
GROUP BY i, CASE every WHEN 1 THEN '*' ELSE queue END;

-- Calls that came in. Our own attempts to call somebody back are none: they are part of the contact that asked.
CREATE TEMP VIEW f_came AS SELECT * FROM contacts WHERE callback IS NULL OR dialled <> '';

-- Segments, outcomes and their ratios: each outcome / N. The eleven ratios sum to one.
CREATE TEMP VIEW f_outcomes AS
SELECT i, queue,
    count(*) AS offered,
    count(*) FILTER (WHERE counts) AS counted,
    count(*) FILTER (WHERE outcome = 'answered') AS answered,
    count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
    count(*) FILTER (WHERE outcome = 'short_abandoned') AS short_abandoned,
    count(*) FILTER (WHERE outcome = 'callback') AS callback,
    count(*) FILTER (WHERE outcome = 'overflow') AS overflow,
    count(*) FILTER (WHERE outcome = 'timeout') AS timeout,
    count(*) FILTER (WHERE outcome = 'no_agents') AS no_agents,
    count(*) FILTER (WHERE outcome = 'closed') AS closed,
    count(*) FILTER (WHERE outcome = 'rejected_full') AS rejected_full,
    count(*) FILTER (WHERE outcome = 'key_exit') AS key_exit,
    count(*) FILTER (WHERE outcome = 'withdrawn') AS withdrawn,
    count(*) FILTER (WHERE outcome = 'failed') AS failed,
    1.0 * count(*) FILTER (WHERE outcome = 'answered') / nullif(count(*) FILTER (WHERE counts), 0) AS answered_ratio,
    -- Abandonment rate = abandoned / N.
    1.0 * count(*) FILTER (WHERE outcome = 'abandoned') / nullif(count(*) FILTER (WHERE counts), 0) AS abandoned_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'callback') / nullif(count(*) FILTER (WHERE counts), 0) AS callback_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'overflow') / nullif(count(*) FILTER (WHERE counts), 0) AS overflow_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'timeout') / nullif(count(*) FILTER (WHERE counts), 0) AS timeout_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'no_agents') / nullif(count(*) FILTER (WHERE counts), 0) AS no_agents_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'closed') / nullif(count(*) FILTER (WHERE counts), 0) AS closed_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'rejected_full') / nullif(count(*) FILTER (WHERE counts), 0) AS rejected_full_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'key_exit') / nullif(count(*) FILTER (WHERE counts), 0) AS key_exit_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'withdrawn') / nullif(count(*) FILTER (WHERE counts), 0) AS withdrawn_ratio,
    1.0 * count(*) FILTER (WHERE outcome = 'failed') / nullif(count(*) FILTER (WHERE counts), 0) AS failed_ratio
FROM f_segments GROUP BY i, queue;

-- Service level SL(T) = met / (met + missed), decided at the answer or at the instant the wait crosses T.
-- Short abandons, and callbacks accepted within T, are excluded.
CREATE TEMP VIEW f_service_level AS
SELECT i, queue,
    count(*) FILTER (WHERE service_level = 'met') AS met,
    count(*) FILTER (WHERE service_level = 'missed') AS missed,
    count(*) FILTER (WHERE service_level = 'excluded') AS excluded,
    1.0 * count(*) FILTER (WHERE service_level = 'met')
        / nullif(count(*) FILTER (WHERE service_level <> 'excluded'), 0) AS service_level,
    -- T, where all segments had the same.
    CASE WHEN min(threshold_secs) = max(threshold_secs) THEN min(threshold_secs) END AS threshold_secs
FROM f_segments GROUP BY i, queue;

-- Waits W = t_con - t_q of the answered, otherwise up to the end; every ring attempt is in it.
-- ASA = sum of W over answered / answered. Time to abandon = sum of W over abandoned / abandoned.
-- Mean wait = sum of W over N / N.
CREATE TEMP VIEW f_waits AS
SELECT i, queue,
    avg(waited_secs) FILTER (WHERE outcome = 'answered') AS asa_secs,
    avg(waited_secs) FILTER (WHERE outcome = 'abandoned') AS time_to_abandon_secs,
    avg(waited_secs) FILTER (WHERE counts) AS mean_wait_secs,
    max(waited_secs) FILTER (WHERE counts) AS longest_wait_secs
FROM f_segments GROUP BY i, queue;

-- Quantiles of W over N, exact: the smallest wait that at least p of all waits do not exceed (nearest rank).
CREATE TEMP VIEW f_quantiles AS
SELECT i, queue,
    min(waited_secs) FILTER (WHERE nth * 100 >= n * 50) AS p50_wait_secs,
    min(waited_secs) FILTER (WHERE nth * 100 >= n * 90) AS p90_wait_secs,
    min(waited_secs) FILTER (WHERE nth * 100 >= n * 95) AS p95_wait_secs
FROM (
    SELECT i, queue, waited_secs,
        row_number() OVER (PARTITION BY i, queue ORDER BY waited_secs) AS nth,
        count(*) OVER (PARTITION BY i, queue) AS n
    FROM f_segments WHERE counts) AS ranks
GROUP BY i, queue;

-- One row of each talk for its queue and one for all queues.
CREATE TEMP VIEW f_talks AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue, id, call, agent, connected_at, ended_at, talk_secs,
    hold_secs, coalesce(wrap_up_secs, 0.0) AS acw_secs
FROM intervals JOIN talks ON counted_at >= from_at AND counted_at < to_at
    CROSS JOIN f_ways;

-- AHT = (talk + hold + ACW) / handled segments; ringing is not in it. Its parts are means over the same base.
CREATE TEMP VIEW f_handling AS
SELECT i, queue,
    count(*) AS handled,
    sum(talk_secs) AS talk_secs,
    sum(hold_secs) AS hold_secs,
    sum(acw_secs) AS acw_secs,
    avg(talk_secs) AS mean_talk_secs,
    avg(hold_secs) AS mean_hold_secs,
    avg(acw_secs) AS mean_acw_secs,
    avg(talk_secs + hold_secs + acw_secs) AS aht_secs
FROM f_talks GROUP BY i, queue;

-- Share of holds > 120 s = holds longer than 120 s / holds. 120 s is the limit that banks set. A hold lasts from the
-- customer's music to his return or his end; while a third party is asked he is on hold too.
CREATE TEMP VIEW f_holds AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue,
    count(*) AS holds,
    count(*) FILTER (WHERE hold_secs > 120) AS long_holds,
    1.0 * count(*) FILTER (WHERE hold_secs > 120) / nullif(count(*), 0) AS long_holds_ratio
FROM intervals JOIN holds ON counted_at >= from_at AND counted_at < to_at
    CROSS JOIN f_ways
GROUP BY i, CASE every WHEN 1 THEN '*' ELSE queue END;

-- One row of each offer, for its queue, for all queues, and by agent.
CREATE TEMP VIEW f_attempts AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue, agent, result, rang_secs,
    -- Delivered to a ringing phone: it said that it rings, or it was answered.
    rang_secs > 0 OR result = 'answered' AS delivered,
    result = 'no_answer' AND rang_secs >= 3 AS rona
FROM intervals JOIN offers ON counted_at >= from_at AND counted_at < to_at
    CROSS JOIN f_ways;

-- RONA rate = offers that rang at least 3 s and rang out / offers delivered to a ringing phone.
CREATE TEMP VIEW f_offers AS
SELECT i, queue,
    count(*) AS offers,
    count(*) FILTER (WHERE delivered) AS offers_delivered,
    count(*) FILTER (WHERE rona) AS rona,
    1.0 * count(*) FILTER (WHERE rona) / nullif(count(*) FILTER (WHERE delivered), 0) AS rona_ratio,
    count(*) FILTER (WHERE result IN ('declined', 'busy')) AS offers_declined,
    avg(rang_secs) FILTER (WHERE delivered) AS mean_ring_secs
FROM f_attempts GROUP BY i, queue;

-- Who a call was with, agent by agent and outside, in order.
CREATE TEMP VIEW f_people AS
SELECT call, agent AS who, connected_at AS at, ended_at FROM talks
UNION ALL
SELECT call, '' AS who, ended_at AS at, ended_at FROM transfers WHERE answered <> 0;

-- Talks that were passed on by a person, and whether another person had the call after it.
CREATE TEMP VIEW f_passed_on AS
SELECT id, call, queue, counted_at, passed_on AS how, passed_to AS target,
    (ended_at - connected_at) / 1e6 AS talked_secs,
    EXISTS (SELECT 1 FROM f_people p WHERE p.call = t.call AND p.at >= t.ended_at AND p.who <> t.agent) AS moved
FROM talks t WHERE passed_on IS NOT NULL;

-- The first talk of each call that an agent handled, and the first by which a person moved it to another person.
CREATE TEMP VIEW f_first_talks AS
SELECT t.call, t.queue, t.counted_at, m.talked_secs AS moved_after_secs
FROM talks t LEFT JOIN f_passed_on m ON m.id = (SELECT min(id) FROM f_passed_on p
    WHERE p.call = t.call AND p.moved AND p.how <> 'agent_lost')
WHERE t.id = (SELECT min(id) FROM talks f WHERE f.call = t.call);

-- Transfer rate = contacts passed on to another person after an agent answered / contacts that an agent handled.
-- Misroute rate = those passed on within 60 s of the talk / contacts that an agent handled.
-- By the queue of the first talk.
CREATE TEMP VIEW f_transfers AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue,
    count(*) AS human_handled,
    count(moved_after_secs) AS transferred,
    1.0 * count(moved_after_secs) / nullif(count(*), 0) AS transfer_ratio,
    count(*) FILTER (WHERE moved_after_secs <= 60) AS misrouted,
    1.0 * count(*) FILTER (WHERE moved_after_secs <= 60) / nullif(count(*), 0) AS misroute_ratio
FROM intervals JOIN f_first_talks ON counted_at >= from_at AND counted_at < to_at
    CROSS JOIN f_ways
GROUP BY i, CASE every WHEN 1 THEN '*' ELSE queue END;

-- Talks passed on, by how and to what; and those after which another person had the call.
CREATE TEMP VIEW f_transfer_kinds AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue, how, target,
    count(*) AS transfers,
    count(*) FILTER (WHERE moved) AS transfers_taken
FROM intervals JOIN f_passed_on ON counted_at >= from_at AND counted_at < to_at
    CROSS JOIN f_ways
GROUP BY i, CASE every WHEN 1 THEN '*' ELSE queue END, how, target;

-- All figures of the queues, one row for each interval and queue.
CREATE TEMP VIEW f_queues AS
SELECT o.*, met, missed, excluded, service_level, threshold_secs, asa_secs, time_to_abandon_secs, mean_wait_secs,
    longest_wait_secs, p50_wait_secs, p90_wait_secs, p95_wait_secs,
    coalesce(handled, 0) AS handled, coalesce(talk_secs, 0.0) AS talk_secs, coalesce(hold_secs, 0.0) AS hold_secs,
    coalesce(acw_secs, 0.0) AS acw_secs, mean_talk_secs, mean_hold_secs, mean_acw_secs, aht_secs,
    coalesce(holds, 0) AS holds, coalesce(long_holds, 0) AS long_holds, long_holds_ratio,
    coalesce(offers, 0) AS offers, coalesce(offers_delivered, 0) AS offers_delivered, coalesce(rona, 0) AS rona, rona_ratio,
    coalesce(offers_declined, 0) AS offers_declined, mean_ring_secs,
    coalesce(human_handled, 0) AS human_handled, coalesce(transferred, 0) AS transferred, transfer_ratio,
    coalesce(misrouted, 0) AS misrouted, misroute_ratio
FROM f_outcomes o
    LEFT JOIN f_service_level USING (i, queue)
    LEFT JOIN f_waits USING (i, queue)
    LEFT JOIN f_quantiles USING (i, queue)
    LEFT JOIN f_handling USING (i, queue)
    LEFT JOIN f_holds USING (i, queue)
    LEFT JOIN f_offers USING (i, queue)
    LEFT JOIN f_transfers USING (i, queue);

-- What a call was about by its code: the top of the code that the last coded talk was given.
CREATE TEMP VIEW f_coded AS
SELECT call, substr(code, 1, instr(code || '/', '/') - 1) AS topic
FROM segments s WHERE code IS NOT NULL
    AND seq = (SELECT max(seq) FROM segments l WHERE l.call = s.call AND l.code IS NOT NULL);

-- What every call was about: its code, the option that its caller took, or the queue that it waited in first.
CREATE TEMP VIEW f_topics AS
SELECT c.call, coalesce((SELECT topic FROM f_coded WHERE f_coded.call = c.call),
    (SELECT topic FROM topics WHERE topics.call = c.call),
    'queue ' || (SELECT queue FROM waits WHERE waits.call = c.call ORDER BY id LIMIT 1), '') AS topic
FROM contacts c;

-- Calls of an interval, and what became of them.
CREATE TEMP VIEW f_calls AS
SELECT i, c.call, c.caller, c.started_at, c.ended_at,
    (c.ended_at - c.started_at) / 1e6 AS duration_secs, topic,
    EXISTS (SELECT 1 FROM f_people p WHERE p.call = c.call) AS by_human,
    coalesce((SELECT sum(talk_secs) FROM bot_talks b WHERE b.call = c.call AND b.connected_at IS NOT NULL), -1) AS bot_secs,
    EXISTS (SELECT 1 FROM waits w WHERE w.call = c.call AND w.outcome = 'rejected_full') AS turned_away
FROM intervals JOIN f_came c ON c.started_at >= from_at AND c.started_at < to_at JOIN f_topics t ON t.call = c.call;

-- Containment = calls that entered the bot and ended without a person / calls that entered the bot, those of less than
-- 10 s with it left out. Escalation rate = bot to person / the same base.
-- Verified containment = contained and no call of the same caller begins within 7 days, over calls that ended longer
-- ago; callers without a number can't be verified.
CREATE TEMP VIEW f_bots AS
SELECT i,
    count(*) AS bot_entered,
    count(*) FILTER (WHERE NOT by_human) AS bot_contained,
    1.0 * count(*) FILTER (WHERE NOT by_human) / nullif(count(*), 0) AS containment_ratio,
    count(*) FILTER (WHERE by_human) AS bot_escalated,
    1.0 * count(*) FILTER (WHERE by_human) / nullif(count(*), 0) AS escalation_ratio,
    count(*) FILTER (WHERE matured) AS bot_matured,
    count(*) FILTER (WHERE matured AND NOT by_human AND NOT again) AS bot_verified,
    1.0 * count(*) FILTER (WHERE matured AND NOT by_human AND NOT again)
        / nullif(count(*) FILTER (WHERE matured), 0) AS verified_containment_ratio
FROM (
    SELECT f.*,
        caller <> '' AND ended_at <= (SELECT now FROM asked) - 7 * 86400000000 AS matured,
        EXISTS (SELECT 1 FROM f_came r WHERE r.caller = f.caller AND r.started_at > f.ended_at
            AND r.started_at <= f.ended_at + 7 * 86400000000) AS again
    FROM f_calls f WHERE bot_secs >= 10 AND ended_at IS NOT NULL) AS entered
GROUP BY i;

-- Blocking = calls refused for want of capacity, or turned away by a full queue / all that came.
CREATE TEMP VIEW f_blocking AS
SELECT i, calls, refused, turned_away, calls + refused AS arrivals,
    1.0 * (turned_away + refused) / nullif(calls + refused, 0) AS blocking_ratio
FROM (
    SELECT i,
        (SELECT count(*) FROM f_calls f WHERE f.i = intervals.i) AS calls,
        (SELECT count(*) FROM f_calls f WHERE f.i = intervals.i AND f.turned_away) AS turned_away,
        (SELECT CAST(coalesce(sum(r.calls), 0) AS INTEGER) FROM refusals r WHERE minute_at >= from_at AND minute_at < to_at
            AND reason IN ('overload', 'calls_max', 'draining', 'no_port')) AS refused
    FROM intervals) AS counts;

-- The windows of FCR, in days.
CREATE TEMP VIEW f_windows AS SELECT 1 AS days UNION ALL SELECT 7 UNION ALL SELECT 30;

-- Every call of a known caller with its topic: the population of FCR and what counts as a repeat.
CREATE TEMP VIEW f_history AS
SELECT c.call, c.caller, c.started_at, c.ended_at, topic
FROM f_came c JOIN f_topics t ON t.call = c.call WHERE c.caller <> '';

-- FCR_N = resolved first contacts / first contacts, over contacts that ended at least N days ago (matured).
-- Population: a known caller, handled by bot or person, longer than 10 s. First: the caller had no contact of the
-- topic in the N days before. Resolved: none of the topic begins in the N days after the end. The lower bound takes a
-- contact of any topic as a repeat.
CREATE TEMP VIEW f_fcr AS
SELECT i, days,
    count(*) FILTER (WHERE NOT before) AS first_contacts,
    count(*) FILTER (WHERE NOT before AND NOT after) AS resolved,
    1.0 * count(*) FILTER (WHERE NOT before AND NOT after) / nullif(count(*) FILTER (WHERE NOT before), 0) AS fcr,
    count(*) FILTER (WHERE NOT before_any) AS first_contacts_any_topic,
    count(*) FILTER (WHERE NOT before_any AND NOT after_any) AS resolved_any_topic,
    1.0 * count(*) FILTER (WHERE NOT before_any AND NOT after_any)
        / nullif(count(*) FILTER (WHERE NOT before_any), 0) AS fcr_any_topic
FROM (
    SELECT i, days,
        EXISTS (SELECT 1 FROM f_history r WHERE r.caller = f.caller AND r.topic = f.topic AND r.call <> f.call
            AND r.started_at >= f.started_at - days * 86400000000 AND r.started_at < f.started_at) AS before,
        EXISTS (SELECT 1 FROM f_history r WHERE r.caller = f.caller AND r.topic = f.topic
            AND r.started_at > f.ended_at AND r.started_at <= f.ended_at + days * 86400000000) AS after,
        EXISTS (SELECT 1 FROM f_history r WHERE r.caller = f.caller AND r.call <> f.call
            AND r.started_at >= f.started_at - days * 86400000000 AND r.started_at < f.started_at) AS before_any,
        EXISTS (SELECT 1 FROM f_history r WHERE r.caller = f.caller
            AND r.started_at > f.ended_at AND r.started_at <= f.ended_at + days * 86400000000) AS after_any
    FROM f_calls f CROSS JOIN f_windows
    WHERE f.caller <> '' AND (f.by_human OR f.bot_secs > 0) AND f.duration_secs > 10
        AND f.ended_at <= (SELECT now FROM asked) - days * 86400000000) AS first_calls
GROUP BY i, days;

-- Response rate = surveys with a score / surveys offered.
CREATE TEMP VIEW f_surveys AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue,
    count(*) AS surveys_offered,
    count(*) FILTER (WHERE answered > 0) AS surveys_answered,
    1.0 * count(*) FILTER (WHERE answered > 0) / nullif(count(*), 0) AS response_ratio
FROM intervals JOIN survey_offers ON counted_at >= from_at AND counted_at < to_at
    CROSS JOIN f_ways
GROUP BY i, CASE every WHEN 1 THEN '*' ELSE queue END;

-- CSAT = scores of 4 and 5 / scores of 1 to 5. CSI = (mean - 1) / 4 * 100, with its 95 % interval
-- (mean ± 1.96 s / sqrt(n), s with n - 1), for each question by itself.
CREATE TEMP VIEW f_scores AS
SELECT i, queue, question, n AS scores, mean AS mean_score, csat,
    (mean - 1) / 4 * 100 AS csi,
    CASE WHEN n > 1 THEN max(0.0, (mean - 1.96 * error - 1) / 4 * 100) END AS csi_low,
    CASE WHEN n > 1 THEN min(100.0, (mean + 1.96 * error - 1) / 4 * 100) END AS csi_high
FROM (
    SELECT i, queue, question, n, mean, csat,
        CASE WHEN n > 1 THEN sqrt(max(0.0, (n * squares - total * total) / n / (n - 1)) / n) END AS error
    FROM (
        SELECT i, CASE every WHEN 1 THEN '*' ELSE queue END AS queue, question, count(*) AS n,
            sum(1.0 * score) AS total, avg(1.0 * score) AS mean, sum(1.0 * score * score) AS squares,
            1.0 * count(*) FILTER (WHERE score >= 4) / count(*) AS csat
        FROM intervals JOIN survey_answers ON counted_at >= from_at AND counted_at < to_at
            CROSS JOIN f_ways
        WHERE score BETWEEN 1 AND 5
        GROUP BY i, CASE every WHEN 1 THEN '*' ELSE queue END, question) AS sums) AS errors;

-- Agents' time within each interval: stretches of a status with an activity, cut at the interval's ends and at now.
CREATE TEMP VIEW f_stretches AS
SELECT i, agent, team, status, activity,
    -- Rows of an older program do not say what was paid for.
    coalesce(paid, CASE status WHEN 'lunch' THEN 0 ELSE 1 END) <> 0 AS paid,
    (min(coalesce(s.to_at, now), now, intervals.to_at) - max(s.from_at, intervals.from_at)) / 1e6 AS secs
FROM intervals CROSS JOIN asked JOIN agent_status s
    ON s.from_at < intervals.to_at AND (s.to_at > intervals.from_at OR s.to_at IS NULL)
WHERE status <> 'logged_out' AND s.from_at < now;

-- Occupancy = (ring + talk + hold + ACW) / (the same + idle); ring is from the offer to the joined voices, idle is ready
-- without a call. Utilisation = (talk + hold + ACW) / logged-in time.
-- Shrinkage = paid time not ready / paid time, with `paid` of the status as it was configured then.
CREATE TEMP VIEW f_agent_time AS
SELECT i, agent, team, logged_in_secs, idle_secs, ring_secs, on_talk_secs, on_hold_secs, in_acw_secs, not_ready_secs,
    (ring_secs + on_talk_secs + on_hold_secs + in_acw_secs)
        / nullif(ring_secs + on_talk_secs + on_hold_secs + in_acw_secs + idle_secs, 0) AS occupancy,
    (on_talk_secs + on_hold_secs + in_acw_secs) / nullif(logged_in_secs, 0) AS utilisation,
    paid_not_ready_secs / nullif(paid_secs, 0) AS shrinkage
FROM (
    SELECT i, CASE every WHEN 1 THEN '*' ELSE agent END AS agent,
        max(CASE every WHEN 1 THEN NULL ELSE team END) AS team,
        sum(secs) AS logged_in_secs,
        coalesce(sum(secs) FILTER (WHERE status = 'ready' AND activity = 'idle'), 0.0) AS idle_secs,
        coalesce(sum(secs) FILTER (WHERE activity IN ('reserved', 'ringing', 'connecting')), 0.0) AS ring_secs,
        coalesce(sum(secs) FILTER (WHERE activity IN ('talking', 'consult', 'conference')), 0.0) AS on_talk_secs,
        coalesce(sum(secs) FILTER (WHERE activity = 'hold'), 0.0) AS on_hold_secs,
        coalesce(sum(secs) FILTER (WHERE activity = 'wrap_up'), 0.0) AS in_acw_secs,
        coalesce(sum(secs) FILTER (WHERE status <> 'ready'), 0.0) AS not_ready_secs,
        coalesce(sum(secs) FILTER (WHERE paid AND status <> 'ready'), 0.0) AS paid_not_ready_secs,
        coalesce(sum(secs) FILTER (WHERE paid), 0.0) AS paid_secs
    FROM f_stretches CROSS JOIN f_ways
    GROUP BY i, CASE every WHEN 1 THEN '*' ELSE agent END) AS times;

-- What each agent handled and was offered; by t_q, as for the queues.
CREATE TEMP VIEW f_agent_handling AS
SELECT i, agent, count(*) AS handled, avg(talk_secs) AS mean_talk_secs, avg(hold_secs) AS mean_hold_secs,
    avg(acw_secs) AS mean_acw_secs, avg(talk_secs + hold_secs + acw_secs) AS aht_secs
FROM (SELECT i, agent, talk_secs, hold_secs, acw_secs FROM f_talks WHERE queue = '*'
    UNION ALL SELECT i, '*', talk_secs, hold_secs, acw_secs FROM f_talks WHERE queue = '*') AS talks_of
GROUP BY i, agent;

CREATE TEMP VIEW f_agent_offers AS
SELECT i, agent, count(*) AS offers, count(*) FILTER (WHERE delivered) AS offers_delivered,
    count(*) FILTER (WHERE rona) AS rona,
    1.0 * count(*) FILTER (WHERE rona) / nullif(count(*) FILTER (WHERE delivered), 0) AS rona_ratio,
    count(*) FILTER (WHERE result IN ('declined', 'busy')) AS offers_declined,
    avg(rang_secs) FILTER (WHERE delivered) AS mean_ring_secs
FROM (SELECT i, agent, result, rang_secs, delivered, rona FROM f_attempts WHERE queue = '*'
    UNION ALL SELECT i, '*', result, rang_secs, delivered, rona FROM f_attempts WHERE queue = '*') AS offers_of
GROUP BY i, agent;

-- Calls of agents' own, by the moment of their end.
CREATE TEMP VIEW f_own_calls AS
SELECT i, CASE every WHEN 1 THEN '*' ELSE agent END AS agent,
    count(*) AS own_calls, count(*) FILTER (WHERE answered <> 0) AS own_calls_answered, sum(talk_secs) AS own_talk_secs
FROM intervals JOIN own_calls ON ended_at >= from_at AND ended_at < to_at
    CROSS JOIN f_ways
GROUP BY i, CASE every WHEN 1 THEN '*' ELSE agent END;

-- All figures of the agents, one row for each interval and agent, '*' for all.
CREATE TEMP VIEW f_agents AS
SELECT i, agent, team, coalesce(logged_in_secs, 0.0) AS logged_in_secs, coalesce(idle_secs, 0.0) AS idle_secs,
    coalesce(ring_secs, 0.0) AS ring_secs, coalesce(on_talk_secs, 0.0) AS on_talk_secs,
    coalesce(on_hold_secs, 0.0) AS on_hold_secs, coalesce(in_acw_secs, 0.0) AS in_acw_secs,
    coalesce(not_ready_secs, 0.0) AS not_ready_secs, occupancy, utilisation, shrinkage,
    coalesce(handled, 0) AS handled, mean_talk_secs, mean_hold_secs, mean_acw_secs, aht_secs,
    coalesce(offers, 0) AS offers, coalesce(offers_delivered, 0) AS offers_delivered, coalesce(rona, 0) AS rona, rona_ratio,
    coalesce(offers_declined, 0) AS offers_declined, mean_ring_secs,
    coalesce(own_calls, 0) AS own_calls, coalesce(own_calls_answered, 0) AS own_calls_answered,
    coalesce(own_talk_secs, 0.0) AS own_talk_secs
FROM (SELECT i, agent FROM f_agent_time UNION SELECT i, agent FROM f_agent_handling UNION SELECT i, agent FROM f_agent_offers
        UNION SELECT i, agent FROM f_own_calls) AS everybody
    LEFT JOIN f_agent_time USING (i, agent)
    LEFT JOIN f_agent_handling USING (i, agent)
    LEFT JOIN f_agent_offers USING (i, agent)
    LEFT JOIN f_own_calls USING (i, agent);
