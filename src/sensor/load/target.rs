//! Where a load's requests go, and how they begin (RFC 9112).

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use ureq::http::Uri;

/// A node's address.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Host and port.
    address: String,
    /// What stands before every path.
    prefix: String,
}

impl Target {
    /// The node at `base`, an address that the client has checked.
    pub(super) fn new(base: &str) -> Option<Self> {
        let uri: Uri = base.parse().ok()?;
        let authority = uri.authority()?;
        let port = authority.port_u16().unwrap_or(80);
        let address = format!("{}:{port}", authority.host());
        Some(Self { address, prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Its addresses, one at least.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = self.address.to_socket_addrs()?.collect();
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }

    /// Appends a request for `path`.
    pub(super) fn get(&self, path: &str, out: &mut Vec<u8>) -> io::Result<()> {
        let Self { address, prefix } = self;
        write!(out, "GET {prefix}{path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\r\n")
    }

    /// Appends all of a request but its body of `length` bytes.
    pub(super) fn post(&self, path: &str, length: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let Self { address, prefix } = self;
        write!(
            out,
            "POST {prefix}{path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
             content-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
        )
    }
}
