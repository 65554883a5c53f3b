//! The job's certificate among the system's, so that apps trust what the gateway shows them.
//!
//! Up to API 33 the system's certificates are the files of `/system/etc/security/cacerts`; from API 34 on those of a module, which
//! each process has mounted for itself. In both cases a tmpfs with the old ones and ours is laid over, and from 34 on bound over
//! the module's folder for init and both zygotes, whose children inherit it. Needs a guest that allows root.

use std::{process::Stdio, time::Duration};

use stakeout_links::guest::Guest as _;
use stakeout_protocol::Problem;

use super::phone::{FOLDER, Phone, problem};

/// The folder of system certificates.
const STORE: &str = "/system/etc/security/cacerts";
/// The module's, API 34 and newer.
const MODULE: &str = "/apex/com.android.conscrypt/cacerts";
/// The newest API level whose system certificates are read from [`STORE`] alone.
const LAST_WITHOUT_MODULE: u32 = 33;

/// The name that Android gives a certificate: the old hash of its subject, by `openssl`.
pub async fn name(pem: &str) -> Result<String, Problem> {
    use tokio::io::AsyncWriteExt as _;
    let failed = |e: std::io::Error| Problem::new("failed", format!("`openssl` cannot name the certificate; is it in the image? {e}"));
    let mut child = tokio::process::Command::new("openssl")
        .args(["x509", "-noout", "-subject_hash_old"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(pem.as_bytes()).await.map_err(failed)?;
    }
    let done = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await;
    let done = done.map_err(|e| failed(e.into()))?.map_err(failed)?;
    let hash = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    if hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(format!("{hash}.0"))
    } else {
        Err(Problem::new("bad_request", "the job's certificate cannot be read"))
    }
}

/// The commands: the old certificates, from where this Android reads them, and ours from its place and under its name.
fn commands(module: bool, ours: Option<(&str, &str)>) -> Vec<String> {
    let old = if module { MODULE } else { STORE };
    let kept = format!("{FOLDER}/stakeout-cacerts");
    let mut all = vec![
        format!("rm -rf {kept} && mkdir -p {kept} && cp {old}/* {kept}/"),
        format!("umount {STORE} 2>/dev/null; mount -t tmpfs tmpfs {STORE}"),
        format!("cp {kept}/* {STORE}/"),
    ];
    all.extend(ours.map(|(from, name)| format!("cp {from} {STORE}/{name} && rm -f {from}")));
    all.extend([
        format!("chown root:root {STORE}/* && chmod 644 {STORE}/* && chcon u:object_r:system_file:s0 {STORE}/*"),
        format!("rm -rf {kept}"),
    ]);
    all
}

/// The command that binds the store over the module's for one process and those that it starts.
fn bind(process: u32) -> String {
    format!("nsenter --mount=/proc/{process}/ns/mnt -- /bin/mount --bind {STORE} {MODULE}")
}

fn refused(e: Problem) -> Problem {
    Problem::new("failed", format!("the certificate cannot be installed: {}", e.message))
}

impl Phone {
    /// Puts the job's certificate among the system's.
    pub async fn trust(&self, api: u32, pem: &str) -> Result<(), Problem> {
        let name = name(pem).await?;
        let from = format!("{FOLDER}/stakeout-ca.pem");
        self.adb.push(&mut pem.as_bytes(), &from, 0o644, self.within).await.map_err(problem)?;
        self.store(api > LAST_WITHOUT_MODULE, Some((&from, &name))).await
    }

    /// Makes the system's certificates replaceable, and adds one.
    pub async fn store(&self, module: bool, ours: Option<(&str, &str)>) -> Result<(), Problem> {
        for command in commands(module, ours) {
            self.say(&command).await.map_err(refused)?;
        }
        if module {
            let mut processes = vec![1];
            for zygote in ["zygote", "zygote64"] {
                // One of the two is missing on a device of one width; it has no number then.
                let said = self.run(&format!("pidof {zygote}")).await?;
                processes.extend(said.text().split_whitespace().filter_map(|p| p.parse::<u32>().ok()));
            }
            for process in processes {
                self.say(&bind(process)).await.map_err(refused)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_that_are_kept_are_those_that_the_android_reads() {
        assert!(commands(false, Some(("/x", "a.0")))[0].contains("cp /system/etc/security/cacerts/*"));
        let both = [commands(true, Some(("/x", "a.0"))), commands(true, None)];
        assert!(both.iter().all(|c| c[0].contains("cp /apex/com.android.conscrypt/cacerts/*")));
        assert_eq!(both.map(|c| c.join(" ").contains("cp /x ")), [true, false], "a bake has no certificate of a job");
    }
}
