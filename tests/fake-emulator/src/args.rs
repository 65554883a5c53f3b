//! The emulator's command line, as far as farms use it. Source: `emulator -help`, and `cmdline-options.h` of external/qemu.

/// Options without a value.
const FLAGS: &[&str] = &[
    "-no-window",
    "-qt-hide-window",
    "-read-only",
    "-no-snapshot",
    "-no-snapshot-save",
    "-no-snapshot-load",
    "-force-snapshot-load",
    "-no-boot-anim",
    "-wipe-data",
    "-grpc-use-token",
    "-skip-adb-auth",
    "-no-audio",
    "-writable-system",
    "-no-metrics",
    "-verbose",
    "-no-passive-gps",
    "-allow-host-audio",
    "-delay-adb",
    "-no-sim",
    "-no-location-ui",
    "-no-qt",
    "-ranchu",
    "-no-cache",
    "-no-nested-warnings",
    "-no-direct-adb",
    "-show-kernel",
];
/// Options with a value.
const VALUES: &[&str] = &[
    "-avd",
    "-ports",
    "-port",
    "-grpc",
    "-snapshot",
    "-check-snapshot-loadable",
    "-gpu",
    "-memory",
    "-cores",
    "-camera-back",
    "-camera-front",
    "-phone-number",
    "-logcat",
    "-feature",
    "-accel",
    "-timezone",
    "-dns-server",
    "-prop",
    "-skin",
    "-partition-size",
    "-idle-grpc-timeout",
    "-netdelay",
    "-netspeed",
    "-change-locale",
    "-selinux",
    "-screen",
    "-grpc-allowlist",
    "-virtualscene-poster",
    "-crash-report-mode",
];

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// `-avd`.
    pub avd: String,
    /// Console and adb.
    pub ports: (u16, u16),
    /// `-grpc`.
    pub grpc: Option<u16>,
    /// `-grpc-use-token`.
    pub token: bool,
    /// `-read-only`.
    pub read_only: bool,
    /// `-snapshot`.
    pub snapshot: Option<String>,
    /// `-no-snapshot-load`: a boot, whatever `-snapshot` says.
    pub no_load: bool,
    /// `-wipe-data`.
    pub wipe: bool,
    /// `-force-snapshot-load`.
    pub force_snapshot: bool,
    /// `-check-snapshot-loadable`.
    pub check: Option<String>,
    /// `-no-window`.
    pub no_window: bool,
    /// `-skip-adb-auth`.
    pub skip_auth: bool,
    /// `-accel-check`: say whether there is a virtual machine to be had, and end.
    pub accel: bool,
    /// `-version`: say what this is, and end.
    pub version: bool,
    /// `-feature`, each.
    pub features: Vec<String>,
    /// `-camera-back`.
    pub camera_back: Option<String>,
    /// `-camera-front`.
    pub camera_front: Option<String>,
}

impl Args {
    /// The snapshot that it starts from.
    pub fn loads(&self) -> Option<&str> {
        self.snapshot.as_deref().filter(|_| !self.no_load)
    }

    /// Reads a command line without the program's name. An error is what goes to standard error.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = Self { ports: (5554, 5555), ..Self::default() };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if word == "-version" {
                return Ok(Self { version: true, ..args });
            }
            if word == "-accel-check" {
                return Ok(Self { accel: true, ..args });
            }
            // All that follows is the kernel's and QEMU's.
            if word == "-qemu" {
                break;
            }
            if let Some(avd) = word.strip_prefix('@') {
                avd.clone_into(&mut args.avd);
                continue;
            }
            if FLAGS.contains(&word.as_str()) {
                match word.as_str() {
                    "-grpc-use-token" => args.token = true,
                    "-no-window" => args.no_window = true,
                    "-read-only" => args.read_only = true,
                    "-no-snapshot-load" | "-no-snapshot" => args.no_load = true,
                    "-wipe-data" => args.wipe = true,
                    "-force-snapshot-load" => args.force_snapshot = true,
                    "-skip-adb-auth" => args.skip_auth = true,
                    _ => {}
                }
                continue;
            }
            if !VALUES.contains(&word.as_str()) {
                return Err(format!("unknown option: {word}\nplease use -help for a list of valid options"));
            }
            let value = words.next().ok_or_else(|| format!("option {word} needs a value"))?;
            let port = |v: &str| v.parse::<u16>().map_err(|_| format!("invalid port `{v}` for {word}"));
            match word.as_str() {
                "-avd" => args.avd = value,
                "-grpc" => args.grpc = Some(port(&value)?),
                "-port" => args.ports = (port(&value)?, port(&value)?.saturating_add(1)),
                "-ports" => {
                    let (console, adb) = value.split_once(',').ok_or("option -ports must be followed by <consoleport>,<adbport>")?;
                    args.ports = (port(console)?, port(adb)?);
                }
                "-snapshot" => args.snapshot = Some(value),
                "-check-snapshot-loadable" => args.check = Some(value),
                "-feature" => args.features.extend(value.split(',').map(str::to_owned)),
                "-camera-back" => args.camera_back = Some(value),
                "-camera-front" => args.camera_front = Some(value),
                _ => {}
            }
        }
        if args.avd.is_empty() {
            return Err("No AVD specified. Use '@foo' or '-avd foo' to launch a virtual device named 'foo'".to_owned());
        }
        Ok(args)
    }
}
