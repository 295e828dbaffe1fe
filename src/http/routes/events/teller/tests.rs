//! Tellers over a scripted past and present: nothing with a place is left out or told twice, whatever comes in between.

use super::*;
use crate::http::query::Query;
use crate::runtime::block_on;
use std::collections::VecDeque;
use std::sync::Mutex;
use weft_tangle::body::Vote;
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{DeviceId, Digest, Kind, Position, Timestamp, TxId};

/// A node of which the test says what it has on disk and what happens.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Pages, each asked for once; behind them the disk has nothing more.
    pages: VecDeque<Option<Page>>,
    asked: Vec<Place>,
    happens: VecDeque<Fed>,
    subscriptions: usize,
    is_stopping: bool,
    takes_nobody: bool,
}

impl Script {
    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl Source for Script {
    type Feed = Self;

    fn subscribe(&self) -> Option<Self> {
        self.state(|state| {
            state.subscriptions += 1;
            (!state.takes_nobody).then(|| self.clone())
        })
    }

    async fn page(&self, after: Place, _: Arc<Wish>) -> Option<Page> {
        self.state(|state| {
            state.asked.push(after);
            let nothing = Page { events: vec![], to: after, is_last: true };
            state.pages.pop_front().unwrap_or(Some(nothing))
        })
    }

    fn is_stopping(&self) -> bool {
        self.state(|state| state.is_stopping)
    }
}

impl Feed for Script {
    async fn next(&mut self) -> Fed {
        let next = self.state(|state| state.happens.pop_front());
        match next {
            Some(fed) => fed,
            None => std::future::pending().await,
        }
    }
}

/// Parameters of a query.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn wish(pairs: Pairs<'_>) -> Wish {
    Wish::of(&Query::of(pairs), None).unwrap()
}

fn id(number: u64) -> TxId {
    TxId::first_at(Timestamp::from_millis(number))
}

fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

fn attached(number: u64) -> Event {
    let (kind, issuer) = (Kind::Reading, device(1));
    Event::Attached { id: id(number), kind, issuer, position: Position(number) }
}

fn at(commit: u64, at: u32) -> Place {
    Place { commit, at }
}

fn delivered(commit: u64, place: u32) -> Event {
    let of = Some((Kind::Reading, device(1)));
    Event::Final { id: id(commit), of, verdict: FinalVerdict::Counts, place: at(commit, place) }
}

fn commit(index: u64, count: u32) -> Event {
    Event::Commit { commit: Vote { index, digest: Digest([7; 32]) }, count }
}

fn page(events: Vec<Event>, to: Place, is_last: bool) -> Option<Page> {
    Some(Page { events, to, is_last })
}

/// All that a stream says until it ends, or `pieces` of it.
fn said(script: &Script, pairs: &[(&str, &str)], pieces: usize) -> (String, Arc<StreamStats>) {
    let wish = wish(pairs);
    let stats = Arc::new(StreamStats::default());
    let feed = wish.after.is_none().then(|| script.clone());
    let begin = wish.after.unwrap_or(at(2, 9));
    let mut teller = Teller::new(script.clone(), wish, Arc::clone(&stats), feed, begin);
    let mut said = String::new();
    for _ in 0..pieces {
        let Some(piece) = block_on(teller.next()) else { break };
        said.push_str(&piece);
    }
    (said, stats)
}

/// The ids and names of the events in a text.
fn events(text: &str) -> Vec<(&str, &str)> {
    let events = text.split("\n\n").filter(|event| event.contains("event: "));
    let field = |event: &'_ str, name: &str| -> Option<(usize, usize)> {
        let start = event.find(name)? + name.len();
        Some((start, event[start..].find('\n').map_or(event.len(), |length| start + length)))
    };
    let value = |event, name| field(event, name).map_or("", |(start, end)| &event[start..end]);
    events.map(|event| (value(event, "id: "), value(event, "event: "))).collect()
}

const ENDED: &str = "event: ended\ndata: {\"reason\":\"stopping\"}\n\n";

#[test]
fn what_was_missed_comes_from_disk_and_then_what_happens_each_once() {
    let script = Script::default();
    script.state(|state| {
        state.pages.push_back(page(vec![delivered(1, 1), commit(1, 2)], at(1, 2), false));
        // A part of a commit of which nothing is wanted.
        state.pages.push_back(page(vec![], at(2, 0), true));
        // What became final while the stream was about to subscribe.
        state.pages.push_back(page(vec![delivered(2, 1)], at(2, 1), false));
        state.pages.push_back(page(vec![delivered(2, 2)], at(2, 2), true));
        let happens = [delivered(2, 1), delivered(2, 2), attached(9), delivered(2, 3), commit(2, 4)];
        state.happens.extend(happens.map(Fed::Event));
        state.happens.push_back(Fed::Closed);
    });
    let (said, _) = said(&script, &[("after", "1-0")], usize::MAX);
    assert!(said.starts_with(&format!("id: 1-0\n{BEGINNING}")) && said.ends_with(ENDED), "{said}");
    let expected = [
        ("1-1", "final"),
        ("1-2", "commit"),
        ("2-1", "final"),
        ("2-2", "final"),
        ("", "attached"),
        ("2-3", "final"),
        ("2-4", "commit"),
        ("", "ended"),
    ];
    assert_eq!(events(&said), expected);
    let asked = script.state(|state| (std::mem::take(&mut state.asked), state.subscriptions));
    assert_eq!(asked, (vec![at(1, 0), at(1, 2), at(2, 0), at(2, 1)], 1));
    let comment = format!("\n\nid: 2-0\n{COMMENT}");
    assert!(said.contains(&comment), "the page of nothing is a comment that says how far it reaches: {said}");
}

#[test]
fn a_client_that_is_ahead_of_the_node_waits_until_it_has_come_so_far() {
    let script = Script::default();
    script.state(|state| {
        let happens = [delivered(6, 0), commit(6, 1), delivered(7, 3), delivered(7, 4), commit(7, 5)];
        state.happens.extend(happens.map(Fed::Event));
        state.happens.push_back(Fed::Closed);
    });
    let (said, _) = said(&script, &[("after", "7-3")], usize::MAX);
    assert_eq!(events(&said), [("7-4", "final"), ("7-5", "commit"), ("", "ended")]);
}

#[test]
fn who_comes_for_the_present_reads_nothing_from_disk() {
    let script = Script::default();
    script.state(|state| state.happens.extend([Fed::Event(delivered(3, 0)), Fed::Missed(70)]));
    let (said, stats) = said(&script, &[], usize::MAX);
    assert!(said.ends_with("event: missed\ndata: {\"events\":70}\n\n"), "{said}");
    assert_eq!(events(&said), [("3-0", "final"), ("", "missed")]);
    assert!(script.state(|state| state.asked.is_empty()));
    let counted: Vec<_> = stats.written().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("final", 1), ("missed", 1)]);
}

#[test]
fn a_disk_that_cannot_be_read_and_a_node_that_stops_end_it_with_a_word() {
    let script = Script::default();
    script.state(|state| state.pages.extend([page(vec![delivered(1, 0)], at(1, 0), false), None]));
    let (said_of_disk, _) = said(&script, &[("after", "0-0")], usize::MAX);
    assert_eq!(events(&said_of_disk), [("1-0", "final"), ("", "ended")]);
    assert!(said_of_disk.ends_with("{\"reason\":\"storage\"}\n\n"));
    for stop in [|state: &mut State| state.is_stopping = true, |state: &mut State| state.takes_nobody = true]
    {
        let script = Script::default();
        script.state(stop);
        let (said, _) = said(&script, &[("after", "0-0")], usize::MAX);
        assert_eq!(said, format!("id: 0-0\n{BEGINNING}{ENDED}"));
    }
}

#[test]
fn a_stream_ends_where_something_may_be_on_disk_that_was_not_told() {
    let script = Script::default();
    script.state(|state| state.happens.extend([Fed::Event(delivered(3, 0)), Fed::Interrupted]));
    let (said, _) = said(&script, &[], usize::MAX);
    assert_eq!(events(&said), [("3-0", "final"), ("", "ended")]);
    assert!(said.ends_with("{\"reason\":\"storage\"}\n\n"), "{said}");
}

#[test]
fn a_client_always_has_an_id_behind_which_nothing_was_told() {
    let stream = |pairs: Pairs<'_>, happens: Vec<Event>| {
        let script = Script::default();
        script.state(|state| state.happens.extend(happens.into_iter().map(Fed::Event)));
        let stats = Arc::new(StreamStats::default());
        let mut teller = Teller::new(script.clone(), wish(pairs), stats, Some(script), at(2, 9));
        let begin = block_on(teller.next()).unwrap();
        let told = block_on(teller.next()).unwrap();
        (begin, told, teller.comment(), teller.comment())
    };
    let happens = || vec![attached(1), delivered(3, 0), commit(3, 1)];
    // What is known when it begins is not told, and what is not wanted moves the id on.
    let known = [vec![delivered(2, 8), commit(2, 9)], happens(), vec![delivered(4, 0)]].concat();
    let (begin, told, first, second) = stream(&[("kind", "final")], known);
    assert_eq!(begin, format!("id: 2-9\n{BEGINNING}"));
    assert_eq!(events(&told), [("3-0", "final"), ("4-0", "final")]);
    assert_eq!((first.as_str(), second.as_str()), (COMMENT, COMMENT));
    let (_, told, first, second) = stream(&[("kind", "attached,disputed")], happens());
    assert_eq!(events(&told), [("", "attached")]);
    assert_eq!((first, second.as_str()), (format!("id: 3-1\n{COMMENT}"), COMMENT));
    // Of a wish for nothing that commits say, nothing could be told again.
    let (begin, _, first, _) = stream(&[("kind", "attached")], happens());
    assert_eq!((begin.as_str(), first.as_str()), (BEGINNING, COMMENT));
}

#[test]
fn what_happened_meanwhile_is_written_together_up_to_a_bound() {
    let script = Script::default();
    script.state(|state| state.happens.extend((0..1_000).map(|number| Fed::Event(attached(number)))));
    let (first, _) = said(&script, &[], 2);
    let written = events(&first).len();
    assert!(written > 10 && written < 200, "{written}");
    assert!(first.len() < EVENT_TEXT_BYTES + 1_024);
}

#[test]
fn only_what_is_wanted_is_told() {
    let (witness, enrolment) = (Kind::Witness, Kind::Enrol);
    let of =
        |kind, issuer| Event::Attached { id: id(1), kind, issuer: device(issuer), position: Position(0) };
    let peer = Event::Peer { device: device(9), state: "left" };
    let unknown = Event::Final { id: id(1), of: None, verdict: FinalVerdict::Revoked, place: at(1, 0) };
    let all = [
        of(Kind::Reading, 1),
        of(witness, 2),
        of(enrolment, 1),
        delivered(1, 1),
        unknown,
        commit(1, 2),
        peer,
        Event::Disputed { id: id(1), kind: Kind::Reading, issuer: device(1) },
    ];
    let second = device(2).to_string();
    let cases: [(Pairs<'_>, &[usize]); 7] = [
        (&[], &[0, 2, 3, 4, 5, 6, 7]),
        (&[("kind", "attached")], &[0, 2]),
        (&[("kind", "peer, commit")], &[5, 6]),
        (&[("of", "witness")], &[1, 4, 5, 6]),
        (&[("of", "enrol,witness"), ("kind", "attached,disputed")], &[1, 2]),
        (&[("device", &second)], &[4, 5, 6]),
        (&[("device", &second), ("of", "witness"), ("kind", "attached")], &[1]),
    ];
    for (pairs, expected) in cases {
        let wish = wish(pairs);
        let wanted: Vec<_> = (0..all.len()).filter(|at| wish.wants(&all[*at])).collect();
        assert_eq!(wanted, expected, "{pairs:?}");
    }
}

#[test]
fn a_wish_that_cannot_be_read_says_what_it_may_be() {
    for (pairs, words) in [
        (("kind", "finall"), "attached, final, disputed, commit, peer"),
        (("kind", ""), "attached, final"),
        (("of", "reading,document"), "reading"),
        (("device", "x"), "52"),
        (("after", "7"), "17-3"),
    ] {
        let refused = Wish::of(&Query::of(&[pairs]), None).unwrap_err();
        assert!(refused.detail().contains(words), "{pairs:?}: {}", refused.detail());
    }
    assert!(Wish::of(&Query::of(&[]), Some("x")).unwrap_err().detail().contains("Last-Event-ID"));
    let wish = Wish::of(&Query::of(&[("after", "0-0")]), Some("17-3")).unwrap();
    assert_eq!(wish.after, Some(at(17, 3)), "the client has come further than where it began");
}
