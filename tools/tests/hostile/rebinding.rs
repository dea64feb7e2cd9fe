//! A name server that gives one address when a name is checked and would give another
//! when it is used.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use glm_agent_tools::net_guard::NetGuard;
use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QTYPE, Question, ResourceRecord, TYPE, rdata::RData,
};
use tokio::net::UdpSocket;

use crate::{
    builder, refusal,
    server::{Server, redirect, text},
};

/// A name server that answers with its addresses in turn, each to be forgotten at once.
struct Turns {
    place: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Turns {
    async fn of(addresses: &'static [&str]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let place = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let query = Packet::parse(&buffer[..length]).unwrap();
                let question = query.questions[0].clone();
                let mut reply = query.into_reply();
                if question.qtype == QTYPE::TYPE(TYPE::A) {
                    let turn = count.fetch_add(1, Ordering::SeqCst);
                    let ip: Ipv4Addr = addresses[turn % addresses.len()].parse().unwrap();
                    let answer = ResourceRecord::new(
                        question.qname.clone(),
                        CLASS::IN,
                        0,
                        RData::A(ip.into()),
                    );
                    reply.answers.push(answer);
                }
                let reply = reply.build_bytes_vec().unwrap();
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { place, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A guard that has names resolved here.
    fn guard(&self) -> NetGuard {
        let place = self.place;
        let guard = builder().lookup(move |name| lookup(place, name));
        guard.build().unwrap()
    }
}

/// Asks a name server, and remembers nothing.
async fn lookup(server: SocketAddr, name: String) -> io::Result<Vec<IpAddr>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(server).await?;
    let mut query = Packet::new_query(7);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(&name).map_err(io::Error::other)?;
    query
        .questions
        .push(Question::new(name, TYPE::A.into(), CLASS::IN.into(), false));
    let query = query.build_bytes_vec().map_err(io::Error::other)?;
    socket.send(&query).await?;
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).await?;
    let reply = Packet::parse(&buffer[..length]).map_err(io::Error::other)?;
    let addresses = reply
        .answers
        .iter()
        .filter_map(|answer| match &answer.rdata {
            RData::A(ip) => Some(IpAddr::from(Ipv4Addr::from(ip.address))),
            _ => None,
        });
    Ok(addresses.collect())
}

/// The same port at an address that is public, and at one that is not.
fn public_and_private() -> (Server, Server) {
    for _ in 0..100 {
        let public = Server::saying("127.0.1.1:0", text("public"));
        let place = format!("127.0.0.1:{}", public.port);
        if std::net::TcpListener::bind(&place).is_ok() {
            return (public, Server::saying(&place, text("secret")));
        }
    }
    panic!("no port is free at both addresses");
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    let (public, private) = public_and_private();
    let names = Turns::of(&["127.0.1.1", "127.0.0.1"]).await;
    let guard = names.guard();
    let url = format!("http://rebind.example:{}/", public.port);
    for round in 1..=10 {
        let page = guard.get(&url).await.unwrap();
        assert_eq!(page.text().await.unwrap(), "public");
        assert_eq!(
            refusal(guard.get(&url).await, "the second answer"),
            format!(
                "refused to reach `rebind.example`: it resolves to 127.0.0.1, this machine\n\
                 hint: pass --allow-host rebind.example:{} if you trust it",
                public.port
            )
        );
        // Once for each request, so that there was no second answer to be misled by.
        assert_eq!(names.asked(), 2 * round);
    }
    assert_eq!((public.connections(), private.connections()), (10, 0));
}

#[tokio::test]
async fn a_redirect_to_the_same_name_is_resolved_and_checked_again() {
    let (public, private) = public_and_private();
    let names = Turns::of(&["127.0.1.2", "127.0.0.1"]).await;
    let to = format!("http://rebind.example:{}/", public.port);
    let first = Server::saying("127.0.1.2:0", redirect(302, &to));
    let from = format!("http://rebind.example:{}/", first.port);
    let refused = refusal(names.guard().get(&from).await, "the redirect");
    assert!(
        refused.starts_with("refused to reach `rebind.example`: it resolves to 127.0.0.1, "),
        "{refused}"
    );
    let counts = [&first, &public, &private].map(Server::connections);
    assert_eq!((counts, names.asked()), ([1, 0, 0], 2));
}
