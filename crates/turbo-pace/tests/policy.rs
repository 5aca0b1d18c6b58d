//! The rules of the policy, one by one, on an injected clock.

mod clocked;

use clocked::{Clocked, MICROSECOND, MILLISECOND, SECOND};
use turbo_pace::policy::{
    CREDIT_FIRST, CREDIT_MOST, EVIDENCE, EVIDENCE_MOST, PATIENCE, PENALTY_LEAST, PENALTY_MOST, PROBATION,
    QUICK, RATIO, SHARE, SLOW, SLUGGISH,
};
use turbo_pace::{Mode, State};

/// A call that demotes whatever the credit is; the penalty for one is 20 seconds.
const DEMOTES: u64 = CREDIT_MOST;

/// How long the penalty still lasts; 0 for one that is not demoted.
fn penalty(it: &Clocked) -> u64 {
    match it.snapshot().state {
        State::Demoted(remaining) => remaining,
        State::Threads | State::Inline => 0,
    }
}

#[test]
fn a_callable_starts_on_the_pool_and_is_promoted_by_quick_calls_in_a_row() {
    let mut it = Clocked::new(Mode::Adaptive);
    it.threaded(EVIDENCE - 1, QUICK);
    assert_eq!(it.snapshot().state, State::Threads);
    it.threaded(1, QUICK);
    assert_eq!(it.snapshot().state, State::Inline);
    assert_eq!(it.snapshot().promotions, 1);
}

#[test]
fn a_call_that_is_not_quick_makes_the_count_begin_again() {
    for elapsed in [QUICK + 1, SLOW, SLOW + 1, 50 * MILLISECOND] {
        let mut it = Clocked::new(Mode::Adaptive);
        it.threaded(EVIDENCE - 1, QUICK);
        it.threaded(1, elapsed);
        it.threaded(EVIDENCE - 1, QUICK);
        assert!(!it.policy.is_inline(), "{elapsed} ns");
        it.threaded(1, 0);
        assert!(it.policy.is_inline(), "{elapsed} ns");
    }
}

#[test]
fn a_callable_that_takes_as_long_as_a_hop_stays_on_the_pool() {
    let mut it = Clocked::new(Mode::Adaptive);
    it.threaded(10_000, QUICK + 1);
    assert_eq!(it.snapshot().state, State::Threads);
}

#[test]
fn the_first_credit_is_used_up_by_one_call() {
    let mut it = Clocked::promoted();
    it.inline(1, CREDIT_FIRST - 1);
    assert!(it.policy.is_inline());

    let mut it = Clocked::promoted();
    it.inline(1, CREDIT_FIRST);
    assert_eq!(it.snapshot().state, State::Demoted(PENALTY_LEAST));
    assert_eq!(it.snapshot().demotions, 1);
}

#[test]
fn a_callable_that_has_been_good_for_long_may_be_slow_once() {
    for (good, tolerated) in [(0, false), (SECOND, false), (5 * SECOND, true), (60 * SECOND, true)] {
        let mut it = Clocked::promoted();
        it.wait(good);
        it.inline(1, 50 * MILLISECOND);
        assert_eq!(it.policy.is_inline(), tolerated, "after {good} ns");
    }
}

#[test]
fn the_credit_has_a_limit() {
    let mut it = Clocked::promoted();
    it.wait(3_600 * SECOND);
    it.inline(1, CREDIT_MOST);
    assert!(!it.policy.is_inline());
}

#[test]
fn a_second_slow_call_demotes_until_enough_others_have_ended() {
    for (between, tolerated) in [(0, false), (PROBATION - 1, false), (PROBATION, true)] {
        let mut it = Clocked::promoted();
        it.wait(3_600 * SECOND);
        it.inline(1, 2 * MILLISECOND);
        it.inline(between, SLUGGISH);
        it.inline(1, 2 * MILLISECOND);
        assert_eq!(it.policy.is_inline(), tolerated, "{between} calls between");
    }
}

#[test]
fn a_handler_that_turns_slow_holds_up_two_calls_at_most() {
    let mut it = Clocked::promoted();
    it.wait(3_600 * SECOND);
    let inline: u32 = (0..100).map(|_| u32::from(it.call(20 * MILLISECOND))).sum();
    assert_eq!(inline, 2);
}

#[test]
fn slow_calls_that_take_less_than_their_share_of_the_time_do_not_demote() {
    let mut it = Clocked::promoted();
    for _ in 0..1_000 {
        it.inline(1, 3 * MILLISECOND);
        it.inline(PROBATION, 0);
        it.wait(3 * MILLISECOND * SHARE);
    }
    assert!(it.policy.is_inline());
}

#[test]
fn slow_calls_that_take_more_than_their_share_of_the_time_demote() {
    let mut it = Clocked::promoted();
    let mut calls = 0;
    while it.policy.is_inline() {
        it.inline(1, 2 * MILLISECOND);
        it.inline(PROBATION, 0);
        it.wait(2 * MILLISECOND * SHARE / 2);
        calls += 1;
        assert!(calls < 100);
    }
    // Half of each 2 ms is earned back: 5 - 2 + 1 - 2 + 1 - 2 + 1 - 2.
    assert_eq!(calls, 4);
}

#[test]
fn calls_as_long_as_a_hop_do_not_demote_while_they_are_few() {
    let mut it = Clocked::promoted();
    for _ in 0..10_000 {
        it.inline(1, SLOW);
        it.inline(4, SLUGGISH);
    }
    assert!(it.policy.is_inline());
}

#[test]
fn calls_as_long_as_a_hop_demote_when_they_are_many() {
    let mut in_a_row = Clocked::promoted();
    in_a_row.inline(7, SLUGGISH + 1);
    assert!(in_a_row.policy.is_inline());
    in_a_row.inline(1, SLUGGISH + 1);
    assert!(!in_a_row.policy.is_inline());

    let mut each_third = Clocked::promoted();
    for _ in 0..100 {
        each_third.inline(1, SLUGGISH + 1);
        each_third.inline(2, MICROSECOND);
    }
    assert!(!each_third.policy.is_inline());
}

#[test]
fn the_penalty_is_in_proportion_to_what_was_held_up() {
    for (held_up, expected) in [
        (CREDIT_FIRST, SECOND),
        (50 * MILLISECOND, 50 * MILLISECOND * RATIO),
        (SECOND, SECOND * RATIO),
        (2 * SECOND, PENALTY_MOST),
        (u64::MAX / 2, PENALTY_MOST),
    ] {
        let mut it = Clocked::promoted();
        it.inline(1, held_up);
        assert_eq!(penalty(&it), expected, "{held_up} ns");
    }
}

#[test]
fn a_demoted_callable_is_promoted_after_its_penalty_and_not_before() {
    let mut it = Clocked::promoted();
    it.inline(1, DEMOTES);
    it.threaded(1_000, QUICK);
    assert!(matches!(it.snapshot().state, State::Demoted(_)));
    it.wait(penalty(&it) - 1);
    it.threaded(1, 0);
    assert!(!it.policy.is_inline());
    it.wait(1);
    it.threaded(1, 0);
    assert!(it.policy.is_inline());
    assert_eq!((it.snapshot().promotions, it.snapshot().demotions), (2, 1));
}

#[test]
fn the_penalty_doubles_up_to_its_limit() {
    let mut it = Clocked::promoted();
    let mut penalties = Vec::new();
    for _ in 0..6 {
        it.inline(1, DEMOTES);
        penalties.push(penalty(&it) / SECOND);
        it.wait(penalty(&it));
        it.threaded(EVIDENCE_MOST, 0);
        assert!(it.policy.is_inline());
    }
    assert_eq!(penalties, [20, 40, 80, 160, 300, 300]);
}

/// One whose last three penalties were 20, 40 and 80 seconds, just promoted again.
fn often_demoted() -> Clocked {
    let mut it = Clocked::promoted();
    for _ in 0..3 {
        it.inline(1, DEMOTES);
        it.wait(penalty(&it));
        it.threaded(EVIDENCE_MOST, 0);
    }
    assert!(it.policy.is_inline());
    it
}

#[test]
fn a_penalty_is_halved_by_a_time_without_another() {
    // A demotion that comes this late halves it once more by itself.
    for (good, seconds) in [(80 * PATIENCE - 1, 80 / 2), (80 * PATIENCE, 40 / 2), (10_000, 20)] {
        let mut it = often_demoted();
        it.wait(good * SECOND - DEMOTES);
        it.inline(1, DEMOTES);
        assert_eq!(penalty(&it), seconds * SECOND, "after {good} s");
    }
}

#[test]
fn a_demotion_after_less_than_its_share_doubles_the_penalty_and_a_later_one_halves_it() {
    for (good, seconds) in
        [(DEMOTES, 160), (DEMOTES * RATIO - 1, 160), (DEMOTES * RATIO, 40), (DEMOTES * RATIO + SECOND, 40)]
    {
        let mut it = often_demoted();
        it.wait(good - DEMOTES);
        it.inline(1, DEMOTES);
        assert_eq!(penalty(&it), seconds * SECOND, "after {good} ns");
    }
}

#[test]
fn the_evidence_grows_with_the_penalty() {
    for (held_up, evidence) in
        [(CREDIT_FIRST, EVIDENCE), (50 * MILLISECOND, 10 * EVIDENCE), (2 * SECOND, EVIDENCE_MOST)]
    {
        let mut it = Clocked::promoted();
        it.inline(1, held_up);
        it.wait(penalty(&it));
        it.threaded(evidence - 1, 0);
        assert!(!it.policy.is_inline(), "{held_up} ns");
        it.threaded(1, 0);
        assert!(it.policy.is_inline(), "{held_up} ns");
    }
}

#[test]
fn a_callable_that_is_slow_now_and_then_ends_up_on_the_pool() {
    // 500 calls a second, each fiftieth takes 50 ms.
    let mut it = Clocked::new(Mode::Adaptive);
    let mut inline_slow = 0;
    for number in 0..500 * 3_600 {
        it.wait(2 * MILLISECOND);
        let slow = number % 50 == 49;
        inline_slow += u32::from(it.call(if slow { 50 * MILLISECOND } else { 5 * MICROSECOND }) && slow);
    }
    assert!((1..=3).contains(&inline_slow), "{inline_slow} calls of an hour held up the thread");
}

#[test]
fn an_unlucky_callable_stays_inline() {
    // 1,000 calls a second; every two seconds one is interrupted for 6 ms.
    let mut it = Clocked::new(Mode::Adaptive);
    let mut threaded = 0;
    for number in 0..1_000 * 600 {
        it.wait(MILLISECOND);
        let elapsed = if number % 2_000 == 1_999 { 6 * MILLISECOND } else { 5 * MICROSECOND };
        threaded += u32::from(!it.call(elapsed));
    }
    assert_eq!(threaded, EVIDENCE);
}

#[test]
fn a_slow_call_on_the_pool_takes_a_promotion_back_without_a_penalty() {
    let mut it = Clocked::promoted();
    it.threaded(1, 50 * MILLISECOND);
    assert_eq!(it.snapshot().state, State::Threads);
    it.threaded(EVIDENCE, QUICK);
    assert!(it.policy.is_inline());
}

#[test]
fn a_slow_call_that_began_before_the_demotion_makes_it_longer_but_counts_once() {
    let mut it = Clocked::promoted();
    it.inline(1, CREDIT_FIRST);
    it.inline(1, 50 * MILLISECOND);
    assert_eq!(penalty(&it), 50 * MILLISECOND * RATIO);
    assert_eq!(it.snapshot().demotions, 1);
    let remaining = penalty(&it);
    it.inline(1, 10 * MILLISECOND);
    assert_eq!(penalty(&it), remaining - 10 * MILLISECOND, "a milder one shortens nothing");
}

#[test]
fn fixed_modes_never_change() {
    for (mode, state) in [(Mode::Inline, State::Inline), (Mode::Threads, State::Threads)] {
        let mut it = Clocked::new(mode);
        it.threaded(100, 0);
        it.threaded(100, SECOND);
        it.inline(100, 0);
        it.inline(100, SECOND);
        let seen = it.snapshot();
        assert_eq!(seen.state, state);
        assert_eq!((seen.promotions, seen.demotions), (0, 0));
        assert_eq!((seen.inline_calls, seen.threaded_calls), (200, 200));
    }
}

#[test]
fn modes_are_known_by_name() {
    for mode in [Mode::Adaptive, Mode::Inline, Mode::Threads] {
        assert_eq!(Mode::parse(mode.name()), Some(mode));
    }
    assert_eq!(Mode::parse("Adaptive"), None);
}

#[test]
fn the_longest_call_is_forgotten_after_one_to_two_minutes() {
    let mut it = Clocked::promoted();
    it.inline(1, 700 * MICROSECOND);
    it.wait(60 * SECOND);
    it.inline(1, MICROSECOND);
    assert_eq!(it.snapshot().recent_max, 700 * MICROSECOND);
    it.wait(60 * SECOND);
    assert_eq!(it.snapshot().recent_max, MICROSECOND, "without a further call");
    it.inline(1, 2 * MICROSECOND);
    assert_eq!(it.snapshot().recent_max, 2 * MICROSECOND);
    it.wait(600 * SECOND);
    assert_eq!(it.snapshot().recent_max, 0);
}

#[test]
fn a_clock_that_stands_still_or_goes_back_does_no_harm() {
    let it = Clocked::promoted();
    it.policy.inline_call(it.now, it.now);
    it.policy.inline_call(it.now, 0);
    it.policy.threaded_call(it.now, 0);
    assert!(it.policy.is_inline());
}
