//! Finality: which transactions are final, in which order, by what the committee's witnesses say
//! (`spec/17-finality.md`). Pure: time is an argument, what left memory is read through [`Ledger`], nothing is sent.
//!
//! Always true: what is committed follows from the witnesses that are attached, never from the order in which they came;
//! the commits of two honest nodes are prefixes of each other while at most f members lie; a round is named to a
//! member once.
//!
//! # How a replica drives it
//!
//! The replica (`replica/finalise.rs`) owns the one [`Finality`] of a node.
//!
//! 1. **Before a witness is attached** its references are checked: [`Shape::check`], with [`Finality::known`] and, for a
//!    witness that memory has dropped, its stored [`Entry`]. All that it references, sweeps too, must be attached first, as with
//!    parents.
//! 2. **Each attached transaction**, of every kind, goes into [`Finality::attached`] with its position, in the order of
//!    attachment. It may be there before it is durable: decisions are the same whenever it becomes so.
//! 3. Then [`Finality::next_commit`] until it gives none. **One at a time**: before the next call the [`Ledger`] must show the commit
//!    and what it delivers. [`Handed::delivered`] is stored with [`Handed::resume`] at once, behind the transactions; clients
//!    are told when it is durable. [`Delivered::also_disputed`] names earlier ones to be shown as disputed.
//! 4. Then [`Finality::next_witness`]. [`Next::Witness`] is a [`Plan`], a [`Proposal`] once it has time and counter: it is signed
//!    and attached as any other, on disk first, told to peers second. It comes back by 2; no other is named before. A node that
//!    cannot write it must start anew.
//! 5. [`Finality::heard`] when the log of a member was read up to where it ended when the connection began. Until a quorum, the node
//!    itself counted, was heard, no witness is made.
//! 6. [`Finality::wants_from`] after commits: hand in from that position on what is not delivered by [`Finality::again`]. It
//!    is asked for only after tens of thousands were uncovered at once.
//!
//! **After a start**: [`Finality::new`], [`Finality::set_device`], [`Finality::forgot`] if so, [`Finality::resume`] with the newest stored [`Resume`], then, in the
//! order of positions, every transaction that no commit has delivered and every witness of a round from
//! [`Resume::first_round`] on by [`Finality::attached`], then 3. A leader whose commits a crash has cut off goes on with the next one.
//!
//! **A node that is no member** does the same and is never told to make a witness. **A committee of one** hears a quorum by
//! itself: its first reading makes it witness three rounds, the third of which commits the first, and one more that votes.
//!
//! Witnesses are never tips, nor parents of anything but witnesses; what they reference stays a tip for sensors.

mod commit;
mod committer;
mod coverage;
mod delivery;
mod frontier;
mod graph;
mod ledger;
mod members;
mod merkle;
mod own;
mod pace;
mod pacemaker;
mod reached;
mod rotation;
mod round;
mod rule;
mod shape;
mod slot;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod told;
mod verdict;
mod votes;

pub use commit::{COMMIT_BYTES, Commit, Delivered};
pub use committer::{Committer, SlotView};
pub use graph::{Place, Vertex, Window, WitnessGraph};
pub use ledger::{Entry, Judged, Ledger, Outcome};
pub use members::{Committee, Member, Members};
pub use merkle::{LEAF_BYTES, leaf, path, root as merkle_root, root_of};
pub use pace::{Pace, PaceError};
pub use rotation::Rotation;
pub use round::Round;
pub use shape::{Known, Shape};
pub use state::Finality;
pub use told::{Handed, MemberView, Next, Plan, Proposal, Resume, Status};
pub use verdict::FinalVerdict;
pub use votes::{Divergence, Votes};
