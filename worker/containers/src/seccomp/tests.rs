use std::{collections::BTreeSet, io::Write as _};

use serde::Deserialize;

use super::*;

/// A profile as the runtime specification and the engine know it, and nothing that they do not know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Seccomp {
    default_action: String,
    architectures: Vec<String>,
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    comment: String,
    names: Vec<String>,
    action: String,
    #[serde(default)]
    args: Vec<Arg>,
    errno_ret: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Arg {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

fn read(p: Profile) -> Seccomp {
    serde_json::from_str(p.json()).unwrap_or_else(|e| panic!("{}: {e}", p.name()))
}

impl Seccomp {
    /// Names that it allows, whatever the arguments.
    fn allowed(&self) -> BTreeSet<&str> {
        self.syscalls.iter().filter(|r| r.action == "SCMP_ACT_ALLOW").flat_map(|r| &r.names).map(String::as_str).collect()
    }

    fn rules<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.syscalls.iter().filter(move |r| r.names.iter().any(|n| n == name))
    }
}

#[test]
fn every_profile_is_one_that_the_engine_reads_and_refuses_what_it_does_not_list() {
    for p in Profile::ALL {
        let s = read(p);
        assert_eq!((s.default_action.as_str(), s.architectures.as_slice()), ("SCMP_ACT_ERRNO", &["SCMP_ARCH_X86_64".to_owned()][..]));
        assert!(refuses(p.json()).is_ok());
        let mut whole = BTreeSet::new();
        for r in &s.syscalls {
            assert!(!r.comment.is_empty() && !r.names.is_empty(), "{}: {:?}", p.name(), r.names);
            let indexes: BTreeSet<_> = r.args.iter().map(|a| a.index).collect();
            // Of two conditions on one argument runc makes two rules, of which either counts.
            assert!(indexes.len() == r.args.len() && indexes.iter().all(|i| *i < 6), "{}: {:?}", p.name(), r.names);
            for a in &r.args {
                match a.op.as_str() {
                    "SCMP_CMP_EQ" => assert_eq!(a.value_two, 0),
                    "SCMP_CMP_MASKED_EQ" => assert_eq!(a.value & a.value_two, a.value_two, "{}: {:?} never fits", p.name(), r.names),
                    other => panic!("{}: {other}", p.name()),
                }
            }
            match r.action.as_str() {
                "SCMP_ACT_ALLOW" => assert_eq!(r.errno_ret, None),
                other => assert_eq!((other, r.names.as_slice(), r.errno_ret), ("SCMP_ACT_ERRNO", &["clone3".to_owned()][..], Some(38))),
            }
            if r.args.is_empty() {
                assert!(r.names.iter().all(|n| whole.insert(n.as_str())), "{}: one of {:?} stands there twice", p.name(), r.names);
            }
        }
        // What is allowed whatever its arguments needs no other rule, which would only seem to be one.
        assert!(s.syscalls.iter().filter(|r| !r.args.is_empty()).all(|r| r.names.iter().all(|n| !whole.contains(n.as_str()))));
    }
}

/// What no container of ours may call.
const FORBIDDEN: &str = "\
    acct add_key afs_syscall bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init \
    finit_module fsconfig fsmount fsopen fspick get_kernel_syms init_module io_uring_enter io_uring_register \
    io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind memfd_secret migrate_pages \
    modify_ldt mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree \
    perf_event_open pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace query_module \
    quotactl quotactl_fd reboot remap_file_pages request_key set_mempolicy setdomainname sethostname setns settimeofday \
    stime swapoff swapon sysfs syslog umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old";

#[test]
fn no_profile_allows_what_is_forbidden() {
    for p in Profile::ALL {
        let s = read(p);
        let allowed = s.allowed();
        let wrong: Vec<_> = FORBIDDEN.split_whitespace().filter(|f| allowed.contains(f)).collect();
        assert!(wrong.is_empty(), "{} allows {wrong:?}", p.name());
    }
}

#[test]
fn namespaces_families_and_personalities_are_bound_by_their_arguments() {
    /// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID`, `NEWNET`.
    const NAMESPACES: u64 = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;
    const FAMILIES: [(Profile, &[u64]); 4] =
        [(Profile::Gateway, &[1, 2, 10, 16]), (Profile::Jvm, &[1, 2, 10]), (Profile::Emulator, &[1, 2, 10, 16]), (Profile::Analysis, &[])];
    for (p, families) in FAMILIES {
        let s = read(p);
        for r in s.rules("clone") {
            assert!(r.args.iter().any(|a| a.index == 0 && a.value & NAMESPACES == NAMESPACES && a.value_two == 0), "{}", p.name());
        }
        let seen: BTreeSet<u64> =
            s.rules("socket").map(|r| r.args.iter().find(|a| a.index == 0).unwrap_or_else(|| panic!("{}", p.name())).value).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), families, "{}", p.name());
        assert!(s.rules("socketpair").all(|r| r.args[0].value == 1), "{}", p.name());
        // 0xffffffff only asks.
        assert!(s.rules("personality").all(|r| p == Profile::Emulator && [0, 0xffff_ffff].contains(&r.args[0].value)), "{}", p.name());
        assert_eq!(s.rules("ioctl").any(|r| r.args.is_empty()), p == Profile::Emulator, "{}", p.name());
    }
}

#[test]
fn a_measured_list_grows_only_on_purpose() {
    // An engine allows about 300.
    for (p, most) in [(Profile::Gateway, 116), (Profile::Jvm, 158), (Profile::Analysis, 122), (Profile::Emulator, 269)] {
        assert!(read(p).allowed().len() <= most, "{} allows {}", p.name(), read(p).allowed().len());
    }
}

fn file(text: &str) -> Result<Filter, FilterError> {
    let mut f = tempfile::NamedTempFile::new().unwrap();
    f.write_all(text.as_bytes()).unwrap();
    f.path().display().to_string().parse()
}

#[test]
fn a_filter_is_ours_the_engines_or_a_file_that_refuses_what_it_does_not_list() {
    assert_eq!(("ours".parse::<Filter>().unwrap(), "".parse::<Filter>().unwrap()), (Filter::Ours, Filter::default()));
    assert_eq!("engine".parse::<Filter>().unwrap().json(Profile::Jvm), None);
    assert_eq!(Filter::Ours.json(Profile::Gateway), Some(Profile::Gateway.json()));
    let own = file(Profile::Analysis.json()).unwrap();
    assert_eq!((own.json(Profile::Jvm), own.json(Profile::Gateway)), (Some(Profile::Analysis.json()), Some(Profile::Analysis.json())));
    assert!(own.to_string().starts_with('/'));
    // The engine would run the container without any filter.
    for none in ["{}", "[]", "{\"defaultAction\": \"SCMP_ACT_ERRNO\"}", "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": []}"] {
        assert!(matches!(file(none), Err(FilterError::Profile { .. })), "{none}");
    }
    for open in ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"] {
        let e = file(&Profile::Jvm.json().replace("\"SCMP_ACT_ERRNO\",\n  \"arch", &format!("\"{open}\",\n  \"arch"))).unwrap_err();
        assert!(e.to_string().contains(&format!("its `defaultAction` is `{open}`")), "{e}");
    }
    assert!(matches!("unconfined".parse::<Filter>(), Err(FilterError::Read { .. })));
}
