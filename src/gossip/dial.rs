//! Making connections: who is known and not connected is called, again and again, with waits between.

use super::book::Call;
use super::handshake;
use super::intro::Side;
use super::limits::{DIAL_TICK, DIALS};
use super::listen::begin;
use super::reason::{Departure, Reason};
use super::resolve::Resolver;
use super::shared::{Shared, draw};
use super::tls::SERVER_NAME;
use crate::runtime::{first, sleep, spawn, timeout, unblock};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Makes calls for as long as the shell lives.
pub(super) async fn dial_all(shared: Arc<Shared>) {
    let (resolver, open) = (Resolver::default(), Arc::new(AtomicUsize::new(0)));
    let mut rechecked = Instant::now();
    while !shared.roster.is_stopping() {
        let now = Instant::now();
        let free = DIALS.saturating_sub(open.load(Ordering::Acquire));
        let most = if shared.roster.has_room() { free } else { 0 };
        let calls = shared.book().due(now, most);
        for call in calls {
            open.fetch_add(1, Ordering::AcqRel);
            let (shared, resolver, open) = (Arc::clone(&shared), resolver.clone(), Arc::clone(&open));
            spawn(async move {
                make(&shared, &resolver, call).await;
                open.fetch_sub(1, Ordering::AcqRel);
                shared.dialler.set();
            });
        }
        if now.saturating_duration_since(rechecked) >= shared.options.limits.recheck {
            rechecked = now;
            recheck(&shared).await;
        }
        let next = shared.book().next(now).filter(|_| most > 0);
        let wait = next.map_or(DIAL_TICK, |at| at.saturating_duration_since(now)).min(DIAL_TICK);
        first(shared.dialler.seen(), sleep(wait.min(shared.options.limits.recheck))).await;
    }
}

/// Makes one call; if it leads to a connection, serves it.
async fn make(shared: &Arc<Shared>, resolver: &Resolver, call: Call) {
    let device = call.device;
    if let Err(why) = connect(shared, resolver, call).await {
        shared.stats.count_failure(&why);
        tracing::debug!(peer = %device, %why, "cannot connect to a peer");
        shared.book().failed(&device, why, Instant::now(), draw());
    }
}

async fn connect(shared: &Arc<Shared>, resolver: &Resolver, call: Call) -> Result<(), Departure> {
    shared.roster.welcomes(&call.device, shared.is_committee(&call.device), Instant::now())?;
    let local = shared.local_addr();
    let addresses = resolver.resolve(&call.address, local).await?;
    if shared.is_committee(&call.device) {
        addresses.iter().for_each(|address| shared.gate.learn(call.device, true, address.ip()));
    }
    // Attempts go by turns through a node's two addresses, so every second one goes on to the name's next.
    let address = addresses[call.attempt as usize / 2 % addresses.len()];
    let connecting = shared
        .endpoint
        .connect_with(shared.client.clone(), address, SERVER_NAME)
        .map_err(|error| Departure::Address(error.to_string()))?;
    let limits = &shared.options.limits;
    let connection = match timeout(limits.step_timeout, connecting).await {
        Ok(connected) => connected?,
        Err(_) => return Err(Departure::Silent),
    };
    let shaking = handshake::as_client(shared, &connection, call.device);
    let proved = timeout(limits.handshake_timeout, shaking).await.unwrap_or(Err(Reason::Timeout.into()));
    begin(shared, &connection, proved, Side::Client)
}

/// Looks at the peers' enrolments again: they expire, and registrars revoke them.
async fn recheck(shared: &Arc<Shared>) {
    for link in shared.roster.links() {
        let (ledger, member) = (Arc::clone(&shared.ledger), link.member.clone());
        let still = unblock(move || member.recheck(&*ledger, crate::node::now())).await;
        if let Err(reason @ (Reason::Expired | Reason::Revoked)) = still {
            link.close(reason);
        }
    }
}
