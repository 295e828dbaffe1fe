//! Telling the shell where fog nodes are, as enrolments come and end.

use super::link::Link;
use crate::limits::{BOOK_ANEW, BOOK_LOOK};
use crate::node::now;
use crate::node::peers::Peers;
use crate::runtime::{sleep, spawn, unblock};
use crate::store::Store;
use std::sync::Arc;

/// Reads the enrolments that are stored, beside everything else, and tells the shell of every address and of each that
/// is new. It does not end by itself.
pub(in crate::node) async fn follow_book(link: Arc<Link>, peers: Arc<Peers>, store: Arc<Store>) {
    let scanned = Arc::clone(&peers);
    spawn(unblock(move || {
        if let Err(error) = scanned.scan(&store, now()) {
            tracing::warn!(%error, "cannot read where other fog nodes are; the committee's addresses are known");
        }
    }));
    let (mut told, mut looks) = (None, 0_u32);
    loop {
        let generation = peers.generation();
        if told != Some(generation) || looks.is_multiple_of(BOOK_ANEW) {
            for peer in peers.at(now()) {
                link.shell.learn(peer.device, &peer.address);
            }
            told = Some(generation);
        }
        looks = looks.wrapping_add(1);
        sleep(BOOK_LOOK).await;
    }
}
