//! What nodes have made final: while they run by their figures, afterwards by what they have stored.

use crate::cluster::{Cluster, figure, wait_until};
use crate::support::Node;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use weft::store::{FILE_NAME, View};
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{Digest, Network, TxId};

/// Longer than a node takes to show in its figures what has happened, and than two commits are apart when nothing but time
/// earns rounds (`slowest_ms`, half a second at most), on a machine that is slow as well.
const SHOWN: Duration = Duration::from_millis(1_500);

/// The index of a node's newest commit.
pub(crate) fn newest(node: &Node) -> u64 {
    figure(node, "weft_finality_commit")
}

/// Waits until all that nodes have is final on each, and for as long as that takes to show nothing more has come.
pub(crate) fn wait_until_final(nodes: &[&Node]) -> u64 {
    let mut since: Option<(Instant, u64)> = None;
    wait_until("all is final on all nodes", || {
        let commits: BTreeSet<u64> = nodes.iter().map(|node| newest(node)).collect();
        let is_open = nodes.iter().any(|node| figure(node, "weft_finality_open_transactions") > 0);
        match (is_open, commits.len(), commits.first()) {
            (false, 1, Some(commit)) => {
                let (begun, _) =
                    *since.insert(since.filter(|(_, at)| at == commit).unwrap_or((Instant::now(), *commit)));
                begun.elapsed() > SHOWN
            }
            _ => {
                since = None;
                false
            }
        }
    });
    since.map_or(0, |(_, commit)| commit)
}

/// The commits that a node has stored, in their order.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Chain(pub(crate) Vec<Link>);

/// One commit: its digest and what it delivers.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) digest: Digest,
    pub(crate) delivered: Vec<(TxId, FinalVerdict)>,
}

impl Chain {
    /// That of a node that does not run.
    pub(crate) fn read(data: &Path, network: &Network) -> Self {
        let view = View::open(&data.join(FILE_NAME), network).unwrap();
        let reader = view.reader().unwrap();
        let link = |index| {
            let digest = reader.commit(index).unwrap().unwrap().digest;
            let judged = reader.delivered_by(index, 0, usize::MAX).unwrap();
            Link {
                digest,
                delivered: judged.iter().map(|judged| (judged.id, judged.ruling.verdict)).collect(),
            }
        };
        Self((1..=reader.newest_index().unwrap()).map(link).collect())
    }

    /// All that is final, each with its verdict.
    pub(crate) fn delivered(&self) -> impl Iterator<Item = (TxId, FinalVerdict)> {
        self.0.iter().flat_map(|link| link.delivered.iter().copied())
    }

    /// All of these count.
    #[track_caller]
    pub(crate) fn assert_final<'a>(&self, ids: impl IntoIterator<Item = &'a TxId>) {
        let counts: BTreeSet<TxId> = self
            .delivered()
            .filter(|(_, verdict)| *verdict == FinalVerdict::Counts)
            .map(|(id, _)| id)
            .collect();
        let missing: Vec<_> = ids.into_iter().filter(|id| !counts.contains(id)).collect();
        assert!(missing.is_empty(), "{} of all are not final: {missing:?}", missing.len());
    }
}

/// The chain that all of these nodes have, which do not run.
#[track_caller]
pub(crate) fn common_chain(cluster: &Cluster, nodes: impl IntoIterator<Item = usize>) -> Chain {
    let chains = nodes.into_iter().map(|node| Chain::read(&cluster.data(node), cluster.network()));
    let mut chains: Vec<Chain> = chains.collect();
    for (at, chain) in chains.iter().enumerate() {
        let lengths = (chain.0.len(), chains[0].0.len());
        let parted = chain.0.iter().zip(&chains[0].0).position(|(one, other)| one != other);
        assert!(parted.is_none() && lengths.0 == lengths.1, "chains 0 and {at}: {parted:?}, {lengths:?}");
    }
    chains.swap_remove(0)
}
