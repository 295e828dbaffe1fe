//! The texts of the files that a node starts from, written for a person who reads them first.
//!
//! Always true: a configuration written here loads to what it was made of, and a network file explained here is the
//! same network.

use crate::gossip::limits::{PEERS_DEFAULT, PEERS_MOST};
use crate::limits::CACHE_DEFAULT_MIB;
use crate::network_file::NetworkFile;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use weft_tangle::DeviceId;
use weft_tangle::signing::PublicKey;

/// A node's configuration in its directory.
pub const CONFIG_FILE: &str = "config.toml";

/// Where a node listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening {
    /// For sensors and people.
    pub(super) api: SocketAddr,
    /// For other fog nodes.
    pub(super) gossip: SocketAddr,
}

/// On which of its interfaces a node listens so that others reach it at `address`: this machine's own for an address on
/// it, else all.
pub(super) fn listen_for(address: &str) -> IpAddr {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(ip @ (IpAddr::V4(_) | IpAddr::V6(_))) if IpAddr::is_loopback(&ip) => ip,
        Ok(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        _ if bare == "localhost" => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// A configuration whose data lie beside it. `network` is the path of the network file from there, `address` where
/// others reach the node, `others` how many it has to have a place for: a member of the committee for all other members.
pub(super) fn config(listening: &Listening, network: &str, address: &str, others: usize) -> String {
    let Listening { api, gossip } = listening;
    let peers = match others > PEERS_DEFAULT {
        true => format!(
            "# Peers at once: a place for each of the other members of the committee, without which the node does not start.\n\
             # Ask for more, up to {PEERS_MOST}, if nodes join that are no members.\n\
             peers = {others}\n"
        ),
        false => String::new(),
    };
    format!(
        "# The configuration of a Weft fog node. Start it, from any directory, with\n\
         #     weft node --config THIS_FILE\n\
         # Paths here are relative to this file. Variables (WEFT_API_LISTEN and so on) and flags are stronger;\n\
         # `weft config check --config THIS_FILE` prints what is in force.\n\
         \n\
         # The database and the node's key lie here. node.key is secret and cannot be made again: keep a copy of it\n\
         # where nobody else reads it.\n\
         data = \".\"\n\
         \n\
         # What all nodes of the network share.\n\
         network = \"{network}\"\n\
         \n\
         [api]\n\
         # Where sensors and people reach the node. It speaks plain HTTP and answers everybody who reaches it: beyond\n\
         # this machine only behind a gateway of your own.\n\
         listen = \"{api}\"\n\
         \n\
         [gossip]\n\
         # Where other fog nodes reach this one (UDP). They know it as {address}.\n\
         listen = \"{gossip}\"\n\
         {peers}\n\
         [storage]\n\
         # Mebibytes of memory that the database may use as its cache, 1 to 1024.\n\
         cache_mib = {CACHE_DEFAULT_MIB}\n\
         \n\
         [log]\n\
         # What is told on standard error: off, error, warn, info, debug or trace.\n\
         level = \"warn\"\n"
    )
}

/// The network file with a word on each of its parts.
pub(super) fn explained(file: &NetworkFile, registrars: &[PublicKey]) -> String {
    let mut text = format!(
        "# A Weft network. All its nodes have this file; nothing in it is secret. Its id is\n\
         #     {}\n\
         # and follows from everything here but the addresses and [finality]: whoever changes anything else makes another\n\
         # network, whose nodes do not speak to those of this one.\n\n",
        file.network.id()
    );
    let mut members = file.addresses.iter().enumerate();
    let mut registrars_named = registrars.iter();
    for line in file.to_toml(registrars).lines() {
        let words = match line {
            "[rules]" => "# What a device may send and how much work that takes; epoch_ms are milliseconds, difficulties bits.\n".into(),
            "[finality]" => "# Milliseconds between the committee's rounds at full load and with next to nothing to do, and of a message between\n\
                             # members at most. Nodes that differ in it agree all the same.\n".into(),
            "[[registrars]]" => registrars_named.next().map_or_else(String::new, |key| {
                format!("# A registrar, who admits devices and nodes: {}\n", DeviceId::of(key))
            }),
            "[[committee]]" => members.next().map_or_else(String::new, |(index, (key, _))| {
                format!("# Member {} of the committee, and where its fog node is reached: {}\n", index + 1, DeviceId::of(key))
            }),
            line if line.starts_with("open_enrolment") => {
                "# Whether sensors, gateways and patients may enrol without a registrar.\n".into()
            }
            _ => String::new(),
        };
        text.push_str(&words);
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Layer};
    use weft_tangle::finality::Pace;
    use weft_tangle::limits::COMMITTEE;
    use weft_tangle::signing::{Seed, SigningKey};
    use weft_tangle::{Network, NetworkParts, Rules, Timestamp};

    #[test]
    fn an_explained_network_is_the_same() {
        let key = |byte| SigningKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap().public_key().clone();
        let network = Network::new(NetworkParts {
            // A name that looks like a part of the file.
            name: "[rules]\" [[committee]]".into(),
            created: Timestamp::from_millis(1_800_000_000_000),
            open_enrolment: true,
            rules: Rules::default(),
            registrars: vec![key(1)],
            committee: vec![key(2), key(3)],
        });
        let addresses = [(key(2), "a:1".to_owned()), (key(3), "b:2".to_owned())].into();
        let file = NetworkFile { network: network.unwrap(), addresses, pace: Pace::default() };
        let text = explained(&file, &[key(1)]);
        let read = NetworkFile::parse(&text).unwrap();
        assert_eq!((read.network.id(), &read.addresses), (file.network.id(), &file.addresses));
        for (line, before) in text.lines().skip(1).zip(text.lines()) {
            if line.starts_with('[') {
                assert!(before.starts_with("# "), "{line}");
            }
        }
    }

    #[test]
    fn places_are_asked_for_only_where_the_default_has_too_few() {
        let own = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(CONFIG_FILE);
        for others in [0, PEERS_DEFAULT, PEERS_DEFAULT + 1, COMMITTEE - 1] {
            let text = config(&Listening { api: own, gossip: own }, "n", "127.0.0.1:1", others);
            assert_eq!(text.contains("peers ="), others > PEERS_DEFAULT, "{text}");
            std::fs::write(&path, text).unwrap();
            let config = Config::load(Some(&path), |_| None, Layer::default()).unwrap();
            assert_eq!(config.gossip_peers, PEERS_DEFAULT.max(others));
        }
    }

    #[test]
    fn a_node_listens_where_it_is_reached() {
        for (address, ip) in [
            ("127.0.0.1:1", "127.0.0.1"),
            ("localhost:1", "127.0.0.1"),
            ("[::1]:1", "::1"),
            ("[fd00::1]:1", "::"),
            ("10.0.0.1:1", "0.0.0.0"),
            ("ward-1:1", "0.0.0.0"),
        ] {
            assert_eq!(listen_for(address), ip.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
