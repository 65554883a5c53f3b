//! Kernel settings of the cell's network namespace.

/// Path below `/proc/sys` and the value it must have: no pings without capability (Docker opens them to everybody), and no
/// low ports either.
pub const WANTED: [(&str, &str); 2] = [("net/ipv4/ping_group_range", "1\t0"), ("net/ipv4/ip_unprivileged_port_start", "1024")];

/// Sets what can be set. Returns a sentence for each setting that is neither right nor could be made so: `/proc/sys` is
/// read-only in a container without `--privileged`, there the worker sets them.
pub fn apply() -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, value) in WANTED {
        let file = format!("/proc/sys/{path}");
        let written = std::fs::write(&file, value);
        let now = std::fs::read_to_string(&file).unwrap_or_default();
        if now.trim() != value {
            let why = written.err().map_or_else(String::new, |e| format!(": {e}"));
            complaints.push(format!("`{}` is `{}`{why}; hint: start the container with `--sysctl`", path.replace('/', "."), now.trim()));
        }
    }
    complaints
}
