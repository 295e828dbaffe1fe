//! Faults of machines and links, each with its beginning and its end, so that any of them can be left out.
//!
//! Always true: faults that overlap add up; a node is up, a link whole, when no fault says otherwise any more.

use super::Micros;
use super::happening::Happening;
use super::net::Net;
use super::random::Random;
use super::trace::Note;

/// What is wrong for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A node loses its power; then it starts with what was on its disk.
    Crash {
        /// The node.
        node: usize,
    },
    /// A node loses its power and its disk; then it starts with an older state of it.
    Restore {
        /// The node.
        node: usize,
        /// How many backups are newer than the one that is taken.
        back: usize,
    },
    /// Nothing goes between two nodes.
    Cut {
        /// The one.
        a: usize,
        /// The other.
        b: usize,
    },
    /// Nothing goes between these nodes and all others.
    Split {
        /// The nodes of the one side.
        side: Vec<usize>,
    },
    /// The connection between two nodes ends, and that is all.
    Drop {
        /// The one.
        a: usize,
        /// The other.
        b: usize,
    },
    /// A node's clock is wrong.
    Clock {
        /// The node.
        node: usize,
        /// Milliseconds by which it is ahead, or behind.
        ahead_ms: i64,
    },
    /// A node's disk is slow.
    Slow {
        /// The node.
        node: usize,
        /// Microseconds that a commit takes.
        commit: Micros,
    },
}

/// A fault at its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// When it begins, in microseconds since the start.
    pub at: Micros,
    /// How many microseconds it lasts.
    pub lasting: Micros,
    /// What is wrong meanwhile.
    pub fault: Fault,
}

impl Fault {
    /// A short stable name, as scenario files have it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Restore { .. } => "restore",
            Self::Cut { .. } => "cut",
            Self::Split { .. } => "split",
            Self::Drop { .. } => "drop",
            Self::Clock { .. } => "clock",
            Self::Slow { .. } => "slow",
        }
    }

    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<usize> {
        match self {
            Self::Crash { node }
            | Self::Restore { node, .. }
            | Self::Clock { node, .. }
            | Self::Slow { node, .. } => vec![*node],
            Self::Cut { a, b } | Self::Drop { a, b } => vec![*a, *b],
            Self::Split { side } => side.clone(),
        }
    }
}

impl Net {
    /// Lets these faults happen. Those that name a node which is not there do not.
    pub(super) fn plan(&mut self, plan: &[Planned]) {
        for planned in plan {
            if planned.fault.nodes().iter().any(|node| *node >= self.nodes.len()) {
                continue;
            }
            let number = self.plan.len() as u32;
            self.at(planned.at, Happening::Begins(number));
            if !matches!(planned.fault, Fault::Drop { .. }) {
                self.at(planned.at + planned.lasting, Happening::Ends(number));
            }
            self.plan.push(planned.clone());
        }
    }

    pub(super) fn begins(&mut self, number: u32) {
        match self.plan[number as usize].fault.clone() {
            Fault::Crash { node } | Fault::Restore { node, .. } => {
                self.nodes[node].downs += 1;
                if self.nodes[node].is_up {
                    self.crash(node);
                }
            }
            Fault::Cut { a, b } => self.cut_between(a, b, true),
            Fault::Split { side } => self.split(&side, true),
            Fault::Drop { a, b } => {
                if self.pairs.contains_key(&(a.min(b), a.max(b))) {
                    self.disconnect(a, b);
                }
            }
            Fault::Clock { node, ahead_ms } => self.set_clock(node, self.nodes[node].offset + ahead_ms),
            Fault::Slow { node, commit } => self.nodes[node].commit += commit,
        }
    }

    pub(super) fn ends(&mut self, number: u32) {
        match self.plan[number as usize].fault.clone() {
            Fault::Crash { node } => self.up_again(node),
            Fault::Restore { node, back } => {
                self.restore(node, back);
                self.up_again(node);
            }
            Fault::Cut { a, b } => self.cut_between(a, b, false),
            Fault::Split { side } => self.split(&side, false),
            Fault::Drop { .. } => {}
            Fault::Clock { node, ahead_ms } => self.set_clock(node, self.nodes[node].offset - ahead_ms),
            Fault::Slow { node, commit } => {
                self.nodes[node].commit = self.nodes[node].commit.saturating_sub(commit);
            }
        }
    }

    /// A node's process ends; its disk stays. A commit that runs may be on disk or not.
    pub fn crash(&mut self, node: usize) {
        let is_written = self.random.below(2) == 0;
        self.nodes[node].note(self.now, Note::Crashed(is_written));
        self.abandon(node);
        let commits = self.nodes[node].committing.as_ref().map_or(0, |batch| batch.commits);
        if is_written {
            self.look_at_commits(node, commits);
        }
        self.nodes[node].crash(is_written, &self.catalogue);
    }

    /// Starts a node that is down.
    pub fn restart(&mut self, node: usize) {
        if self.nodes[node].is_up {
            return;
        }
        self.nodes[node].note(self.now, Note::Restarted);
        self.nodes[node].restart(&self.catalogue);
        self.wake_at(node, self.now);
        let kept: Vec<u32> = (0..self.links.len() as u32)
            .filter(|link| self.links[*link as usize].nodes.contains(&node))
            .collect();
        kept.into_iter().for_each(|link| self.dial_in(link, 0));
        if self.nodes[node].lies.is_some() {
            self.lie_later(node);
        }
    }

    /// Puts an older state in place of a node's disk while its process does not run.
    pub fn restore(&mut self, node: usize, back: usize) {
        if self.nodes[node].is_up {
            return;
        }
        let is_marked = self.bears_another(node);
        let disk = &mut self.nodes[node].disk;
        let lost = disk.restore(back);
        if !lost.is_empty() {
            disk.set_forgotten(is_marked);
        }
        self.excuse(node, &lost);
        self.excuse_rounds(&lost);
        self.nodes[node].note(self.now, Note::Restored(lost.len()));
    }

    /// Keeps the state of a node's disk, to be restored later.
    pub fn back_up_node(&mut self, node: usize) {
        self.nodes[node].disk.back_up();
    }

    pub(super) fn back_up(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.back_up_node(node));
        if let Some(pause) = self.settings.backups {
            self.later(pause, Happening::BackUp);
        }
    }

    fn up_again(&mut self, node: usize) {
        let node_down = &mut self.nodes[node].downs;
        *node_down = node_down.saturating_sub(1);
        if *node_down == 0 {
            self.restart(node);
        }
    }

    fn cut_between(&mut self, a: usize, b: usize, begins: bool) {
        if let Some(link) = self.pairs.get(&(a.min(b), a.max(b))).copied() {
            self.cut(link, begins);
        }
    }

    fn split(&mut self, side: &[usize], begins: bool) {
        for link in 0..self.links.len() {
            let [a, b] = self.links[link].nodes.map(|node| side.contains(&node));
            if a != b {
                self.cut(link as u32, begins);
            }
        }
    }

    fn set_clock(&mut self, node: usize, offset: i64) {
        self.nodes[node].offset = offset;
        self.nodes[node].note(self.now, Note::ClockSet(offset));
        if self.nodes[node].is_up {
            self.wake_at(node, self.now);
        }
    }
}

/// Draws from a list that is not empty.
pub(super) fn pick<T: Copy>(random: &mut Random, list: &[T]) -> T {
    list[random.index(list.len())]
}
