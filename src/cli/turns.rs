//! How the system lets a node's threads take turns: whoever runs finishes what it is at before those that it has woken.
//!
//! A reading passes five threads. Where the system lets each that is woken run at once, in the place of who woke it, each
//! handles one reading and sleeps again; where it does not, several have come until its turn comes, which are checked side by
//! side and share a commit (`spec/decisions/0032-batch-scheduling.md`).

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

const USUAL: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
const BATCH: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);

/// Has this thread, and those that it starts from now on, finish their turns. What an operator has chosen for the process stays.
pub(super) fn let_each_finish() {
    if thread_schedule_policy().is_ok_and(|policy| policy == USUAL)
        && let Some(priority) = priority()
        && let Err(error) = set_thread_priority_and_policy(thread_native_id(), priority, BATCH)
    {
        // It only costs more.
        tracing::debug!(?error, "the system does not schedule this process in batches");
    }
}

/// What stands for the niceness that this thread has. It is set together with the policy, and must not change.
fn priority() -> Option<ThreadPriority> {
    let niceness = rustix::process::getpriority_process(None).ok()?;
    let values = (0..=u8::MAX).map_while(|value| ThreadPriorityValue::try_from(value).ok());
    let mut priorities = values.map(ThreadPriority::Crossplatform);
    priorities.find(|priority| priority.to_posix(BATCH).is_ok_and(|found| found == niceness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn niceness_stays_and_threads_inherit_the_policy() {
        std::thread::spawn(|| {
            // More is no privilege, and it is this thread's alone.
            rustix::process::setpriority_process(None, 3).unwrap();
            let_each_finish();
            let inherited = std::thread::spawn(|| {
                (thread_schedule_policy().unwrap(), rustix::process::getpriority_process(None).unwrap())
            });
            assert_eq!(inherited.join().unwrap(), (BATCH, 3));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_was_chosen_stays() {
        std::thread::spawn(|| {
            let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
            set_thread_priority_and_policy(thread_native_id(), priority().unwrap(), idle).unwrap();
            let_each_finish();
            assert_eq!(thread_schedule_policy().unwrap(), idle);
        })
        .join()
        .unwrap();
    }
}
