//! Which addresses a webhook may go to: public ones, and those of networks that the settings allow. Looked at for each connection, and the
//! connection is made to what was looked at: a name that leads elsewhere a moment later leads nowhere.
//! Refuses a name of which one address may not be gone to, whatever its others are.

use crate::downstream::lookups::Lookups;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// What IANA's registry of special-purpose IPv4 addresses has (RFC 6890 and what was added to it), and multicast (RFC 5771).
const SPECIAL_V4: [(Ipv4Addr, u8); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network, RFC 791
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // shared behind a provider's NAT, RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback, RFC 1122
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link local, RFC 3927: clouds tell a machine's secrets there
    (Ipv4Addr::new(172, 16, 0, 0), 12),  // private, RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24),   // protocol assignments, RFC 6890
    (Ipv4Addr::new(192, 0, 2, 0), 24),   // documentation, RFC 5737
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112, RFC 7535
    (Ipv4Addr::new(192, 52, 193, 0), 24), // AMT, RFC 7450
    (Ipv4Addr::new(192, 88, 99, 0), 24), // relays of 6to4, RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private, RFC 1918
    (Ipv4Addr::new(192, 175, 48, 0), 24), // AS112, RFC 7534
    (Ipv4Addr::new(198, 18, 0, 0), 15),  // benchmarks, RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation, RFC 5737
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation, RFC 5737
    (Ipv4Addr::new(224, 0, 0, 0), 4),    // multicast, RFC 5771
    (Ipv4Addr::new(240, 0, 0, 0), 4),    // reserved, RFC 1112, and the broadcast
];

/// The only part of IPv6 that is given out for unicast (RFC 4291): unspecified, loopback, mapped, local, multicast are outside of it.
const UNICAST_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What IANA's registry of special-purpose IPv6 addresses has within that.
const SPECIAL_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, RFC 2928: Teredo, ORCHID and others
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation, RFC 3849
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, RFC 3056
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112, RFC 7534
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation, RFC 9637
];

/// What a translator makes an IPv4 address of, RFC 6052.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// An address that nothing is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is not public.
    #[error("{0} is not a public address, and webhooks.allow does not name it")]
    NotPublic(IpAddr),
    /// It is not among those that may be sent to without TLS.
    #[error("without TLS nothing is sent but to what webhooks.allow names, and {0} is not in it")]
    Plain(IpAddr),
}

/// Who may be reached.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    allow: Arc<[IpNet]>,
    lookups: Lookups,
}

/// The same for connections with TLS, or for those without.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    reach: Reach,
    plain: bool,
}

impl Reach {
    pub(super) fn new(allow: &[IpNet]) -> Self {
        Self { allow: allow.into(), lookups: Lookups::new() }
    }

    pub(super) fn guarded(&self, plain: bool) -> Guarded {
        Guarded { reach: self.clone(), plain }
    }
}

impl Guarded {
    /// Whether this may be sent to.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let meant = meant(address);
        let allowed = |one: IpAddr| self.reach.allow.iter().any(|network| network.contains(&one));
        if allowed(address) || allowed(meant) {
            return Ok(());
        }
        match (is_public(meant), self.plain) {
            (true, false) => Ok(()),
            (true, true) => Err(Forbidden::Plain(address)),
            (false, _) => Err(Forbidden::NotPublic(address)),
        }
    }

    /// The same of a URL whose host is an address: no name is looked up then, and nobody else would ask.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), Forbidden> {
        literal(url).map_or(Ok(()), |address| self.check(address))
    }

    /// What a name leads to now, if each of it may be sent to; for whom, [`lookups::of`](crate::downstream::lookups::of) says.
    pub(super) async fn look_up(
        &self,
        host: String,
    ) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let turn = self.reach.lookups.turn().await?;
        let found = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            (host.as_str(), 0).to_socket_addrs().map(Vec::from_iter)
        });
        self.all(found.await??)
    }

    fn all(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        for address in &found {
            self.check(address.ip())?;
        }
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name leads nowhere").into());
        }
        Ok(found)
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = self.clone();
        Box::pin(async move {
            let found = guarded.look_up(name.as_str().to_owned()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The address that a URL names instead of a host, in whichever way it spells it.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The IPv4 address that an IPv6 address stands for, where it does; else the address itself.
fn meant(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if within_v6(NAT64, v6) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        canonical => canonical,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4
            .iter()
            .any(|(network, length)| Ipv4Net::new_assert(*network, *length).contains(&v4)),
        IpAddr::V6(v6) => {
            within_v6(UNICAST_V6, v6) && !SPECIAL_V6.iter().any(|network| within_v6(*network, v6))
        }
    }
}

fn within_v6((network, length): (Ipv6Addr, u8), address: Ipv6Addr) -> bool {
    Ipv6Net::new_assert(network, length).contains(&address)
}

#[cfg(test)]
mod tests {
    use super::{Forbidden, Guarded, Reach, Url};
    use crate::domain::TenantId;
    use crate::downstream::lookups;
    use futures_util::FutureExt;
    use std::net::SocketAddr;

    fn guarded(allow: &[&str], plain: bool) -> Guarded {
        let networks: Vec<_> = allow.iter().map(|text| text.parse().expect("a network")).collect();
        Reach::new(&networks).guarded(plain)
    }

    fn takes(guarded: &Guarded, address: &str) -> bool {
        guarded.check(address.parse().expect("an address")).is_ok()
    }

    #[test]
    fn nothing_that_is_not_public_is_gone_to() {
        let closed = guarded(&[], false);
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.175.48.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:20::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:808:808::1",
            "2620:4f:8000::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!takes(&closed, address), "{address}");
        }
    }

    #[test]
    fn what_is_public_is_gone_to_with_tls_alone() {
        let (secure, plain) = (guarded(&[], false), guarded(&[], true));
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2600::1",
            "3ffe::1",
        ] {
            assert!(takes(&secure, address), "{address}");
            assert!(!takes(&plain, address), "{address} without TLS");
        }
    }

    #[test]
    fn what_is_allowed_is_gone_to_in_either_way_and_nothing_beside_it() {
        for plain in [false, true] {
            let open = guarded(&["10.1.0.0/16", "fd00:1::/32", "9.9.9.9/32"], plain);
            for address in
                ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:1::5", "9.9.9.9"]
            {
                assert!(takes(&open, address), "{address}");
            }
            for address in ["10.2.0.1", "::ffff:10.2.0.1", "fd00:2::5", "127.0.0.1"] {
                assert!(!takes(&open, address), "{address}");
            }
        }
    }

    #[test]
    fn an_address_in_a_url_is_found_in_whichever_way_it_is_spelt() {
        let closed = guarded(&[], false);
        for url in [
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://017700000001/",
            "https://[::1]/",
            "https://127.1./",
            "https://[::ffff:127.0.0.1]/",
            "https://①②⑦.0.0.1/",
            "https://%31%32%37.0.0.1/",
        ] {
            let refused = closed.check_literal(&Url::parse(url).expect(url));
            assert!(matches!(refused, Err(Forbidden::NotPublic(_))), "{url}");
        }
        let public = Url::parse("https://8.8.8.8/").expect("a URL");
        assert_eq!(closed.check_literal(&public), Ok(()));
    }

    #[test]
    fn one_address_that_is_not_public_spoils_a_name() {
        let closed = guarded(&[], false);
        let addresses = |all: &[&str]| -> Vec<SocketAddr> {
            all.iter().map(|one| SocketAddr::new(one.parse().expect("an address"), 0)).collect()
        };
        assert_eq!(closed.all(addresses(&["1.1.1.1", "2600::1"])).expect("both").len(), 2);
        for mixed in [["1.1.1.1", "10.0.0.1"], ["::1", "2600::1"]] {
            let refused = closed.all(addresses(&mixed)).expect_err("a refusal");
            assert!(refused.is::<Forbidden>(), "{refused}");
        }
        assert!(closed.all(Vec::new()).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_here_is_refused_when_it_is_looked_up() {
        let look_up = |guarded: Guarded| {
            let looked = async move { guarded.look_up("localhost".to_owned()).await };
            lookups::of(TenantId(1), looked)
        };
        let refused = look_up(guarded(&[], false)).await.expect_err("a no");
        assert!(refused.is::<Forbidden>(), "{refused}");
        let found = look_up(guarded(&["127.0.0.0/8", "::1/128"], true)).await;
        assert!(!found.expect("addresses").is_empty());
    }

    #[tokio::test]
    async fn a_name_waits_for_those_of_its_own_tenant_that_hang_and_for_no_others() {
        let open = guarded(&["127.0.0.0/8", "::1/128"], true);
        let turn = |tenant| lookups::of(TenantId(tenant), open.reach.lookups.turn());
        let mut hanging = Vec::new();
        while let Some(one) = turn(1).now_or_never() {
            hanging.push(one.expect("a turn"));
        }
        let look_up = |tenant| lookups::of(TenantId(tenant), open.look_up("localhost".to_owned()));
        assert!(look_up(1).now_or_never().is_none());
        assert!(turn(2).now_or_never().is_some(), "there are turns for others");
        assert!(!look_up(2).await.expect("addresses").is_empty());
        hanging.pop();
        assert!(!look_up(1).await.expect("addresses").is_empty());
    }
}
