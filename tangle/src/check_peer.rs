//! The checks of what peers send: everything that the door asks but its own rules, for a day's worth of an ambulance's
//! transactions is as valid as any. What comes out is what the replica is to be told.
//!
//! Always true: a transaction that no enrolment known here permits is not refused, it waits. What is left of one whose body
//! was erased comes out as that ([`Event::Remains`]) and as nothing else: it is for the replica to say whether to take it.

use crate::check::check_enrolment_cheaply;
use crate::gossip::Tree;
use crate::limits::BODY_OFFSET;
use crate::replica::{Event, Source};
use crate::verdicts::Recall;
use crate::{
    HEADER_BYTES, Issuer, Kind, Malformed, Network, Refusal, Remains, Screened, Timestamp, Transaction, TxId,
    Verified,
};
use std::sync::Arc;

/// What a node knows already.
pub trait Knowledge {
    /// Why it cannot be asked.
    type Fault;

    /// Whether a transaction is stored here.
    ///
    /// # Errors
    /// It cannot be looked up.
    fn contains(&self, id: &TxId) -> Result<bool, Self::Fault>;

    /// The issuer of a transaction, if what is known here permits it.
    ///
    /// # Errors
    /// It cannot be looked up.
    fn issuer(&self, transaction: &Transaction) -> Result<Option<Arc<Issuer>>, Self::Fault>;

    /// What is remembered of signatures.
    fn verdicts(&self) -> &dyn Recall;
}

/// Where a peer's transaction came from, and along which tree if it was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Way {
    /// The peer.
    pub source: Source,
    /// The tree.
    pub tree: Option<Tree>,
}

/// What bytes that a peer sent as a transaction are by themselves, before anything is asked.
#[derive(Debug)]
pub struct Sent(Form);

#[derive(Debug)]
enum Form {
    Whole(Transaction),
    /// Without its body.
    Remains(Transaction),
    /// The id is the one that it claims, where it settles something of that.
    Malformed(Option<TxId>, Refusal),
}

impl Sent {
    /// Reads them; nobody pushes what is left of a transaction, for it is no news.
    pub fn read(network: &Network, wire: &[u8], way: Way) -> Self {
        Self(if wire.len() == BODY_OFFSET && way.tree.is_none() {
            let remains = Remains::decode(network, wire).ok().and_then(Remains::into_transaction);
            // It settles nothing of the transaction whose header it has: whole that may be right.
            let malformed = || Form::Malformed(None, Malformed::Length { found: wire.len() }.into());
            remains.map_or_else(malformed, Form::Remains)
        } else {
            let malformed = |refusal| Form::Malformed(claimed_id(network, wire), refusal);
            Transaction::decode(network, wire).map_or_else(malformed, Form::Whole)
        })
    }

    /// The transaction, whole or not, if that is what they are.
    pub fn transaction(&self) -> Option<&Transaction> {
        match &self.0 {
            Form::Whole(transaction) | Form::Remains(transaction) => Some(transaction),
            Form::Malformed(..) => None,
        }
    }
}

/// Checks what a peer sent as a transaction.
///
/// # Errors
/// Those of `knowledge`.
pub fn check_sent<K: Knowledge>(
    network: &Network,
    sent: Sent,
    way: Way,
    knowledge: &K,
) -> Result<Event, K::Fault> {
    match sent.0 {
        Form::Whole(transaction) => check_transaction(network, transaction, way, knowledge),
        Form::Remains(transaction) => check_remains(network, transaction, way.source, knowledge),
        Form::Malformed(id, refusal) => Ok(Event::Refused { id, source: way.source, refusal }),
    }
}

/// Checks what a peer has left of a transaction.
fn check_remains<K: Knowledge>(
    network: &Network,
    transaction: Transaction,
    source: Source,
    knowledge: &K,
) -> Result<Event, K::Fault> {
    let id = transaction.id();
    if knowledge.contains(&id)? {
        return Ok(Event::Duplicate { id, source, tree: None });
    }
    let refused = |refusal| Ok(Event::Refused { id: Some(id), source, refusal });
    let screened = match Screened::check(network, transaction) {
        Ok(screened) => screened,
        Err(refusal) => return refused(refusal),
    };
    let issuer = knowledge.issuer(screened.transaction())?;
    let check = |issuer: Arc<Issuer>| Verified::check_once(network, screened, &issuer, knowledge.verdicts());
    match issuer.map(check).transpose() {
        Ok(transaction) => Ok(Event::Remains { id, source, transaction }),
        Err(refusal) => refused(refusal),
    }
}

/// Checks a peer's transaction that is well formed.
///
/// # Errors
/// Those of `knowledge`.
pub fn check_transaction<K: Knowledge>(
    network: &Network,
    transaction: Transaction,
    way: Way,
    knowledge: &K,
) -> Result<Event, K::Fault> {
    let (id, source) = (transaction.id(), way.source);
    let refused = |refusal| Ok(Event::Refused { id: Some(id), source, refusal });
    if knowledge.contains(&id)? {
        return Ok(Event::Duplicate { id, source, tree: way.tree });
    }
    if transaction.header().kind == Kind::Enrol
        && let Err(refusal) = check_enrolment_cheaply(network, &transaction)
    {
        return refused(refusal);
    }
    match Screened::check(network, transaction) {
        Ok(screened) => check_issuer(network, screened, way, knowledge),
        Err(refusal) => refused(refusal),
    }
}

/// Checks issuer and signature of a peer's transaction, for the first time or again.
///
/// # Errors
/// Those of `knowledge`.
pub fn check_issuer<K: Knowledge>(
    network: &Network,
    screened: Screened,
    way: Way,
    knowledge: &K,
) -> Result<Event, K::Fault> {
    let source = way.source;
    let (id, kind) = (screened.transaction().id(), screened.transaction().header().kind);
    let verified = if kind == Kind::Enrol {
        Verified::check_enrolment_once(network, screened, knowledge.verdicts())
    } else {
        match knowledge.issuer(screened.transaction())? {
            Some(issuer) => Verified::check_once(network, screened, &issuer, knowledge.verdicts()),
            None => return Ok(Event::Unpermitted { transaction: screened, source }),
        }
    };
    Ok(match (verified, way.tree) {
        (Ok(transaction), Some(tree)) => Event::Pushed { transaction, source, tree },
        (Ok(transaction), None) => Event::Received { transaction, source, token: None },
        (Err(refusal), _) => Event::Refused { id: Some(id), source, refusal },
    })
}

/// The id that a transaction claims which is none: it follows from its first bytes, whatever they say.
fn claimed_id(network: &Network, wire: &[u8]) -> Option<TxId> {
    let header: &[u8; HEADER_BYTES] = wire.first_chunk()?;
    let timestamp = header.get(8..16)?.try_into().ok()?;
    Some(TxId::of(network.id(), Timestamp::from_millis(u64::from_be_bytes(timestamp)), header))
}
