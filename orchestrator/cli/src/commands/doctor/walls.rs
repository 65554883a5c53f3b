//! What stands between cells and this host's kernel.

use stakeout_containers::{EngineInfo, Filter, Runtimes, Walls};

use super::{Check, check};

/// The filter of system calls, and what runs containers as whom.
pub(super) fn checks(walls: &Walls, info: &EngineInfo) -> [Check; 2] {
    let filter = match &walls.filter {
        Filter::Ours => "ours, one for each kind of container".to_owned(),
        Filter::Engine => "the engine's own, which allows more than ours".to_owned(),
        Filter::File { path, .. } => format!("`{}`", path.display()),
    };
    let runtimes = if walls.runtimes == Runtimes::default() { info.default_runtime.clone() } else { walls.runtimes.to_string() };
    let users = match (info.rootless, info.user_namespaces) {
        (true, _) => "the engine is not root",
        (false, true) => "root of a container is another user here",
        (false, false) => "no user namespaces",
    };
    [
        check("seccomp", info.seccomp, true, filter, "start the engine without `--seccomp-profile unconfined`"),
        check(
            "runtime",
            walls.runtimes.missing(&info.runtimes).is_none(),
            true,
            format!("`{runtimes}`, {users}"),
            &format!("the engine has `{}`: name one of these with `--runtime`", info.runtimes.join("`, `")),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn what_stands_around_cells_is_said_and_a_runtime_that_is_none_is_missing() {
        let info = EngineInfo {
            version: "20.10.24".into(),
            cpus: 2,
            memory: 1 << 34,
            storage: "overlay2".into(),
            cgroups: "2".into(),
            root: "/var/lib/docker".into(),
            seccomp: true,
            user_namespaces: true,
            rootless: false,
            runtimes: vec!["runc".into(), "runsc".into()],
            default_runtime: "runc".into(),
        };
        let said = |walls: &Walls, info: &EngineInfo| checks(walls, info).map(|c| (c.state, c.found));
        let [filter, runtime] = said(&Walls::default(), &info);
        assert_eq!(filter, (State::Good, "ours, one for each kind of container".into()));
        assert_eq!(runtime, (State::Good, "`runc`, root of a container is another user here".into()));
        let walls = Walls { filter: Filter::Engine, runtimes: "analysis=kata".parse().unwrap() };
        let [filter, runtime] = said(&walls, &EngineInfo { seccomp: false, user_namespaces: false, ..info });
        assert_eq!(filter, (State::Missing, "the engine's own, which allows more than ours".into()));
        assert_eq!(runtime, (State::Missing, "`analysis=kata`, no user namespaces".into()));
    }
}
