//! Every bound of the node, by name, with the reason beside it.
//!
//! Whatever a client or peer can make longer, later or more has its limit here. Limits that depend on each
//! other are held together by the assertions in `src/limits/fit.rs`, which the compiler checks.

mod fit;

use std::time::Duration;

/// Threads for work that blocks (files, the database). Enough to overlap slow disks, few enough that their
/// stacks do not count.
pub const BLOCKING_THREADS: usize = 32;

/// Answers of the API that are read from the store at once, at least; on many cores half as many as there are. Who reads
/// gets a share of cores and disk beside checkers, owner and writer, however many ask.
pub const API_READERS: usize = 2;
/// Pages of old events that are read at once: streams from the very beginning read without an end.
pub const PAST_READERS: usize = 1;
/// Answers at once that say what became of transactions which were known before they came.
pub const KNOWN_READERS: usize = 2;
/// Scrapes of the metrics at once.
pub const SCRAPES: usize = 2;
/// HTTP connections at once. More are closed as soon as they are accepted, and counted.
pub const HTTP_CONNECTIONS: usize = 1_024;
/// From connecting, or from the first byte of a later request, to the end of the request's head. Slow heads
/// are the cheapest way to hold a connection.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a kept-alive connection may rest between requests. Longer than clients keep connections in their
/// pools (15 s is usual), so that it is they who close and no request meets a closing door.
pub const HTTP_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// From the end of the head to the end of the body. The largest batch needs 2.5 Mbit/s for it.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest pause within a body.
pub const HTTP_BODY_STALL: Duration = Duration::from_secs(5);
/// From the end of the head to the beginning of the answer. A handler that takes longer waits for something
/// that is overloaded.
pub const HTTP_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that leaves bytes of an answer unread must take [`HTTP_WRITE_PROGRESS`] of them in this time.
pub const HTTP_WRITE_STALL: Duration = Duration::from_secs(30);
/// A client whose machine acknowledges nothing for so long is gone, though it never said so: one on a mobile network that
/// has another address by now would else keep its connection, and its seat among the streams, for a quarter of an hour.
pub const HTTP_UNACKNOWLEDGED: Duration = Duration::from_secs(45);
/// Bytes that a slow reader must take per [`HTTP_WRITE_STALL`]: 546 bytes a second, slower than any modem.
pub const HTTP_WRITE_PROGRESS: usize = 16 * 1_024;
/// Bytes of a request's head, request line included.
pub const HTTP_HEAD_BYTES: usize = 16 * 1_024;
/// Header fields of a request. Browsers send about 20.
pub const HTTP_HEADERS: usize = 64;
/// hyper's buffer each way, for each connection.
pub const HTTP_BUFFER_BYTES: usize = 32 * 1_024;
/// Bytes of all request bodies in memory at once. Without it every connection could hold one of the largest.
pub const HTTP_BODY_MEMORY: usize = 64 * 1_024 * 1_024;
/// A request body of at most this many bytes is small: a transaction by itself.
pub const HTTP_SMALL_BODY: usize = weft_tangle::limits::TRANSACTION_MAX_BYTES;
/// The part of [`HTTP_BODY_MEMORY`] that only small bodies may take: one for each connection. A dozen of the largest
/// batches would else lock out everybody.
pub const HTTP_SMALL_BODY_MEMORY: usize = HTTP_CONNECTIONS * HTTP_SMALL_BODY;
/// Bytes of all long answers in memory at once. A page of readings has megabytes, and a client that asks for it on
/// every connection and reads none would take gigabytes.
pub const HTTP_ANSWER_MEMORY: usize = 64 * 1_024 * 1_024;
/// Bytes of an answer that are handed to hyper at a time.
pub const HTTP_ANSWER_PIECE: usize = 16 * 1_024;
/// A stream without an event for so long gets a comment: proxies and NATs forget a silent connection after a minute.
pub const EVENT_COMMENT: Duration = Duration::from_secs(15);
/// Events that have happened meanwhile are written together until they have so many bytes.
pub const EVENT_TEXT_BYTES: usize = HTTP_ANSWER_PIECE;
/// Final events that a stream reads from disk at a time.
pub const EVENT_PAGE: usize = 256;
/// How long requests in flight may go on once the node is told to stop.
pub const HTTP_DRAIN: Duration = Duration::from_secs(3);
/// How long dropping the connections that did not end in time may take.
pub const HTTP_DROP_GRACE: Duration = Duration::from_millis(500);
/// How long a connection that the server ends is read from, so that the client gets the answer before a reset.
pub const HTTP_LINGER: Duration = Duration::from_secs(1);
/// How many bytes are read and thrown away in that time.
pub const HTTP_LINGER_BYTES: usize = 256 * 1_024;
/// The first wait after accept() failed for want of descriptors or memory; it doubles with each failure.
pub const HTTP_ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// The longest such wait.
pub const HTTP_ACCEPT_BACKOFF_MOST: Duration = Duration::from_secs(1);
/// The process ends within this time after SIGINT or SIGTERM, whatever clients do.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Requests whose transactions wait for a checker: one for each connection, so that it is weight that runs out.
pub const CHECK_JOBS: usize = HTTP_CONNECTIONS;
/// What they may weigh in all: a large batch of each of 32 clients. Only who floods waits so long.
pub const CHECK_WEIGHT: usize = 32_768;
/// Bytes that weigh as much as a transaction by itself. Hashing them takes half as long as its signature check.
pub const CHECK_BYTES_A_WEIGHT: usize = 8_192;
/// Requests of one connection that wait in one line. HTTP/1.1 brings one after the other.
pub const CHECK_CONNECTION_JOBS: usize = 16;
/// What they may weigh.
pub const CHECK_CONNECTION_WEIGHT: usize = 4_096;
/// How long a checker waits for another one's verdict on the same signature before it checks by itself. A check takes
/// 25 us; so long takes one whose thread the system has put aside.
pub const VERDICT_WAIT: Duration = Duration::from_secs(1);
/// Transactions that a checker hands on together when as many wait, at most that and one job: the owner is woken once for
/// half a millisecond of checking.
pub const CHECKED_TOGETHER: usize = 16;
/// Checked jobs that wait for the owner of the replica. Their bytes count against [`HTTP_BODY_MEMORY`] until then.
pub const OWNER_QUEUE: usize = OWNER_WAITING;
/// Transactions of those jobs, or one job that has more. Enough to keep the owner busy; what is behind the fair queue is
/// first come, first served, so it must be short.
pub const OWNER_WAITING: usize = 256;
/// Jobs that the owner takes before it looks at what the writer says, and as many tickets.
pub const OWNER_PASS: usize = 256;
/// How long the owner listens to peers before it looks at the rest again: a few bytes of theirs can name hundreds of rows, and
/// what is behind them waits in their own allowance.
pub const OWNER_LISTENS: Duration = Duration::from_millis(5);
/// Transactions with the checkers that the next commit waits for, and at most the rest of a job besides: some milliseconds
/// of checking.
pub const COMMIT_AWAITS: u64 = 256;
/// Transactions in one commit: storage gains little beyond, and the first one waits for the last.
pub const COMMIT_TRANSACTIONS: usize = 1_024;
/// How long what only peers have sent waits for company before it is committed: nobody is answered when it is durable, and
/// a commit costs far more than a transaction more in it. What comes in at the door does not wait, and takes along what does.
pub const COMMIT_LINGERS: Duration = Duration::from_millis(5);
/// How long witnesses of others and cursors do, while there is nothing else: whether they are on disk, nobody asks.
pub const WITNESSES_LINGER: Duration = Duration::from_millis(25);
/// Bytes that stay free on the store's file system. redb refuses everything once a write has failed it, so the node stops
/// writing before: at this much and twice the bytes of the batch, for its rows are written once, the open row in front of
/// them again, and changed pages of the indexes to new places.
pub const STORE_RESERVE_BYTES: u64 = 16 << 20;
/// Bytes of the store's write-ahead log. So much the database takes later, at most, and reads again when the file is opened; the
/// longer it is, the more readings share a durable commit, and the longer one takes.
pub const STORE_LOG_BYTES: u64 = 2 << 20;
/// Bytes that must be free before a node that had stopped writing begins again: the largest commit, with all that the log
/// holds, so that it does not stop at the first one.
pub const STORE_RESUME_BYTES: u64 = STORE_RESERVE_BYTES
    + 2 * ((COMMIT_TRANSACTIONS * weft_tangle::limits::TRANSACTION_MAX_BYTES) as u64 + STORE_LOG_BYTES);
/// How long the store waits for its readers to leave before it is opened again; new ones wait that long too.
pub const REOPEN_READERS: Duration = Duration::from_millis(250);
/// How often it looks whether they have.
pub const REOPEN_POLL: Duration = Duration::from_millis(2);
/// How often who takes a snapshot looks again while a commit is seen in the database and not in the index.
pub const SNAPSHOT_LOOKS: usize = 1_000;
/// How often it looks behind that, with [`REOPEN_POLL`] between: whoever commits may have been kept from going on for a while.
pub const SNAPSHOT_PATIENCE: usize = 125;
/// The first wait of a read-only node before it tries to write again; it doubles with each failure.
pub const RECOVERY_WAIT: Duration = Duration::from_millis(250);
/// The longest such wait, and so how long room may be there before the node sees it.
pub const RECOVERY_WAIT_MOST: Duration = Duration::from_secs(5);
/// A node that wrote for this long begins anew with the shortest wait. One that fails again sooner goes on with longer
/// ones, or a disk with one bad spot would have it come and go four times a second.
pub const RECOVERY_STEADY: Duration = Duration::from_secs(60);
/// How often the owner looks for transactions whose time has come.
pub const OWNER_TICK: Duration = Duration::from_millis(200);
/// How soon the feeder tries again to hand in what found no room before the checkers. A peer's share of a line is some
/// hundred transactions, which take longer than this.
pub const FEEDER_RETRY: Duration = Duration::from_millis(2);
/// How long the feeder waits when nothing waits there.
pub const FEEDER_REST: Duration = Duration::from_secs(60);
/// Transactions to be checked again that wait for the feeder: all that can wait for an issuer.
pub const FEEDER_AGAIN: usize = weft_tangle::limits::PENDING;
/// Bytes of stored transactions in one frame of an answer.
pub const SERVED_BYTES: usize = weft_tangle::limits::FRAME_BYTES;
/// Commands that wait for who answers peers' requests: all requests there can be, and what peers' queues say.
pub const SERVE_QUEUE: usize = 2 * weft_tangle::limits::PEERS * (weft_tangle::limits::REQUESTS_PER_PEER + 2);
/// How often the addresses of fog nodes are looked at for changes.
pub const BOOK_LOOK: Duration = Duration::from_secs(1);
/// After so many looks all addresses are taken anew, for enrolments begin and end.
pub const BOOK_ANEW: u32 = 60;
/// Devices whose keys are held ready to verify: 1.5 KiB each.
pub const DIRECTORY_ENTRIES: usize = 16_384;
/// Enrolments that the door reads of one device. Whoever enrols a thousand times must not make each of its readings
/// cost a thousand reads; a device needs one, and another when it expires.
pub const DIRECTORY_ENROLMENTS: usize = 16;
/// Admitted fog nodes whose addresses are kept: some 400 bytes each. A registrar has admitted every one of them.
pub const PEER_DEVICES: usize = 1_024;
/// Enrolments that are kept of one fog node, for when the newest does not hold yet or no more.
pub const PEER_ENROLMENTS: usize = 4;
/// Enrolments that are read at once when all are looked through for fog nodes: 4 KiB each.
pub const PEER_SCAN: usize = 256;
/// Tickets that wait for the owner of the replica. They have a queue of their own: a sensor must come by parents
/// while everybody else's transactions wait for the disk.
pub const TICKET_QUEUE: usize = HTTP_CONNECTIONS;
/// Records of a file of stages: three for each of more than a million transactions, 196 MiB.
pub const STAGE_RECORDS: usize = 4_194_304;
/// Listeners to this node's events at once, each on a connection of its own.
pub const SUBSCRIBERS: usize = 64;
/// Things that have happened and wait for one listener: all that the commits on their way to disk can deliver, and half as
/// much again. That is 20 MiB, which all listeners share.
pub const EVENTS_WAITING: usize = 3 * weft_tangle::limits::COMMIT_TRANSACTIONS;
/// Transactions taken at the door whose time to final is measured at once. While nothing becomes final, others are not.
pub const DOOR_AWAITED: usize = 16_384;
/// How long the last commits may take once the API has stopped.
pub const LAST_COMMIT: Duration = Duration::from_secs(1);
/// Open files that the node asks the system for: its connections, the database and some air.
pub const FILE_DESCRIPTORS: u64 = 4_096;
/// Mebibytes of the database's cache unless the configuration says otherwise.
pub const CACHE_DEFAULT_MIB: usize = 64;
/// The largest cache that the configuration may ask for.
pub const CACHE_MOST_MIB: usize = 1_024;
/// Bytes of transactions that a backup reads from one snapshot, and writes in one commit: snapshots are held briefly, so
/// that the file of a node that works meanwhile does not grow.
pub const COPY_SLICE_BYTES: usize = 8 << 20;
/// Cursors that a backup takes along, which are read at once: of four times as many nodes as are known by their addresses. The
/// logs of the others are told from their beginning.
pub const COPIED_CURSORS: usize = 4_096;
/// How often a backup begins anew because something was erased while it was taken.
pub const COPY_ATTEMPTS: usize = 3;
/// How long the node's local socket waits for whoever speaks to it.
pub const ADMIN_PATIENCE: Duration = Duration::from_secs(30);
/// How often that socket looks whether somebody wants to speak, or the node to stop.
pub const ADMIN_LOOK: Duration = Duration::from_millis(50);
/// Bytes of a request at that socket.
pub const ADMIN_REQUEST_BYTES: usize = 4_096;
/// Rows that one commit looks through, with 800 positions each, for the first transaction that is not delivered. Where a
/// single one has waited for long, as many commits as there are such pieces find the next.
pub const SETTLED_ROWS: usize = 64;
/// Bodies that are erased in one commit: as many rows may have to be written again.
pub const ERASE_MOST: usize = 256;
/// Damaged transactions that are remembered, to be fetched again from peers. A disk that spoils more has to be replaced.
pub const DAMAGED_MOST: usize = 4_096;
/// KiB a second that the scrub reads unless the configuration says otherwise: 80 GB a day, and not noticed beside work.
pub const SCRUB_DEFAULT_KIB: u64 = 1_024;
/// The fastest scrub that the configuration may ask for.
pub const SCRUB_MOST_KIB: u64 = 1_048_576;
/// How long the scrub rests when there is nothing to read.
pub const SCRUB_REST: Duration = Duration::from_secs(60);
/// Positions that one thread of `weft db check` takes at a time: its results are kept until all before it are in.
pub const CHECK_CHUNK: u64 = 1_024;
/// Faults that a check describes; the others it counts.
pub const CHECK_FAULTS: usize = 1_000;
/// Devices whose keys one thread of a check holds ready.
pub const CHECK_ISSUERS: usize = 4_096;
/// How often a check writes down how far it is.
pub const CHECK_NOTE: Duration = Duration::from_secs(2);
/// Transactions in one batch: a checker is done with them in a hundredth of a second.
pub const BATCH_TRANSACTIONS: usize = 256;
/// Bytes of the largest batch.
pub const BATCH_BYTES: usize = BATCH_TRANSACTIONS * (4 + weft_tangle::limits::TRANSACTION_MAX_BYTES);
/// Commits in one page unless asked otherwise.
pub const COMMITS_DEFAULT: usize = 100;
/// Commits in one page at most.
pub const COMMITS_MOST: usize = 1_000;
/// Transactions of a commit in one page, unless fewer are asked for: some 100 bytes of JSON each.
pub const DELIVERED_MOST: usize = 1_000;
/// Readings, by transactions, in one page unless asked otherwise.
pub const READINGS_DEFAULT: usize = 100;
/// Readings, by transactions, in one page at most.
pub const READINGS_MOST: usize = 1_000;
/// A page ends behind the transaction that brings it to this many records.
pub const READINGS_RECORDS: usize = 10_000;
/// A page ends as well behind the transaction that brings it to this many bytes of content.
pub const READINGS_BYTES: usize = 1_024 * 1_024;
/// Enrolments, revocations and equivocations told of one device, each.
pub const DEVICE_ROWS: usize = 64;
/// Epochs told of one device.
pub const DEVICE_EPOCHS: usize = 16;
/// Gaps told of one epoch.
pub const DEVICE_GAPS: usize = 64;
/// Index rows read to tell of one device's counters.
pub const DEVICE_COUNTER_ROWS: usize = 65_536;
