//! What comes in: whose line it joins, what it holds until it is dealt with, and in which order it comes to the owner.

use super::super::pair::Pair;
use super::*;
use crate::bell::{bounded, never};
use crate::gossip::Class as Stream;
use crate::node::fair::{Bounds, queue};
use crate::node::job::Checked;
use weft_tangle::Verified;
use weft_tangle::gossip::Message;

struct World {
    pair: Pair,
    feeder: Feeder,
    jobs: fair::Receiver<Job>,
    owner: Receiver<PeerEvent>,
    server: Receiver<Command>,
}

impl World {
    /// A feeder that was told of its peer, and knows both devices.
    fn new(bounds: Bounds) -> Self {
        let pair = Pair::new();
        let store = Arc::clone(&pair.disk.store);
        let directory = Arc::new(Directory::new(Arc::clone(&pair.network)));
        for device in &pair.devices {
            assert!(directory.find(&device.id(), &store).unwrap().is_some());
        }
        let ((jobs, waiting), (owner, told), (server, asked)) = (queue(bounds), bounded(64), bounded(64));
        let feeder = Feeder {
            store,
            directory,
            jobs,
            checker: None,
            progress: Arc::default(),
            owner,
            server,
            events: never(),
            again: never(),
            alive: never(),
            lanes: BTreeMap::from([(pair.number, Lane::default())]),
            bus: Arc::default(),
            connected: BTreeMap::new(),
        };
        Self { pair, feeder, jobs: waiting, owner: told, server: asked }
    }

    /// The peer pushes a frame of stored transactions by their numbers; even ones are of the second device, odd ones of
    /// the first.
    fn pushes(&mut self, numbers: &[usize]) {
        let stored = self.pair.wires();
        let wires = numbers.iter().map(|number| &stored[*number][..]).collect();
        let event = self.pair.sends(Stream::Live, Frame::Pushed(Tree(7), wires).encode());
        self.feeder.take(event);
    }

    fn answers(&mut self, frame: &Frame<'_>) {
        let event = self.pair.sends(Stream::Bulk, frame.encode());
        self.feeder.take(event);
    }

    /// The next job: the numbers of its transactions, and the job.
    fn job(&self) -> Option<(Vec<usize>, PeerJob)> {
        let Job::Peer(job) = self.jobs.try_pop()? else { panic!("a peer's") };
        let Work::Wires(wires) = &job.work else { panic!("{job:?}") };
        let stored = self.pair.wires();
        let numbers: Vec<_> =
            wires.iter().map(|wire| stored.iter().position(|one| one == wire).unwrap()).collect();
        self.feeder.progress.finish(numbers.len());
        Some((numbers, job))
    }

    fn waiting(&self) -> usize {
        self.feeder.lanes.values().map(|lane| lane.waiting.len()).sum()
    }
}

fn done(request: u32) -> Frame<'static> {
    Frame::Message(Message::Done { request, lacking: vec![], withheld: vec![] })
}

#[test]
fn transactions_of_a_frame_join_the_lines_of_their_issuers_and_hold_its_share_until_the_last() {
    let mut world = World::new(Bounds::default());
    world.pushes(&[2, 3, 4, 5, 6]);
    let held = world.pair.held();
    assert!(held > 0);
    let jobs: Vec<_> = std::iter::from_fn(|| world.job()).collect();
    let mut numbers: Vec<_> = jobs.iter().map(|(numbers, _)| numbers.clone()).collect();
    numbers.sort();
    assert_eq!(numbers, [vec![2, 4, 6], vec![3, 5]], "one job a line");
    assert!(
        jobs.iter().all(|(_, job)| job.tree == Some(Tree(7)) && job.source == source_of(world.pair.number))
    );
    for (_, job) in jobs {
        assert_eq!(world.pair.held(), held, "something of it is being checked");
        drop(job);
    }
    assert_eq!(world.pair.held(), 0);
}

#[test]
fn what_comes_alone_while_nothing_waits_is_checked_at_once() {
    let mut world = World::new(Bounds { connection_jobs: 1, ..Bounds::default() });
    let (requests, checked) = bounded(8);
    let checker = Checker::of(&world.pair.network, &world.feeder.store, &world.feeder.directory, requests);
    let room = Arc::clone(&checker.room);
    world.feeder.checker = Some(checker);
    let check = |world: &mut World, numbers: &[usize]| {
        world.pushes(numbers);
        let found = checked.try_recv().ok().map(|request: Checked| request.len());
        (found, std::iter::from_fn(|| world.jobs.try_pop()).count())
    };
    assert_eq!(check(&mut world, &[2]), (Some(1), 0));
    assert_eq!(check(&mut world, &[3]), (None, 1), "the first waits for the owner");
    room.give(1);
    assert_eq!(check(&mut world, &[4, 6]), (None, 1), "two are not alone");
    let (say, events) = bounded(1);
    world.feeder.events = events;
    let frame = Frame::Message(Message::Ack { position: 1, credit: 1 }).encode();
    say.send(world.pair.sends(Stream::Control, frame)).unwrap();
    assert_eq!(check(&mut world, &[4]), (None, 1), "something else has come");
    assert!(world.feeder.events.try_recv().is_ok());
    let busy = Job::Peer(job_of(&world, 5));
    let origin = Origin { issuer: world.pair.devices[0].id(), connection: ConnectionId::of_peer(9) };
    world.feeder.jobs.push(origin, 1, busy).unwrap();
    assert_eq!(check(&mut world, &[4]), (None, 2), "something waits for a check");
    assert_eq!(check(&mut world, &[5]), (Some(1), 0));
    room.give(1);
    world.feeder.check_again(screened(&world.pair), source_of(world.pair.number));
    assert_eq!(checked.len(), 1, "what is to be checked again comes alone as well");
}

#[test]
fn what_comes_alone_does_not_pass_what_waits_before_it() {
    let mut world = World::new(Bounds { connection_jobs: 1, ..Bounds::default() });
    [[2], [4]].iter().for_each(|numbers| world.pushes(numbers));
    let (requests, checked) = bounded(8);
    let Feeder { store, directory, .. } = &world.feeder;
    world.feeder.checker = Some(Checker::of(&world.pair.network, store, directory, requests));
    assert!(world.jobs.try_pop().is_some() && world.jobs.len() == 0 && world.waiting() == 1);
    world.pushes(&[6]);
    assert_eq!((checked.len(), world.waiting()), (0, 2));
}

/// A job of a stored transaction.
fn job_of(world: &World, number: usize) -> PeerJob {
    let work = Work::Wires(vec![world.pair.wires()[number].clone().into()]);
    PeerJob { source: source_of(world.pair.number), tree: None, work, share: Share::default() }
}

#[test]
fn what_finds_no_room_waits_in_its_order_and_keeps_back_its_own_line_alone() {
    let mut world = World::new(Bounds { connection_jobs: 1, ..Bounds::default() });
    [[2], [4]].iter().for_each(|numbers| world.pushes(numbers));
    assert_eq!((world.jobs.len(), world.waiting()), (1, 1));
    world.pushes(&[3]);
    assert_eq!((world.jobs.len(), world.waiting()), (2, 1), "another line has room");
    world.feeder.retry();
    assert_eq!(world.waiting(), 1, "there is none yet");
    let mut seen = Vec::new();
    while !seen.contains(&2) {
        seen.extend(world.job().unwrap().0);
    }
    world.pushes(&[6]);
    assert_eq!(world.waiting(), 2, "it stays behind what came before it, though there is room");
    world.feeder.retry();
    while let Some((numbers, _)) = world.job() {
        seen.extend(numbers);
        world.feeder.retry();
    }
    assert_eq!(world.waiting(), 0);
    assert_eq!(seen.iter().filter(|number| **number != 3).collect::<Vec<_>>(), [&2, &4, &6]);
    assert!(world.feeder.progress.is_past(world.feeder.progress.mark(9)), "each is counted in and out once");
}

#[test]
fn the_word_that_an_answer_is_over_waits_for_all_of_it_and_for_no_other() {
    let mut world = World::new(Bounds { connection_jobs: 1, ..Bounds::default() });
    let stored = world.pair.wires();
    for (request, number) in [(1, 2), (2, 4)] {
        world.answers(&Frame::Bodies(vec![&stored[number]]));
        world.answers(&done(request));
    }
    assert!(world.owner.is_empty(), "one is with the checkers, one waits for room");
    for expected in [1, 2] {
        drop(world.job().unwrap());
        let told = world.owner.try_recv();
        let Ok(PeerEvent::Message { message: Message::Done { request, .. }, .. }) = told else {
            panic!("{told:?}")
        };
        assert_eq!(request, expected);
        world.feeder.retry();
    }
    world.answers(&done(3));
    assert!(matches!(world.owner.try_recv(), Ok(PeerEvent::Message { .. })), "nothing stands before it");
}

#[test]
fn messages_do_not_wait_for_transactions_and_what_is_none_is_said() {
    let mut world = World::new(Bounds::default());
    let stored = world.pair.wires();
    world.answers(&Frame::Bodies(vec![&stored[2]]));
    let ack = Message::Ack { position: 1, credit: 1 };
    let event = world.pair.sends(Stream::Control, ack.encode());
    world.feeder.take(event);
    assert!(matches!(world.owner.try_recv(), Ok(PeerEvent::Message { message, .. }) if message == ack));
    for (class, bytes) in [(Stream::Control, vec![0xFF]), (Stream::Live, vec![7]), (Stream::Bulk, vec![9])] {
        let event = world.pair.sends(class, bytes);
        world.feeder.take(event);
        let told = world.owner.try_recv();
        assert!(matches!(told, Ok(PeerEvent::Garbled { peer }) if peer == world.pair.number), "{class:?}");
    }
}

#[test]
fn of_a_peer_that_has_left_nothing_waits_and_nothing_is_taken() {
    let mut world = World::new(Bounds { connection_jobs: 1, ..Bounds::default() });
    [[2], [4]].iter().for_each(|numbers| world.pushes(numbers));
    let number = world.pair.number;
    world.pair.link.shell.disconnect(number, crate::gossip::Reason::Stopping);
    let left = world.pair.event();
    world.feeder.take(left);
    assert_eq!((world.waiting(), world.feeder.lanes.len()), (0, 0));
    assert!(matches!(world.server.try_recv(), Ok(Command::Left(peer)) if peer == number));
    assert!(matches!(world.owner.try_recv(), Ok(PeerEvent::Left(_))));
    let screened = screened(&world.pair);
    world.feeder.check_again(screened, source_of(number));
    assert_eq!(world.jobs.len(), 1, "what is with the checkers goes on");
}

#[test]
fn what_is_to_be_checked_again_joins_its_issuers_line() {
    let mut world = World::new(Bounds { connection_jobs: 1, ..Bounds::default() });
    world.pushes(&[2]);
    let again = screened(&world.pair);
    world.feeder.check_again(again, source_of(world.pair.number));
    assert_eq!((world.jobs.len(), world.waiting()), (1, 1), "behind what is there");
    drop(world.job());
    world.feeder.retry();
    let Some(Job::Peer(PeerJob { work: Work::Again(screened), .. })) = world.jobs.try_pop() else {
        panic!("it is checked again")
    };
    assert_eq!(screened.transaction().wire(), world.pair.wires()[4]);
}

/// The fifth transaction, of the device of the third.
fn screened(pair: &Pair) -> Screened {
    let verified: &Verified = pair.ledger.arrivals[4].verified();
    Screened::check(&pair.network, verified.transaction().clone()).unwrap()
}

#[test]
fn a_bulk_queue_that_has_room_again_is_told_to_the_server() {
    let mut world = World::new(Bounds::default());
    fill(&world.pair);
    let drained = world.pair.read_until_it_says();
    world.feeder.take(drained);
    assert!(world.owner.is_empty());
    // The word waits until the server has heard it, and speaks for whatever drains until then: given up before, it could
    // be heard, the queue filled and drained, and nothing said.
    fill(&world.pair);
    read_all(&world.pair);
    assert!(world.pair.events.is_empty(), "it is said twice");
    let said = world.server.try_recv().unwrap();
    assert!(matches!(&said, Command::Drained(drained) if drained.peer == world.pair.number));
    drop(said);
    fill(&world.pair);
    world.pair.read_until_it_says();
}

/// Fills the bulk queue to its last place.
fn fill(pair: &Pair) {
    let frame = Bytes::from(vec![7; Stream::Bulk.frame_bytes()]);
    let sent = |_: &u32| pair.link.shell.send(pair.number, Stream::Bulk, frame.clone()).is_ok();
    assert!((0..1_000).take_while(sent).count() < 1_000, "its queue is full");
}

/// Has the peer read all that waits.
fn read_all(pair: &Pair) {
    let last = Bytes::from_static(b".");
    while pair.link.shell.send(pair.number, Stream::Bulk, last.clone()).is_err() {
        pair.frame();
    }
    while pair.frame().1 != last {}
}
