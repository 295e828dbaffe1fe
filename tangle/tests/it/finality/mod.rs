//! Finality within replicas: what is asked of the shell, what is told to peers and when, and what a restart goes on from.

mod alone;
mod four;
mod layers;
mod parted;
mod shell;
mod town;
