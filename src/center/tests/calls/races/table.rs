//! The table of races: every row, and the test that plays it in all its orders. A row that is not played here says why.

/// Where a row is played.
enum Row {
    /// In this test of this file.
    Played(&'static str, &'static str),
    /// Nowhere: it can't happen.
    CannotHappen(&'static str),
}

use Row::{CannotHappen, Played};

const OFFERS: &str = include_str!("offers.rs");
const BROADCAST: &str = include_str!("broadcast.rs");
const REATTACH: &str = include_str!("reattach.rs");
const TALKS: &str = include_str!("talks.rs");
const CLOSING: &str = include_str!("closing.rs");
const CALLBACKS: &str = include_str!("callbacks.rs");
const DESK: &str = include_str!("../desk.rs");
const RELOAD: &str = include_str!("../reload.rs");
const STEERING: &str = include_str!("../steering.rs");

/// What races with what, in the order in which a call meets it.
const TABLE: [(&str, Row); 34] = [
    (
        "the caller gives up, a phone rings",
        Played(OFFERS, "a_caller_who_gives_up_stops_the_phone_and_costs_the_agent_nothing"),
    ),
    (
        "the caller gives up, the agent answers",
        Played(OFFERS, "when_hanging_up_crosses_the_answer_the_first_that_comes_in_counts"),
    ),
    (
        "the ring times out, the agent answers",
        Played(OFFERS, "a_late_answer_counts_for_a_second_unless_the_call_is_offered_elsewhere"),
    ),
    (
        "the agent answers and hangs up",
        Played(OFFERS, "an_agent_who_hangs_up_at_once_gives_the_caller_his_place_back"),
    ),
    ("the agent declines", Played(OFFERS, "a_declined_call_rings_at_the_next_agent_at_once")),
    (
        "the phone is lost while it rings",
        Played(OFFERS, "a_phone_lost_while_it_rings_loses_the_offer_at_once"),
    ),
    // What follows when nobody waits for the phone is in OFFERS: the customer is back at his place.
    (
        "the phone breaks in a talk",
        Played(
            REATTACH,
            "an_agent_whose_phone_broke_takes_the_talk_up_again_or_gives_the_place_back",
        ),
    ),
    (
        "one offer after the other rings out",
        Played(OFFERS, "the_third_miss_in_a_row_needs_a_person"),
    ),
    (
        "two agents answer one call",
        Played(BROADCAST, "of_two_answers_the_first_that_comes_in_has_the_caller"),
    ),
    (
        "a break, a phone rings",
        Played(OFFERS, "a_break_wins_over_a_ringing_phone_and_waits_for_a_talk"),
    ),
    ("a break in a talk", Played(OFFERS, "a_break_asked_for_in_a_talk_comes_after_it")),
    (
        "going home, a phone rings or a talk lasts",
        Played(OFFERS, "going_home_withdraws_a_ringing_phone_and_waits_for_a_talk"),
    ),
    (
        "two set one agent's status",
        Played(
            OFFERS,
            "of_two_who_set_a_status_at_once_the_second_is_told_that_his_picture_is_old",
        ),
    ),
    (
        "an own call at the moment of the offer",
        Played(OFFERS, "an_own_call_at_the_moment_of_the_offer_sends_the_caller_on"),
    ),
    (
        "a direct call to a busy agent",
        Played(OFFERS, "a_direct_call_to_a_busy_agent_is_refused_and_disturbs_nothing"),
    ),
    (
        "a transfer to a queue, somebody leaves",
        Played(TALKS, "a_transfer_to_a_queue_survives_whoever_leaves_in_that_moment"),
    ),
    (
        "the customer leaves during a consultation",
        Played(TALKS, "a_customer_who_leaves_during_a_consultation_frees_both"),
    ),
    (
        "a transfer is completed while it rings",
        Played(TALKS, "a_transfer_completed_while_it_rings_comes_back_when_nobody_answers"),
    ),
    (
        "a phone's own transfer fails",
        Played(TALKS, "a_phones_transfer_that_fails_restores_the_old_bridge"),
    ),
    (
        "a queue closes, callers wait",
        Played(CLOSING, "a_queue_that_closes_serves_those_who_wait_and_then_lets_them_go"),
    ),
    (
        "the last agent goes home",
        Played(TALKS, "when_the_last_agent_goes_home_the_waiting_are_not_abandoned"),
    ),
    (
        "the longest wait is over, a phone rings",
        Played(TALKS, "the_longest_wait_lets_a_ringing_phone_finish"),
    ),
    ("an announcement, the agent answers", Played(TALKS, "an_answer_cuts_an_announcement")),
    (
        "the customer calls, a callback is open",
        Played(CALLBACKS, "a_customer_who_calls_while_he_is_called_back_has_one_conversation"),
    ),
    (
        "a callback, the customer does not answer",
        Played(CALLBACKS, "a_customer_who_is_busy_or_silent_costs_the_agent_nothing"),
    ),
    (
        "one agent at two desks",
        Played(DESK, "who_logs_in_at_another_desk_is_asked_and_then_the_last_one_wins"),
    ),
    (
        "two agents at one desk",
        Played(DESK, "a_desk_has_one_agent_and_the_earlier_one_is_logged_out_only_on_request"),
    ),
    (
        "the wrap-up ends, the agent wants a break",
        Played(TALKS, "the_end_of_wrap_up_and_a_break_in_the_same_instant_give_the_break"),
    ),
    (
        "another policy, calls run",
        Played(RELOAD, "a_call_ends_as_it_would_have_whenever_another_policy_comes"),
    ),
    (
        "the end of a call is never told",
        Played(TALKS, "a_line_that_falls_silent_ends_and_the_agent_wraps_up"),
    ),
    (
        "the operator key, the bot hands over",
        Played(TALKS, "the_operator_key_and_the_bots_hand_over_at_once_are_one_wait"),
    ),
    (
        "the bot is taken back, it talks",
        Played(STEERING, "a_share_that_falls_cuts_nobody_off_and_draining_takes_them_to_people"),
    ),
    (
        "a masked card number, the talk is passed on",
        CannotHappen("nothing is recorded, so there is nothing to mask"),
    ),
    ("the clock on the wall jumps", Played(TALKS, "the_hour_on_the_wall_changes_nothing")),
];

#[test]
fn every_row_of_the_table_has_its_test() {
    for (number, (race, row)) in (1..).zip(&TABLE) {
        match row {
            Played(file, test) => {
                let there = file.contains(&format!("#[test]\nfn {test}() {{"));
                assert!(there, "row {number}, {race}: the test `{test}` is gone");
            }
            CannotHappen(why) => assert!(!why.is_empty(), "row {number}, {race}: why not?"),
        }
    }
}
