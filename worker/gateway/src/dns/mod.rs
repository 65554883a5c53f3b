//! DNS as the cell has it: every name exists and has one address, which the gateway chose.
//!
//! No query leaves the cell, in `live` neither: the app gets an address of 198.18.0.0/15 for every name, connects to it, and
//! the gateway knows the name even where TLS or the protocol does not say it. There is no IPv6 and no other record, so there
//! is no encrypted hello (HTTPS records) and no other server to be told of. [`answer`] is a function of bytes; [`serve`] is
//! the sockets. What is more than one plain question ([`plain`]) is kept, and told as not read: an app can send anything to
//! this port.

pub mod names;
pub mod plain;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use bytes::Buf;

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use names::Names;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::{
    connection::{self, opaque, stream::Stream},
    http::record::Peer,
    trial::Trial,
};

/// Seconds that an answer may be kept.
const TTL: u32 = 60;
/// What bytes that are no plain question are called for people, and the server of a datagram: the kernel does not say which it was
/// sent to, and the capture does.
const PROTOCOL: &str = "no plain question of dns";
const ANY: &str = "dns";
const PORT: u16 = 53;

/// A question that was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Lower case, without the last dot. The app's own text.
    pub name: String,
    /// `A`, `AAAA`, ..
    pub kind: String,
    /// What was given for it.
    pub answer: Option<Ipv4Addr>,
    /// It would have had an address, but there are too many names.
    pub refused: bool,
    /// It had an address before.
    pub known: bool,
}

/// Answers one message; none: it is no query, and silence is the answer.
pub fn answer(query: &[u8], names: &Names) -> Option<(Vec<u8>, Option<Asked>)> {
    let query = Message::from_vec(query).ok()?;
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    let (OpCode::Query, [question]) = (query.metadata.op_code, query.queries.as_slice()) else {
        reply.metadata.response_code = ResponseCode::NotImp;
        return Some((reply.to_vec().ok()?, None));
    };
    let name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let known = names.knows(&name);
    let mut asked = Asked { name, kind: question.query_type().to_string(), answer: None, refused: false, known };
    if matches!(question.query_type(), RecordType::A | RecordType::ANY) && !asked.name.is_empty() {
        asked.answer = names.address(&asked.name);
        if let Some(a) = asked.answer {
            reply.add_answer(Record::from_rdata(question.name().clone(), TTL, RData::A(A(a))));
        } else {
            asked.refused = true;
            reply.metadata.response_code = ResponseCode::Refused;
        }
    }
    reply.add_query(question.clone());
    Some((reply.to_vec().ok()?, Some(asked)))
}

/// Answers on both sockets until the trial ends.
pub async fn serve(trial: Arc<Trial>, udp: UdpSocket, tcp: TcpListener) {
    tokio::join!(serve_udp(&trial, &udp), serve_tcp(&trial, &tcp));
}

async fn serve_udp(trial: &Trial, socket: &UdpSocket) {
    let peer = Peer { scheme: "udp", name: Some(ANY.to_owned()), address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: PORT };
    let mut buffer = vec![0; 65_535];
    loop {
        // Errors here are those of earlier answers (the app's port is closed): nothing to do about them.
        let Ok((n, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(reply) = heard(trial, &peer, &buffer[..n]).await {
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// Takes a whole message and gives its answer. What the answer's question does not say of it is kept.
async fn heard(trial: &Trial, peer: &Peer, message: &[u8]) -> Option<Vec<u8>> {
    let (reply, asked) = answer(message, &trial.names).unzip();
    let asked = asked.flatten();
    let plain = asked.is_some() && plain::is_plain(message);
    trial.asked(asked).await;
    if !plain {
        opaque::message(trial, peer, PROTOCOL, message).await;
    }
    reply
}

async fn serve_tcp(trial: &Arc<Trial>, listener: &TcpListener) {
    loop {
        let Ok(place) = Arc::clone(&trial.places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(trial);
        trial.spawn(async move {
            one_tcp(&shared, stream).await;
            drop(place);
        });
    }
}

async fn one_tcp(trial: &Trial, socket: TcpStream) {
    let to = connection::original(&socket).ok().flatten();
    let name = match to.map(|to| to.ip()) {
        Some(IpAddr::V4(a)) => trial.names.name(a),
        _ => None,
    };
    let address = to.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |to| to.ip());
    let peer = Peer { scheme: "tcp", name, address, port: to.map_or(PORT, |to| to.port()) };
    let mut stream = Stream::new(socket, trial.ended.clone());
    loop {
        let Some(message) = first(&stream.buffer) else {
            match stream.fill(trial.limits.idle).await {
                Ok(()) => continue,
                Err(_) if stream.buffer.is_empty() => return,
                Err(_) => break,
            }
        };
        let message = message.to_vec();
        // No query at all: it and all that follows are kept.
        if answer(&message, &trial.names).is_none() {
            break;
        }
        let Some(reply) = heard(trial, &peer, &message).await else { break };
        stream.buffer.advance(2 + message.len());
        let framed = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
        if stream.send(&framed, trial.limits.idle).await.is_err() {
            return;
        }
    }
    opaque::keep(trial, &peer, PROTOCOL, stream).await;
}

/// The first message of a connection, if all of it has come.
fn first(buffer: &[u8]) -> Option<&[u8]> {
    let (length, rest) = buffer.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use hickory_proto::{op::Query, rr::Name};
    use proptest::prelude::*;

    use super::*;

    fn ask(name: &str, kind: RecordType) -> (Message, Option<Asked>) {
        let mut q = Message::query();
        q.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        let (bytes, asked) = answer(&q.to_vec().unwrap(), &Names::default()).unwrap();
        let reply = Message::from_vec(&bytes).unwrap();
        assert_eq!(reply.metadata.id, q.metadata.id);
        assert_eq!(reply.queries, q.queries);
        (reply, asked)
    }

    #[test]
    fn a_name_has_an_address_and_its_case_does_not_matter() {
        let (reply, asked) = ask("API.Example.", RecordType::A);
        let asked = asked.unwrap();
        assert_eq!(asked.name, "api.example");
        assert_eq!(reply.answers[0].data, RData::A(A(asked.answer.unwrap())));
        assert_eq!(ask("api.example.", RecordType::A).1.unwrap(), asked);
    }

    #[test]
    fn other_records_are_empty_and_no_error() {
        for kind in [RecordType::AAAA, RecordType::HTTPS, RecordType::TXT, RecordType::MX] {
            let (reply, asked) = ask("x.example.", kind);
            assert!(reply.answers.is_empty());
            assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
            assert_eq!(asked.unwrap().answer, None);
        }
    }

    #[test]
    fn a_name_is_known_from_its_first_address_on() {
        let names = Names::default();
        let mut known = Vec::new();
        for kind in [RecordType::AAAA, RecordType::A, RecordType::AAAA] {
            let mut q = Message::query();
            q.add_query(Query::query(Name::from_ascii("x.example.").unwrap(), kind));
            known.push(answer(&q.to_vec().unwrap(), &names).unwrap().1.unwrap().known);
        }
        assert_eq!(known, [false, false, true]);
    }

    #[test]
    fn an_answer_is_not_answered() {
        let m = Message::response(1, OpCode::Query).to_vec().unwrap();
        assert_eq!(answer(&m, &Names::default()), None);
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = answer(&noise, &Names::default());
        }
    }
}
