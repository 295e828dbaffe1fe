//! Each reason not to take a transaction, with what a client is told of it. One that is new does not compile here before it
//! has a line.

use super::*;
use serde_json::{Value, json};
use weft_tangle::finality::Round;
use weft_tangle::{DeviceId, Kind as Kinds, Malformed, ParentsFault, Role, Timestamp, TxId};

/// Pattern and example of a reason, its status, its slug, and the members that a program may read.
macro_rules! table {
    ($($pattern:pat = $example:expr => $status:literal $slug:literal $members:tt,)+) => {
        /// Names each reason once, or this file does not compile.
        #[deny(unreachable_patterns)]
        fn line(fault: &Fault) -> &'static str {
            match fault { $($pattern => stringify!($pattern),)+ }
        }

        fn lines() -> Vec<(&'static str, Fault, u16, &'static str, Value)> {
            vec![$((stringify!($pattern), $example, $status, $slug, json!($members)),)+]
        }
    };
}

use Fault::Refused;

const ID: TxId = TxId::from_bytes([7; TxId::BYTES]);
const DEVICE: DeviceId = DeviceId::from_bytes([8; DeviceId::BYTES]);
const TIME: Timestamp = Timestamp::from_millis(9);

table! {
    Fault::UnsupportedContent(_) = Fault::UnsupportedContent("words".into()) => 415 "unsupported-media-type" {},
    Fault::Content(_) = Fault::Content("words".into()) => 422 "content" {},
    Fault::Overloaded = Fault::Overloaded => 503 "overloaded" {},
    Fault::Internal = Fault::Internal => 500 "internal" {},
    Fault::Damaged(_) = Fault::Damaged("words".into()) => 503 "damaged" {},
    Fault::Storage(_) = Fault::Storage("words".into()) => 503 "storage" {},
    Fault::Stopping = Fault::Stopping => 503 "shutting-down" {},
    Refused(Refusal::Malformed(Malformed::Length { .. })) = Refused(Malformed::Length { found: 1 }.into()) => 400 "malformed" {},
    Refused(Refusal::Malformed(Malformed::Version(_))) = Refused(Malformed::Version(9).into()) => 400 "malformed" {},
    Refused(Refusal::Malformed(Malformed::ReservedKind(_))) = Refused(Malformed::ReservedKind(99).into()) => 400 "malformed" {},
    Refused(Refusal::Malformed(Malformed::Truncated { .. })) = Refused(Malformed::Truncated { what: "it" }.into()) => 400 "malformed" {},
    Refused(Refusal::Malformed(Malformed::Trailing { .. })) = Refused(Malformed::Trailing { what: "it", bytes: 1 }.into()) => 400 "malformed" {},
    Refused(Refusal::Malformed(Malformed::Field { .. })) = Refused(Malformed::Field { field: "it", problem: "is wrong" }.into()) => 400 "malformed" {},
    Refused(Refusal::BodyDigest) = Refused(Refusal::BodyDigest) => 422 "digest" {},
    Refused(Refusal::KindNotYet(_)) = Refused(Refusal::KindNotYet(Kinds::Reading)) => 422 "kind-not-yet" {},
    Refused(Refusal::KindNotAtDoor(_)) = Refused(Refusal::KindNotAtDoor(Kinds::Witness)) => 422 "kind-not-at-door" {},
    Refused(Refusal::Parents(ParentsFault::Equal(_))) = Refused(ParentsFault::Equal(ID).into()) => 422 "parents" {},
    Refused(Refusal::Parents(ParentsFault::NotOlder { .. })) = Refused(ParentsFault::NotOlder { parent: ID, child: TIME }.into()) => 422 "parents" {},
    Refused(Refusal::Parents(ParentsFault::Unknown(_))) = Refused(ParentsFault::Unknown(ID).into()) => 422 "parents" {},
    Refused(Refusal::Parents(ParentsFault::TooOld(_))) = Refused(ParentsFault::TooOld(ID).into()) => 422 "parents" {},
    Refused(Refusal::Ahead { .. }) = Refused(Refusal::Ahead { ahead_ms: 1 }) => 422 "timestamp" {},
    Refused(Refusal::Behind { .. }) = Refused(Refusal::Behind { behind_ms: 1 }) => 422 "timestamp" {},
    Refused(Refusal::NotEnrolled(_)) = Refused(Refusal::NotEnrolled(DEVICE)) => 401 "not-enrolled" {},
    Refused(Refusal::NotEnrolledThen { .. }) = Refused(Refusal::NotEnrolledThen { device: DEVICE, at: TIME }) => 401 "not-enrolled" {},
    Refused(Refusal::Role { .. }) = Refused(Refusal::Role { role: Role::Sensor, kind: Kinds::Anchor }) => 403 "role" {},
    Refused(Refusal::Admission(_)) = Refused(Refusal::Admission("no registrar")) => 403 "role" {},
    Refused(Refusal::Work { .. }) = Refused(Refusal::Work { found: 3, needed: 16 }) => 422 "pow" { "found": 3, "needed": 16 },
    Refused(Refusal::Signature) = Refused(Refusal::Signature) => 422 "signature" {},
    Refused(Refusal::RegistrarSignature) = Refused(Refusal::RegistrarSignature) => 422 "signature" {},
    Refused(Refusal::Equivocation { .. }) = Refused(Refusal::Equivocation { counter: 5, first: ID }) => 409 "equivocation" { "counter": 5, "first": (ID.to_string()) },
    Refused(Refusal::Twins { .. }) = Refused(Refusal::Twins { round: Round::FIRST, first: ID }) => 409 "equivocation" {},
    Refused(Refusal::Overloaded) = Refused(Refusal::Overloaded) => 503 "overloaded" {},
    Refused(Refusal::PendingFull) = Refused(Refusal::PendingFull) => 503 "overloaded" {},
}

#[test]
fn each_reason_is_told_as_the_problem_that_the_catalogue_has_for_it() {
    for (name, fault, status, slug, members) in lines() {
        assert_eq!(line(&fault), name, "the example is one of its line");
        let problem = told(&fault);
        let mut body = problem.to_json();
        let detail = body["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with('.') && !detail.starts_with(char::is_lowercase), "{name}: {detail}");
        assert_eq!(body["status"], json!(status), "{name}");
        assert_eq!(body["type"], json!(format!("urn:weft:problem:{slug}")), "{name}");
        for standard in ["type", "title", "status", "detail", "retry_after"] {
            body.as_object_mut().unwrap().remove(standard);
        }
        assert_eq!(body, members, "{name}");
        // The name that figures and logs of other nodes' transactions use; at the door nothing waits.
        if let Refused(refusal) = &fault {
            let expected = if *refusal == Refusal::PendingFull { "pending-full" } else { slug };
            assert_eq!(refusal.reason(), expected, "{name}");
        }
    }
}
