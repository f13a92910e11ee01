//! Whole numbers of a JSON body.

use std::ops::RangeInclusive;

use tenant_core::Reader;

/// Reads a whole number that may be absent; one outside the range is a fault.
pub(crate) fn integer(reader: &mut Reader<'_>, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
    let value = reader.get(name)?;
    match value.as_u64().filter(|number| range.contains(number)) {
        Some(number) => Some(number),
        None => {
            let (from, to) = range.into_inner();
            reader.fault(name, "int_type", format!("Input should be a whole number from {from} to {to}"));
            None
        }
    }
}
