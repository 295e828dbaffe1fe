//! The bounds on what a SenML pack may make its reader do. Each is checked before memory is spent.

/// Bytes of an encoded pack. A reading's content is bounded far below by the transaction's body; a page of
/// readings that a client reads back is not.
pub const MAX_PACK_BYTES: usize = 4 << 20;

/// Records in a pack. A base name makes a record of three bytes cost a whole name when it is resolved.
pub const MAX_RECORDS: usize = 16_384;

/// Bytes of a full name, and of a base name, which is its beginning.
pub const MAX_NAME_BYTES: usize = 255;

/// Bytes of a unit; the longest in the registry has fewer than twenty.
pub const MAX_UNIT_BYTES: usize = 64;

/// Bytes of a string or data value.
pub const MAX_VALUE_BYTES: usize = 16_384;

/// Fields in a record: fifteen are defined, the rest are extensions that are skipped.
pub const MAX_FIELDS: usize = 32;

/// Bytes of a label; extensions are registered with short ones.
pub const MAX_LABEL_BYTES: usize = 64;

/// Arrays, maps and tags around each other inside an extension's value, which is skipped.
pub const MAX_NESTING: usize = 16;

/// The largest distance from the epoch, in microseconds: 2^32 s, in the year 2106. Up to there a double of seconds,
/// which is what both encodings carry, still tells neighbouring microseconds apart; beyond it, not always.
pub const MAX_TIME_MICROSECONDS: i64 = (1 << 32) * 1_000_000;

/// The exponents of a CBOR decimal fraction that can matter to a double; others are refused, not computed.
pub const MAX_DECIMAL_EXPONENT: i64 = 400;

const _: () = assert!(MAX_VALUE_BYTES < MAX_PACK_BYTES);
const _: () = assert!(MAX_RECORDS * 3 < MAX_PACK_BYTES, "the record count, not the length, is what binds");
