//! All graphs of four members over three rounds, one of whom lies, as far as they differ for the first slot; and above
//! each all histories that an anchor can have.
//!
//! Whether a slot is passed by or has a quorum of certificates can only become true as a view grows, which is asserted
//! along each branch. So if any two views of a graph differed directly, the whole graph would say both. What hangs on an
//! anchor hangs on certificates in its history, which goes through three authors of round 3 at least.

use crate::CommitteeSize;
use crate::TxId;
use crate::finality::rule::{Parameters, is_certificate};
use crate::finality::testing::{id, member, round};
use crate::finality::{Committer, Member, Place, Rotation, Round, Window, WitnessGraph};
use crate::planted::{Planted, with};

const LEADER: usize = 1;

#[derive(Clone)]
struct Graph {
    window: Window,
    committer: Committer,
    made: usize,
    /// The witnesses of rounds 1 to 3, with their authors.
    rounds: [Vec<(usize, Place)>; 3],
}

/// What was found in one enumeration.
#[derive(Default, Debug)]
struct Findings {
    graphs: usize,
    commits: usize,
    skips: usize,
    open: usize,
    faults: Vec<String>,
}

impl Graph {
    fn new() -> Self {
        let size = CommitteeSize::new(4).unwrap();
        let parameters = Parameters::new(size);
        Self {
            window: Window::new(Round::FIRST),
            committer: Committer::with(parameters, Rotation::new(size), Round::FIRST),
            made: 0,
            rounds: Default::default(),
        }
    }

    /// The same with one more witness.
    fn with(&self, author: usize, number: usize, parents: &[Place]) -> Self {
        let mut graph = self.clone();
        let ids: Vec<TxId> = parents.iter().map(|place| graph.window.vertex(*place).unwrap().id).collect();
        let id = id(round(number as u64), &format!("{}", graph.made));
        graph.made += 1;
        let place = graph.window.insert(id, member(author), round(number as u64), &ids, None).unwrap();
        graph.committer.attached(&graph.window, place);
        graph.rounds[number - 1].push((author, place));
        graph
    }

    fn of(&self, number: usize, author: usize) -> Vec<Place> {
        let of_author = self.rounds[number - 1].iter().filter(|(other, _)| *other == author);
        of_author.map(|(_, place)| *place).collect()
    }

    /// All sets of witnesses of a round, one an author at most, three at least, for the next one of `author`: with one
    /// of its own, or for a liar without.
    fn choices(&self, number: usize, author: usize, is_liar: bool) -> Vec<Vec<Place>> {
        let mut choices = vec![Vec::new()];
        for other in 0..4 {
            let of_other = self.of(number, other);
            let mut next = Vec::new();
            for choice in &choices {
                if other != author || is_liar {
                    next.push(choice.clone());
                }
                next.extend(of_other.iter().map(|place| [&choice[..], &[*place]].concat()));
            }
            choices = next;
        }
        choices.retain(|choice| choice.len() >= 3);
        choices
    }
}

/// The first two rounds, one for each pattern of votes: each honest member for one of the leader's witnesses or none.
fn beginnings(liar: usize) -> Vec<Graph> {
    let mut start = Graph::new();
    for author in 0..4 {
        start = start.with(author, 1, &[]);
        if author == liar && liar == LEADER {
            start = start.with(author, 1, &[]);
        }
    }
    // A member by itself, then those that only differ in their names, then the liar's two.
    let mut voters: Vec<usize> = (0..4).filter(|author| *author != liar).collect();
    voters.sort_by_key(|author| *author != LEADER);
    voters.extend([liar, liar]);
    let mut graphs: Vec<(Graph, Vec<usize>)> = vec![(start, Vec::new())];
    for (turn, voter) in voters.iter().enumerate() {
        let mut next = Vec::new();
        for (graph, votes) in graphs {
            let candidates = graph.of(1, LEADER);
            let others: Vec<Place> =
                (0..4).filter(|other| *other != LEADER).flat_map(|other| graph.of(1, other)).collect();
            for vote in 0..=candidates.len() {
                // The leader that is honest votes for itself. Names of those alike are of no matter.
                let is_own = *voter == LEADER && liar != LEADER;
                let alike =
                    turn > 0 && voters[turn - 1] != LEADER && (voters[turn - 1] == liar) == (*voter == liar);
                if (is_own && vote != 1) || (alike && vote < votes[turn - 1]) {
                    continue;
                }
                let mut parents = others.clone();
                parents.extend(vote.checked_sub(1).map(|index| candidates[index]));
                next.push((graph.with(*voter, 2, &parents), [&votes[..], &[vote]].concat()));
            }
        }
        graphs = next;
    }
    graphs.into_iter().map(|(graph, _)| graph).collect()
}

fn enumerate(liar: usize) -> Findings {
    let mut findings = Findings::default();
    let honest: Vec<usize> = (0..4).filter(|author| *author != liar).collect();
    for beginning in beginnings(liar) {
        let [first, second, third]: [usize; 3] = honest.clone().try_into().unwrap();
        for one in beginning.choices(2, first, false) {
            let graph = beginning.with(first, 3, &one);
            for two in beginning.choices(2, second, false) {
                let graph = graph.with(second, 3, &two);
                for three in beginning.choices(2, third, false) {
                    let graph = graph.with(third, 3, &three);
                    lie(&graph, liar, &mut findings);
                }
            }
        }
    }
    findings
}

/// The liar's two witnesses of round 3.
fn lie(graph: &Graph, liar: usize, findings: &mut Findings) {
    let choices = graph.choices(2, liar, true);
    for (at, one) in choices.iter().enumerate() {
        let with_one = graph.with(liar, 3, one);
        for other in &choices[at..] {
            judge(&with_one.with(liar, 3, other), findings, &with_one);
        }
    }
}

fn judge(graph: &Graph, findings: &mut Findings, before: &Graph) {
    let (is_passed_by, committed) = graph.committer.direct_of_first();
    let (was_passed_by, was_committed) = before.committer.direct_of_first();
    let mut fault = |what: &str| {
        if findings.faults.len() < 3 {
            findings.faults.push(format!("{what}: {graph:?}"));
        }
    };
    if (was_passed_by && !is_passed_by) || was_committed.iter().any(|leader| !committed.contains(leader)) {
        fault("a decision was taken back");
    }
    if committed.len() + usize::from(is_passed_by) > 1 {
        fault("two decisions");
    }
    let parameters = graph.committer.parameters();
    let leaders = graph.of(1, LEADER);
    let certified = |witness: Place| -> Option<u32> {
        leaders
            .iter()
            .find(|leader| is_certificate(&graph.window, parameters, witness, **leader))
            .map(|l| l.index)
    };
    // What the histories of all conceivable anchors say.
    for anchor in anchors(graph) {
        let found = anchor.iter().find_map(|witness| certified(*witness));
        let agrees = match (committed.first(), is_passed_by) {
            (Some(leader), _) => found == Some(*leader),
            (None, true) => found.is_none(),
            (None, false) => true,
        };
        if !agrees {
            fault("an anchor says otherwise");
        }
    }
    findings.graphs += 1;
    match (committed.is_empty(), is_passed_by) {
        (false, _) => findings.commits += 1,
        (true, true) => findings.skips += 1,
        (true, false) => findings.open += 1,
    }
}

/// The least that the history of a witness of round 4 holds of round 3: three authors, one witness each.
fn anchors(graph: &Graph) -> Vec<[Place; 3]> {
    let mut anchors = Vec::new();
    for left_out in 0..4 {
        let mut authors = (0..4).filter(|author| *author != left_out).map(|author| graph.of(3, author));
        let [Some(a), Some(b), Some(c)] = [authors.next(), authors.next(), authors.next()] else { continue };
        for a in &a {
            anchors.extend(b.iter().flat_map(|b| c.iter().map(move |c| [*a, *b, *c])));
        }
    }
    anchors
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for place in self.rounds.iter().flatten() {
            let vertex = self.window.vertex(place.1).unwrap();
            write!(f, "{}.{}{:?} ", Member::new(place.0).unwrap().place(), place.1.round, vertex.parents)?;
        }
        Ok(())
    }
}

#[test]
fn no_two_views_of_any_graph_decide_the_first_slot_differently() {
    for (liar, all) in [(LEADER, 1_389_150), (3, 138_915)] {
        let findings = enumerate(liar);
        assert_eq!(findings.faults, [""; 0], "liar {liar}");
        let Findings { graphs, commits, skips, open, .. } = findings;
        assert_eq!(graphs, all);
        assert!(commits > 100 && skips > 100 && open > 100, "{liar}: {commits} {skips} {open}");
    }
}

#[test]
fn the_enumeration_finds_a_quorum_one_too_small() {
    assert!(!with(Planted::SmallQuorum, || enumerate(LEADER)).faults.is_empty());
}
