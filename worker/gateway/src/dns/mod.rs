//! DNS as the cell has it: every name exists and has one address, which the gateway chose.
//!
//! No query leaves the cell, in `live` neither: the app gets an address of 198.18.0.0/15 for every name, connects to it, and
//! the gateway knows the name even where TLS or the protocol does not say it. There is no IPv6 and no other record, so there
//! is no encrypted hello (HTTPS records) and no other server to be told of. [`answer`] is a function of bytes; [`serve`] is
//! the sockets.

pub mod names;

use std::{net::Ipv4Addr, sync::Arc};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use names::Names;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

use crate::trial::Trial;

/// Seconds that an answer may be kept.
const TTL: u32 = 60;

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
    let mut asked = Asked { name, kind: question.query_type().to_string(), answer: None, refused: false };
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
    let mut buffer = vec![0; 65_535];
    loop {
        // Errors here are those of earlier answers (the app's port is closed): nothing to do about them.
        let Ok((n, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some((reply, asked)) = answer(&buffer[..n], &trial.names) {
            let _ = socket.send_to(&reply, from).await;
            trial.asked(asked).await;
        }
    }
}

async fn serve_tcp(trial: &Arc<Trial>, listener: &TcpListener) {
    loop {
        let Ok(place) = Arc::clone(&trial.places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(trial);
        trial.spawn(async move {
            tokio::select! {
                _ = tokio::time::timeout(shared.limits.idle, one_tcp(&shared, stream)) => {}
                () = shared.ended.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn one_tcp(trial: &Trial, mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let n = stream.read_u16().await?;
        let mut query = vec![0; usize::from(n)];
        stream.read_exact(&mut query).await?;
        let Some((reply, asked)) = answer(&query, &trial.names) else { return Ok(()) };
        stream.write_u16(reply.len() as u16).await?;
        stream.write_all(&reply).await?;
        trial.asked(asked).await;
    }
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
