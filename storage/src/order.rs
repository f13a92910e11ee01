//! The order of values, and bytes that sort exactly like them.
//!
//! The bytes of a value are compared as bytes everywhere: in memory, and by SQLite in the columns of declared fields. One
//! column holds one type, so they carry no mark of it.

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::instant;
use crate::kind::FieldType;
#[cfg(any(feature = "embedded", feature = "opensearch"))]
use crate::query::Scalar;

/// The bytes of a value of a document, if it is of the declared type.
pub(crate) fn encode_value(field_type: FieldType, value: &Value) -> Option<Vec<u8>> {
    match (field_type, value) {
        (FieldType::Text, Value::String(text)) => Some(text.as_bytes().to_vec()),
        (FieldType::Number, Value::Number(number)) => Some(NumberKey::of(number).encode()),
        (FieldType::Date, Value::String(text)) => instant::parse(text).map(encode_instant),
        _ => None,
    }
}

/// The bytes of a value of a query, if it is of the declared type: nothing else in that field can equal it.
#[cfg(feature = "embedded")]
pub(crate) fn encode_scalar(field_type: FieldType, scalar: &Scalar) -> Option<Vec<u8>> {
    match (field_type, scalar) {
        (FieldType::Text, Scalar::Text(text)) => Some(text.as_bytes().to_vec()),
        (FieldType::Number, Scalar::Number(number)) => Some(NumberKey::of(number).encode()),
        (FieldType::Date, Scalar::Date(instant)) => Some(encode_instant(*instant)),
        _ => None,
    }
}

/// The value of a column of a declared field.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decoded {
    Text(String),
    Number(NumberKey),
    Date(Timestamp),
}

/// The value that was encoded; `None` for bytes that no value has.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
pub(crate) fn decode(field_type: FieldType, bytes: &[u8]) -> Option<Decoded> {
    match field_type {
        FieldType::Text => std::str::from_utf8(bytes).ok().map(|text| Decoded::Text(text.to_owned())),
        FieldType::Number => NumberKey::decode(bytes).map(Decoded::Number),
        FieldType::Date => {
            let nanoseconds = i32::from_be_bytes(bytes.get(8..)?.try_into().ok()?);
            Timestamp::new(decode_second(bytes)?, nanoseconds).ok().map(Decoded::Date)
        }
    }
}

/// The second of an encoded instant since 1970, rounded down.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
pub(crate) fn decode_second(bytes: &[u8]) -> Option<i64> {
    let seconds = bytes.first_chunk::<8>()?;
    Some((u64::from_be_bytes(*seconds) ^ (1 << 63)).cast_signed())
}

#[cfg(feature = "opensearch")]
impl From<Decoded> for Scalar {
    fn from(value: Decoded) -> Self {
        match value {
            Decoded::Text(text) => Self::Text(text),
            Decoded::Number(number) => Self::Number(number.to_number()),
            Decoded::Date(instant) => Self::Date(instant),
        }
    }
}

/// The bytes of a number.
#[cfg(feature = "opensearch")]
pub(crate) fn encode_number(number: &Number) -> Vec<u8> {
    NumberKey::of(number).encode()
}

/// Whole seconds, then the nanoseconds after them.
pub(crate) fn encode_instant(instant: Timestamp) -> Vec<u8> {
    const SECOND: i128 = 1_000_000_000;
    let nanoseconds = instant.as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).expect("a timestamp ends in the year 9999");
    let rest = u32::try_from(nanoseconds.rem_euclid(SECOND)).expect("a rest is below its divisor");
    let mut bytes = Vec::with_capacity(12);
    bytes.extend_from_slice(&(seconds.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    bytes.extend_from_slice(&rest.to_be_bytes());
    bytes
}

/// A number as the greatest f64 that is not above it, and what is left: nothing of an i64, u64 or f64 is lost, and equal
/// numbers (`1` and `1.0`, `0.0` and `-0.0`) have equal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NumberKey {
    /// The bits of the f64, turned so that they sort as unsigned.
    floor: u64,
    /// At most 2^11: the distance between neighbouring f64 below 2^64.
    rest: u16,
}

const SIGN: u64 = 1 << 63;

impl NumberKey {
    /// The key of a JSON number.
    pub(crate) fn of(number: &Number) -> Self {
        let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        match integer {
            Some(integer) => Self::of_integer(integer),
            None => Self { floor: sortable(number.as_f64().unwrap_or(f64::NAN)), rest: 0 },
        }
    }

    /// `integer` is one of i64 or u64.
    #[expect(clippy::cast_precision_loss, reason = "what is lost is kept as the rest")]
    #[expect(clippy::cast_possible_truncation, reason = "f64 of this size are integers")]
    fn of_integer(integer: i128) -> Self {
        let nearest = integer as f64;
        let floor = if nearest as i128 > integer { nearest.next_down() } else { nearest };
        let rest = u16::try_from(integer - floor as i128).expect("neighbouring f64 are at most 2048 apart");
        Self { floor: sortable(floor), rest }
    }

    /// The number: an integer if it is one that fits.
    pub(crate) fn to_number(self) -> Number {
        let bits = if self.floor & SIGN == 0 { !self.floor } else { self.floor ^ SIGN };
        let floor = f64::from_bits(bits);
        if floor.fract() == 0.0 && floor.abs() <= 18_446_744_073_709_551_616.0 {
            #[expect(clippy::cast_possible_truncation, reason = "f64 of this size are integers")]
            let integer = floor as i128 + i128::from(self.rest);
            if let Ok(integer) = i64::try_from(integer) {
                return integer.into();
            }
            if let Ok(integer) = u64::try_from(integer) {
                return integer.into();
            }
        }
        Number::from_f64(floor).unwrap_or_else(|| 0.into())
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10);
        bytes.extend_from_slice(&self.floor.to_be_bytes());
        bytes.extend_from_slice(&self.rest.to_be_bytes());
        bytes
    }

    #[cfg(any(feature = "embedded", feature = "opensearch"))]
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (floor, rest) = bytes.split_first_chunk::<8>()?;
        let rest = u16::from_be_bytes(rest.try_into().ok()?);
        Some(Self { floor: u64::from_be_bytes(*floor), rest })
    }
}

fn sortable(float: f64) -> u64 {
    let bits = if float == 0.0 { 0 } else { float.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key(value: &Value) -> Vec<u8> {
        encode_value(FieldType::Number, value).expect("a number")
    }

    #[test]
    fn numbers_sort_exactly_where_f64_cannot_tell_them_apart() {
        let rising = [
            json!(-1e300),
            json!(i64::MIN),
            json!(i64::MIN + 1),
            json!(-9_007_199_254_740_993_i64),
            json!(-9_007_199_254_740_992_i64),
            json!(-1.5),
            json!(-1),
            json!(0),
            json!(5e-324),
            json!(1),
            json!(1.000_000_1),
            json!(9_007_199_254_740_992_i64),
            json!(9_007_199_254_740_993_i64),
            json!(i64::MAX - 1),
            json!(i64::MAX),
            json!(9_223_372_036_854_775_808_u64),
            json!(u64::MAX - 1),
            json!(u64::MAX),
            json!(18_446_744_073_709_551_616.0),
            json!(1e300),
        ];
        for pair in rising.windows(2) {
            assert!(key(&pair[0]) < key(&pair[1]), "{} < {}", pair[0], pair[1]);
        }
        for (left, right) in
            [(json!(1), json!(1.0)), (json!(0), json!(-0.0)), (json!(1e15), json!(10u64.pow(15)))]
        {
            assert_eq!(key(&left), key(&right), "{left} = {right}");
        }
    }

    #[test]
    fn instants_sort_by_time_before_and_after_1970() {
        let rising = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:58.9Z",
            "1969-12-31T23:59:59.1Z",
            "1969-12-31T23:59:59.9Z",
            "1970-01-01T00:00:00Z",
            "2026-01-01T00:30:00+01:00",
            "2026-01-01T00:00:00Z",
        ];
        let keys: Vec<_> = rising.iter().map(|text| encode_value(FieldType::Date, &json!(text))).collect();
        assert!(keys.is_sorted_by(|a, b| a.is_some() && a < b), "{keys:?}");
    }

    fn integer() -> impl Strategy<Value = i128> {
        prop_oneof![
            any::<i64>().prop_map(i128::from),
            any::<u64>().prop_map(i128::from),
            (0u32..64, -3i128..4, any::<bool>()).prop_map(|(shift, near, negative)| {
                let value = (1i128 << shift) + near;
                (if negative { -value } else { value }).max(i64::MIN.into())
            }),
        ]
    }

    fn number(integer: i128) -> Number {
        i64::try_from(integer).map_or_else(|_| u64::try_from(integer).expect("a u64").into(), Number::from)
    }

    /// The exact order of an integer and a float, by way of integers alone.
    fn compare(integer: i128, float: f64) -> Ordering {
        if float.abs() >= 2f64.powi(100) {
            return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
        }
        let floor = float.floor() as i128;
        integer.cmp(&floor).then(if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
    }

    proptest! {
        #[test]
        fn integers_keep_their_order_and_come_back(a in integer(), b in integer()) {
            prop_assert_eq!(NumberKey::of(&number(a)).cmp(&NumberKey::of(&number(b))), a.cmp(&b));
            prop_assert_eq!(NumberKey::of(&number(a)).to_number(), number(a));
        }

        #[test]
        fn floats_keep_their_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            let of = |float: f64| NumberKey::of(&Number::from_f64(float).expect("finite"));
            prop_assert_eq!(Some(of(a).cmp(&of(b))), a.partial_cmp(&b));
            prop_assert_eq!(NumberKey::of(&of(a).to_number()), of(a));
        }

        #[test]
        fn integers_and_floats_compare_exactly(a in integer(), near in -3.0f64..3.0) {
            let float = a as f64 + near;
            let key = NumberKey::of(&Number::from_f64(float).expect("finite"));
            prop_assert_eq!(NumberKey::of(&number(a)).cmp(&key), compare(a, float));
        }
    }
}
