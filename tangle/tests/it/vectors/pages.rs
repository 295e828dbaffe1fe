//! The worked examples of the pages are taken from the vectors, and stay so.

use super::spec;

const PAGES: [&str; 9] = [
    "01-identifiers.md",
    "02-hashing-and-signing.md",
    "03-transaction.md",
    "04-bodies.md",
    "06-network-file.md",
    "07-proof-of-work.md",
    "08-tips-and-tickets.md",
    "09-http.md",
    "17-finality.md",
];

/// From this length on a word of base32hex, hexadecimal included, is an example and not prose.
const EXAMPLE_LENGTH: usize = 28;

#[test]
fn examples_stand_in_the_vectors() {
    let files = [
        "finality",
        "hashing",
        "headers",
        "identifiers",
        "keys",
        "networks",
        "pow",
        "ticket",
        "transactions",
    ];
    let vectors: String = files.map(|name| spec(&format!("vectors/{name}.json"))).concat();
    let mut examples = 0;
    for page in PAGES {
        let text = spec(page);
        let is_example = |word: &&str| {
            word.len() >= EXAMPLE_LENGTH && word.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'v'))
        };
        for word in text.split_whitespace().filter(is_example) {
            assert!(vectors.contains(word), "{page} shows {word}, which is in no vector");
            examples += 1;
        }
    }
    assert!(examples >= 20, "only {examples} examples were found");
}
