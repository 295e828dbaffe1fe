//! No signature is checked twice, and nothing but a check says that one is valid.

use crate::support::{REGISTRAR, key, network, world};
use std::cell::{Cell, RefCell};
use weft_tangle::body::Enrolment;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{
    Claim, Draft, HEADER_BYTES, Issuer, Kind, Network, Recall, Refusal, Role, Screened, Standing,
    Transaction, Verdict, Verdicts, Verified, content_format,
};

/// A memory that counts the checks it could not spare.
#[derive(Default)]
struct Counting {
    verdicts: RefCell<Verdicts>,
    asked: Cell<u32>,
    checked: Cell<u32>,
}

impl Recall for Counting {
    fn verdict(&self, claim: Claim, check: &mut dyn FnMut() -> Verdict) -> Verdict {
        self.asked.set(self.asked.get() + 1);
        if let Some(verdict) = self.verdicts.borrow().recall(&claim) {
            return verdict;
        }
        self.checked.set(self.checked.get() + 1);
        let verdict = check();
        self.verdicts.borrow_mut().remember(verdict);
        verdict
    }
}

fn draft(counter: u32) -> Draft<'static> {
    let world = world();
    world.reading(counter, world.genesis().timestamp().plus(1), [world.genesis(); 2])
}

fn screened(wire: &[u8]) -> Screened {
    let network = &world().network;
    Screened::check(network, Transaction::decode(network, wire).unwrap()).unwrap()
}

fn check(wire: &[u8], issuer: &Issuer, verdicts: &dyn Recall) -> Result<(), Refusal> {
    Verified::check_once(&world().network, screened(wire), issuer, verdicts).map(drop)
}

/// The wire form with a changed signature: the same transaction, wrongly signed.
fn wrongly_signed(wire: &[u8], byte: usize) -> Vec<u8> {
    let mut wire = wire.to_vec();
    wire[HEADER_BYTES + byte] ^= 1;
    wire
}

#[test]
fn a_signature_is_checked_once_whether_it_is_right_or_wrong() {
    let (memory, issuer) = (Counting::default(), world().issuer(0));
    let right = world().wire(&draft(0), 0);
    let wrong = wrongly_signed(&right, 7);
    for _ in 0..3 {
        assert_eq!(check(&right, issuer, &memory), Ok(()));
        assert_eq!(check(&wrong, issuer, &memory), Err(Refusal::Signature));
    }
    assert_eq!((memory.asked.get(), memory.checked.get()), (6, 2));
    // Other work for the same signature is not another signature.
    let mut again = right.clone();
    again[BODY_OFFSET - 1] ^= 1;
    assert_eq!(check(&again, issuer, &memory), Ok(()));
    assert_eq!(memory.checked.get(), 2);
}

#[test]
fn each_signature_and_transaction_is_a_matter_of_its_own() {
    let (memory, issuer) = (Counting::default(), world().issuer(0));
    let wire = world().wire(&draft(0), 0);
    assert_eq!(check(&wire, issuer, &memory), Ok(()));
    for byte in [0, 1, 2_419] {
        assert_eq!(check(&wrongly_signed(&wire, byte), issuer, &memory), Err(Refusal::Signature));
    }
    assert_eq!(check(&world().wire(&draft(1), 0), issuer, &memory), Ok(()));
    assert_eq!(memory.checked.get(), 5);
    // Signed by somebody else in the issuer's name.
    let mut foreign = world().wire(&draft(1), 1);
    foreign[16..48].copy_from_slice(world().device(0).as_bytes());
    assert_eq!(check(&foreign, issuer, &memory), Err(Refusal::Signature));
}

#[test]
fn what_another_network_has_checked_counts_for_nothing() {
    let memory = Counting::default();
    let wire = world().wire(&draft(0), 0);
    assert_eq!(check(&wire, world().issuer(0), &memory), Ok(()));
    // The stages do not bind a transaction to the network that decoded it, so the memory must.
    let checked = Verified::check_once(&network(false), screened(&wire), world().issuer(0), &memory);
    assert_eq!(checked.map(drop), Err(Refusal::Signature));
    assert_eq!(memory.checked.get(), 2);
}

/// Says of everything what it was once told of something.
struct Liar(Verdict);

impl Recall for Liar {
    fn verdict(&self, _: Claim, _: &mut dyn FnMut() -> Verdict) -> Verdict {
        self.0
    }
}

#[test]
fn a_verdict_on_something_else_proves_nothing() {
    struct Keeping(Cell<Option<Verdict>>);
    impl Recall for Keeping {
        fn verdict(&self, _: Claim, check: &mut dyn FnMut() -> Verdict) -> Verdict {
            let verdict = check();
            self.0.set(Some(verdict));
            verdict
        }
    }
    let (kept, issuer) = (Keeping(Cell::new(None)), world().issuer(0));
    let right = world().wire(&draft(0), 0);
    assert_eq!(check(&right, issuer, &kept), Ok(()));
    let liar = Liar(kept.0.get().unwrap());
    assert_eq!(check(&right, issuer, &liar), Ok(()));
    assert_eq!(check(&wrongly_signed(&right, 7), issuer, &liar), Err(Refusal::Signature));
    assert_eq!(check(&world().wire(&draft(1), 0), issuer, &liar), Ok(()), "then it is checked after all");
}

#[test]
fn who_may_not_issue_leaves_nothing_in_memory() {
    let memory = Counting::default();
    let wire = world().wire(&draft(0), 0);
    assert!(check(&wire, world().issuer(1), &memory).is_err());
    let researcher = Standing::Enrolled {
        role: Role::Researcher,
        valid: world().genesis().timestamp()..draft(0).timestamp.plus(1),
    };
    let issuer = Issuer::new(world().key(0).public_key(), vec![researcher]).unwrap();
    assert!(matches!(check(&wire, &issuer, &memory), Err(Refusal::Role { .. })));
    assert_eq!(memory.asked.get(), 0);
}

/// The transaction that brings an enrolment of device 0, on a network.
fn enrols(network: &Network, enrolment: &Enrolment, counter: u32) -> Screened {
    let content = enrolment.encode();
    let draft = Draft {
        kind: Kind::Enrol,
        content_format: content_format::WEFT,
        content: &content,
        parents: [network.genesis(); 2],
        ..draft(counter)
    };
    let signed = draft.sign(network.id(), world().key(0)).unwrap();
    let wire = signed.with_nonce(weft_pow::Nonce::from_bytes([0; 8]));
    Screened::check(network, Transaction::decode(network, &wire).unwrap()).unwrap()
}

#[test]
fn both_signatures_of_an_enrolment_are_checked_once() {
    let (memory, network) = (Counting::default(), network(false));
    let admitted = world().enrolment(0).admitted_by(network.id(), &key(REGISTRAR));
    let check = |enrolment: &Enrolment, counter| {
        Verified::check_enrolment_once(&network, enrols(&network, enrolment, counter), &memory).map(drop)
    };
    for _ in 0..3 {
        assert_eq!(check(&admitted, 0), Ok(()));
    }
    assert_eq!(memory.checked.get(), 2);
    assert_eq!(check(&admitted, 1), Ok(()), "the same admission in another transaction");
    assert_eq!(memory.checked.get(), 3);
    let mut bad = admitted.clone();
    bad.admission.as_mut().unwrap().signature[0] ^= 1;
    for _ in 0..3 {
        assert_eq!(check(&bad, 0), Err(Refusal::RegistrarSignature));
    }
    assert_eq!(memory.checked.get(), 5);
    // The general way in takes the same memory along.
    let screened = enrols(&network, &admitted, 0);
    assert!(Verified::check_once(&network, screened, world().issuer(1), &memory).is_ok());
    assert_eq!(memory.checked.get(), 5);
}
