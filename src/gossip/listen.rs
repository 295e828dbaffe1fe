//! Taking connections: bounds first, then the handshake, then a place.

use super::gate::{Pass, Verdict};
use super::handshake::{self, Proved};
use super::intro::Side;
use super::reason::{Departure, Reason};
use super::serve::serve;
use super::shared::Shared;
use crate::runtime::{spawn, timeout, yield_now};
use quinn::{Connection, Incoming};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Takes connections until the endpoint is closed, or has ended by itself.
pub(super) async fn listen(shared: Arc<Shared>) {
    while let Some(incoming) = shared.endpoint.accept().await {
        let address = incoming.remote_address().ip();
        match shared.gate.judge(address, incoming.remote_address_validated(), Instant::now()) {
            Verdict::Begin(pass) => {
                spawn(take(Arc::clone(&shared), incoming, pass));
            }
            Verdict::Validate => {
                // It can be asked for, for it has not been shown; the client comes again.
                let _ = incoming.retry();
            }
            Verdict::Refuse => {
                shared.stats.count_refused_at_the_gate();
                incoming.refuse();
            }
        }
        // A flood is always ready and would keep this thread from everything else.
        yield_now().await;
    }
    if !shared.roster.is_stopping() {
        shared.has_failed.store(true, Ordering::Release);
        let address = shared.options.listen;
        tracing::error!(%address, "the socket for other fog nodes has failed: this node is cut off from them until it is restarted");
    }
}

async fn take(shared: Arc<Shared>, incoming: Incoming, pass: Pass) {
    let address = incoming.remote_address();
    if let Err(why) = shake(&shared, incoming, pass).await {
        shared.stats.count_failure(&why);
        if shared.notices.is_due(&why, Instant::now()) {
            tracing::warn!(%address, %why, "somebody was not let in; more of the kind are counted, and told again in a minute");
        } else {
            tracing::debug!(%address, %why, "a connection came to nothing");
        }
    }
}

/// The place among strangers is left before anybody hears that the connection has become a peer's.
async fn shake(shared: &Arc<Shared>, incoming: Incoming, pass: Pass) -> Result<(), Departure> {
    let limits = &shared.options.limits;
    let connection = match timeout(limits.step_timeout, incoming.accept()?).await {
        Ok(connected) => connected?,
        Err(_) => return Err(Departure::Silent),
    };
    let shaking = handshake::as_server(shared, &connection);
    let proved = timeout(limits.handshake_timeout, shaking).await.unwrap_or(Err(Reason::Timeout.into()));
    drop(pass);
    begin(shared, &connection, proved, Side::Server)
}

/// Gives a connection its place and serves it, or closes it and says why.
pub(super) fn begin(
    shared: &Arc<Shared>,
    connection: &Connection,
    proved: Result<Proved, Departure>,
    side: Side,
) -> Result<(), Departure> {
    let entered = proved.and_then(|proved| Ok((shared.enter(connection, &proved, side)?, proved)));
    match entered {
        Ok((link, proved)) => {
            spawn(serve(Arc::clone(shared), link, proved));
            Ok(())
        }
        Err(why) => {
            if let Departure::Closed(reason) = &why {
                reason.close(connection);
            }
            Err(why)
        }
    }
}
