//! Numbers of the specification are those of the code: each sentence below stands on its page with the constants in it.

use super::text;
use weft::gossip::limits as shell;
use weft::limits as node;
use weft::senml;
use weft_tangle::gossip::Fault;
use weft_tangle::limits as ledger;

/// A page, words of it with `{}` for each number, and the numbers.
type Sentence = (&'static str, &'static str, Vec<u64>);

/// Numbers of any of the types that bounds have.
macro_rules! numbers {
    ($($number:expr),* $(,)?) => { vec![$($number as u64),*] };
}

/// A number as the pages write it: `1,024`.
fn written(number: u64) -> String {
    let digits = number.to_string();
    let places = digits.char_indices();
    places.fold(String::new(), |mut text, (at, digit)| {
        let is_thousand = at > 0 && (digits.len() - at).is_multiple_of(3);
        text.extend(is_thousand.then_some(','));
        text.push(digit);
        text
    })
}

/// Text in one line, so that words are found wherever lines break.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words with their numbers, where the page does not have them.
fn missing(page: &str, words: &str, numbers: &[u64]) -> Option<String> {
    assert_eq!(words.matches("{}").count(), numbers.len(), "{words}");
    let filled =
        numbers.iter().fold(words.to_owned(), |text, number| text.replacen("{}", &written(*number), 1));
    (!in_one_line(page).contains(&filled)).then_some(filled)
}

fn transactions_and_tips() -> Vec<Sentence> {
    vec![
        (
            "03-transaction",
            "length {} to {};",
            numbers![ledger::TRANSACTION_MIN_BYTES, ledger::TRANSACTION_MAX_BYTES],
        ),
        (
            "03-transaction",
            "at most {} ms ahead of the node's clock, at most {} ms behind it",
            numbers![ledger::AHEAD_MS, ledger::DOOR_BEHIND_MS],
        ),
        ("04-bodies", "witness parents, 0 to {}", numbers![ledger::COMMITTEE]),
        ("04-bodies", "sweeps, 0 to {}", numbers![ledger::SWEEPS]),
        ("04-bodies", "an array of 1 to {} records", numbers![weft::content::MAX_READING_RECORDS]),
        (
            "04-bodies",
            "A record has at most {} fields, a label {} bytes",
            numbers![senml::limits::MAX_FIELDS, senml::limits::MAX_LABEL_BYTES],
        ),
        ("04-bodies", "with values nested {} deep at most", numbers![senml::limits::MAX_NESTING]),
        ("06-network-file", "1 to {} bytes of UTF-8", numbers![ledger::NETWORK_NAME_BYTES]),
        ("06-network-file", "0 to {} bits; default 10", numbers![ledger::DIFFICULTY_BASE_BITS]),
        ("06-network-file", "1 to {}; default 500", numbers![ledger::PACE_MS]),
        ("06-network-file", "0 to {} tables", numbers![ledger::REGISTRARS]),
        ("06-network-file", "1 to {} tables", numbers![ledger::COMMITTEE]),
        ("08-tips-and-tickets", "up to {} pairs", numbers![ledger::TICKET_PAIRS]),
        ("08-tips-and-tickets", "of {} tips drawn at random", numbers![ledger::TIP_SAMPLE]),
        ("08-tips-and-tickets", "(the last {})", numbers![ledger::TIP_RESERVE]),
        ("08-tips-and-tickets", "The pool holds {} tips", numbers![ledger::TIP_POOL]),
        (
            "08-tips-and-tickets",
            "(the last {} to {} ids that it handed out",
            numbers![ledger::HANDED_OUT / 2, ledger::HANDED_OUT],
        ),
        ("08-tips-and-tickets", "at most {} ms, else 422 `parents`", numbers![ledger::DOOR_PARENT_AGE_MS]),
    ]
}

fn http() -> Vec<Sentence> {
    let page = "09-http";
    let seconds = |time: std::time::Duration| time.as_secs();
    vec![
        (page, "| connections at once | {};", numbers![node::HTTP_CONNECTIONS]),
        (page, "| {} bytes, {} fields;", numbers![node::HTTP_HEAD_BYTES, node::HTTP_HEADERS]),
        (page, "| {} s of connecting", numbers![seconds(node::HTTP_HEAD_TIMEOUT)]),
        (
            page,
            "| {} s of the head, with no pause of {} s",
            numbers![seconds(node::HTTP_BODY_TIMEOUT), seconds(node::HTTP_BODY_STALL)],
        ),
        (page, "| {} s of the head, else 503", numbers![seconds(node::HTTP_ANSWER_TIMEOUT)]),
        (
            page,
            "| {} bytes of an answer in {} s,",
            numbers![node::HTTP_WRITE_PROGRESS, seconds(node::HTTP_WRITE_STALL)],
        ),
        (page, "between requests at most | {} s |", numbers![seconds(node::HTTP_IDLE_TIMEOUT)]),
        (
            page,
            "all request bodies in memory | {} MiB, of which batches longer than {} bytes",
            numbers![node::HTTP_BODY_MEMORY >> 20, node::HTTP_SMALL_BODY],
        ),
        (
            page,
            "{} requests; by weight, one for each transaction and one for each {} bytes of the request, {};",
            numbers![node::CHECK_JOBS, node::CHECK_BYTES_A_WEIGHT, node::CHECK_WEIGHT],
        ),
        (
            page,
            "one connection {} requests and a weight of {};",
            numbers![node::CHECK_CONNECTION_JOBS, node::CHECK_CONNECTION_WEIGHT],
        ),
        (page, "of the network, in memory | {} MiB;", numbers![node::HTTP_ANSWER_MEMORY >> 20]),
        (
            page,
            "the cores of the machine, {} at least, {} at most;",
            numbers![node::API_READERS, node::BLOCKING_THREADS / 2],
        ),
        (page, "metrics {};", numbers![node::SCRAPES]),
        (page, "what it was sent within | {} s |", numbers![seconds(node::HTTP_UNACKNOWLEDGED)]),
        (page, "acknowledges nothing for {} s", numbers![seconds(node::HTTP_UNACKNOWLEDGED)]),
        (page, "streams of events at once | {};", numbers![node::SUBSCRIBERS]),
        (page, "one transaction | {} bytes", numbers![ledger::TRANSACTION_MAX_BYTES]),
        (page, "a batch | {} transactions, {} bytes", numbers![node::BATCH_TRANSACTIONS, node::BATCH_BYTES]),
        (
            page,
            "for {} s, then closes; at most {} s in all",
            numbers![seconds(node::HTTP_DRAIN), seconds(node::STOP_WITHIN)],
        ),
        (page, "`count` is 1 to {}, default 1", numbers![ledger::TICKET_PAIRS]),
        (page, "1 to {}, default {} |", numbers![node::COMMITS_MOST, node::COMMITS_DEFAULT]),
        (page, "a page: 1 to {}, default {}", numbers![node::READINGS_MOST, node::READINGS_DEFAULT]),
        (page, "brings it to {} records", numbers![node::READINGS_RECORDS]),
        (page, "one comes after {} s without an event", numbers![seconds(node::EVENT_COMMENT)]),
        (page, "when more than {} things wait for it", numbers![node::EVENTS_WAITING]),
        (page, "the first {} by id", numbers![node::DEVICE_ROWS]),
        (page, "the newest {} epochs", numbers![node::DEVICE_EPOCHS]),
        (page, "at most {} gaps each", numbers![node::DEVICE_GAPS]),
        (page, "looking ends at {} transactions", numbers![node::DEVICE_COUNTER_ROWS]),
    ]
}

fn storage_and_files() -> Vec<Sentence> {
    let [storage, files] = ["11-storage", "12-device-files"];
    vec![
        (storage, "has {} MiB free and", numbers![node::STORE_RESERVE_BYTES >> 20]),
        (storage, "{} bytes.", numbers![node::STORE_RESUME_BYTES]),
        (storage, "| {} | the write-ahead log", numbers![node::STORE_LOG_BYTES]),
        (storage, "the newest {} rows", numbers![ledger::WINDOW]),
        (storage, "scrub_kib` ({} KiB a second", numbers![node::SCRUB_DEFAULT_KIB]),
        (storage, "remembered, at most {};", numbers![node::DAMAGED_MOST]),
        (storage, "reads {} MiB from a snapshot", numbers![node::COPY_SLICE_BYTES >> 20]),
        (files, "connected at once, 1 to {} | {} |", numbers![shell::PEERS_MOST, shell::PEERS_DEFAULT]),
        (
            files,
            "sent to one peer, {} to {} |",
            numbers![shell::BANDWIDTH_LEAST_KIB, shell::BANDWIDTH_MOST_KIB],
        ),
        (files, "cache, 1 to {} | {} |", numbers![node::CACHE_MOST_MIB, node::CACHE_DEFAULT_MIB]),
        (
            files,
            "(page 11), 0 to {}; 0 is none | {} |",
            numbers![node::SCRUB_MOST_KIB, node::SCRUB_DEFAULT_KIB],
        ),
        (files, "N is 1 to {}.", numbers![ledger::COMMITTEE]),
    ]
}

fn gossip() -> Vec<Sentence> {
    let page = "14-gossip";
    let mut sentences = vec![
        (page, "one message, not `Done` | {} bytes", numbers![ledger::MESSAGE_BYTES]),
        (page, ", then transactions | {} bytes", numbers![ledger::FRAME_BYTES]),
        (page, "(2, big-endian; 1 to {})", numbers![ledger::TRANSACTION_MAX_BYTES]),
        (page, "checkpoints: list (at most {})", numbers![ledger::CHECKPOINTS]),
        (page, "runs: list (at most {}), 1 to {}", numbers![ledger::LOG_ENTRIES, ledger::LOG_ENTRIES]),
        (page, "ranges: list (at most {})", numbers![ledger::WANT_RANGES]),
        (page, "1 to {} transactions in all", numbers![ledger::WANT_IDS]),
        (page, "has answered none of {} requests", numbers![ledger::REQUESTS_PER_PEER]),
        (page, "the {} bytes go that are left of it", numbers![ledger::BODY_OFFSET]),
        (page, "was asked in vain {} times", numbers![ledger::SILENT_TIMES]),
        (page, "there were {} rounds in which", numbers![ledger::ERASED_ROUNDS]),
        (page, "each in turn, for at most {},", numbers![ledger::MEND_IDS]),
        (page, "within {} s of the request before.", numbers![ledger::MEND_MS / 1_000]),
        (page, "not answered {} requests", numbers![ledger::REQUESTS_PER_PEER / 2]),
        (page, "begins anew, after {} s,", numbers![2 * ledger::MEND_MS / 1_000]),
        (page, "up to {} minutes, until", numbers![ledger::MEND_LONGEST_MS / 60_000]),
        (page, "newest first, and credit {}.", numbers![ledger::TAIL_CREDIT]),
        (page, "the last {} are kept.", numbers![ledger::LIVES]),
        (page, "after {} entries, or {} ms.", numbers![ledger::ACK_ENTRIES, ledger::ACK_MS]),
        (
            page,
            "after {} entries or {} s, and when",
            numbers![ledger::REMEMBER_ENTRIES, ledger::REMEMBER_MS / 1_000],
        ),
        (page, "batches of {} ms, or {} entries", numbers![ledger::LOG_BATCH_MS, ledger::LOG_ENTRIES]),
        (page, "at most {} ms, so that it can say `yours`", numbers![ledger::LOG_HOLD_MS]),
        (
            page,
            "more than {} entries behind (until it is {} behind)",
            numbers![ledger::LAGGING, ledger::CAUGHT_UP],
        ),
        (page, "is not there after {} ms is asked for with *graft*", numbers![ledger::REPAIR_MS]),
        (page, "at once when the log is {} entries", numbers![ledger::LIVE_ENTRIES]),
        (page, "is asked for after {} ms, first", numbers![ledger::REFERENCE_MS]),
        (
            page,
            "came from it for {} s, or not all for {} s",
            numbers![ledger::ANSWER_MS / 1_000, ledger::ANSWER_LONGEST_MS / 1_000],
        ),
        (
            page,
            "At most {} requests to a peer are unanswered, and {} transactions; {} over all",
            numbers![ledger::REQUESTS_PER_PEER, ledger::ASKED_PER_PEER, ledger::ASKED],
        ),
        (page, "up to {} s, and at once when", numbers![ledger::WITHHELD_MS / 1_000]),
        (page, "is given up after {} s", numbers![ledger::PENDING_MS / 1_000]),
        (
            page,
            "At {} the connection ends and the device is not let in for {} minutes",
            numbers![ledger::FAULT_POINTS, ledger::BAN_MS / 60_000],
        ),
        (page, "again for every {} of that", numbers![ledger::ORPHANS_PER_FAULT]),
        (page, "| peers | {} |", numbers![ledger::PEERS]),
        (page, "told and not settled | {} |", numbers![ledger::TAIL_CREDIT]),
        (page, "remembered by their place | {} a peer |", numbers![ledger::NAMES]),
        (page, "own log in memory | {} |", numbers![ledger::LOG_RECENT]),
        (page, "missing references looked for | {} |", numbers![ledger::REFERENCES]),
        (page, "waits for | {} of what a peer sent |", numbers![ledger::OTHERS_PER_SOURCE]),
        (page, "transactions that wait for something | {}, of one peer {} |", {
            numbers![ledger::PENDING, ledger::PENDING_PER_SOURCE]
        }),
        (page, "trees that a link carries beside the own one | {} |", numbers![ledger::TREES]),
        (page, "its clock leaps beyond {} s between", numbers![ledger::LEAP_MS / 1_000]),
        (page, "pushed transactions remembered | {} |", numbers![ledger::PUSHED]),
        (page, "refused for good | {} |", numbers![ledger::REFUSED_IDS]),
        (page, "bans remembered | {} |", numbers![ledger::BANS]),
    ];
    let rows = ["message", "log", "budget", "transaction", "work", "signature", "undelivered", "unasked"];
    assert_eq!(rows.map(Some), Fault::ALL.map(|fault| Some(fault.name())), "a fault that has no row here");
    let words = [
        "| `message` | {} |",
        "| `log` | {} |",
        "| `budget` | {} |",
        "| `transaction` | {} |",
        "| `work` | {} |",
        "| `signature` | {} |",
        "| `undelivered` | {} |",
        "| `unasked` | {} |",
    ];
    sentences
        .extend(words.iter().zip(Fault::ALL).map(|(words, fault)| (page, *words, numbers![fault.points()])));
    sentences
}

fn transport_and_finality() -> Vec<Sentence> {
    let [page, finality] = ["15-transport", "17-finality"];
    let seconds = |time: std::time::Duration| time.as_secs();
    vec![
        (
            page,
            "{} s for the key exchange and for each message, {} s from",
            numbers![seconds(shell::HANDSHAKE_STEP_TIMEOUT), seconds(shell::HANDSHAKE_TIMEOUT)],
        ),
        (page, "{} at once, {} from one address", numbers![shell::HANDSHAKES, shell::HANDSHAKES_PER_ADDRESS]),
        (
            page,
            "{} a second and {} from one address, with bursts of {} and {};",
            numbers![
                shell::HANDSHAKE_RATE,
                shell::HANDSHAKE_RATE_PER_ADDRESS,
                shell::HANDSHAKE_BURST,
                shell::HANDSHAKE_BURST_PER_ADDRESS
            ],
        ),
        (page, "a window of {} KiB", numbers![shell::STRANGER_WINDOW >> 10]),
        (page, "behind the proofs | {} | first", numbers![shell::CONTROL_FRAME_BYTES]),
        (page, "first byte is 1 | {} | second", numbers![shell::LIVE_FRAME_BYTES]),
        (page, "first byte is 2 | {} | third", numbers![shell::BULK_FRAME_BYTES]),
        (page, "must bring {} bytes a minute", numbers![shell::STALL_PROGRESS]),
        (
            page,
            "{} MiB a stream, {} MiB in all",
            numbers![shell::STREAM_WINDOW >> 20, shell::RECEIVE_WINDOW >> 20],
        ),
        (
            page,
            "Idle timeout {} s, a sign of life every {} s",
            numbers![seconds(shell::IDLE_TIMEOUT), seconds(shell::KEEP_ALIVE)],
        ),
        (page, "resolved within {} s", numbers![seconds(shell::RESOLVE_TIMEOUT)]),
        (page, "held for {} s begins anew", numbers![seconds(shell::DIAL_STABLE)]),
        (page, "Waits grow up to {} s for a member", numbers![seconds(shell::DIAL_BACKOFF_NEAR)]),
        (page, "fewer than {} peers are connected", numbers![shell::PEERS_FEW]),
        (page, "else up to {} s.", numbers![seconds(shell::DIAL_BACKOFF_MOST)]),
        (finality, "whose index is divisible by {},", numbers![ledger::ROTATION_COMMITS]),
        (finality, "in (R - {}, R]", numbers![ledger::ACTIVE_ROUNDS]),
        (finality, "At most {} make a commit", numbers![ledger::COMMIT_TRANSACTIONS]),
        (finality, "transactions delivered, 1 to {}", numbers![ledger::COMMIT_TRANSACTIONS]),
        (finality, "more than {} rounds behind", numbers![ledger::JUMP_ROUNDS]),
        (
            finality,
            "for each n transactions attached that are no witnesses; {} can be saved",
            numbers![ledger::ROUNDS_SAVED],
        ),
        (finality, "then from each the next, up to {}", numbers![ledger::SWEEPS]),
    ]
}

#[test]
fn bounds_stand_in_the_specification() {
    let all = [transactions_and_tips(), http(), storage_and_files(), gossip(), transport_and_finality()];
    let mut faults = Vec::new();
    for (page, words, numbers) in all.iter().flatten() {
        let page = format!("spec/{page}.md");
        faults.extend(
            missing(&text(&page), words, numbers).map(|filled| format!("{page} does not say: {filled}")),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Fields of a source's structs `…Layer`, as they are written: `data`, `[api] listen`.
fn fields(source: &str) -> Vec<String> {
    let mut table = String::new();
    let mut fields = Vec::new();
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix("Layer {")) {
            table = name.to_lowercase();
        } else if let Some((name, _)) =
            line.strip_prefix("    pub ").and_then(|rest| rest.split_once(": Option<"))
        {
            fields.push(if table.is_empty() { name.to_owned() } else { format!("[{table}] {name}") });
        }
    }
    fields
}

#[test]
fn every_field_of_the_configuration_stands_in_the_specification_and_the_readme() {
    let fields = fields(&text("src/config/layer.rs"));
    assert!(
        fields.iter().any(|field| field == "[gossip] listen"),
        "fields are written otherwise: {fields:?}"
    );
    for (page, begins) in
        [("spec/12-device-files.md", "The configuration;"), ("README.md", "| file | variable |")]
    {
        let page_text = text(page);
        let (_, table) = page_text.split_once(begins).expect("the page has a table of the configuration");
        // The table ends at the first blank line behind its rows.
        let rows = table
            .lines()
            .skip_while(|line| !line.starts_with("| `"))
            .take_while(|line| line.starts_with('|'));
        let named: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let mut expected: Vec<&str> = fields.iter().map(String::as_str).collect();
        let mut found = named.clone();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{page}");
    }
}

#[test]
fn a_wrong_number_is_seen() {
    let page = "Waits end after 2,048 s\nat the latest.";
    assert_eq!(missing(page, "after {} s at the latest", &[2_048]), None);
    assert_eq!(missing(page, "after {} s at", &[4_096]).as_deref(), Some("after 4,096 s at"));
    assert_eq!([7, 1_024, 16_777_216].map(written), ["7", "1,024", "16,777,216"]);
    let source = "pub struct Layer {\n    pub data: Option<PathBuf>,\n    pub api: ApiLayer,\n}\n\
                  pub struct ApiLayer {\n    pub listen: Option<String>,\n}\n";
    assert_eq!(fields(source), ["data", "[api] listen"]);
}
