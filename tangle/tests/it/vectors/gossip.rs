//! Frames between nodes: those of the vectors come back, the others are refused.

use super::{bytes, committed, keys, number, rows, text, valid};
use weft_tangle::DeviceId;
use weft_tangle::gossip::{Class, Frame, Message, Tree, leads};
use weft_tangle::limits::BODY_OFFSET;

fn class(name: &str) -> Class {
    match name {
        "control" => Class::Control,
        "live" => Class::Live,
        "bulk" => Class::Bulk,
        other => panic!("no stream is called {other}"),
    }
}

#[test]
fn every_message_is_of_its_kind_and_comes_back() {
    let set = committed("gossip.json");
    for row in rows(&set, "messages") {
        let bytes = bytes(row, "hex");
        let frame = Frame::decode(class(text(row, "stream")), &bytes).unwrap();
        assert_eq!(frame.encode(), bytes);
        let fields = &row["fields"];
        let is_kind = match (&frame, text(fields, "message")) {
            (Frame::Message(Message::Tail { checkpoints, credit }), "tail") => {
                let marks = fields["checkpoints"].as_array().unwrap();
                let same = |(mark, row): (&weft_tangle::gossip::Checkpoint, &serde_json::Value)| {
                    [row[0].as_u64(), row[2].as_u64()] == [Some(mark.position), Some(mark.life)]
                        && row[1].as_str() == Some(&mark.id.to_string())
                };
                u64::from(*credit) == number(fields, "credit") && checkpoints.iter().zip(marks).all(same)
            }
            (Frame::Message(Message::From { position, length, life }), "from") => {
                [*position, *length, *life] == ["position", "length", "life"].map(|name| number(fields, name))
            }
            (Frame::Message(Message::Log { first, behind, .. }), "log") => {
                [*first, *behind] == ["first", "behind"].map(|name| number(fields, name))
            }
            (Frame::Message(Message::Ack { position, credit }), "ack") => {
                [*position, u64::from(*credit)] == ["position", "credit"].map(|name| number(fields, name))
            }
            (Frame::Message(Message::Want { request, graft, .. }), "want") => {
                u64::from(*request) == number(fields, "request") && fields["graft"].as_bool() == Some(*graft)
            }
            (Frame::Message(Message::Done { request, .. }), "done") => {
                u64::from(*request) == number(fields, "request")
            }
            (Frame::Message(Message::Prune { tree }), "prune") => u64::from(*tree) == number(fields, "tree"),
            _ => false,
        };
        assert!(is_kind, "{row}");
    }
}

#[test]
fn frames_of_transactions_hold_those_that_are_named() {
    let set = committed("gossip.json");
    let valid = valid();
    let names = set["transactions"].as_array().unwrap();
    let wire = |name: &serde_json::Value| &valid.iter().find(|(known, _)| name == known).unwrap().1[..];
    let wires: Vec<&[u8]> = names.iter().map(wire).collect();
    let live = bytes(&set["live"], "hex");
    let tree = Tree(number(&set["live"], "tree") as u32);
    assert_eq!(Frame::decode(Class::Live, &live), Ok(Frame::Pushed(tree, wires.clone())));
    assert_eq!(Frame::decode(Class::Bulk, &bytes(&set["bulk"], "hex")), Ok(Frame::Bodies(wires)));
    let (erased, whole) = (bytes(&set["erased"], "hex"), wire(&set["erased"]["transaction"]));
    let left = &whole[..BODY_OFFSET];
    assert_eq!(Frame::decode(Class::Bulk, &erased), Ok(Frame::Bodies(vec![left])));
}

#[test]
fn what_is_no_frame_is_refused() {
    for row in rows(&committed("gossip.json"), "invalid") {
        let mut bytes = bytes(row, "hex");
        if let Some(then) = row["then"].as_object() {
            let [count, length] = ["transactions", "bytes"].map(|name| then[name].as_u64().unwrap());
            for _ in 0..count {
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
                bytes.resize(bytes.len() + usize::try_from(length).unwrap(), 1);
            }
        }
        assert!(Frame::decode(class(text(row, "stream")), &bytes).is_err(), "{row}");
    }
}

#[test]
fn who_leads_on_a_link_is_who_the_file_says() {
    let keys = keys();
    for row in rows(&committed("gossip.json"), "leads") {
        let [own, peer] = ["own", "peer"].map(|name| DeviceId::of(&keys[text(row, name)]));
        assert_eq!(row["leads"].as_bool(), Some(leads(&own, &peer)), "{row}");
    }
}
