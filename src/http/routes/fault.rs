//! From the ledger's refusals to the API's problems (`spec/10-errors.md`).

use super::Api;
use crate::http::problem::{Kind, Problem};
use crate::node::Fault;
use weft_tangle::Refusal;

/// The problem that tells of a fault; it is counted by its kind.
pub(super) fn problem(api: &Api, fault: &Fault) -> Problem {
    let problem = told(fault);
    api.ledger.metrics.count_refused(problem.kind());
    problem
}

fn told(fault: &Fault) -> Problem {
    let mut detail = fault.to_string();
    if let Some(first) = detail.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let problem = Problem::new(kind(fault), detail + ".");
    match fault {
        Fault::Refused(Refusal::Work { found, needed }) => {
            problem.with("found", *found).with("needed", *needed)
        }
        Fault::Refused(Refusal::Equivocation { counter, first }) => {
            problem.with("counter", *counter).with("first", first.to_string())
        }
        _ => problem,
    }
}

fn kind(fault: &Fault) -> Kind {
    let refusal = match fault {
        Fault::UnsupportedContent(_) => return Kind::UnsupportedMediaType,
        Fault::Content(_) => return Kind::Content,
        Fault::Overloaded => return Kind::Overloaded,
        Fault::Internal => return Kind::Internal,
        Fault::Damaged(_) => return Kind::Damaged,
        Fault::Storage(_) => return Kind::Storage,
        Fault::Stopping => return Kind::ShuttingDown,
        Fault::Refused(refusal) => refusal,
    };
    match refusal {
        Refusal::Malformed(_) => Kind::Malformed,
        Refusal::BodyDigest => Kind::Digest,
        Refusal::KindNotYet(_) => Kind::KindNotYet,
        Refusal::KindNotAtDoor(_) => Kind::KindNotAtDoor,
        Refusal::Parents(_) => Kind::Parents,
        Refusal::Ahead { .. } | Refusal::Behind { .. } => Kind::Timestamp,
        Refusal::NotEnrolled(_) | Refusal::NotEnrolledThen { .. } => Kind::NotEnrolled,
        Refusal::Role { .. } | Refusal::Admission(_) => Kind::Role,
        Refusal::Work { .. } => Kind::Pow,
        Refusal::Signature | Refusal::RegistrarSignature => Kind::Signature,
        Refusal::Equivocation { .. } | Refusal::Twins { .. } => Kind::Equivocation,
        Refusal::Overloaded | Refusal::PendingFull => Kind::Overloaded,
    }
}

#[cfg(test)]
mod tests;
