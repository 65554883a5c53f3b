#!/bin/sh
# Installs Stakeout as services of this host: an orchestrator, a worker, or both. Safe to run again: settings, keys and
# data that are there already are left alone, the program and the units are replaced.
#
#   deploy/single/install.sh [--server] [--worker] [OPTIONS]      default: both
#   deploy/single/install.sh --uninstall [--purge]
#
#   --program FILE   the program to install; default: what `make build` left in target/
#   --root DIR       install below DIR (for packages and tests): nothing is started, no user and no key is made
#   --no-start       enable the services, start nothing
#   --dry-run        say what would be done and stop
#   --yes            do not ask
#   --uninstall      stop and remove the services and the program; data, settings and keys stay
#   --purge          with --uninstall: also remove data, settings, keys and users. There is no way back
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)

server=; worker=; program=; dest=; start=1; dry=; yes=; uninstall=; purge=
say() { echo "install: $*" >&2; }
die() { say "$1"; [ $# -lt 2 ] || echo "hint: $2" >&2; exit "${3:-1}"; }
while [ $# -gt 0 ]; do
    case $1 in
        --server) server=1 ;;
        --worker) worker=1 ;;
        --program | --root)
            [ $# -gt 1 ] || die "\`$1\` needs a value" "see $0 --help" 2
            if [ "$1" = --program ]; then program=$2; else dest=${2%/}; fi
            shift ;;
        --no-start) start= ;;
        --dry-run) dry=1 ;;
        --yes) yes=1 ;;
        --uninstall) uninstall=1 ;;
        --purge) purge=1 ;;
        -h | --help) sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) die "unknown option \`$1\`" "see $0 --help" 2 ;;
    esac
    shift
done
[ -z "$purge" ] || [ -n "$uninstall" ] || die "\`--purge\` goes with \`--uninstall\`" "see $0 --help" 2
if [ -z "$server$worker" ]; then server=1; worker=1; fi
[ -n "$dest$dry" ] || [ "$(id -u)" = 0 ] || die "this needs root" "sudo $0, or --dry-run to see what it would do"

units=
[ -z "$server" ] || units="$units stakeout-server.service"
[ -z "$worker" ] || units="$units stakeout-worker.service"
has_systemd() { [ -d /run/systemd/system ]; }
running() { [ -z "$dest" ] && has_systemd; }

ask() {
    [ -z "$dry" ] || exit 0
    [ -z "$yes" ] || return 0
    [ -t 0 ] || die "standard input is no terminal, so nobody can be asked" "--yes does it without asking"
    printf 'install: go on? [y/N] ' >&2
    read -r answer
    case $answer in y | Y | yes) ;; *) die "stopped, nothing was done" ;; esac
}

if [ -n "$uninstall" ]; then
    # Everything of ours goes, whichever part it was.
    units="stakeout-server.service stakeout-worker.service"
    say "about to stop and remove $units and /usr/bin/stakeout"
    if [ -n "$purge" ]; then
        say "about to remove for good: /etc/stakeout, /var/lib/stakeout (store, artifacts, THE OPERATOR'S KEY), /var/cache/stakeout, /var/lib/stakeout-worker, both users"
    else
        say "/etc/stakeout, /var/lib/stakeout, /var/lib/stakeout-worker and the users stay"
    fi
    ask
    for u in $units; do
        # A worker ends its trials first; that takes up to 45 minutes.
        if running && systemctl cat "$u" >/dev/null 2>&1; then systemctl disable --now "$u"; fi
        rm -f "$dest/etc/systemd/system/$u"
    done
    rm -f "$dest/usr/bin/stakeout" "$dest/usr/lib/sysusers.d/stakeout.conf" "$dest/usr/lib/tmpfiles.d/stakeout.conf"
    rm -rf "$dest/usr/share/doc/stakeout"
    if running; then systemctl daemon-reload; fi
    if [ -n "$purge" ]; then
        rm -rf "$dest/etc/stakeout" "$dest/var/lib/stakeout" "$dest/var/cache/stakeout" "$dest/var/lib/stakeout-worker"
        if [ -z "$dest" ]; then
            for u in stakeout stakeout-worker; do if getent passwd "$u" >/dev/null; then userdel "$u"; fi; done
        fi
    fi
    say "removed"
    exit 0
fi

program=${program:-${CARGO_TARGET_DIR:-$repo/target}/x86_64-unknown-linux-gnu/release/stakeout}
[ -n "$dry" ] || [ -x "$program" ] || die "there is no program at \`$program\`" "make build, or --program FILE"
if [ -z "$dest" ] && [ -z "$dry" ]; then
    for tool in systemctl systemd-sysusers systemd-tmpfiles; do
        command -v $tool >/dev/null || die "\`$tool\` is missing" "this installs services for systemd; elsewhere see deploy/compose"
    done
    if [ -n "$worker" ] && ! getent group docker >/dev/null; then
        die "there is no group \`docker\`: a worker needs Docker on its host" "apt-get install docker.io, or --server alone"
    fi
fi

say "about to install:"
say "  $program -> $dest/usr/bin/stakeout"
say "  $units -> $dest/etc/systemd/system, users and folders by sysusers.d and tmpfiles.d"
say "  settings in $dest/etc/stakeout and keys in $dest/var/lib/stakeout, where there are none yet"
[ -z "$worker" ] || say "  the user stakeout-worker may use Docker's socket, so whoever takes it over is root on this host"
ask

put() { install -D -m "$1" "$2" "$dest$3"; }
# A program that runs can be replaced, not written to.
put 0755 "$program" /usr/bin/.stakeout.new
mv -f "$dest/usr/bin/.stakeout.new" "$dest/usr/bin/stakeout"
for u in $units; do put 0644 "$here/systemd/$u" "/etc/systemd/system/$u"; done
put 0644 "$here/sysusers.d/stakeout.conf" /usr/lib/sysusers.d/stakeout.conf
put 0644 "$here/tmpfiles.d/stakeout.conf" /usr/lib/tmpfiles.d/stakeout.conf
put 0644 "$repo/docs/operations.md" /usr/share/doc/stakeout/operations.md
for part in server worker; do
    case $units in *"stakeout-$part.service"*) ;; *) continue ;; esac
    if [ -e "$dest/etc/stakeout/$part.env" ]; then
        say "/etc/stakeout/$part.env is there and stays; compare it with $here/$part.env"
    else
        put 0644 "$here/$part.env" "/etc/stakeout/$part.env"
    fi
done
if [ -n "$dest" ]; then say "installed below $dest"; exit 0; fi

systemd-sysusers /usr/lib/sysusers.d/stakeout.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/stakeout.conf
if [ -n "$server" ]; then
    # The program makes its own key where there is none.
    runuser -u stakeout -- env STAKEOUT_DATA=/var/lib/stakeout /usr/bin/stakeout key show >&2
    if [ ! -e /var/lib/stakeout/seal.key ]; then
        say "making /var/lib/stakeout/seal.key"
        (umask 077; od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >/var/lib/stakeout/.seal.new)
        chown stakeout:stakeout /var/lib/stakeout/.seal.new
        chmod 0400 /var/lib/stakeout/.seal.new
        mv /var/lib/stakeout/.seal.new /var/lib/stakeout/seal.key
    fi
fi
if ! has_systemd; then
    say "systemd is not this machine's init: the units are in place, nothing is enabled or started"
    exit 0
fi
systemctl daemon-reload
ready=
for u in $units; do
    if [ "$u" = stakeout-worker.service ] && [ ! -s /etc/stakeout/worker-token ]; then
        say "the worker has no token yet, so it is not enabled: see \"First start\" in docs/operations.md"
        continue
    fi
    ready="$ready $u"
done
for u in $ready; do
    systemctl enable "$u"
    # A worker ends its trials before it is started again.
    if [ -n "$start" ]; then systemctl restart "$u"; fi
done
say "ready; next: \"First start\" in docs/operations.md"
