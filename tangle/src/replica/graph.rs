//! The newest part of the tangle, as a graph in memory.
//!
//! Vertices are transactions in the order of their arrival, edges lead from child to parent. With capacity *c*,
//! after *n* insertions exactly the last min(*n*, *c*) arrivals are vertices, and there is an edge wherever both a
//! child and its parent are. Petgraph recycles indices; their order decides nothing here.

use crate::TxId;
use indexmap::IndexMap;
use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use std::collections::{BTreeSet, VecDeque};

/// The window on the tangle.
#[derive(Debug)]
pub struct Graph {
    graph: StableDiGraph<TxId, ()>,
    vertices: IndexMap<TxId, NodeIndex>,
    arrivals: VecDeque<NodeIndex>,
    capacity: usize,
}

impl Graph {
    /// An empty window of `capacity` transactions.
    pub fn new(capacity: usize) -> Self {
        Self { graph: StableDiGraph::new(), vertices: IndexMap::new(), arrivals: VecDeque::new(), capacity }
    }

    /// Adds a transaction and its edges to those parents that are in the window; the oldest arrival leaves when the
    /// window is full. Does nothing when the transaction is here already.
    pub fn insert(&mut self, id: TxId, parents: [TxId; 2]) {
        if self.contains(&id) {
            return;
        }
        if self.arrivals.len() >= self.capacity {
            self.remove_oldest();
        }
        let vertex = self.graph.add_node(id);
        self.vertices.insert(id, vertex);
        self.arrivals.push_back(vertex);
        for parent in BTreeSet::from(parents) {
            if let Some(parent) = self.vertices.get(&parent) {
                self.graph.add_edge(vertex, *parent, ());
            }
        }
    }

    /// Whether the transaction is in the window.
    pub fn contains(&self, id: &TxId) -> bool {
        self.vertices.contains_key(id)
    }

    /// Transactions in the window.
    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether nothing is in the window.
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// What approves the transaction directly, in id order.
    pub fn children(&self, id: &TxId) -> BTreeSet<TxId> {
        self.neighbours(id, Incoming).collect()
    }

    /// What the transaction approves, directly or not, as far as the window reaches: at most `limit` ids, nearest first.
    pub fn past_cone(&self, id: &TxId, limit: usize) -> BTreeSet<TxId> {
        self.cone(id, Outgoing, limit)
    }

    /// What approves the transaction, directly or not: at most `limit` ids, nearest first.
    pub fn future_cone(&self, id: &TxId, limit: usize) -> BTreeSet<TxId> {
        self.cone(id, Incoming, limit)
    }

    fn neighbours(&self, id: &TxId, direction: Direction) -> impl Iterator<Item = TxId> {
        let vertex = self.vertices.get(id).copied();
        vertex
            .into_iter()
            .flat_map(move |v| self.graph.neighbors_directed(v, direction))
            .map(|v| self.graph[v])
    }

    /// Breadth first with sorted layers, so that a limit cuts alike on every node.
    fn cone(&self, id: &TxId, direction: Direction, limit: usize) -> BTreeSet<TxId> {
        let mut cone = BTreeSet::new();
        let mut layer = BTreeSet::from([*id]);
        while !layer.is_empty() {
            let next: BTreeSet<TxId> = layer.iter().flat_map(|id| self.neighbours(id, direction)).collect();
            let mut fresh = BTreeSet::new();
            for id in next {
                if cone.len() >= limit {
                    return cone;
                }
                if cone.insert(id) {
                    fresh.insert(id);
                }
            }
            layer = fresh;
        }
        cone
    }

    fn remove_oldest(&mut self) {
        let Some(vertex) = self.arrivals.pop_front() else { return };
        if let Some(id) = self.graph.remove_node(vertex) {
            self.vertices.swap_remove(&id);
        }
    }
}
