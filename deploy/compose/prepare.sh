#!/bin/sh
# Makes what compose.yaml needs and is not there yet: .env and the files in secrets/. Nothing that exists is changed.
#
#   deploy/compose/prepare.sh            make what is missing, then say what is still to be filled in
#   deploy/compose/prepare.sh --check    say it only; ends with 1 if something is
#   --dir DIR                            instead of the folder of this script (for tests)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$here; only_check=
die() { echo "prepare: $1" >&2; [ $# -lt 2 ] || echo "hint: $2" >&2; exit "${3:-1}"; }
while [ $# -gt 0 ]; do
    case $1 in
        --check) only_check=1 ;;
        --dir) [ $# -gt 1 ] || die "\`--dir\` needs a value" "see $0 --help" 2; dir=$2; shift ;;
        -h | --help) sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) die "unknown option \`$1\`" "see $0 --help" 2 ;;
    esac
    shift
done

secrets=$dir/secrets
# The user of the image `server`; a mounted file has its owner and mode of this host.
server_user=972
random() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

# make NAME TEXT: a secret that did not exist
make_secret() {
    [ ! -e "$secrets/$1" ] || return 0
    (umask 077; printf '%s' "$2" >"$secrets/.$1")
    chmod 0400 "$secrets/.$1"
    [ "$(id -u)" != 0 ] || chown "$server_user" "$secrets/.$1"
    mv "$secrets/.$1" "$secrets/$1"
    echo "prepare: made $secrets/$1" >&2
}

if [ -z "$only_check" ]; then
    [ "$(id -u)" = 0 ] || die "the secrets must belong to user $server_user, which only root can do" "run it as root"
    [ -e "$dir/.env" ] || { cp "$here/env.example" "$dir/.env"; echo "prepare: made $dir/.env" >&2; }
    mkdir -p "$secrets"
    # Others may pass, as containers' users do, and see nothing.
    chmod 0711 "$secrets"
    make_secret postgres-password "$(random 24)"
    make_secret s3-access-key "stakeout"
    make_secret s3-secret-key "$(random 24)"
    make_secret seal-key "$(random 32)"
fi

missing=
lacks() { missing=1; echo "prepare: $1" >&2; }
value() { sed -n "s/^$1=//p" "$dir/.env" 2>/dev/null | tail -1; }
for name in STAKEOUT_POSTGRES_IMAGE STAKEOUT_S3_IMAGE; do
    case $(value $name) in
        *@sha256:????????????????????????????????????????????????????????????????) ;;
        *) lacks "$name in $dir/.env is not pinned by digest (NAME@sha256:..)" ;;
    esac
done
[ -n "$(value STAKEOUT_SERVER_IMAGE)" ] || lacks "STAKEOUT_SERVER_IMAGE in $dir/.env is empty: images/build.sh server"
[ -s "$secrets/operator-key" ] || lacks "$secrets/operator-key is missing: README.md says how it is made"
[ -e "$secrets/worker-token" ] || lacks "$secrets/worker-token is missing: README.md says how it is made (needed by the worker alone)"
[ -z "$missing" ] || exit "${only_check:-0}"
echo "prepare: all is there" >&2
