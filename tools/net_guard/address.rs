//! Which addresses are of the public internet (IANA's special-purpose
//! registries for IPv4 and IPv6, RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not public: address, length of the prefix, what it is.
const V4: [(Ipv4Addr, u32, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        "a provider's internal network",
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    // Public by its number, and in Azure the host that a machine runs on.
    (
        Ipv4Addr::new(168, 63, 129, 16),
        32,
        "where a cloud answers its own machines",
    ),
    (
        Ipv4Addr::new(169, 254, 0, 0),
        16,
        "the local link, where clouds keep credentials",
    ),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (
        Ipv4Addr::new(192, 0, 2, 0),
        24,
        "reserved for documentation",
    ),
    (
        Ipv4Addr::new(192, 88, 99, 0),
        24,
        "a tunnel to other addresses",
    ),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "reserved for benchmarks"),
    (
        Ipv4Addr::new(198, 51, 100, 0),
        24,
        "reserved for documentation",
    ),
    (
        Ipv4Addr::new(203, 0, 113, 0),
        24,
        "reserved for documentation",
    ),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a group of machines"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The only IPv6 addresses that are assigned to the public internet.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv6 networks that are not public, most specific first where they overlap.
const V6: [(Ipv6Addr, u32, &str); 17] = [
    (Ipv6Addr::UNSPECIFIED, 128, "this machine"),
    (Ipv6Addr::LOCALHOST, 128, "this machine"),
    (
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
        96,
        "an IPv4 address in disguise",
    ),
    (Ipv6Addr::UNSPECIFIED, 96, "an IPv4 address in disguise"),
    (
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0),
        96,
        "an IPv4 address in disguise",
    ),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        "an IPv4 address in disguise",
    ),
    (
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0),
        64,
        "an address where nothing is",
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        32,
        "a tunnel to other addresses",
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "reserved for protocols",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "reserved for documentation",
    ),
    (
        Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0),
        16,
        "a tunnel to other addresses",
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "reserved for documentation",
    ),
    (
        Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0),
        16,
        "reserved for protocols",
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        "a private network",
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        "the local link",
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a private network",
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        "a group of machines",
    ),
];

/// What the interface's half of an address begins with that carries an IPv4 address in
/// its end (ISATAP, RFC 5214, 6.1), with and without the bit for unique ones.
const ISATAP: [u128; 2] = [0x0000_5efe, 0x0200_5efe];

/// Endings of names that mean this machine or its network: reserved for that (RFC 6761,
/// 6762 and 8375, ICANN's decision for `internal`), or so used that they never became
/// public (RFC 6762, appendix G).
const NAMES: [(&str, &str); 10] = [
    ("localhost", "this machine"),
    ("localdomain", "this machine"),
    ("local", LOCAL_NAME),
    ("home.arpa", LOCAL_NAME),
    ("lan", LOCAL_NAME),
    ("home", LOCAL_NAME),
    ("internal", "a name of an internal network"),
    ("intranet", "a name of an internal network"),
    ("private", "a name of an internal network"),
    ("corp", "a name of an internal network"),
];

const LOCAL_NAME: &str = "a name of the local network";

/// Why an address is not reached, as what it is; `None` if it is public.
pub(super) fn refusal(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => V4
            .iter()
            .find(|(net, prefix, _)| within(ip.to_bits().into(), net.to_bits().into(), 96 + prefix))
            .map(|(_, _, what)| *what),
        IpAddr::V6(ip) => {
            let within = |net: &Ipv6Addr, prefix| within(ip.to_bits(), net.to_bits(), prefix);
            let known = V6.iter().find(|(net, prefix, _)| within(net, *prefix));
            let (net, prefix) = GLOBAL_V6;
            match known {
                Some((_, _, what)) => Some(what),
                None if ISATAP.contains(&(ip.to_bits() >> 32 & 0xffff_ffff)) => {
                    Some("an IPv4 address in disguise")
                }
                None if !within(&net, prefix) => Some("reserved"),
                None => None,
            }
        }
    }
}

/// Why a name is not even resolved, as what it is.
pub(super) fn refusal_of_name(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let known = NAMES.iter().find(|(ending, _)| {
        let before = name.strip_suffix(ending);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    match known {
        Some((_, what)) => Some(what),
        // Public names have a dot; the system completes others with its own domain.
        None if !name.contains('.') => Some(LOCAL_NAME),
        None => None,
    }
}

/// Whether the first `prefix` of 128 bits are the same.
fn within(ip: u128, net: u128, prefix: u32) -> bool {
    (ip ^ net).leading_zeros() >= prefix
}
