//! What holds for every history of calls.

mod clocked;

use clocked::{Clocked, MICROSECOND, MILLISECOND, SECOND};
use proptest::prelude::*;
use turbo_pace::policy::{CREDIT_FIRST, CREDIT_MOST, EVIDENCE, PENALTY_LEAST, PENALTY_MOST, QUICK, SHARE};
use turbo_pace::{Mode, State};

#[derive(Clone, Debug)]
enum Event {
    Inline(u64),
    Threaded(u64),
    /// Calls of this length wherever the policy wants them.
    Calls(u32, u64),
    Wait(u64),
}

fn elapsed() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..=QUICK,
        2 => QUICK..=MILLISECOND,
        1 => MILLISECOND..=CREDIT_MOST,
        1 => CREDIT_MOST..=3 * SECOND,
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        elapsed().prop_map(Event::Inline),
        elapsed().prop_map(Event::Threaded),
        (1..=2 * EVIDENCE, elapsed()).prop_map(|(count, elapsed)| Event::Calls(count, elapsed)),
        (0..=2 * PENALTY_MOST).prop_map(Event::Wait),
        (0..=2 * PENALTY_LEAST).prop_map(Event::Wait),
    ]
}

fn apply(it: &mut Clocked, event: &Event) {
    match *event {
        Event::Inline(elapsed) => it.inline(1, elapsed),
        Event::Threaded(elapsed) => it.threaded(1, elapsed),
        Event::Calls(count, elapsed) => {
            for _ in 0..count {
                it.call(elapsed);
            }
        }
        Event::Wait(nanoseconds) => it.wait(nanoseconds),
    }
}

proptest! {
    #[test]
    fn fixed_modes_stay_fixed(events in prop::collection::vec(event(), 0..60), inline: bool) {
        let mut it = Clocked::new(if inline { Mode::Inline } else { Mode::Threads });
        for event in &events {
            apply(&mut it, event);
            prop_assert_eq!(it.policy.is_inline(), inline);
        }
    }

    #[test]
    fn a_penalty_is_kept_to_its_end(events in prop::collection::vec(event(), 0..200)) {
        let mut it = Clocked::new(Mode::Adaptive);
        let mut until = 0;
        for event in &events {
            apply(&mut it, event);
            let seen = it.snapshot();
            if let State::Demoted(remaining) = seen.state {
                prop_assert!(remaining <= PENALTY_MOST);
                prop_assert!(it.now + remaining >= until, "a penalty became shorter");
                until = it.now + remaining;
            }
            prop_assert!(seen.state != State::Inline || it.now >= until, "inline {} ns early", until - it.now);
            prop_assert_eq!(seen.promotions - seen.demotions, u64::from(it.policy.is_inline()));
        }
    }

    #[test]
    fn an_inline_call_beyond_any_credit_ends_inline_calls_for_a_second(
        events in prop::collection::vec(event(), 0..200),
        elapsed in CREDIT_MOST..=SECOND,
        attempts in prop::collection::vec((0..=QUICK, 0..=50 * MILLISECOND), 0..100),
    ) {
        let mut it = Clocked::new(Mode::Adaptive);
        for event in &events {
            apply(&mut it, event);
        }
        it.inline(1, elapsed);
        let end = it.now + PENALTY_LEAST;
        for (elapsed, wait) in attempts {
            prop_assert!(!it.policy.is_inline() || it.now >= end);
            it.wait(wait);
            it.threaded(1, elapsed);
        }
    }

    #[test]
    fn quick_calls_alone_never_demote(calls in prop::collection::vec((0..=100 * MICROSECOND, 0..=SECOND), 0..500)) {
        let mut it = Clocked::promoted();
        for (elapsed, wait) in calls {
            it.inline(1, elapsed);
            it.wait(wait);
            prop_assert!(it.policy.is_inline());
        }
    }

    /// Whatever the calls are: inline calls longer than a millisecond take, in any history, no more
    /// than the first credit for each promotion and the share of the time, plus the one call that was too long.
    #[test]
    fn the_time_held_up_is_bounded(
        calls in prop::collection::vec((0..=20 * MILLISECOND, 0..=20 * MILLISECOND), 1..2_000),
        odds in 1..=50_usize,
    ) {
        let mut it = Clocked::promoted();
        let start = it.now;
        let mut held_up = 0;
        let mut longest = 0;
        for (number, (elapsed, wait)) in calls.into_iter().enumerate() {
            it.wait(wait);
            let elapsed = if number % odds == 0 { elapsed } else { elapsed % QUICK };
            if it.call(elapsed) && elapsed > MILLISECOND {
                held_up += elapsed;
                longest = longest.max(elapsed);
            }
        }
        let seen = it.snapshot();
        let allowed = seen.promotions * (CREDIT_FIRST + longest) + (it.now - start) / SHARE;
        prop_assert!(held_up <= allowed, "{held_up} ns held up, {allowed} allowed");
    }

    #[test]
    fn any_callable_that_is_quick_from_now_on_becomes_inline(events in prop::collection::vec(event(), 0..200)) {
        let mut it = Clocked::new(Mode::Adaptive);
        for event in &events {
            apply(&mut it, event);
        }
        it.wait(PENALTY_MOST);
        for _ in 0..turbo_pace::policy::EVIDENCE_MOST {
            it.call(QUICK);
        }
        prop_assert!(it.policy.is_inline());
    }
}

/// Every sequence of six of these seven steps, from a promoted callable: 117,649 histories with a snapshot of each step.
#[test]
fn all_short_histories_keep_the_rules() {
    const LENGTH: u32 = 6;
    let steps: [fn(&mut Clocked); 7] = [
        |it| it.threaded(EVIDENCE, QUICK),
        |it| it.threaded(1, 2 * MILLISECOND),
        |it| it.inline(1, QUICK),
        |it| it.inline(1, 2 * MILLISECOND),
        |it| it.inline(1, CREDIT_MOST),
        |it| it.wait(PENALTY_LEAST / 2),
        |it| it.wait(3 * PENALTY_LEAST),
    ];
    for history in 0..steps.len().pow(LENGTH) {
        let mut it = Clocked::promoted();
        let mut rest = history;
        let mut until = 0;
        for _ in 0..LENGTH {
            let (before, step) = (it.snapshot(), rest % steps.len());
            rest /= steps.len();
            steps[step](&mut it);
            let after = it.snapshot();
            if let State::Demoted(remaining) = after.state {
                until = it.now + remaining;
            }
            let promoted = after.promotions > before.promotions;
            let demoted = after.demotions > before.demotions;
            assert!(!promoted || (step == 0 && it.now >= until), "history {history}");
            assert!(!demoted || [1, 3, 4].contains(&step), "history {history}");
            assert!(step != 4 || !it.policy.is_inline(), "history {history}");
            assert_eq!(
                after.promotions - after.demotions,
                u64::from(it.policy.is_inline()),
                "history {history}"
            );
        }
    }
}

/// Counters are exact and the record stays consistent when eight threads report at once.
#[test]
fn threads_report_at_once() {
    const CALLS: u64 = 20_000;
    let it = Clocked::promoted();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let it = &it;
            scope.spawn(move || {
                for number in 0..CALLS {
                    let start = it.now + number * MILLISECOND;
                    let elapsed = if number % 1_000 == thread { 2 * CREDIT_FIRST } else { MICROSECOND };
                    if it.policy.is_inline() {
                        it.policy.inline_call(start, start + elapsed);
                    } else {
                        it.policy.threaded_call(start, start + elapsed);
                    }
                }
            });
        }
    });
    let seen = it.snapshot();
    assert_eq!(seen.inline_calls + seen.threaded_calls, 8 * CALLS + u64::from(EVIDENCE));
    assert_eq!(seen.promotions - seen.demotions, u64::from(it.policy.is_inline()));
    assert!(seen.demotions >= 1);
}
