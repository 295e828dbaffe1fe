//! That the limits fit each other: whoever changes one learns here what else it meets.

use super::*;

/// The most that one request weighs.
const HEAVIEST_JOB: usize = BATCH_TRANSACTIONS + BATCH_BYTES / CHECK_BYTES_A_WEIGHT;

const _: () = assert!(DAMAGED_MOST <= weft_tangle::limits::MENDED, "all that is known is asked for");

const _: () = {
    assert!(
        API_READERS + PAST_READERS + KNOWN_READERS + SCRAPES <= BLOCKING_THREADS / 2,
        "who reads leaves threads to others"
    );
    assert!(HTTP_HEAD_BYTES < HTTP_BUFFER_BYTES, "a whole head must fit in the buffer");
    assert!(HTTP_ANSWER_PIECE <= HTTP_BUFFER_BYTES, "a piece more than fits is all that is copied");
    assert!(HTTP_BUFFER_BYTES >= 8_192, "hyper refuses a smaller buffer");
    assert!(HTTP_HEAD_TIMEOUT.as_millis() <= HTTP_IDLE_TIMEOUT.as_millis());
    assert!(HTTP_BODY_STALL.as_millis() <= HTTP_BODY_TIMEOUT.as_millis());
    assert!(
        HTTP_BODY_TIMEOUT.as_millis() < HTTP_ANSWER_TIMEOUT.as_millis(),
        "a slow body is told so, not cut"
    );
    assert!(
        HTTP_DRAIN.as_millis() + HTTP_DROP_GRACE.as_millis() + LAST_COMMIT.as_millis()
            <= STOP_WITHIN.as_millis(),
        "the last commit comes after the last request"
    );
    assert!(
        2 * EVENT_COMMENT.as_millis() < HTTP_UNACKNOWLEDGED.as_millis(),
        "a stream says something often enough to be missed"
    );
    assert!(HTTP_ACCEPT_BACKOFF.as_millis() < HTTP_ACCEPT_BACKOFF_MOST.as_millis());
    // Buffers of all connections together stay below 128 MiB.
    assert!(2 * HTTP_BUFFER_BYTES * HTTP_CONNECTIONS <= 128 * 1_024 * 1_024);
};

const _: () = {
    assert!(HEAVIEST_JOB <= CHECK_CONNECTION_WEIGHT, "every request can be let in");
    assert!(
        OWNER_WAITING + weft_tangle::limits::IN_FLIGHT + 2 * BATCH_TRANSACTIONS <= 24_000 / 8,
        "behind the fair queue a transaction waits an eighth of a second, on two cores that make 24,000 durable a second"
    );
    assert!(
        COMMIT_TRANSACTIONS * 2 <= weft_tangle::limits::IN_FLIGHT,
        "a commit fills up while the one before it is written"
    );
    assert!(CHECK_CONNECTION_WEIGHT <= CHECK_WEIGHT / 8, "no connection fills the whole");
    assert!(CHECK_CONNECTION_JOBS <= CHECK_JOBS / 8, "nor does one of small requests");
    assert!(
        BATCH_BYTES <= (HTTP_BODY_MEMORY - HTTP_SMALL_BODY_MEMORY) / 8,
        "a few large batches do not lock out everybody else's"
    );
    assert!(SUBSCRIBERS <= HTTP_CONNECTIONS / 8, "whoever listens leaves room for sensors");
    assert!(RECOVERY_WAIT.as_millis() < RECOVERY_WAIT_MOST.as_millis());
    assert!(RECOVERY_WAIT_MOST.as_millis() < RECOVERY_STEADY.as_millis());
    assert!(REOPEN_READERS.as_millis() < HTTP_ANSWER_TIMEOUT.as_millis(), "who reads meanwhile is answered");
    assert!(READINGS_BYTES <= HTTP_ANSWER_MEMORY / 32, "a few large pages do not lock out everybody else's");
};
