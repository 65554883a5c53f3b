//! The stand-in as a program: the emulator's command line, ports and exit codes.

use std::{env, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use fake_emulator::{
    adb, app,
    args::Args,
    avd::Advertisement,
    console,
    disks::Disks,
    faults::{Fault, Faults},
    grpc, host, window,
    world::World,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::parse(env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    match run(args).await {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("port {port} cannot be listened on"))
}

async fn run(args: Args) -> anyhow::Result<u8> {
    if args.version {
        println!("Android emulator version 0.0.0.0 (a stand-in for tests, no emulator)");
        return Ok(0);
    }
    if args.accel {
        // It needs none; that a device has its place can be seen.
        let faults = Faults::parse(&env::var("FAKE_EMULATOR_FAULTS").unwrap_or_default()).map_err(anyhow::Error::msg)?;
        let kvm = !faults.has(Fault::NoKvm);
        println!(
            "accel:\n{}\naccel",
            if kvm {
                "0\nKVM (version 12) is installed and usable."
            } else {
                "5\n/dev/kvm is not found: VT disabled in BIOS or KVM kernel module not loaded"
            }
        );
        return Ok(if kvm { 0 } else { 5 });
    }
    let world = World::new(args).map_err(anyhow::Error::msg)?;
    if let Some(name) = &world.args.check {
        return Ok(match world.avd.loadable(name, &world.faults) {
            Ok(()) => {
                println!("Loadable");
                0
            }
            Err(why) => {
                println!("Not loadable. Reason: {why}");
                1
            }
        });
    }
    let display = match window::open(&world.args, &world.faults).await {
        Ok(display) => display,
        // Qt aborts.
        Err(why) => {
            eprintln!("{why}");
            return Ok(134);
        }
    };
    let mut restored = false;
    if let Some(name) = world.args.loads() {
        match world.avd.loadable(name, &world.faults) {
            Ok(()) => restored = true,
            Err(why) if world.args.force_snapshot => anyhow::bail!("ERROR   | snapshot '{name}' cannot be loaded: {why}"),
            Err(why) => eprintln!("WARNING | snapshot '{name}' cannot be loaded ({why}), cold boot"),
        }
    }
    world.avd.lock(&world.args).map_err(anyhow::Error::msg)?;
    let disks = Disks::open(&world.avd, &world.args).map_err(anyhow::Error::msg)?;
    if let Some(why) = world.without_modem() {
        eprintln!("{why}");
        return Ok(1);
    }
    // As QEMU does when it makes the sound card, before anything can be reached.
    if world.host.is_some() {
        host::connect(&world).await;
    }
    let advertisement = serve(&world).await?;
    if let Some(display) = display {
        tokio::spawn(display.follow(world.clone()));
    }
    tokio::spawn(app::play(world.clone()));
    tokio::spawn({
        let world = world.clone();
        async move { world.start(restored).await }
    });

    let mut end = world.end.subscribe();
    let mut term = signal(SignalKind::terminate())?;
    let code = tokio::select! {
        code = end.wait_for(Option::is_some) => code.ok().and_then(|c| *c).unwrap_or(1),
        _ = term.recv() => 0,
        _ = tokio::signal::ctrl_c() => 0,
    };
    let code = if code == 0 { ending(&world).await } else { code };
    // Killed: nothing is cleaned up.
    if code != 137 {
        disks.close();
        advertisement.remove();
        world.avd.unlock(&world.faults);
    }
    Ok(code as u8)
}

/// Its end, for which it gives itself some seconds: after them it kills itself.
async fn ending(world: &World) -> i32 {
    if world.args.read_only || !world.faults.has(Fault::EndsSlowly) {
        return 0;
    }
    let takes = world.faults.number(Fault::EndsSlowly, 30.0);
    let patience = env::var("ANDROID_EMULATOR_WAIT_TIME_BEFORE_KILL").ok().and_then(|v| v.parse().ok()).unwrap_or(20.0);
    eprintln!("INFO         | Wait for emulator (pid {}) {patience} seconds to shutdown gracefully before kill", std::process::id());
    tokio::time::sleep(Duration::from_secs_f64(takes.clamp(0.0, patience))).await;
    if takes <= patience {
        return 0;
    }
    world.avd.leave_pending();
    137
}

/// Opens all ports, and then says where they are.
async fn serve(world: &Arc<World>) -> anyhow::Result<Advertisement> {
    let ports = world.args.ports;
    fake_emulator::avd::console_token().context("the console's token cannot be made")?;
    tokio::spawn(console::serve(world.clone(), listen(ports.0).await?));
    tokio::spawn(adb::serve(world.clone(), listen(ports.1).await?));
    let told = "c3RhbmQtaW4tdG9rZW4".to_owned() + &std::process::id().to_string();
    let token = world.args.token.then(|| told.clone());
    if let Some(port) = world.args.grpc.filter(|_| !world.faults.has(Fault::GrpcRefuses)) {
        let asked = token.clone().map(|t| if world.faults.has(Fault::TokenWrong) { t + "x" } else { t });
        tokio::spawn(grpc::serve(world.clone(), listen(port).await?, asked));
    }
    Advertisement::write(&world.avd, ports, world.args.grpc, token.as_deref()).context("the discovery file cannot be written")
}
