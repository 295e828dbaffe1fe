//! Rows of `issued` that are written, and those that wait, as one sequence.

use super::Issued;
use crate::store::StoreError;
use crate::store::layout::DeviceKey;
use std::cmp::Ordering;

/// Two ascending sequences of rows as one. What is in both comes once: rows that wait here may have been written since.
pub(in crate::store) fn merge(
    written: impl Iterator<Item = Result<(DeviceKey, Issued), StoreError>>,
    waiting: Vec<(DeviceKey, Issued)>,
) -> impl Iterator<Item = Result<(DeviceKey, Issued), StoreError>> {
    let (mut written, mut waiting) = (written.peekable(), waiting.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (written.peek(), waiting.peek()) {
            (Some(Ok((old, _))), Some((new, _))) => old.cmp(new),
            (None, Some(_)) => Ordering::Greater,
            (Some(_), _) => Ordering::Less,
            (None, None) => return None,
        };
        match order {
            Ordering::Less => written.next(),
            Ordering::Greater => waiting.next().map(Ok),
            Ordering::Equal => {
                waiting.next();
                written.next()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::TxId;

    fn row(number: u8) -> (DeviceKey, Issued) {
        ([number; 72], [number; 5])
    }

    fn merged(written: &[u8], waiting: &[u8]) -> Vec<u8> {
        let written = written.iter().map(|number| Ok(row(*number)));
        let waiting = waiting.iter().map(|number| row(*number)).collect();
        merge(written, waiting).map(|row| row.unwrap().0[0]).collect()
    }

    #[test]
    fn two_sequences_are_one_and_what_is_in_both_comes_once() {
        assert!(merged(&[], &[]).is_empty());
        assert_eq!(merged(&[1, 4], &[]), [1, 4]);
        assert_eq!(merged(&[], &[2, 3]), [2, 3]);
        assert_eq!(merged(&[1, 2, 5], &[2, 3, 5, 6]), [1, 2, 3, 5, 6]);
        assert_eq!(merged(&[7], &[1, 2]), [1, 2, 7]);
    }

    #[test]
    fn an_error_among_what_is_written_is_told() {
        let written = [Err(StoreError::Twice(TxId::from_bytes([0; 40]))), Ok(row(3))];
        let mut rows = merge(written.into_iter(), vec![row(1)]);
        assert!(rows.next().unwrap().is_err());
        assert_eq!(rows.map(|row| row.unwrap().0[0]).collect::<Vec<_>>(), [1, 3]);
    }
}
