#!/bin/bash
# Starts compose.yaml as README.md beside it says, in a folder of its own, runs one trial on it, and takes all of it away.
#
#   deploy/compose/try.sh APP.apk      needs the programs and images (`make build images apps`), root, a container engine
#
# Where no registry is reachable, PostgreSQL and versitygw are images made here, of Debian's package and of the program that
# the tests use: what is tried is our side, the file, the image `server`, the secrets, networks and users. Its log is in
# target/compose.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=deploy/compose
target=${CARGO_TARGET_DIR:-target}
target=$(realpath "$target")
stakeout=$target/x86_64-unknown-linux-gnu/release/stakeout
say() { echo "compose: $*" >&2; }
die() { echo "compose: $1" >&2; [ $# -lt 2 ] || echo "hint: $2" >&2; exit 1; }
[ $# = 1 ] || { sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//p}' "$0"; exit 2; }
app=$(realpath "$1")
[ "$(id -u)" = 0 ] || die "the secrets must belong to the container's user" "run it as root"
[ -x "$stakeout" ] || die "\`$stakeout\` is missing" "make build"
compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(docker-compose)
command -v "${compose[0]}" >/dev/null || die "there is no Compose" "scripts/setup.sh --deploy"

export DOCKER_BUILDKIT=0
images/build.sh --quiet server gateway jvm analysis
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
dir=$(mktemp -d /tmp/stakeout-compose.XXXXXX)
out=$target/compose
rm -rf "$out"; mkdir -p "$out"
project=stakeout-try-$$
up() { "${compose[@]}" -p "$project" --project-directory "$dir" --env-file "$dir/.env" -f "$dir/compose.yaml" "$@"; }
clean() {
    code=$?
    trap - EXIT INT TERM
    up logs --no-color >"$out/services.log" 2>&1 || true
    up --profile worker down -v --timeout 20 >>"$out/compose.log" 2>&1 || say "not all was taken away: $out/compose.log"
    rm -rf "$dir"
    [ "$code" = 0 ] || { tail -30 "$out/services.log" >&2; say "failed; all that was said is in $out"; }
    exit "$code"
}
trap clean EXIT
trap 'exit 130' INT TERM

# stand_in NAME DOCKERFILE: its id, which names its bytes as a digest of a registry does
stand_in() {
    local proxy
    proxy=${http_proxy:-$(apt-config shell p Acquire::http::Proxy 2>/dev/null | sed "s/^p='\(.*\)'$/\1/" || true)}
    docker build -q --network host ${proxy:+--build-arg "http_proxy=$proxy"} --build-arg "BASE=stakeout/base:$version" \
        --label org.stakeout.try=1 -t "stakeout/try-$1" -f "$here/try/$2" "$3" 2>"$out/build-$1.log" || { cat "$out/build-$1.log" >&2; die "\`$1\` could not be built"; }
}
say "images of PostgreSQL and versitygw, made here"
postgres=$(stand_in postgres postgres.Dockerfile "$here/try")
mkdir -p "$dir/s3"
cp "${XDG_CACHE_HOME:-$HOME/.cache}/stakeout/bin/versitygw" "$dir/s3/"
s3=$(stand_in s3 s3.Dockerfile "$dir/s3")
rm -r "$dir/s3"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port); metrics=$(free_port)
cp "$here/compose.yaml" "$dir/"
"$here/prepare.sh" --dir "$dir" >"$out/prepare.log" 2>&1
sed -i "s|^STAKEOUT_POSTGRES_IMAGE=.*|STAKEOUT_POSTGRES_IMAGE=$postgres|; s|^STAKEOUT_S3_IMAGE=.*|STAKEOUT_S3_IMAGE=$s3|
    s|^STAKEOUT_SERVER_IMAGE=.*|STAKEOUT_SERVER_IMAGE=stakeout/server:$(cat "$target/images/server.key")|" "$dir/.env"
{
    echo "COMPOSE_PROJECT_NAME=$project"
    echo "STAKEOUT_PUBLISH=127.0.0.1:$port"
    echo "STAKEOUT_PUBLISH_METRICS=127.0.0.1:$metrics"
    echo "STAKEOUT_WORKER_DIR=$dir/worker"
} >>"$dir/.env"
STAKEOUT_DATA=$dir/key "$stakeout" key show >"$out/key.txt"
install -o 972 -m 0400 "$dir/key/operator.pem" "$dir/secrets/operator-key"

url=http://127.0.0.1:$port
ready() { for _ in $(seq 120); do curl -fsS "$1" >/dev/null 2>&1 && return; sleep 0.5; done; die "\`$1\` does not answer"; }
say "starting server, PostgreSQL and S3"
up up -d >>"$out/compose.log" 2>&1
ready "$url/readyz"
ready "http://127.0.0.1:$metrics/metrics"
token=$(up exec -T server cat /var/lib/stakeout/admin-token)
as_admin() { STAKEOUT_SERVER=$url STAKEOUT_TOKEN=$token STAKEOUT_DATA=$dir/cli "$stakeout" "$@"; }

say "a worker, and one trial"
install -d -m 0700 "$dir/worker"
as_admin token new --role worker --quiet >"$dir/worker-token"
install -m 0400 "$dir/worker-token" "$dir/secrets/worker-token"
up --profile worker up -d >>"$out/compose.log" 2>&1
code=0
as_admin run "$app" --server "$url" --scenario "$target/apps/scenarios/short.yaml" --trials 1 --out "$out/run" >"$out/run.log" 2>&1 || code=$?
[ -s "$out/run/bundle.zip" ] || { cat "$out/run.log" >&2; die "the run ended with $code and without a bundle"; }
"$stakeout" verify "$out/run/bundle.zip" --key "$dir/key/operator.pub" >"$out/verify.log" || { cat "$out/verify.log" >&2; die "the bundle does not verify"; }

say "a restart of all loses nothing"
up --profile worker restart --timeout 30 >>"$out/compose.log" 2>&1
ready "$url/readyz"
as_admin jobs >"$out/jobs.log"
grep -q finished "$out/jobs.log" || die "the job is gone"
left=$(docker ps -aq --filter label=org.stakeout.cell | wc -l)
[ "$left" = 0 ] || die "$left containers of cells are left"
say "done: one trial on compose.yaml, its bundle verifies"
