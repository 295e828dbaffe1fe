//! Homes that are found again, and those that are not to be used.

use super::*;
use crate::config::{ApiLayer, Layer};

fn config(data: &Path, api: &str) -> Config {
    let api = ApiLayer { listen: Some(api.into()) };
    Config::load(None, |_| None, Layer { data: Some(data.into()), api, ..Layer::default() }).unwrap()
}

#[test]
fn a_home_is_found_again_and_nobody_shares_it() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory.path().join("made/here"), "127.0.0.1:8470");
    let first = Home::open(&config).unwrap();
    assert!(first.is_new && first.network.is_open());
    assert!(matches!(Home::open(&config), Err(HomeError::InUse(_))));
    let (network, node) = (*first.network.id(), first.node);
    drop(first);
    let again = Home::open(&config).unwrap();
    assert_eq!((*again.network.id(), again.node, again.is_new), (network, node, false));
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory.path().join("data"), "127.0.0.1:8470");
    let _home = Home::open(&config).unwrap();
    assert_eq!(std::fs::metadata(&config.data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_network_made_for_this_machine_is_not_served_to_others() {
    let directory = tempfile::tempdir().unwrap();
    let [here, everywhere] = ["127.0.0.1:0", "0.0.0.0:0"].map(|api| config(directory.path(), api));
    drop(Home::open(&here).unwrap());
    let refused = Home::open(&everywhere).unwrap_err();
    assert!(matches!(refused, HomeError::Exposed { .. }) && refused.to_string().contains("--network"));
    let asked_for = Config { network: Some(here.data.join(NETWORK_FILE)), ..everywhere };
    assert!(Home::open(&asked_for).unwrap().network.is_open());

    let other = tempfile::tempdir().unwrap();
    let [here, everywhere] = ["[::1]:0", "[::]:0"].map(|api| config(other.path(), api));
    assert!(!Home::open(&everywhere).unwrap().network.is_open(), "a registrar admits");
    assert!(!Home::open(&here).unwrap().network.is_open());
}

#[test]
fn a_node_that_has_lost_its_key_does_not_go_on_as_another() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "127.0.0.1:0");
    drop(Home::open(&config).unwrap());
    std::fs::remove_file(directory.path().join(NODE_KEY)).unwrap();
    assert!(matches!(Home::open(&config), Err(HomeError::OtherKey { .. })));
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "127.0.0.1:0");
    std::fs::write(directory.path().join(NETWORK_FILE), "name = 7").unwrap();
    let words = Home::open(&config).unwrap_err().to_string();
    assert!(words.contains(NETWORK_FILE) && words.contains("name"), "{words}");
    std::fs::write(directory.path().join(NODE_KEY), "").unwrap();
    let words = Home::open(&config).unwrap_err().to_string();
    assert!(words.contains(NODE_KEY), "{words}");
}

#[test]
fn the_directory_of_a_node_that_has_a_network_is_not_made_a_private_one() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "127.0.0.1:0");
    let file = directory.path().join(CONFIG_FILE);
    std::fs::write(&file, "data = \".\"\nnetwork = \"../network.toml\"\n").unwrap();
    let refused = Home::open(&config).unwrap_err();
    assert!(matches!(refused, HomeError::Configured { .. }), "{refused}");
    assert!(refused.to_string().contains(&format!("--config {}", file.display())), "{refused}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is made");
    // A configuration of a private network says nothing of another.
    std::fs::write(&file, "data = \".\"\n").unwrap();
    assert!(Home::open(&config).unwrap().is_new);
}
