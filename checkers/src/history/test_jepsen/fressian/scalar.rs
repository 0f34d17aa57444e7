//! Scalars: numbers and texts in Fressian's terms, as the EDN reader has them.

use serde_json::{Number, Value};

use crate::history::edn;

/// Longer integers stay hexadecimal: writing one in decimals takes time that grows with the
/// square of its length.
const DECIMAL_BYTES_MAX: usize = 128;

pub(super) fn hex_digit(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('0')
}

pub(super) fn double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(
        || {
            Value::from(if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Inf"
            } else {
                "-Inf"
            })
        },
        Value::Number,
    )
}

/// A number of 32 bits, as it is printed: 0.1 stays 0.1.
pub(super) fn single(number: f32) -> Value {
    number.to_string().parse().map_or(Value::Null, double)
}

/// An integer of any size from the digits of its two's complement. One beyond 64 bits stays a
/// text with Clojure's `N`.
pub(super) fn big_integer(hex: &str) -> Value {
    let decimal = big_decimal_digits(hex);
    edn::number(&decimal).map_or_else(|| Value::from(format!("{decimal}N")), Value::Number)
}

/// A decimal fraction as EDN has it, `1.5M`.
pub(super) fn big_decimal(hex: &str, scale: i64) -> Value {
    let digits = big_decimal_digits(hex);
    if scale == 0 {
        return Value::from(format!("{digits}M"));
    }
    let text = format!("{digits}e{}", scale.saturating_neg());
    edn::number(&text).map_or(Value::from(text), Value::Number)
}

/// Decimal digits of a two's complement in hexadecimal ones.
fn big_decimal_digits(hex: &str) -> String {
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    if bytes.len() > DECIMAL_BYTES_MAX {
        return format!("0x{hex}");
    }
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    // Digits to the base of a thousand million, the lowest first.
    let mut digits: Vec<u64> = vec![0];
    let mut add = |byte: u64| {
        let mut carry = byte;
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 1_000_000_000;
            carry /= 1_000_000_000;
        }
        if carry > 0 {
            digits.push(carry);
        }
    };
    // A negative number is one less than the complement of its bits, with the sign turned.
    bytes.iter().for_each(|byte| add(u64::from(if negative { !byte } else { *byte })));
    if negative {
        for digit in &mut digits {
            *digit += 1;
            if *digit < 1_000_000_000 {
                break;
            }
            *digit = 0;
        }
        if digits.iter().all(|digit| *digit == 0) {
            digits.push(1);
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    let mut highest = digits.iter().rev();
    text.push_str(&highest.next().copied().unwrap_or(0).to_string());
    highest.for_each(|digit| text.push_str(&format!("{digit:09}")));
    text
}

/// A text as Java writes it: UTF-8, where a character beyond 16 bits is two surrogates of
/// three bytes each. A surrogate by itself stays as its escape.
pub(super) fn text_of(bytes: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.to_owned());
    }
    let mut units: Vec<u16> = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, ..] = rest {
        let (length, start) = match first {
            0x00..=0x7f => (1, u32::from(*first)),
            0xc0..=0xdf => (2, u32::from(first & 0x1f)),
            0xe0..=0xef => (3, u32::from(first & 0x0f)),
            0xf0..=0xf7 => (4, u32::from(first & 0x07)),
            _ => return None,
        };
        let (character, after) = rest.split_at_checked(length)?;
        let mut code = start;
        for byte in &character[1..] {
            code = code << 6 | u32::from((byte & 0xc0 == 0x80).then_some(byte & 0x3f)?);
        }
        match u16::try_from(code) {
            Ok(unit) => units.push(unit),
            Err(_) => {
                let mut pair = [0; 2];
                units.extend_from_slice(char::from_u32(code)?.encode_utf16(&mut pair));
            }
        }
        rest = after;
    }
    let mut text = String::with_capacity(bytes.len());
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => text.push(character),
            Err(alone) => text.push_str(&format!("\\u{:04x}", alone.unpaired_surrogate())),
        }
    }
    Some(text)
}
