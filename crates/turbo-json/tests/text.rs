//! The text of scalars against the rules of Python's `json` module, told a second time from the standard library.

#![allow(clippy::expect_used, reason = "a test that panics has failed")]

use std::fmt::Write;

use proptest::prelude::*;
use turbo_json::{push_float, push_integer, push_string};

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut into = b"kept:".to_vec();
    write(&mut into);
    String::from_utf8(into).expect("valid UTF-8").strip_prefix("kept:").expect("what was there").to_owned()
}

fn float(value: f64) -> String {
    text(|into| assert!(push_float(into, value)))
}

/// `float.__repr__` from the shortest digits that the standard library finds. Where two decimals are equally near it
/// may choose the other one: Python and this crate take the even digit.
fn float_repr(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    if value == 0.0 || (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Whether a finite double is written as Python does: as the standard library writes it, or, where that is as far
/// away, with the even digit at the end.
fn is_repr(value: f64) -> bool {
    let (ours, theirs) = (float(value), float_repr(value));
    let is_even_neighbour = || {
        let differing: Vec<_> = ours.bytes().zip(theirs.bytes()).filter(|(a, b)| a != b).collect();
        let [(a, b)] = differing[..] else { return false };
        ours.len() == theirs.len() && ours.parse() == Ok(value) && a.abs_diff(b) == 1 && a % 2 == 0
    };
    ours == theirs || is_even_neighbour()
}

#[test]
fn floats_are_written_as_python_writes_them() {
    for (value, expected) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e-4, "0.0001"),
        (0.000_123, "0.000123"),
        (9.999e-5, "9.999e-05"),
        (1e-5, "1e-05"),
        (1e-7, "1e-07"),
        (-1.25e-10, "-1.25e-10"),
        (1e15, "1000000000000000.0"),
        (9_007_199_254_740_993.0, "9007199254740992.0"),
        (1e16, "1e+16"),
        (1.5e16, "1.5e+16"),
        (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        (1e22, "1e+22"),
        (1e100, "1e+100"),
        (5e-324, "5e-324"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (f64::MAX, "1.7976931348623157e+308"),
    ] {
        assert_eq!(float(value), expected);
    }
}

#[test]
fn powers_of_two_are_short_and_read_back() {
    for exponent in -1074..1024 {
        let value = 2f64.powi(exponent);
        let text = float(value);
        assert_eq!(text.len(), float_repr(value).len(), "{text}");
        assert_eq!(text.parse(), Ok(value), "{text}");
    }
}

#[test]
fn between_two_equally_near_decimals_the_even_one_is_written() {
    assert_eq!(float(2f64.powi(-25)), "2.9802322387695312e-08");
    assert_eq!(float(2f64.powi(-44)), "5.684341886080802e-14");
    // Found by the property below, whose reference ends in a 3.
    let halfway = f64::from_bits(4_836_661_432_835_012_965);
    assert_eq!(float(halfway), "2200658073460313.2");
    assert!(is_repr(halfway));
}

#[test]
fn powers_of_ten_are_one_digit() {
    for exponent in -323..309 {
        let value: f64 = format!("1e{exponent}").parse().expect("a float");
        assert_eq!(float(value), float_repr(value));
    }
}

#[test]
fn what_json_has_no_number_for_is_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(text(|into| assert!(!push_float(into, value))), "");
    }
}

#[test]
fn only_what_must_be_escaped_is() {
    assert_eq!(text(|into| push_string(into, "")), "\"\"");
    assert_eq!(text(|into| push_string(into, "/\u{7f}\u{80}\u{2028}")), "\"/\u{7f}\u{80}\u{2028}\"");
    assert_eq!(
        text(|into| push_string(into, "\"\\\u{8}\t\n\u{c}\r\u{0}\u{b}\u{1f}")),
        r#""\"\\\b\t\n\f\r\u0000\u000b\u001f""#
    );
}

#[test]
fn an_escape_is_found_at_every_place_of_a_block() {
    for length in 0..70 {
        for place in 0..length {
            let mut plain = "x".repeat(length);
            plain.replace_range(place..=place, "\n");
            assert_eq!(text(|into| push_string(into, &plain)), format!("\"{}\"", plain.replace('\n', "\\n")));
        }
    }
}

proptest! {
    #[test]
    fn any_double_reads_as_python_repr(bits: u64) {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            prop_assert!(is_repr(value), "{} or {}", float(value), float_repr(value));
        }
    }

    #[test]
    fn everyday_doubles_read_as_python_repr(units in -1_000_000_000i64..1_000_000_000, scale in 0i32..9) {
        #[allow(clippy::cast_precision_loss)]
        let value = units as f64 / 10f64.powi(scale);
        prop_assert!(is_repr(value), "{} or {}", float(value), float_repr(value));
    }

    #[test]
    fn integers_are_decimal(value: i64) {
        prop_assert_eq!(text(|into| push_integer(into, value)), value.to_string());
    }

    #[test]
    fn a_string_is_escaped_character_by_character(plain in "[\\x00-\\x25\\\\a-cé\u{1f600}]{0,80}") {
        let mut expected = String::from("\"");
        for character in plain.chars() {
            match character {
                '"' => expected.push_str("\\\""),
                '\\' => expected.push_str("\\\\"),
                '\u{8}' => expected.push_str("\\b"),
                '\t' => expected.push_str("\\t"),
                '\n' => expected.push_str("\\n"),
                '\u{c}' => expected.push_str("\\f"),
                '\r' => expected.push_str("\\r"),
                control if control < ' ' => {
                    write!(expected, "\\u{:04x}", u32::from(control)).expect("writing to a String");
                }
                other => expected.push(other),
            }
        }
        expected.push('"');
        prop_assert_eq!(text(|into| push_string(into, &plain)), expected);
    }
}
