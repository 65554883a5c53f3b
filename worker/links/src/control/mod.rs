//! gRPC: the emulator's own service, `EmulatorController`, over HTTP/2 without TLS on loopback.
//!
//! With `-grpc-use-token` each call carries `authorization: Bearer <grpc.token>`. tonic gives the framing and the statuses;
//! the connection is our own, as its transport would bring more crates than this whole crate has.

pub mod messages;
mod sound;
mod transport;

use std::{pin::pin, time::Duration};

use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::Mutex;
use tonic::{Code, Request, Status, client::Grpc, metadata::MetadataValue};
use tonic_prost::ProstCodec;

pub use self::sound::{Injection, SoundFormat};
use self::{
    messages::{
        ClipData, Empty, EmulatorStatus, GpsState, Image, ImageFormat, KeyboardEvent, MouseEvent, Notification, PhoneResponse, RunState,
        SERVICE, SmsMessage, Touch, TouchEvent, VmRunState,
    },
    transport::{Transport, lost},
};
use crate::{Fault, LinkError, Stage, Token, error::within, limits};

/// A client of `EmulatorController`.
#[derive(Debug)]
pub struct Control {
    port: u16,
    token: Option<Token>,
    slot: Mutex<Option<Transport>>,
}

/// What a status means.
pub(crate) fn meaning(status: &Status) -> Fault {
    let mut source = std::error::Error::source(status);
    while let Some(e) = source {
        if let Some(hyper) = e.downcast_ref::<hyper::Error>() {
            return lost(hyper);
        }
        source = e.source();
    }
    let message: String = status.message().chars().filter(|c| !c.is_control()).take(limits::REFUSAL).collect();
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => Fault::Unauthorized(message),
        Code::Unimplemented => Fault::NotImplemented(message),
        Code::OutOfRange if message.contains("message length too large") => {
            Fault::TooLarge { what: "an answer of gRPC", limit: limits::GRPC_ANSWER as u64 }
        }
        code => Fault::Status { code: code as i32, message },
    }
}

/// The path of a method.
fn path(method: &str) -> Result<PathAndQuery, Fault> {
    format!("/{SERVICE}/{method}").parse().map_err(|_| Fault::Invalid("a method's name"))
}

impl Control {
    /// The service behind `port` on loopback: `grpc.port` of the discovery file. Nothing is sent yet.
    pub fn new(port: u16, token: Option<Token>) -> Self {
        Self { port, token, slot: Mutex::new(None) }
    }

    /// Connects, if there is no connection. It says nothing about the token: the first call does.
    pub async fn connect(&self, limit: Duration) -> Result<(), LinkError> {
        within(Stage::GrpcConnect, limit, async { self.transport().await.map(drop) }).await
    }

    async fn transport(&self) -> Result<Transport, Fault> {
        let mut slot = self.slot.lock().await;
        if let Some(transport) = slot.as_ref().filter(|t| t.is_alive()) {
            return Ok(transport.clone());
        }
        let transport = Transport::open(self.port).await?;
        *slot = Some(transport.clone());
        Ok(transport)
    }

    async fn client(&self, largest: usize) -> Result<Grpc<Transport>, Fault> {
        let origin = http::Uri::from_static("http://localhost");
        let mut client = Grpc::with_origin(self.transport().await?, origin).max_decoding_message_size(largest);
        client.ready().await.map_err(|e| lost(&e))?;
        Ok(client)
    }

    fn request<T>(&self, message: T) -> Result<Request<T>, Fault> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let mut value: MetadataValue<_> =
                format!("Bearer {}", token.reveal()).parse().map_err(|_| Fault::Invalid("the token is no header"))?;
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }

    async fn call<Q, A>(&self, method: &'static str, message: Q, largest: usize, limit: Duration) -> Result<A, LinkError>
    where
        Q: Message + Send + std::marker::Sync + 'static,
        A: Message + Default + Send + std::marker::Sync + 'static,
    {
        // A connection that cannot be made is told as such.
        let started = tokio::time::Instant::now();
        self.connect(limit).await?;
        within(Stage::Grpc(method), limit.saturating_sub(started.elapsed()), async {
            let mut client = self.client(largest).await?;
            let codec: ProstCodec<Q, A> = ProstCodec::default();
            let answer = client.unary(self.request(message)?, path(method)?, codec).await;
            answer.map(tonic::Response::into_inner).map_err(|s| match meaning(&s) {
                Fault::TooLarge { what, .. } => Fault::TooLarge { what, limit: largest as u64 },
                other => other,
            })
        })
        .await
    }

    async fn order<Q: Message + Send + std::marker::Sync + 'static>(
        &self,
        method: &'static str,
        message: Q,
        limit: Duration,
    ) -> Result<(), LinkError> {
        self.call::<Q, Empty>(method, message, limits::GRPC_ANSWER, limit).await.map(drop)
    }

    /// `getStatus`.
    pub async fn status(&self, limit: Duration) -> Result<EmulatorStatus, LinkError> {
        self.call("getStatus", Empty {}, limits::GRPC_ANSWER, limit).await
    }

    /// `getVmState`.
    pub async fn vm_state(&self, limit: Duration) -> Result<RunState, LinkError> {
        let state: VmRunState = self.call("getVmState", Empty {}, limits::GRPC_ANSWER, limit).await?;
        Ok(state.state())
    }

    /// `setVmState`.
    pub async fn set_vm_state(&self, state: RunState, limit: Duration) -> Result<(), LinkError> {
        self.order("setVmState", VmRunState { state: state.into() }, limit).await
    }

    /// `sendKey`: a key by its name of the W3C, pressed and let go.
    pub async fn key(&self, name: &str, limit: Duration) -> Result<(), LinkError> {
        self.order("sendKey", KeyboardEvent { event_type: 2, key: short(name, "sendKey")?, ..KeyboardEvent::default() }, limit).await
    }

    /// `sendKey`: a text.
    pub async fn text(&self, text: &str, limit: Duration) -> Result<(), LinkError> {
        self.order("sendKey", KeyboardEvent { text: short(text, "sendKey")?, ..KeyboardEvent::default() }, limit).await
    }

    /// `sendTouch`.
    pub async fn touch(&self, touches: Vec<Touch>, limit: Duration) -> Result<(), LinkError> {
        self.order("sendTouch", TouchEvent { touches, display: 0 }, limit).await
    }

    /// `sendMouse`.
    pub async fn mouse(&self, x: i32, y: i32, buttons: i32, limit: Duration) -> Result<(), LinkError> {
        self.order("sendMouse", MouseEvent { x, y, buttons, display: 0 }, limit).await
    }

    /// `setGps`.
    pub async fn set_gps(&self, state: GpsState, limit: Duration) -> Result<(), LinkError> {
        self.order("setGps", state, limit).await
    }

    /// `sendSms`: a message arrives. What the modem refuses is [`Fault::Denied`].
    pub async fn message(&self, from: &str, text: &str, limit: Duration) -> Result<(), LinkError> {
        let message = SmsMessage { source: short(from, "sendSms")?, text: short(text, "sendSms")? };
        let answer: PhoneResponse = self.call("sendSms", message, limits::GRPC_ANSWER, limit).await?;
        let why = match answer.response {
            0 => return Ok(()),
            1 => "bad operation",
            2 => "bad number",
            3 => "invalid action",
            5 => "the radio is off",
            _ => "the modem failed",
        };
        Err(Fault::Denied(why.to_owned()).at(Stage::Grpc("sendSms")))
    }

    /// `setClipboard`.
    pub async fn set_clipboard(&self, text: &str, limit: Duration) -> Result<(), LinkError> {
        self.order("setClipboard", ClipData { text: short(text, "setClipboard")? }, limit).await
    }

    /// `getScreenshot`: a PNG of the first display, of at most `largest` bytes. Its bytes are hostile.
    pub async fn screenshot(&self, largest: usize, limit: Duration) -> Result<Image, LinkError> {
        // The picture's message has some more bytes than the picture.
        let image: Image = self.call("getScreenshot", ImageFormat::default(), largest.saturating_add(1024), limit).await?;
        if image.image.len() > largest {
            return Err(Fault::TooLarge { what: "the screenshot", limit: largest as u64 }.at(Stage::Grpc("getScreenshot")));
        }
        Ok(image)
    }

    /// `streamNotification`.
    pub async fn notifications(&self, limit: Duration) -> Result<Notifications, LinkError> {
        let started = tokio::time::Instant::now();
        self.connect(limit).await?;
        within(Stage::Grpc("streamNotification"), limit.saturating_sub(started.elapsed()), async {
            let mut client = self.client(limits::GRPC_ANSWER).await?;
            let codec: ProstCodec<Empty, Notification> = ProstCodec::default();
            let answer = client.server_streaming(self.request(Empty {})?, path("streamNotification")?, codec).await;
            let transport = self.transport().await?;
            Ok(Notifications { stream: answer.map_err(|s| meaning(&s))?.into_inner(), _transport: transport })
        })
        .await
    }

    /// `injectAudio`: the guest's microphone hears what is sent from now on.
    pub async fn inject(&self, format: SoundFormat, limit: Duration) -> Result<Injection, LinkError> {
        let started = tokio::time::Instant::now();
        self.connect(limit).await?;
        within(Stage::Grpc(sound::METHOD), limit.saturating_sub(started.elapsed()), async {
            let client = self.client(limits::GRPC_ANSWER).await?;
            Injection::start(client, |stream| self.request(stream), path(sound::METHOD)?, format)
        })
        .await
    }
}

/// A text that is not too long.
fn short(text: &str, method: &'static str) -> Result<String, LinkError> {
    if text.len() > limits::TEXT {
        return Err(Fault::TooLarge { what: "a text", limit: limits::TEXT as u64 }.at(Stage::Grpc(method)));
    }
    Ok(text.to_owned())
}

/// What the emulator tells by itself. Dropping it ends it.
#[derive(Debug)]
pub struct Notifications {
    stream: tonic::Streaming<Notification>,
    _transport: Transport,
}

impl Notifications {
    /// The next one; `None` when the emulator ended the stream. None is lost if this is dropped, or times out.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<Notification>, LinkError> {
        let next = pin!(self.stream.message());
        within(Stage::Grpc("streamNotification"), limit, async { next.await.map_err(|s| meaning(&s)) }).await
    }
}
