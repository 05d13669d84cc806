//! Where a request comes from: the address that connected, or, when that is a trusted proxy, the one it says it speaks for.
//! Refuses to believe anybody else: `X-Forwarded-For` is a header that a stranger can write too.

use crate::http::Rooms;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const HEADER: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request is counted for, and that the log shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client(pub(super) IpAddr);

/// Finds out who asks, for everything further in.
pub(super) async fn find(
    State(rooms): State<Rooms>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = believed(peer.ip(), request.headers(), &rooms.manners.trusted_proxies);
    request.extensions_mut().insert(Client(client));
    next.run(request).await
}

/// From the right, as each proxy adds whom it heard: the first address that is no proxy of ours. What stands further left was
/// written by somebody we do not know. What is no address ends the search at the proxy that passed it on.
fn believed(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines: Vec<_> = headers.get_all(HEADER).iter().collect();
    for line in lines.into_iter().rev() {
        for word in line.as_bytes().rsplit(|byte| *byte == b',') {
            if !trusted.iter().any(|network| network.contains(&client)) {
                return client;
            }
            let Some(before) = address(word) else { return client };
            client = before.to_canonical();
        }
    }
    client
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(word: &[u8]) -> Option<IpAddr> {
    let word = std::str::from_utf8(word).ok()?.trim();
    let with_port = || word.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || word.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    word.parse().ok().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use super::{HEADER, believed};
    use axum::http::{HeaderMap, HeaderValue};

    fn client(peer: &str, lines: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_static(line));
        }
        let trusted: Vec<_> = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        believed(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_is_believed_but_a_trusted_proxy() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["198.51.100.7"], &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(client("10.1.2.3", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(client("10.1.2.3", &[], &["10.0.0.0/8"]), "10.1.2.3");
    }

    #[test]
    fn what_a_stranger_wrote_in_front_is_not_looked_at() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        let found = |lines: &[&'static str]| client("10.1.2.3", lines, &trusted);
        assert_eq!(found(&["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(found(&["203.0.113.9", "198.51.100.7, 10.9.9.9"]), "198.51.100.7");
        assert_eq!(found(&["198.51.100.7, 2001:db8::1,10.9.9.9"]), "198.51.100.7");
        assert_eq!(found(&["10.7.7.7, 10.9.9.9"]), "10.7.7.7", "nobody but proxies");
        assert_eq!(found(&["198.51.100.7, unknown, 10.9.9.9"]), "10.9.9.9");
        assert_eq!(found(&[""]), "10.1.2.3");
    }

    #[test]
    fn an_address_is_one_address_however_it_is_written() {
        let found = |line| client("::ffff:10.1.2.3", &[line], &["10.0.0.0/8"]);
        for line in ["198.51.100.7", "198.51.100.7:4711", "::ffff:198.51.100.7"] {
            assert_eq!(found(line), "198.51.100.7", "{line}");
        }
        for line in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:4711"] {
            assert_eq!(found(line), "2001:db8::7", "{line}");
        }
    }
}
