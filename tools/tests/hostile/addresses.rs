//! Every way that is known to write an address that is not public, by itself and
//! behind a redirect.

use std::{net::IpAddr, time::Duration};

use glm_agent_tools::ToolError;
use url::Url;

use crate::{builder, guard, refusal, server::Server};

/// What is not reached, by what it is.
static NOT_PUBLIC: [(&str, &[&str]); 14] = [
    (
        "this machine",
        &[
            "http://localhost/",
            "http://LOCALHOST:8000/",
            "http://localhost./",
            "http://a.localhost/",
            "http://localhost.localdomain/",
            "http://127.0.0.1/",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1./",
            "http://127.1/",
            "http://127.0.1/",
            "http://127.255.255.254/",
            "http://127.00.00.01/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0X7F.0x0.0x0.0x1/",
            "http://0x0000007f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://0177.1/",
            "http://017700000001/",
            "http://00000177.0.0.1/",
            // Digits and dots of other scripts and shapes.
            "http://１２７.０.０.１/",
            "http://127。0。0。1/",
            "http://127｡0｡0｡1/",
            "http://127．0．0．1/",
            "http://①②⑦.⓪.⓪.①/",
            "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/",
            "http://₁₂₇.₀.₀.₁/",
            "http://¹²⁷.⁰.⁰.¹/",
            "http://０x７f.1/",
            // Letters of other shapes, and what nobody sees.
            "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
            "http://ｌｏｃａｌｈｏｓｔ/",
            "http://ℓocalhost/",
            "http://localho\u{17f}t/",
            "http://loc\u{ad}alhost/",
            "http://local\u{200b}host/",
            "http://local\u{2060}host/",
            "http://127.0\u{ad}.0.1/",
            // Written with percent signs.
            "http://%31%32%37.0.0.1/",
            "http://%6c%6f%63%61%6c%68%6f%73%74/",
            "http://127%2e0%2e0%2e1/",
            "http://127.0.0.1%2e/",
            // What stands behind the host looks like another one.
            "http://127.0.0.1#@example.com/",
            "http://127.0.0.1?@example.com/",
            "http://127.0.0.1\\@example.com/",
            "http://127.0.\t0.1/",
            "HTTP://127.0.0.1/",
            "http:\\\\127.0.0.1\\",
            "http:////127.0.0.1/",
            "https://127.0.0.1/",
            "http://0/",
            "http://0x0/",
            "http://0.0.0.0:80/",
            "http://0.1.2.3/",
            "http://[::1]/",
            "http://[::]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[0000::0001]:8080/",
            "http://[::0.0.0.1]/",
        ],
    ),
    (
        "an IPv4 address in disguise",
        &[
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[0:0:0:0:0:FFFF:127.0.0.1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:8.8.8.8]/",
            "http://[::127.0.0.1]/",
            "http://[::7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[64:ff9b:1::10.0.0.1]/",
            "http://[2606:4700::5efe:127.0.0.1]/",
            "http://[2606:4700::200:5efe:7f00:1]/",
        ],
    ),
    (
        "a private network",
        &[
            "http://10.0.0.1/",
            "http://10.1/",
            "http://0xa000001/",
            "http://167772161/",
            "http://012.0.0.1/",
            "http://172.16.0.1/",
            "http://172.31.255.254/",
            "http://192.168.1.1/",
            "http://192.168.257/",
            "http://3232235777/",
            "http://0xc0a80101/",
            "http://[fc00::1]/",
            "http://[fd00:ec2::254]/latest/meta-data/",
            "http://[fd20:ce::254]/computeMetadata/v1/",
            "http://[fec0::1]/",
        ],
    ),
    (
        "the local link, where clouds keep credentials",
        &[
            "http://169.254.169.254/latest/meta-data/",
            "http://2852039166/",
            "http://0xA9FEA9FE/",
            "http://0xA9.0xFE.0xA9.0xFE/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://169.16689662/",
            "http://１６９。２５４。１６９。２５４/",
            "http://169.254.170.2/v2/credentials",
            "http://169.254.170.23/v1/credentials",
            "http://169.254.0.23/",
            "http://169.254.42.42/",
        ],
    ),
    (
        "the local link",
        &[
            "http://[fe80::1]/",
            "http://[fe80::a9fe:a9fe]/",
            "http://[febf::1]/",
        ],
    ),
    (
        "a provider's internal network",
        &[
            "http://100.64.0.1/",
            "http://100.127.255.255/",
            "http://100.100.100.200/latest/meta-data/",
            "http://1684301000/",
        ],
    ),
    (
        "where a cloud answers its own machines",
        &["http://168.63.129.16/machine/", "http://2822734096/"],
    ),
    (
        "reserved for protocols",
        &[
            "http://192.0.0.1/",
            "http://192.0.0.192/opc/v2/instance/",
            "http://[2001:20::1]/",
            "http://[5f00::1]/",
        ],
    ),
    (
        "reserved for documentation",
        &[
            "http://192.0.2.1/",
            "http://198.51.100.1/",
            "http://203.0.113.1/",
            "http://[2001:db8::1]/",
            "http://[3fff::1]/",
        ],
    ),
    (
        "a tunnel to other addresses",
        &[
            "http://192.88.99.1/",
            "http://[2002:7f00:1::]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[2001::1]/",
            "http://[2001:0:7f00:1::80ff:fffe]/",
        ],
    ),
    (
        "a group of machines",
        &[
            "http://224.0.0.1/",
            "http://239.255.255.250/",
            "http://[ff02::1]/",
        ],
    ),
    (
        "reserved",
        &[
            "http://240.0.0.1/",
            "http://255.255.255.255/",
            "http://0xffffffff/",
            "http://[::ffff:0:127.0.0.1]/",
            "http://[4000::1]/",
        ],
    ),
    (
        "a name of the local network",
        &[
            "http://printer.local/",
            "http://printer.local./",
            "http://printer。local/",
            "http://router.lan/",
            "http://nas.home.arpa/",
            "http://metadata/",
            "http://kubernetes.default.svc.cluster.local/",
            "http://ip6-localhost/",
            "http://localhost6/",
            "http://db:8080/",
        ],
    ),
    (
        "a name of an internal network",
        &[
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://METADATA.GOOGLE.INTERNAL./",
            "http://instance-data.ec2.internal/",
            "http://host.docker.internal/",
            "http://wiki.corp/",
            "http://wiki.intranet/",
        ],
    ),
];

/// Ports of other services, at a host that is public.
static OTHER_SERVICES: [&str; 12] = [
    "http://example.com:0/",
    "http://example.com:1/",
    "http://example.com:22/",
    "http://example.com:25/",
    "https://example.com:53/",
    "http://example.com:0025/",
    "http://example.com:110/",
    "http://example.com:389/",
    "http://example.com:587/",
    "http://example.com:2049/",
    "http://example.com:6667/",
    "http://example.com:10080/",
];

/// What is no address of the web at all.
static NOT_OF_THE_WEB: [&str; 32] = [
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/stat",
    "ldap://127.0.0.1/",
    "sftp://127.0.0.1/",
    "tftp://127.0.0.1/x",
    "jar:http://127.0.0.1/a.jar!/",
    "netdoc:///etc/passwd",
    "unix:/var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "ws://127.0.0.1/",
    "blob:http://127.0.0.1/x",
    "view-source:http://127.0.0.1/",
    "data:text/html,x",
    "javascript:alert(1)",
    "about:blank",
    "http://user@example.com/",
    "http://user:pass@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://127.0.0.1@example.com/",
    "http://example.com%40127.0.0.1@10.0.0.1/",
    "http://:secret@127.0.0.1/",
    "http://[fe80::1%25eth0]/",
    "http://[::1%lo]/",
    "http://[::1",
    "http://256.1.1.1/",
    "http://127.0.0.1%00.example.com/",
    "http://lo\u{200d}calhost/",
    "http://exa%0d%0ampl.com/",
];

/// Names of the public that lead where it is not, and there.
static LEADING: [(&str, &str, &str); 10] = [
    ("127.0.0.1.nip.io", "127.0.0.1", "this machine"),
    ("7f000001.nip.io", "127.0.0.1", "this machine"),
    ("localtest.me", "127.0.0.1", "this machine"),
    ("lvh.me", "127.0.0.1", "this machine"),
    ("spoofed.burpcollaborator.net", "127.0.0.1", "this machine"),
    ("zero.example", "0.0.0.0", "this machine"),
    ("10-0-0-1.sslip.io", "10.0.0.1", "a private network"),
    (
        "169.254.169.254.xip.name",
        "169.254.169.254",
        "the local link, where clouds keep credentials",
    ),
    ("six.example", "::1", "this machine"),
    (
        "mapped.example",
        "::ffff:10.0.0.1",
        "an IPv4 address in disguise",
    ),
];

#[test]
fn what_is_not_public_is_refused_with_what_it_is() {
    let guard = guard();
    let mut count = 0;
    for (what, addresses) in NOT_PUBLIC {
        for address in addresses {
            let url = Url::parse(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            assert_eq!(
                refusal(guard.check(&url), address),
                refusal_of(&url, what),
                "{address}"
            );
            count += 1;
        }
    }
    assert!(count >= 120, "{count}");
}

#[test]
fn ports_of_other_services_are_refused() {
    let guard = guard();
    for address in OTHER_SERVICES {
        let url = Url::parse(address).unwrap();
        let port = url.port().unwrap();
        let what = format!("port {port} is that of another service than the web's");
        assert_eq!(refusal(guard.check(&url), address), refusal_of(&url, &what));
    }
}

#[tokio::test]
async fn what_is_no_address_of_the_web_goes_back_to_the_model() {
    let guard = guard();
    for address in NOT_OF_THE_WEB {
        let result = guard.get(address).await;
        assert!(
            matches!(result, Err(ToolError::Model(_))),
            "{address}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_leads_no_further_than_an_address() {
    let plain = NOT_PUBLIC
        .iter()
        .flat_map(|(what, addresses)| addresses.iter().map(move |address| (*address, Some(*what))));
    let ports = OTHER_SERVICES.iter().map(|address| (*address, None));
    let others = NOT_OF_THE_WEB.iter().map(|address| (*address, None));
    let targets: Vec<_> = plain.chain(ports).chain(others).collect();
    let locations: Vec<&str> = targets.iter().map(|(address, _)| *address).collect();
    let server = Server::at("127.0.1.1:0", move |head, stream| {
        let number = head.split(['/', ' ']).nth(2).unwrap();
        let number: usize = number.parse().unwrap();
        let status = [301, 302, 303, 307, 308][number % 5];
        let answer = crate::server::redirect(status, locations[number]);
        std::io::Write::write_all(stream, &answer)
    });
    let guard = guard();
    for (number, (address, what)) in targets.iter().enumerate() {
        let result = guard.get(&format!("{}{number}", server.url())).await;
        match what {
            Some(what) => {
                let url = Url::parse(address).unwrap();
                assert_eq!(
                    refusal(result, address),
                    refusal_of(&url, what),
                    "{address}"
                );
            }
            None => assert!(
                matches!(result, Err(ToolError::User(_) | ToolError::Model(_))),
                "{address}: {result:?}"
            ),
        }
    }
    assert_eq!(server.connections(), targets.len());
}

#[tokio::test]
async fn a_name_is_refused_for_what_it_leads_to() {
    let guard = builder()
        .connect_timeout(Duration::from_secs(60))
        .lookup(|name| async move {
            let known = LEADING.iter().find(|(known, ..)| *known == name);
            let (_, ip, _) = known.expect("a name of the list");
            // Behind an address that might be reached.
            Ok(vec!["127.0.1.1".parse().unwrap(), ip.parse().unwrap()])
        })
        .build()
        .unwrap();
    for (name, ip, what) in LEADING {
        let ip: IpAddr = ip.parse().unwrap();
        let url = Url::parse(&format!("http://{name}/")).unwrap();
        let refused = refusal(guard.get(url.as_str()).await, name);
        let what = format!("it resolves to {ip}, {what}");
        assert_eq!(refused, refusal_of(&url, &what));
    }
}

fn refusal_of(url: &Url, what: &str) -> String {
    let (host, port) = (
        url.host_str().unwrap(),
        url.port_or_known_default().unwrap(),
    );
    format!(
        "refused to reach `{host}`: {what}\nhint: pass --allow-host {host}:{port} if you trust it"
    )
}
