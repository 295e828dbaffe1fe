//! The executor: the only file that names async-std and its thread pool for blocking work.
//!
//! Everything else in the node imports tasks, timers, sockets and signals from here, so a successor (smol) is
//! a change to this file. Timers and sockets rest on one reactor; tokio's runtime is never started, because
//! warp's filters and hyper need only futures and the I/O given to them.

use std::future::{Future, poll_fn};
use std::io;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

pub use async_std::io::{Read as AsyncRead, ReadExt, Write as AsyncWrite, WriteExt};
pub use async_std::net::{TcpListener, TcpStream};
pub use async_std::stream::{Stream, StreamExt};
pub use async_std::task::JoinHandle;

use async_std::os::unix::net::UnixStream;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::limits::BLOCKING_THREADS;

/// Runs `future` to its end on this thread, which also turns the reactor while it waits.
#[expect(clippy::disallowed_methods, reason = "this is the file that names the executor")]
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    async_std::task::block_on(future)
}

/// Has tasks run on half of the cores from now on, one at least: the other half checks, decides and writes. With a thread for
/// each core tasks of nodes that carry little were woken on a core of their own only to hand over to each other; it cost a
/// sixth more. It does nothing once a task has been started, and `ASYNC_STD_THREAD_COUNT` comes before it.
pub fn use_half_of_the_cores() {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    async_global_executor::init_with_config(
        async_global_executor::GlobalExecutorConfig::default()
            .with_env_var("ASYNC_STD_THREAD_COUNT")
            .with_min_threads(cores.div_ceil(2))
            .with_thread_name_fn(|| "weft-tasks".to_owned()),
    );
}

/// Starts a task. It goes on when the handle is dropped; `JoinHandle::cancel` ends it.
#[expect(clippy::disallowed_methods, reason = "this is the file that names the executor")]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    async_std::task::spawn(future)
}

/// What drives QUIC's sockets and timers: the same reactor as everything else.
pub fn quic_runtime() -> Arc<dyn quinn::Runtime> {
    Arc::new(quinn::AsyncStdRuntime)
}

/// Waits for `duration`.
pub async fn sleep(duration: Duration) {
    async_std::task::sleep(duration).await;
}

/// The error of [`timeout`]: the time was up before the future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not done within {0:?}")]
pub struct Elapsed(pub Duration);

/// Waits for `future`, at most for `duration`, then drops it.
///
/// # Errors
/// [`Elapsed`] when the time was up first.
pub async fn timeout<T>(duration: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    async_std::future::timeout(duration, future).await.map_err(|_| Elapsed(duration))
}

/// Lets other tasks and the other half of [`first`] run before going on.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Which of two futures was done first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First<A, B> {
    /// The first one; it is preferred when both are ready.
    Left(A),
    /// The second one.
    Right(B),
}

/// Waits for whichever of two futures is done first and drops the other.
pub async fn first<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> First<A, B> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| match left.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(First::Left(value)),
        Poll::Pending => right.as_mut().poll(cx).map(First::Right),
    })
    .await
}

/// Runs `work`, which may block, on a pool of at most [`BLOCKING_THREADS`] threads.
///
/// The pool's queue has no bound of its own: callers bound how much they hand in. A panic in `work` is
/// resumed in the caller.
pub async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    static BOUNDED: Once = Once::new();
    BOUNDED.call_once(|| {
        let threads = NonZeroUsize::new(BLOCKING_THREADS).unwrap_or(NonZeroUsize::MIN);
        blocking::set_max_blocking_threads(threads);
    });
    blocking::unblock(work).await
}

/// A timer that is armed lazily: moving its deadline later costs nothing until the earlier one passes.
///
/// A connection pushes its deadline back with every request, so re-arming eagerly would cost the reactor's
/// lock twice a request.
#[derive(Default)]
pub struct Timer {
    armed: Option<(Instant, Sleep)>,
}

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Timer {
    /// Ready once `deadline` has passed; otherwise the task is woken then or a little earlier.
    pub fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Poll::Ready(());
            }
            let armed = match self.armed.take() {
                Some(armed) if armed.0 <= deadline => armed,
                _ => (deadline, Box::pin(sleep(left)) as Pin<Box<dyn Future<Output = ()> + Send>>),
            };
            ready!(self.armed.insert(armed).1.as_mut().poll(cx));
            self.armed = None;
        }
    }
}

/// SIGINT and SIGTERM, as something to wait for.
#[derive(Debug)]
pub struct ShutdownSignals {
    pipe: UnixStream,
}

impl ShutdownSignals {
    /// Takes over both signals from now on; they no longer end the process by themselves.
    ///
    /// # Errors
    /// When the pipe or the signal handlers cannot be set up.
    pub fn listen() -> io::Result<Self> {
        let (read, write) = std::os::unix::net::UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGINT, write.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGTERM, write)?;
        Ok(Self { pipe: read.into() })
    }

    /// Waits for the next signal. Signals that come close together may count as one.
    pub async fn next(&mut self) {
        let mut seen = [0; 16];
        // The write ends live as long as the process, so the pipe neither ends nor fails; were it to, a node
        // that cannot be told to stop is worse than one that stops.
        let _ = self.pipe.read(&mut seen).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_something_to_wait_for() {
        let mut signals = ShutdownSignals::listen().unwrap();
        signal_hook::low_level::raise(SIGTERM).unwrap();
        block_on(timeout(Duration::from_secs(20), signals.next())).unwrap();
    }

    #[test]
    fn blocking_work_comes_back_with_its_value() {
        assert_eq!(block_on(unblock(|| 6 * 7)), 42);
    }

    #[test]
    fn timeout_gives_up_on_what_never_ends_and_not_on_what_does() {
        let short = Duration::from_millis(5);
        assert_eq!(block_on(timeout(short, std::future::pending::<()>())), Err(Elapsed(short)));
        assert_eq!(block_on(timeout(Duration::from_secs(20), async { 1 })), Ok(1));
    }

    #[test]
    fn a_timer_fires_at_a_deadline_that_moved_either_way() {
        block_on(async {
            let mut timer = Timer::default();
            let far = Instant::now() + Duration::from_secs(600);
            poll_fn(|cx| Poll::Ready(timer.poll_until(cx, far).is_pending())).await;
            let near = Instant::now() + Duration::from_millis(10);
            poll_fn(|cx| timer.poll_until(cx, near)).await;
            assert!(Instant::now() >= near);
            let early = Instant::now() + Duration::from_millis(5);
            poll_fn(|cx| Poll::Ready(timer.poll_until(cx, early).is_pending())).await;
            let later = early + Duration::from_millis(20);
            poll_fn(|cx| timer.poll_until(cx, later)).await;
            assert!(Instant::now() >= later);
        });
    }
}
