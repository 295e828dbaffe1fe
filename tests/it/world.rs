//! A node with one enrolled sensor, and what the tests of its door say to it.

use crate::cluster::Cluster;
use crate::support::{Device, Node, Wish};
use std::path::Path;
use tempfile::TempDir;
use weft_tangle::{Role, TxId};

pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) node: Node,
    pub(crate) sensor: Device,
}

/// A node with one enrolled sensor.
pub(crate) fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path());
    let mut sensor = Device::new(1, node.network());
    sensor.enrol(&node, Role::Sensor);
    World { directory, node, sensor }
}

/// The same in a network without a quorum, so that nothing becomes final, however long anything takes, and whose epochs
/// last a day, so that counters meet.
pub(crate) fn world_without_quorum() -> World {
    let cluster = Cluster::without_quorum(1);
    let node = cluster.start(0);
    let mut sensor = Device::new(1, node.network());
    sensor.enrol(&node, Role::Sensor);
    World { directory: cluster.into_directory(), node, sensor }
}

impl World {
    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn parents(&self) -> [TxId; 2] {
        self.node.parents(&self.sensor.id())
    }

    #[track_caller]
    pub(crate) fn expect(&self, wire: &[u8], status: u16, word: &str) {
        assert_eq!(self.node.submit(wire), (status, word.to_owned()));
    }

    /// A reading of the enrolled sensor, changed by `change` before it is signed.
    #[track_caller]
    pub(crate) fn expect_wish(&mut self, change: impl FnOnce(&mut Wish), status: u16, word: &str) {
        let mut wish = self.sensor.reading(self.parents());
        change(&mut wish);
        let wire = self.sensor.wire(&wish);
        self.expect(&wire, status, word);
    }
}
