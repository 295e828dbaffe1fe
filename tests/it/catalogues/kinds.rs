//! What pages 03 and 05 say of the kinds is what the code does with them.

use super::text;
use weft_tangle::Kind;

/// What the last column of page 03's table must say of a kind.
fn at_the_door(byte: u8) -> &'static str {
    let Ok(kind) = Kind::from_byte(byte) else { return "`malformed`" };
    let is_taken = kind.is_at_work() && kind.is_for_the_door();
    match (is_taken, kind.is_for_the_door(), kind.is_control()) {
        (true, _, true) => "taken; control",
        (true, _, false) if byte >= 128 => "taken, carried, never interpreted",
        (true, _, false) => "taken",
        (_, false, true) => "`kind-not-at-door`; control",
        (_, false, false) => "`kind-not-at-door`",
        (_, true, true) => "`kind-not-yet`; control",
        (_, true, false) => "`kind-not-yet`",
    }
}

/// The bytes of a row's first column: `7`, `12 to 127`.
fn bytes(column: &str) -> std::ops::RangeInclusive<u8> {
    let (first, last) = column.split_once(" to ").unwrap_or((column, column));
    let number = |text: &str| text.trim().parse().expect("the first column has numbers");
    number(first)..=number(last)
}

/// Numbers as a sentence has them: `4, 5 and 8 to 11`.
fn in_words(numbers: &[u8]) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let words = runs.iter().flat_map(|(first, last)| match last - first {
        0 => vec![first.to_string()],
        1 => vec![first.to_string(), last.to_string()],
        _ => vec![format!("{first} to {last}")],
    });
    let words: Vec<String> = words.collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => words.concat(),
    }
}

#[test]
fn the_kinds_are_those_that_the_pages_say() {
    let page = text("spec/03-transaction.md");
    let (_, table) =
        page.split_once("| kind | name | content format | at the door |").expect("a table of kinds");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut next = 0;
    for row in rows {
        let columns: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        for byte in bytes(columns[0]) {
            assert_eq!(byte, next, "{row}");
            next = next.saturating_add(1);
            let name = Kind::from_byte(byte).map_or("reserved".into(), |kind| format!("`{}`", kind.name()));
            assert_eq!((columns[1], columns[3]), (&name[..], at_the_door(byte)), "kind {byte}");
        }
    }
    assert_eq!(next, 255, "every byte has a row");

    let later: Vec<u8> =
        (0..=255).filter(|byte| Kind::from_byte(*byte).is_ok_and(|kind| !kind.is_at_work())).collect();
    let sentence = format!("Kinds {} are not at work yet", in_words(&later));
    assert!(text("spec/05-roles.md").contains(&sentence), "page 05 does not say: {sentence}");
    assert_eq!(in_words(&[3, 4, 5, 8, 9, 11]), "3 to 5, 8, 9 and 11");
}
