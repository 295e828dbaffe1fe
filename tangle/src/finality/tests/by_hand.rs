//! The commit rule on graphs drawn by hand. Of members A to D the leaders of rounds 1, 2, 3, ... are B, C, D, A, B, ...

use crate::CommitteeSize;
use crate::finality::testing::{draw, insert, member, round};
use crate::finality::{Committer, Members, Place, Round, Window, WitnessGraph};

/// The committed leaders after each witness of the drawing.
fn commits(members: usize, text: &str) -> Vec<Vec<String>> {
    let (drawn, names) = draw(text);
    let mut window = Window::new(Round::FIRST);
    let mut committer = Committer::new(CommitteeSize::new(members).unwrap());
    let (mut leaders, mut steps) = (Vec::new(), Vec::new());
    for witness in &drawn {
        let place = insert(&mut window, witness).unwrap();
        committer.attached(&window, place);
        while let Some(leader) = committer.next_leader() {
            let id = window.vertex(leader).unwrap().id;
            leaders.extend(names.iter().filter(|(_, named)| **named == id).map(|(name, _)| name.clone()));
            let index = leaders.len() as u64;
            committer.delivered(&window, index..=index);
        }
        steps.push(leaders.clone());
    }
    steps
}

fn last(members: usize, text: &str) -> Vec<String> {
    commits(members, text).pop().unwrap()
}

/// A round in which all of `authors` build on all of them.
fn full(number: u64, authors: &str) -> String {
    let before: Vec<String> = authors.chars().map(|author| format!("{author}{}", number - 1)).collect();
    authors.chars().map(|author| format!("; {author}{number}: {}", before.join(" "))).collect()
}

const START: &str = "A1; B1; C1; D1";

#[test]
fn a_leader_is_committed_by_the_quorum_of_certificates_and_not_before() {
    let text = format!("{START}{}{}", full(2, "ABCD"), full(3, "ABCD"));
    let steps = commits(4, &text);
    let sizes: Vec<usize> = steps.iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(steps[10], ["B1"]);
}

#[test]
fn a_committee_of_one_commits_each_witness_two_rounds_later() {
    let steps = commits(1, "A1; A2: A1; A3: A2; A4: A3");
    assert_eq!(steps, [&[][..], &[], &["A1"], &["A1", "A2"]]);
}

#[test]
fn a_leader_that_is_gone_is_skipped_by_a_quorum_that_has_gone_on() {
    let text = format!("A1; C1; D1{}{}{}", full(2, "ACD"), full(3, "ACD"), full(4, "ACD"));
    assert_eq!(last(4, &text), ["C2"]);
}

#[test]
fn a_leader_that_comes_too_late_is_skipped_and_stays_so() {
    let text = format!("A1; C1; D1{}{}; B1{}", full(2, "ACD"), full(3, "ACD"), full(4, "ACD"));
    assert_eq!(last(4, &text), ["C2"]);
}

#[test]
fn one_of_a_leaders_twins_is_committed_when_a_quorum_chose_it() {
    let votes = "; A2: A1 B1 C1 D1; C2: A1 B1 C1 D1; D2: A1 B1 C1 D1; B2: A1 B1' C1 D1";
    let text = format!("A1; B1'; B1; C1; D1{votes}{}", full(3, "ABCD"));
    assert_eq!(last(4, &text), ["B1"]);
}

#[test]
fn twins_that_share_the_votes_are_both_passed_by() {
    let votes = "; A2: A1 B1 C1 D1; C2: A1 B1' C1 D1; D2: A1 C1 D1";
    let text = format!("A1; B1'; B1; C1; D1{votes}{}{}", full(3, "ACD"), full(4, "ACD"));
    // For each of the two, two of the three authors of round 2 do not vote: no quorum, so the anchor decides.
    assert_eq!(last(4, &text), [""; 0]);
    let later = format!("{text}{}{}", full(5, "ACD"), full(6, "ACD"));
    assert_eq!(last(4, &later), ["C2", "D3", "A4"]);
}

#[test]
fn a_voter_that_says_both_counts_for_both_and_once_for_each() {
    // C says yes and no, D only no: A's and B's votes with C's yes are a quorum, C's and D's no are none.
    let votes = "; A2: A1 B1 C1; B2: A1 B1 C1; C2: A1 B1 C1; C2': A1 C1 D1; C2'': A1 C1 D1; D2: A1 C1 D1";
    let certificates = "; A3: A2 B2 C2; B3: A2 B2 C2; C3: A2 B2 C2";
    assert_eq!(last(4, &format!("{START}{votes}{certificates}")), ["B1"]);
    // Twins of a certificate are one author's.
    let twins = "; A3: A2 B2 C2; C3: A2 B2 C2; C3': A2 B2 C2 D2; C3'': C2 B2 D2";
    assert_eq!(last(4, &format!("{START}{votes}{twins}")), [""; 0]);
}

/// A2, B2, C2 vote for B1 and D2 does not; only the one named has all three votes below it.
fn one_certificate(of: char) -> String {
    let votes = "; A2: A1 B1 C1; B2: A1 B1 C1; C2: A1 B1 C1; D2: A1 C1 D1";
    let mut text = format!("{START}{votes}");
    for author in "ABCD".chars() {
        let parents = match author {
            author if author == of => "A2 B2 C2",
            'A' => "A2 C2 D2",
            'B' => "A2 B2 D2",
            _ => "B2 C2 D2",
        };
        text += &format!("; {author}3: {parents}");
    }
    text
}

#[test]
fn a_certificate_in_the_anchors_history_commits() {
    let text = format!("{}; A4: A3 C3 D3; B4: A3 B3 C3 D3; C4: A3 C3 D3; D4: A3 C3 D3", one_certificate('A'));
    let text = format!("{text}{}", full(5, "ABCD"));
    assert_eq!(last(4, &text), [""; 0], "one certificate is no quorum of them");
    assert_eq!(last(4, &format!("{text}{}", full(6, "ABCD"))), ["B1", "C2", "D3", "A4"]);
}

#[test]
fn a_certificate_that_the_anchor_has_not_seen_does_not() {
    let text = format!("{}; A4: A3 C3 D3; B4: A3 B3 C3; C4: A3 C3 D3; D4: A3 C3 D3", one_certificate('B'));
    let text = format!("{text}{}{}", full(5, "ABCD"), full(6, "ABCD"));
    assert_eq!(last(4, &text), ["C2", "D3", "A4"]);
}

#[test]
fn an_undecided_slot_holds_back_all_after_it() {
    let text = format!("{}{}{}", one_certificate('A'), full(4, "ABCD"), full(5, "ABCD"));
    assert_eq!(last(4, &text), [""; 0], "C2 is certified by a quorum, but B1 comes first");
    assert_eq!(last(4, &format!("{text}{}", full(6, "ABCD"))), ["B1", "C2", "D3", "A4"]);
}

#[test]
fn an_own_previous_witness_is_history_and_no_vote() {
    // D comes back in round 4 after rounds 2 and 3: it builds on others, and its first stays in its history.
    let text = format!("{START}{}{}; D4: A3 B3 C3", full(2, "ABC"), full(3, "ABC"));
    let (drawn, names) = draw(&text);
    let mut window = Window::new(Round::FIRST);
    for witness in &drawn {
        insert(&mut window, witness).unwrap();
    }
    let place = window.place(&names["D4"]).unwrap();
    let mut found = Vec::new();
    window.walk(place, round(1), &mut |round, layer| found.push((round.get(), layer.len())));
    assert_eq!(found, [(4, 1), (3, 3), (2, 3), (1, 4)]);
    assert_eq!(window.vertex(place).unwrap().previous, window.place(&names["D1"]));
}

#[test]
fn who_was_not_seen_for_64_rounds_leads_no_more_and_leads_again_when_it_is_back() {
    let size = CommitteeSize::new(4).unwrap();
    let mut window = Window::new(Round::FIRST);
    let mut committer = Committer::new(size);
    let mut commits = 0;
    let mut led: Vec<(u64, Members)> = Vec::new();
    let mut before: Vec<Place> = Vec::new();
    for number in 1..=300 {
        let number = round(number);
        let present = if number.get() < 150 { &[0, 1, 3][..] } else { &[0, 1, 2, 3] };
        let parents: Vec<_> = before.iter().map(|place| window.vertex(*place).unwrap().id).collect();
        before = present
            .iter()
            .map(|place| {
                let id = crate::finality::testing::id(number, &format!("{number} {place}"));
                window.insert(id, member(*place), number, &parents, None).unwrap()
            })
            .collect();
        for place in &before {
            committer.attached(&window, *place);
        }
        while let Some(leader) = committer.next_leader() {
            commits += 1;
            committer.delivered(&window, commits..=commits);
            if u64::is_multiple_of(commits, 64) {
                led.push((leader.round.get(), committer.rotation().active()));
            }
            window.drop_before(leader.round.back_to_first(63));
        }
    }
    let [three, four] =
        [&[0, 1, 3][..], &[0, 1, 2, 3]].map(|set| set.iter().map(|m| member(*m)).collect::<Members>());
    // Of 85 rounds 21 were skipped until 64 were committed; then nobody is missed any more.
    assert_eq!(led[0], (85, three));
    assert_eq!(led[1], (149, three));
    assert_eq!(led[2], (213, four));
    assert!(window.len() < 300, "old rounds are dropped");
}
