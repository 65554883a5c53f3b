//! Messages of the service `android.emulation.control.EmulatorController`: the fields that are used, with the numbers of the
//! published `emulator_controller.proto` (external/qemu, `android/android-grpc/python/aemu-grpc/src/aemu/proto/`). What is
//! left out is passed over when it is read, as protobuf does.

/// The service's name in paths.
pub const SERVICE: &str = "android.emulation.control.EmulatorController";

/// `google.protobuf.Empty`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Empty {}

/// `VmRunState`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct VmRunState {
    /// A [`RunState`].
    #[prost(enumeration = "RunState", tag = "1")]
    pub state: i32,
}

/// `VmRunState.RunState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub enum RunState {
    /// Not known.
    Unknown = 0,
    /// It runs.
    Running = 1,
    /// Observable: a snapshot is loaded.
    RestoreVm = 2,
    /// Its processors stand still.
    Paused = 3,
    /// Observable: a snapshot is saved.
    SaveVm = 4,
    /// The guest is shut down.
    Shutdown = 5,
    /// The emulator's process ends at once.
    Terminate = 7,
    /// As if the power key were held.
    Reset = 9,
    /// Observable.
    InternalError = 10,
    /// The guest is restarted.
    Restart = 11,
    /// Goes on after a stop.
    Start = 12,
    /// Stops.
    Stop = 13,
}

/// `EmulatorStatus`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EmulatorStatus {
    /// The emulator's version.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Milliseconds since its start.
    #[prost(uint64, tag = "2")]
    pub uptime: u64,
    /// It believes that the guest has booted.
    #[prost(bool, tag = "3")]
    pub booted: bool,
    /// Hardware configuration.
    #[prost(message, optional, tag = "5")]
    pub hardware: Option<EntryList>,
    /// Grows while the guest lives, where the guest tells it.
    #[prost(uint64, tag = "6")]
    pub heartbeat: u64,
}

/// `EntryList`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct EntryList {
    /// Its entries.
    #[prost(message, repeated, tag = "1")]
    pub entry: Vec<Entry>,
}

/// `Entry`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Entry {
    /// Its key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `KeyboardEvent`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct KeyboardEvent {
    /// What `code` counts: 0 USB HID, 1 evdev, 2 XKB.
    #[prost(int32, tag = "1")]
    pub code_type: i32,
    /// 0 down, 1 up, 2 press: both.
    #[prost(int32, tag = "2")]
    pub event_type: i32,
    /// A key by its number.
    #[prost(int32, tag = "3")]
    pub code: i32,
    /// A key by its name of the W3C (`Enter`, `GoHome`, `Power`).
    #[prost(string, tag = "4")]
    pub key: String,
    /// Text to type; what the guest's keyboard lacks is left out.
    #[prost(string, tag = "5")]
    pub text: String,
}

/// `TouchEvent`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TouchEvent {
    /// Fingers.
    #[prost(message, repeated, tag = "1")]
    pub touches: Vec<Touch>,
    /// Which display.
    #[prost(int32, tag = "2")]
    pub display: i32,
}

/// `Touch`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Touch {
    /// Pixels from the left.
    #[prost(int32, tag = "1")]
    pub x: i32,
    /// Pixels from the top.
    #[prost(int32, tag = "2")]
    pub y: i32,
    /// Which finger.
    #[prost(int32, tag = "3")]
    pub identifier: i32,
    /// 0 lifts the finger.
    #[prost(int32, tag = "4")]
    pub pressure: i32,
    /// 1: it stays until it is lifted; else it is lifted after 120 s.
    #[prost(int32, tag = "7")]
    pub expiration: i32,
}

/// `MouseEvent`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MouseEvent {
    /// Pixels from the left.
    #[prost(int32, tag = "1")]
    pub x: i32,
    /// Pixels from the top.
    #[prost(int32, tag = "2")]
    pub y: i32,
    /// Bit 0 the first button, bit 1 the second.
    #[prost(int32, tag = "3")]
    pub buttons: i32,
    /// Which display.
    #[prost(int32, tag = "4")]
    pub display: i32,
}

/// `GpsState`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct GpsState {
    /// Later values of the emulator's own are taken.
    #[prost(bool, tag = "1")]
    pub passive_update: bool,
    /// Degrees north.
    #[prost(double, tag = "2")]
    pub latitude: f64,
    /// Degrees east.
    #[prost(double, tag = "3")]
    pub longitude: f64,
    /// Metres a second.
    #[prost(double, tag = "4")]
    pub speed: f64,
    /// Degrees from north.
    #[prost(double, tag = "5")]
    pub bearing: f64,
    /// Metres.
    #[prost(double, tag = "6")]
    pub altitude: f64,
    /// How many are seen.
    #[prost(int32, tag = "7")]
    pub satellites: i32,
}

/// `SmsMessage`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SmsMessage {
    /// Who it is from: digits, `+`.
    #[prost(string, tag = "1")]
    pub source: String,
    /// Its text.
    #[prost(string, tag = "2")]
    pub text: String,
}

/// `PhoneResponse`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct PhoneResponse {
    /// 0 done, 1 bad operation, 2 bad number, 3 invalid action, 4 failed, 5 the radio is off.
    #[prost(int32, tag = "1")]
    pub response: i32,
}

/// `ClipData`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClipData {
    /// The clipboard.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// `ImageFormat`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ImageFormat {
    /// 0 PNG, 1 RGBA, 2 RGB.
    #[prost(int32, tag = "1")]
    pub format: i32,
    /// Pixels; 0: as it is.
    #[prost(uint32, tag = "3")]
    pub width: u32,
    /// Pixels; 0: as it is.
    #[prost(uint32, tag = "4")]
    pub height: u32,
    /// Which display.
    #[prost(uint32, tag = "5")]
    pub display: u32,
}

/// `Image`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Image {
    /// What it is.
    #[prost(message, optional, tag = "1")]
    pub format: Option<ImageFormat>,
    /// Its bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub image: bytes::Bytes,
    /// Microseconds since 1970 by the host's clock.
    #[prost(uint64, tag = "6")]
    pub timestamp: u64,
}

/// `AudioFormat`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct AudioFormat {
    /// Samples a second; 0: 44100.
    #[prost(uint64, tag = "1")]
    pub rate: u64,
    /// 0 mono, 1 stereo.
    #[prost(int32, tag = "2")]
    pub channels: i32,
    /// 0 unsigned 8 bit, 1 signed 16 bit little-endian.
    #[prost(int32, tag = "3")]
    pub format: i32,
    /// 0: the queue blocks when it is full; 1: what is new overwrites it.
    #[prost(int32, tag = "4")]
    pub mode: i32,
}

/// `AudioPacket`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AudioPacket {
    /// That of the first packet counts.
    #[prost(message, optional, tag = "1")]
    pub format: Option<AudioFormat>,
    /// Microseconds since 1970.
    #[prost(uint64, tag = "2")]
    pub timestamp: u64,
    /// Samples.
    #[prost(bytes = "bytes", tag = "3")]
    pub audio: bytes::Bytes,
}

/// `Notification`. Which of its kinds there is, is told by which field is there.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Notification {
    /// The camera of the virtual scene. The file modes of the camera tell nothing here.
    #[prost(message, optional, tag = "2")]
    pub camera: Option<CameraNotification>,
    /// The guest has booted.
    #[prost(message, optional, tag = "5")]
    pub booted: Option<BootCompletedNotification>,
}

/// `CameraNotification`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct CameraNotification {
    /// Whether it is open.
    #[prost(bool, tag = "1")]
    pub active: bool,
    /// Which display.
    #[prost(int32, tag = "2")]
    pub display: i32,
}

/// `BootCompletedNotification`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct BootCompletedNotification {
    /// Milliseconds that it took.
    #[prost(int32, tag = "1")]
    pub time: i32,
}
