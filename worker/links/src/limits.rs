//! Every ceiling of the links in one place.

use std::time::Duration;

/// Discovery files that are looked at, and bytes of each. One is written for each running emulator, of some 1 kB.
pub const DISCOVERY: (usize, u64) = (256, 64 << 10);
/// Bytes of a token. The emulator's are 44 characters of Base64; a JWT is longer.
pub const TOKEN: usize = 4096;
/// How often the discovery file and a guest that is not up are looked for.
pub const POLL: Duration = Duration::from_millis(100);

/// Payload of one adb message that we take: `MAX_PAYLOAD` of adb.h since Android 9 is 1 MiB, before it 256 KiB.
pub const ADB_PAYLOAD: u32 = 1 << 20;
/// Payload of `CNXN` and of anything before it: `MAX_PAYLOAD_V1` of adb.h.
pub const ADB_PAYLOAD_V1: u32 = 4096;
/// Bytes of the name of a service, so of a shell command.
pub const ADB_SERVICE: usize = 64 << 10;
/// Streams that are open on one connection.
pub const ADB_STREAMS: usize = 64;
/// Messages that wait for a peer that does not read.
pub const ADB_QUEUE: usize = 256;
/// Events of a stream that nobody took. A peer that keeps to the protocol sends one message, one `OKAY` and one `CLSE`.
pub const ADB_EVENTS: usize = 8;
/// Longest path of the sync service: `PATH_MAX` of SYNC.TXT.
pub const SYNC_PATH: usize = 1024;
/// Longest chunk of the sync service: SYNC.TXT.
pub const SYNC_CHUNK: usize = 64 << 10;
/// Longest text of a refusal that is kept.
pub const REFUSAL: usize = 4096;
/// Packages in one installation: an app with its splits.
pub const APKS: usize = 128;
/// Longest line of the guest's log that is kept; the rest of the line is dropped and it is marked.
pub const LOG_LINE: usize = 16 << 10;
/// How long one attempt may take while a guest is waited for.
pub const ATTEMPT: Duration = Duration::from_secs(5);

/// Longest line of the console, and of an answer in all, bytes.
pub const CONSOLE: (usize, usize) = (16 << 10, 1 << 20);

/// Largest answer of gRPC but for a screenshot, bytes.
pub const GRPC_ANSWER: usize = 256 << 10;
/// Sound in one packet: the emulator's queue holds 300 ms.
pub const SOUND_PACKET: Duration = Duration::from_millis(300);
/// Longest text for the clipboard, a message or the keyboard, bytes.
pub const TEXT: usize = 64 << 10;
