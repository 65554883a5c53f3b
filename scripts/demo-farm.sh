#!/bin/bash
# A farm on this machine: PostgreSQL, an S3-compatible server, two orchestrators, two workers, two tenants. Each tenant submits
# the sample apps, one by the command line, one by curl; a worker and an orchestrator are killed on the way. All verdicts must
# arrive, and neither tenant sees the other's. Leaves target/demo/farm with results, reports, bundles and logs.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
stakeout=$PWD/$target/x86_64-unknown-linux-gnu/release/stakeout
apps=$PWD/$target/apps
out=$PWD/$target/demo/farm
trials=${TRIALS:-1}
rm -rf "$out"; mkdir -p "$out"
work=$(mktemp -d /tmp/stakeout-farm.XXXXXX)
chmod 755 "$work"
pids=()
say() { printf '== %4d s  %s\n' $SECONDS "$*" >&2; }
fail() { echo "demo-farm: $*" >&2; exit 1; }

ended() {
    trap - EXIT INT TERM
    for p in "${pids[@]}"; do kill -TERM "$p" 2>/dev/null || true; done
    for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
    [ ! -d "$work/pg" ] || as_postgres "$pgbin/pg_ctl" -D "$work/pg" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap ended EXIT
trap 'exit 130' INT TERM

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
as_postgres() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi; }

# 1. The servers of others, private to this run.
pgbin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
pgport=$(free_port)
mkdir "$work/pg"; [ "$(id -u)" != 0 ] || chown postgres "$work/pg"
(cd "$work" && as_postgres "$pgbin/initdb" -D "$work/pg" -A trust -U stakeout >/dev/null
 as_postgres "$pgbin/pg_ctl" -D "$work/pg" -w -l "$work/pg/log" -o "-p $pgport -c listen_addresses=127.0.0.1 -k $work/pg" start >/dev/null)
"$pgbin/createdb" -h 127.0.0.1 -p "$pgport" -U stakeout farm
store=postgres://stakeout@127.0.0.1:$pgport/farm
s3port=$(free_port)
export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo-demo-demo
mkdir -p "$work/s3/evidence" "$work/meta"
ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
    "${XDG_CACHE_HOME:-$HOME/.cache}/stakeout/bin/versitygw" --port "127.0.0.1:$s3port" --quiet posix --sidecar "$work/meta" "$work/s3" >"$out/s3.log" 2>&1 &
pids+=($!)
blobs="s3://evidence/lab?endpoint=http://127.0.0.1:$s3port&region=us-east-1"
say "PostgreSQL and an S3-compatible server run"

# 2. Two orchestrators with the same keys.
declare -A orchestrator
for n in 1 2; do eval "port$n=$(free_port)"; done
serve() {
    local n=$1 port=port$1
    "$stakeout" serve --listen "127.0.0.1:${!port}" --store "$store" --blobs "$blobs" --key "$work/operator.pem" \
        --seal-key "$work/seal.key" --admin-token-file "$work/admin.token" >>"$out/orchestrator-$n.log" 2>&1 &
    orchestrator[$n]=$!
    pids+=($!)
    for _ in $(seq 150); do
        ! curl -fs -o /dev/null "http://127.0.0.1:${!port}/readyz" || return 0
        kill -0 "${orchestrator[$n]}" 2>/dev/null || break
        sleep 0.2
    done
    tail -5 "$out/orchestrator-$n.log" >&2
    fail "orchestrator $n does not answer"
}
serve 1; serve 2
one=http://127.0.0.1:$port1 two=http://127.0.0.1:$port2
say "two orchestrators listen"

# 3. Tenants and tokens.
as_admin() { STAKEOUT_SERVER=$one STAKEOUT_TOKEN=$(cat "$work/admin.token") "$stakeout" "$@"; }
for t in press company; do as_admin tenant put "$t" >/dev/null; done
press=$(as_admin token new --role submitter --tenant press --quiet)
company=$(as_admin token new --role submitter --tenant company --quiet)
worker_token=$(as_admin token new --role worker --quiet)

# 4. Two workers, each at its own orchestrator.
declare -A worker
start_worker() {
    local n=$1 server=$2
    STAKEOUT_TOKEN=$worker_token "$stakeout" work --server "$server" --slots 1 --device jvm --cache "$work/worker-$n" --disk-gib 2 \
        >>"$out/worker-$n.log" 2>&1 &
    worker[$n]=$!
    pids+=($!)
}
start_worker 1 "$one"; start_worker 2 "$two"
say "two workers join"

# 5. Each tenant submits: one by the command line, one by curl.
declare -A job
export STAKEOUT_SCENARIOS=$apps
for app in loud quiet nag; do
    job[press-$app]=$(STAKEOUT_TOKEN=$press "$stakeout" submit "$apps/$app.apk" --server "$one" --trials "$trials" --tag demo \
        --receipts "$out/receipts" 2>>"$out/submit.log")
done
by_curl() { curl -fsS -H "Authorization: Bearer $company" "$@"; }
for app in loud quiet nag; do
    sha=$(by_curl -H 'Content-Type: application/vnd.android.package-archive' --data-binary @"$apps/$app.apk" "$two/v1/apps" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["sha256"])')
    job[company-$app]=$(python3 -c 'import json, sys; print(json.dumps({"app": sys.argv[1], "trials": int(sys.argv[3]), "scenario": {"yaml": open(sys.argv[2]).read()}}))' \
        "$sha" "$apps/idle-demo.yaml" "$trials" |
        by_curl -H 'Content-Type: application/json' -H "Idempotency-Key: demo-$app" -d @- "$two/v1/jobs" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
done
say "six jobs were submitted"

# 6. A worker and an orchestrator are killed while they work, and come back.
running() { as_admin workers list --json | python3 -c 'import json, sys; print(sum(w["running"] for w in json.load(sys.stdin)))'; }
# Each worker has one place: both have a trial, and still have one when it is some seconds old.
busy=
for _ in $(seq 100); do
    [ "$(running)" -lt 2 ] || { sleep 3; busy=$(running); }
    [ "${busy:-0}" -lt 2 ] || break
    sleep 0.5
done
[ "${busy:-0}" -ge 2 ] || fail "the workers never had a trial each, so none can be killed with one"
kill -9 "${worker[1]}"; say "worker 1 was killed"
start_worker 1 "$one"
sleep 5
[ "$(running)" -ge 1 ] || fail "no trial runs while orchestrator 2 is killed"
kill -9 "${orchestrator[2]}"; say "orchestrator 2 was killed"
sleep 8
serve 2; say "orchestrator 2 is back"

# 7. Everything arrives.
declare -A wanted=([loud]=10 [quiet]=0 [nag]=0)
bad=0 again=0
for who in press company; do
    for app in loud quiet nag; do
        j=${job[$who-$app]} code=0
        STAKEOUT_TOKEN=${!who} "$stakeout" watch "$j" --server "$one" >"$out/$who-$app.log" 2>&1 || code=$?
        mkdir -p "$out/$who-$app"
        STAKEOUT_TOKEN=${!who} "$stakeout" report "$j" --server "$two" --json --html "$out/$who-$app/report.html" \
            --bundle "$out/$who-$app/bundle.zip" >"$out/$who-$app/result.json"
        receipt=()
        [ ! -f "$out/receipts/$j.receipt.json" ] || receipt=(--receipt "$out/receipts/$j.receipt.json")
        verified=0; "$stakeout" verify "$out/$who-$app/bundle.zip" --key "$work/operator.pub" "${receipt[@]}" >/dev/null 2>&1 || verified=$?
        tries=$(python3 -c 'import json, sys; print(sum(t["epoch"] for t in json.load(open(sys.argv[1]))["trials"]))' "$out/$who-$app/result.json")
        again=$((again + tries - trials))
        say "$who $app: exit code $code, bundle verifies with $verified, $tries leases for $trials trials"
        # 11: a claim is inconclusive; what is idle in quiet and nag must never be found.
        case $app-$code in loud-10 | quiet-0 | quiet-11 | nag-0 | nag-11) ;; *) bad=1 ;; esac
        [ $verified = 0 ] || bad=1
    done
done
[ $bad = 0 ] || fail "a verdict or a bundle is not as it must be; see $out"
[ $again -ge 1 ] || fail "no trial was run again, though a worker was killed that had one"

# 8. Neither tenant sees the other's.
for path in "jobs/${job[press-loud]}" "jobs/${job[press-loud]}/report.json" "jobs/${job[press-loud]}/bundle" "jobs/${job[press-loud]}/events"; do
    status=$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $company" "$one/v1/$path")
    [ "$status" = 404 ] || fail "the other tenant got $status for /v1/$path"
done
say "the other tenant's jobs are not found"

# 9. What was done is in the chain, and nothing is left.
as_admin tenant audit --tenant press >"$out/audit-press.jsonl"
STAKEOUT_TOKEN=$press "$stakeout" jobs --server "$one"
for n in 1 2; do kill -TERM "${worker[$n]}"; done
for n in 1 2; do wait "${worker[$n]}" || true; done
left=$(docker ps -aq --filter label=org.stakeout.cell | wc -l)
[ "$left" = 0 ] || fail "$left containers are left"
say "done: results in $out"
