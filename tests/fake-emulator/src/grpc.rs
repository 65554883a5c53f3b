//! gRPC: `EmulatorController`.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{Stream, stream};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stakeout_links::control::messages::{
    AudioPacket, BootCompletedNotification, CameraNotification, ClipData, Empty, EmulatorStatus, GpsState, Image, ImageFormat,
    KeyboardEvent, MouseEvent, Notification, PhoneResponse, RunState, SERVICE, SmsMessage, TouchEvent, VmRunState,
};
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
};
use tonic::{
    Status, Streaming,
    body::Body,
    server::{ClientStreamingService, Grpc, ServerStreamingService, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::{
    faults::Fault,
    shell,
    world::{Note, World},
};

type Answer<A> = Result<A, Status>;
type Later<T> = Pin<Box<dyn Future<Output = Answer<tonic::Response<T>>> + Send>>;

struct One<F>(F);

impl<F, Q, A> UnaryService<Q> for One<F>
where
    F: FnMut(Q) -> Answer<A>,
    A: Send + 'static,
{
    type Response = A;
    type Future = Later<A>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let answer = (self.0)(request.into_inner()).map(tonic::Response::new);
        Box::pin(async move { answer })
    }
}

struct Inject(Arc<World>);

impl ClientStreamingService<AudioPacket> for Inject {
    type Response = Empty;
    type Future = Later<Empty>;

    fn call(&mut self, request: tonic::Request<Streaming<AudioPacket>>) -> Self::Future {
        let world = self.0.clone();
        Box::pin(async move { inject(&world, request.into_inner()).await.map(tonic::Response::new) })
    }
}

struct Notes(Arc<World>);

impl ServerStreamingService<Empty> for Notes {
    type Response = Notification;
    type ResponseStream = Pin<Box<dyn Stream<Item = Answer<Notification>> + Send>>;
    type Future = Later<Self::ResponseStream>;

    fn call(&mut self, _: tonic::Request<Empty>) -> Self::Future {
        let notes = self.0.notes.subscribe();
        // The camera's state is told at once.
        let first = Notification { camera: Some(CameraNotification::default()), booted: None };
        let rest = stream::unfold(notes, async |mut notes| {
            loop {
                let note = match notes.recv().await {
                    Ok(Note::Camera(active)) => Notification { camera: Some(CameraNotification { active, display: 0 }), booted: None },
                    Ok(Note::Booted) => Notification { camera: None, booted: Some(BootCompletedNotification { time: 2000 }) },
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return None,
                };
                return Some((Ok(note), notes));
            }
        });
        let all: Self::ResponseStream = Box::pin(futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest));
        Box::pin(async move { Ok(tonic::Response::new(all)) })
    }
}

/// Gives the microphone back.
struct Taken<'a>(&'a AtomicBool);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn inject(world: &World, mut packets: Streaming<AudioPacket>) -> Answer<Empty> {
    let sound = &world.sound;
    if world.faults.has(Fault::OneMicrophone) || sound.taken.swap(true, Ordering::SeqCst) {
        return Err(Status::failed_precondition("There can be only one microphone active"));
    }
    let _taken = Taken(&sound.taken);
    // For tests that must know; a real guest hears nothing of it.
    world.say(0, 'I', "StandIn", "the microphone has a client");
    let mut format = None;
    while let Some(packet) = packets.message().await? {
        let format = *format.get_or_insert(packet.format.unwrap_or_default());
        let rate = if format.rate == 0 { 44_100 } else { format.rate };
        if rate > 48_000 {
            return Err(Status::invalid_argument("The sampling rate is too high"));
        }
        let width = if format.format == 1 { 2 } else { 1 } * if format.channels == 1 { 2 } else { 1 };
        let room = (rate * width * 3 / 10) as usize;
        if packet.audio.len() > room {
            return Err(Status::invalid_argument("The audio packet is too large"));
        }
        loop {
            let changed = sound.changed.notified();
            {
                let mut queue = sound.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if format.mode == 1 {
                    let over = (queue.len() + packet.audio.len()).saturating_sub(room).min(queue.len());
                    queue.drain(..over);
                }
                if queue.len() + packet.audio.len() <= room {
                    queue.extend(packet.audio.iter());
                    break;
                }
            }
            changed.await;
        }
    }
    Ok(Empty {})
}

/// Serves until the end.
pub async fn serve(world: Arc<World>, listener: TcpListener, token: Option<String>) {
    let dead = watch::channel(false).0;
    loop {
        let mut over = dead.subscribe();
        let socket = tokio::select! {
            socket = listener.accept() => socket,
            _ = over.wait_for(|d| *d) => return,
        };
        let Ok((socket, _)) = socket else { return };
        let _ = socket.set_nodelay(true);
        let (world, token, dead) = (world.clone(), token.clone(), dead.clone());
        tokio::spawn(async move {
            let kill = dead.clone();
            let answer = service_fn(move |request| {
                let (world, token, dead) = (world.clone(), token.clone(), dead.clone());
                async move { Ok::<_, Infallible>(answer(&world, request, token.as_deref(), &dead).await) }
            });
            let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer);
            tokio::select! {
                _ = connection => {}
                _ = over.wait_for(|d| *d) => drop(kill),
            }
        });
    }
}

async fn unary<Q, A>(request: Request<Incoming>, work: impl FnMut(Q) -> Answer<A> + Send) -> Response<Body>
where
    Q: prost::Message + Default + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let codec: ProstCodec<A, Q> = ProstCodec::default();
    Grpc::new(codec).unary(One(work), request).await
}

async fn answer(world: &Arc<World>, request: Request<Incoming>, token: Option<&str>, dead: &watch::Sender<bool>) -> Response<Body> {
    let calls = world.calls.fetch_add(1, Ordering::SeqCst);
    if world.faults.has(Fault::GrpcDies) && f64::from(calls) + 1.0 >= world.faults.number(Fault::GrpcDies, 3.0) {
        let _ = dead.send(true);
        std::future::pending::<()>().await;
    }
    if world.hangs() {
        std::future::pending::<()>().await;
    }
    let given = request.headers().get("authorization").and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    if token.is_some_and(|t| given != Some(t)) {
        return Status::unauthenticated("The token is not valid").into_http();
    }
    let method = request.uri().path().strip_prefix('/').and_then(|p| p.strip_prefix(SERVICE)).and_then(|p| p.strip_prefix('/'));
    let method = method.unwrap_or_default().to_owned();
    match method.as_str() {
        "getStatus" => {
            unary(request, |_: Empty| {
                Ok(EmulatorStatus {
                    version: "36.6.4.0".to_owned(),
                    uptime: world.clock.up().as_millis() as u64,
                    booted: world.phone().booted,
                    hardware: None,
                    heartbeat: world.clock.up().as_secs(),
                })
            })
            .await
        }
        "getVmState" => unary(request, |_: Empty| Ok(VmRunState { state: RunState::Running.into() })).await,
        "setVmState" => {
            unary(request, |state: VmRunState| {
                match state.state() {
                    RunState::Terminate | RunState::Shutdown => drop(world.end.send(Some(0))),
                    RunState::Restart | RunState::Reset => {
                        let world = world.clone();
                        tokio::spawn(async move { world.reboot().await });
                    }
                    RunState::RestoreVm | RunState::SaveVm | RunState::InternalError => {
                        return Err(Status::invalid_argument("the state is only observable"));
                    }
                    _ => {}
                }
                Ok(Empty {})
            })
            .await
        }
        "sendKey" => unary(request, |event: KeyboardEvent| Ok(key(world, &event))).await,
        "sendTouch" => {
            unary(request, |event: TouchEvent| {
                for touch in event.touches.iter().filter(|t| t.pressure > 0) {
                    world.phone().input.push(format!("touch {} {}", touch.x, touch.y));
                    shell::tap(world, f64::from(touch.x), f64::from(touch.y));
                }
                Ok(Empty {})
            })
            .await
        }
        "sendMouse" => {
            unary(request, |event: MouseEvent| {
                world.phone().input.push(format!("mouse {} {} {}", event.x, event.y, event.buttons));
                Ok(Empty {})
            })
            .await
        }
        "setGps" => {
            unary(request, |state: GpsState| {
                if state.latitude.abs() > 90.0 || state.longitude.abs() > 180.0 {
                    return Err(Status::invalid_argument("no position"));
                }
                world.phone().position = Some((state.longitude, state.latitude));
                Ok(Empty {})
            })
            .await
        }
        "sendSms" => {
            unary(request, |message: SmsMessage| {
                let good = message.source.bytes().all(|b| b.is_ascii_digit() || b == b'+') && !message.source.is_empty();
                if good {
                    let mut phone = world.phone();
                    let inbox = phone.providers.entry("content://sms/inbox".to_owned()).or_default();
                    let id = (inbox.len() + 1).to_string();
                    inbox.push(
                        [("_id", &id), ("address", &message.source), ("body", &message.text)]
                            .map(|(k, v)| (k.to_owned(), v.clone()))
                            .into(),
                    );
                    phone.messages.push((message.source, message.text));
                }
                Ok(PhoneResponse { response: if good { 0 } else { 2 } })
            })
            .await
        }
        "setClipboard" => {
            unary(request, |clip: ClipData| {
                world.phone().clipboard = clip.text;
                Ok(Empty {})
            })
            .await
        }
        "getClipboard" => unary(request, |_: Empty| Ok(ClipData { text: world.phone().clipboard.clone() })).await,
        "getScreenshot" => {
            unary(request, |format: ImageFormat| {
                let image = screenshot().ok_or_else(|| Status::internal("no picture"))?;
                Ok(Image { format: Some(ImageFormat { width: 1080, height: 2400, ..format }), image: image.into(), timestamp: 0 })
            })
            .await
        }
        "streamNotification" => {
            let codec: ProstCodec<Notification, Empty> = ProstCodec::default();
            Grpc::new(codec).server_streaming(Notes(world.clone()), request).await
        }
        "injectAudio" => {
            let codec: ProstCodec<Empty, AudioPacket> = ProstCodec::default();
            Grpc::new(codec).client_streaming(Inject(world.clone()), request).await
        }
        _ => Status::unimplemented(format!("no method `{method}`")).into_http(),
    }
}

fn key(world: &World, event: &KeyboardEvent) -> Empty {
    world.phone().input.push(if event.text.is_empty() { format!("key {}", event.key) } else { format!("text {}", event.text) });
    let on = world.phone().screen;
    match event.key.as_str() {
        "GoHome" => world.home(),
        "Power" => world.screen(!on),
        _ => {}
    }
    Empty {}
}

/// A small PNG in one colour.
fn screenshot() -> Option<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(1080, 2400, image::Rgb([30, 60, 90])).write_to(&mut bytes, image::ImageFormat::Png).ok()?;
    Some(bytes.into_inner())
}
