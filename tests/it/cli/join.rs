//! `weft node join`, `weft network admit` and `weft device request`: how a registrar who sits elsewhere admits.

use super::desk::{Desk, files_in, wait_for};
use super::network::free_ports;
use crate::cluster::{count, figure};
use crate::support::Node;
use rustix::process::Signal;
use serde_json::json;
use weft::node::joining::Newcomer;
use weft::sensor::admission::Admission;
use weft::sensor::{KeyFile, Stop};

/// A desk with a running network of one, made by `weft network new` in `ward`.
fn ward(open: bool) -> (Desk, Node) {
    let desk = Desk::alone();
    let open = if open { " --open" } else { "" };
    desk.weft(&format!("network new --nodes 1 --out ward --port {}{open}", free_ports(1))).done();
    let node = Node::of(desk.command("node --config ward/node-1/config.toml --api-listen 127.0.0.1:0"));
    (desk, node)
}

/// The first step of a newcomer in `data`; its device id.
fn asked(desk: &Desk, data: &str) -> String {
    let line = "node join --network ward/network.toml --address 127.0.0.1:9471 --json --data";
    desk.weft(&format!("{line} {data}")).json()["device"].as_str().unwrap().to_owned()
}

#[test]
fn a_newcomer_joins_by_the_commands_that_are_printed() {
    let (desk, node) = ward(false);
    let first =
        desk.weft("node join --network ward/network.toml --address 127.0.0.1:9471 --data ward-9").done();
    let waiting = desk.weft("node join --data ward-9").done();
    assert_eq!(first, waiting, "who runs it again is told again");
    let words = |line: &&str| line.trim_start().starts_with("weft ");
    let steps: Vec<&str> = first.lines().filter(words).map(|line| &line.trim_start()[5..]).collect();
    assert_eq!(
        steps,
        ["network admit admission-request.toml --key registrar.key", "node join --data ward-9"],
        "{first}"
    );
    // At the registrar's: the request alone has come over.
    std::fs::copy(desk.path("ward-9/admission-request.toml"), desk.path("ward/admission-request.toml"))
        .unwrap();
    let mut at_the_registrars = desk.command(steps[0]);
    let admitted = at_the_registrars.current_dir(desk.path("ward")).output().unwrap();
    let told = String::from_utf8(admitted.stdout).unwrap();
    assert!(admitted.status.success() && told.contains("next: send admission.toml back"), "{told}");
    std::fs::rename(desk.path("ward/admission.toml"), desk.path("ward-9/admission.toml")).unwrap();
    let last = desk.weft(&format!("{} --api {}", steps[1], node.url)).done();
    assert!(last.ends_with("admitted; next:\n  weft node --config ward-9/config.toml\n"), "{last}");

    let device = desk.weft("key show ward-9/node.key --json").json()["device"].as_str().unwrap().to_owned();
    let registrar = desk.weft("key show ward/registrar.key --json").json()["device"].clone();
    let known = node.get(&format!("/api/v1/devices/{device}")).1;
    assert_eq!(known["enrolments"][0]["role"], "fog", "{known}");
    assert_eq!(known["enrolments"][0]["registrar"], registrar);
    let id = known["enrolments"][0]["id"].as_str().unwrap();
    let wire = node.get_as(&format!("/api/v1/transactions/{id}"), "application/octet-stream").1;
    assert_eq!(std::fs::read(desk.path("ward-9/credential.weft")).unwrap(), wire);

    let again = desk.weft(&format!("node join --data ward-9 --json --api {}", node.url)).json();
    let told = (&again["id"], again["status"].as_str().unwrap());
    assert!(told.0 == &json!(id) && ["attached", "final"].contains(&told.1), "{again}");
    assert_eq!(count(&node), 1, "what was handed in is not made anew");

    let newcomer = Node::of(
        desk.command("node --config ward-9/config.toml --api-listen 127.0.0.1:0 --gossip-listen 127.0.0.1:0"),
    );
    assert_eq!(newcomer.get("/api/v1/network").1["node"], json!(device));
    assert_eq!(newcomer.network(), node.network());
    // The committee has never heard of it but lets it in, for it shows what the registrar signed.
    wait_for("the connection", || {
        let about = newcomer.get("/api/v1/network").1;
        (about["peers"][0]["state"] == "connected").then_some(())
    });
    // It is no member: it makes the same commits as the one that is, of that one's witnesses alone.
    wait_for("the same commits", || {
        let [here, there] = [&newcomer, &node].map(|node| figure(node, "weft_finality_commit"));
        (here > 0 && here == there).then_some(())
    });
    assert_eq!(figure(&newcomer, "weft_finality_own_witnesses_total"), 0);
    assert!(figure(&node, "weft_finality_own_witnesses_total") > 0);
}

#[test]
fn without_another_node_the_newcomer_brings_its_enrolment_along() {
    let desk = Desk::alone();
    desk.weft("network new --nodes 1 --out ward").done();
    let device = asked(&desk, "ward-9");
    let before = Node::of(
        desk.command("node --config ward-9/config.toml --api-listen 127.0.0.1:0 --gossip-listen 127.0.0.1:0"),
    );
    assert_eq!(before.get(&format!("/api/v1/devices/{device}")).0, 404);
    assert_eq!(before.stop(), Some(0));
    desk.weft("network admit ward-9/admission-request.toml --key ward/registrar.key").done();
    let admitted = desk.weft("node join --data ward-9 --json").json();
    assert_eq!(admitted["status"], json!(null), "nobody was asked");
    for _start in 0..2 {
        let node = Node::of(desk.command(
            "node --config ward-9/config.toml --api-listen 127.0.0.1:0 --gossip-listen 127.0.0.1:0",
        ));
        let known = wait_for("the enrolment", || {
            let (status, known) = node.get(&format!("/api/v1/devices/{device}"));
            (status == 200).then_some(known)
        });
        assert_eq!(known["enrolments"][0]["id"], admitted["id"]);
        assert_eq!(count(&node), 1);
        assert_eq!(node.stop(), Some(0));
    }
}

#[test]
fn what_no_registrar_of_the_network_signed_admits_nobody() {
    let desk = Desk::alone();
    desk.weft("network new --nodes 1 --out ward").done();
    desk.weft("network new --nodes 1 --out other").done();
    asked(&desk, "a");
    asked(&desk, "b");
    let admit = |rest: &str| desk.weft(&format!("network admit a/admission-request.toml {rest}"));
    let foreign = admit("--key other/registrar.key --network ward/network.toml").refused();
    assert!(foreign.contains("is no registrar of this network"), "{foreign}");
    assert!(admit("--key other/registrar.key").refused().contains("is of the network"));
    assert!(
        admit("--key ward/node-1/node.key --network ward/network.toml").refused().contains("no registrar")
    );
    let past = admit("--key ward/registrar.key --until 2020-01-01").refused();
    assert!(past.contains("ends 2020-01-01T00:00:00.000Z"), "{past}");
    assert_eq!(admit("--key ward/registrar.key --until soon").code, Some(2));
    assert!(!desk.path("a/admission.toml").exists(), "nothing was signed");

    let until = admit("--key ward/registrar.key --until 2999-12-31 --json").json();
    assert_eq!(until["valid_until"], json!(32_503_593_600_000_u64));
    let twice = admit("--key ward/registrar.key").refused();
    assert!(twice.contains("a/admission.toml") && twice.contains("--out"), "{twice}");
    let others = desk.weft("node join --data b --admission a/admission.toml").refused();
    assert!(others.contains("the admission is for"), "{others}");
    let text = std::fs::read_to_string(desk.path("a/admission.toml")).unwrap();
    let at = text.rfind("\"\n").unwrap() - 20;
    let other = if &text[at..=at] == "0" { "1" } else { "0" };
    desk.write("a/admission.toml", &format!("{}{other}{}", &text[..at], &text[at + 1..]));
    let forged = desk.weft("node join --data a").refused();
    assert!(forged.contains("the admission is not valid"), "{forged}");
    assert!(!files_in(&desk.path("a")).contains(&"credential.weft".into()));
}

#[test]
fn steps_out_of_order_say_which_is_next() {
    let (desk, node) = ward(false);
    let early = desk.weft("node join --data ward-9").refused();
    assert!(early.contains("weft node join --network FILE --address HOST:PORT --data ward-9"), "{early}");
    let step = "node join --data ward-9 --network ward/network.toml --address";
    assert_eq!(desk.weft(&format!("{step} 0.0.0.0:8471")).code, Some(2));
    assert!(desk.weft(&format!("{step} a:1 --valid-days 0")).refused().contains("1 to 36500"));
    let missing = "node join --data ward-9 --network none.toml --address a:1";
    assert!(desk.weft(missing).refused().contains("none.toml"));
    assert_eq!(files_in(&desk.path("")), ["ward"], "a step that failed leaves nothing");
    desk.weft(&format!("{step} a:1")).done();
    let otherwise = desk.weft(&format!("{step} b:1")).refused();
    assert!(otherwise.contains("--renew"), "{otherwise}");
    let renewed = desk.weft(&format!("{step} b:1 --renew --json")).json();
    assert_eq!(renewed["address"], "b:1");
    let member = desk.weft("node join --data ward/node-1").refused();
    assert!(member.contains("network.toml"), "it has none of its own: {member}");

    desk.weft("network admit ward-9/admission-request.toml --key ward/registrar.key").done();
    let (other, elsewhere) = Desk::with_node();
    drop(other);
    let wrong = desk.weft(&format!("node join --data ward-9 --api {}", elsewhere.url)).refused();
    assert!(wrong.contains("is of the network"), "{wrong}");
    assert_eq!(node.stop(), Some(0));
    let gone = desk.weft("node join --data ward-9 --api http://127.0.0.1:9").refused();
    assert!(gone.contains("no node answers"), "{gone}");
    assert!(!desk.path("ward-9/credential.weft").exists());
    desk.weft("node join --data ward-9").done();
}

#[test]
fn a_node_that_nobody_admitted_says_so_when_it_starts() {
    let desk = Desk::alone();
    desk.weft("network new --nodes 1 --out ward").done();
    asked(&desk, "ward-9");
    let mut node =
        desk.start("node --config ward-9/config.toml --api-listen 127.0.0.1:0 --gossip-listen 127.0.0.1:0");
    let warned = node.said("no registrar has admitted this node");
    assert!(warned.contains("WARN"), "{warned}");
    node.printed("metrics");
    assert_eq!(node.end(Signal::TERM).code, Some(0));
}

#[test]
fn what_has_ended_admits_nobody() {
    let desk = Desk::alone();
    desk.weft("network new --nodes 1 --out ward").done();
    asked(&desk, "ward-9");
    let registrar = KeyFile::read(&desk.path("ward/registrar.key")).unwrap();
    let newcomer = Newcomer::open(&desk.path("ward-9")).unwrap();
    let network = newcomer.network();
    let mut enrolment = newcomer.request().unwrap().enrolment;
    // The network is older than this moment, so the enrolment has ended.
    enrolment.valid_until = network.created().plus(1);
    let enrolment = enrolment.admitted_by(network.id(), registrar.key());
    let admission = Admission { network: *network.id(), enrolment };
    desk.write("ward-9/admission.toml", &admission.to_toml(""));
    let refused = desk.weft("node join --data ward-9").refused();
    assert!(refused.contains("the enrolment of") && refused.contains("ends"), "{refused}");

    // As if it had been accepted while it held.
    let path = desk.path("ward-9/admission.toml");
    newcomer.accept(&admission, &path, None, network.created(), &Stop::default()).unwrap();
    let ended = desk.weft("node join --data ward-9").refused();
    assert!(ended.contains("weft node join --renew --data ward-9"), "{ended}");
    let mut node =
        desk.start("node --config ward-9/config.toml --api-listen 127.0.0.1:0 --gossip-listen 127.0.0.1:0");
    node.said("this node was admitted until");
    node.printed("metrics");
    assert_eq!(node.end(Signal::TERM).code, Some(0));
    desk.weft("node join --renew --data ward-9").done();
    let admit = "network admit ward-9/admission-request.toml --key ward/registrar.key --out new.toml";
    desk.weft(admit).done();
    desk.weft("node join --data ward-9 --admission new.toml").done();
    let until = newcomer.credential().unwrap().unwrap().enrolment().valid_until;
    desk.weft("node join --data ward-9").done();
    assert_eq!(
        newcomer.credential().unwrap().unwrap().enrolment().valid_until,
        until,
        "the older is not taken up"
    );
}

#[test]
fn a_device_is_admitted_in_the_same_way() {
    let (desk, node) = ward(true);
    desk.weft("key new doctor.key").done();
    let asked =
        desk.weft(&format!("device request --key doctor.key --role practitioner --api {}", node.url)).done();
    assert!(asked.contains("weft network admit"), "{asked}");
    let request = "doctor.key.request.toml";
    desk.weft(&format!("network admit {request} --key ward/registrar.key --until 2999-12-31")).done();
    let enrol =
        format!("device enrol --key doctor.key --admission doctor.key.admission.toml --api {}", node.url);
    let enrolled = desk.weft(&format!("{enrol} --json")).json();
    assert_eq!((&enrolled["role"], &enrolled["status"]), (&json!("practitioner"), &json!("attached")));
    assert_eq!(enrolled["valid_until"], json!(32_503_593_600_000_u64));
    desk.weft("key new other.key").done();
    let others = desk.weft(&enrol.replace("--key doctor.key", "--key other.key")).refused();
    assert!(others.contains("the admission is for"), "{others}");
    assert_eq!(desk.weft(&format!("{enrol} --role sensor")).code, Some(2));
}
