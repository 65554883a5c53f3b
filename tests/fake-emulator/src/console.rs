//! The console.

use std::sync::{Arc, atomic::Ordering};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{avd, faults::Fault, world::World};

/// Serves until the end.
pub async fn serve(world: Arc<World>, listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let world = world.clone();
        tokio::spawn(async move {
            let _ = talk(&world, socket).await;
        });
    }
}

async fn talk(world: &Arc<World>, socket: TcpStream) -> anyhow::Result<()> {
    let (path, token) = avd::console_token()?;
    let mut stream = BufReader::new(socket);
    let help = "Android Console: type 'help' for a list of commands\r\nOK\r\n";
    let mut known = token.is_empty();
    let greeting = if known {
        help.to_owned()
    } else {
        format!(
            "Android Console: Authentication required\r\nAndroid Console: type 'auth <auth_token>' to authenticate\r\n\
             Android Console: you can find your <auth_token> in \r\n'{}'\r\nOK\r\n",
            path.display()
        )
    };
    stream.get_mut().write_all(greeting.as_bytes()).await?;
    loop {
        let mut line = Vec::new();
        if (&mut stream).take(64 << 10).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb {
            "auth" if rest.trim() == token => {
                known = true;
                help.to_owned()
            }
            "auth" => "KO: authentication token does not match ~/.emulator_console_auth_token\r\n".to_owned(),
            "ping" => "I am alive!\r\nOK\r\n".to_owned(),
            "quit" | "exit" => return Ok(()),
            _ if !known => "KO: unknown command, try 'help'\r\n".to_owned(),
            "kill" => {
                stream.get_mut().write_all(b"OK: killing emulator, bye bye\r\n").await?;
                let _ = world.end.send(Some(0));
                return Ok(());
            }
            "avd" if rest.trim() == "hostmicon" && world.faults.has(Fault::NoHostMicrophone) => "KO: not implemented\r\n".to_owned(),
            _ if world.faults.has(Fault::ConsoleNotImplemented) => format!("KO: '{verb}' is not implemented\r\n"),
            _ => command(world, verb, rest),
        };
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}

fn command(world: &Arc<World>, verb: &str, rest: &str) -> String {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let ok = || "OK\r\n".to_owned();
    match (verb, words.as_slice()) {
        ("avd", ["name"]) => format!("{}\r\nOK\r\n", world.args.avd),
        ("avd", ["status"]) => "virtual device is running\r\nOK\r\n".to_owned(),
        ("avd", ["hostmicon"]) => {
            world.phone().host_microphone = true;
            ok()
        }
        ("avd", ["hostmicoff"]) => {
            world.phone().host_microphone = false;
            ok()
        }
        ("avd", ["snapshot", "list"]) => {
            let names = world.avd.snapshots();
            if names.is_empty() {
                return "There is no snapshot available.\r\nOK\r\n".to_owned();
            }
            let rows = names.iter().map(|n| format!("--        {n:<20}   60M 2026-01-01 00:00:00   00:00:00.000\r\n"));
            let head =
                "List of snapshots present on all disks:\r\nID        TAG                 VM SIZE                DATE       VM CLOCK\r\n";
            rows.fold(head.to_owned(), |all, row| all + &row) + "OK\r\n"
        }
        ("avd", ["snapshot", "save", _]) if world.faults.has(Fault::DiskFull) => "KO: not enough disk space for a snapshot\r\n".to_owned(),
        ("avd", ["snapshot", "save", name]) => match world.avd.save(name) {
            Ok(()) => ok(),
            Err(e) => format!("KO: {e}\r\n"),
        },
        ("avd", ["snapshot", "load", name]) => match world.avd.loadable(name, &world.faults) {
            Ok(()) => {
                world.restart_adbd();
                ok()
            }
            Err(why) => format!("KO: Failed to load snapshot: {why}\r\n"),
        },
        ("avd", ["snapshot", "del" | "delete", name]) => {
            world.avd.remove(name).map_or_else(|e| format!("KO: {e}\r\n"), |()| "OK\r\n".to_owned())
        }
        ("geo", ["fix", longitude, latitude, ..]) => match (longitude.parse::<f64>(), latitude.parse::<f64>()) {
            (Ok(e), Ok(n)) if e.abs() <= 180.0 && n.abs() <= 90.0 => {
                world.phone().position = Some((e, n));
                ok()
            }
            _ => "KO: invalid longitude value. Should be in [-180,+180] range\r\n".to_owned(),
        },
        ("sms", ["send", from, _, ..]) => {
            let text = rest.splitn(3, ' ').nth(2).unwrap_or_default().replace("\\n", "\n").replace("\\\\", "\\");
            world.phone().messages.push(((*from).to_owned(), text));
            ok()
        }
        ("sms", ["send", ..]) => "KO: missing argument, try 'sms send <phonenumber> <text message>'\r\n".to_owned(),
        // For tests: how often gRPC was called.
        ("help", _) => {
            format!("Android console command help:\r\n    avd geo sms kill ping ({})\r\nOK\r\n", world.calls.load(Ordering::Relaxed))
        }
        ("avd" | "geo" | "sms", _) => "KO:  bad sub-command\r\n".to_owned(),
        _ => "KO: unknown command, try 'help'\r\n".to_owned(),
    }
}
