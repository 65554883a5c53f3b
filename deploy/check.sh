#!/bin/bash
# Checks all of deploy/ by each file's own tool, without the network: units, compose file, chart, alerts, dashboard,
# scripts, and that docs/operations.md has a runbook for each alert.
#
#   deploy/check.sh [NAME...]    units, compose, chart, alerts, dashboard, docs, scripts; default: all
#
# scripts/setup.sh --deploy installs what is missing. What these checks cannot say: whether systemd starts the units, and
# whether a cluster takes the objects; docs/operations.md lists what was tried.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=deploy/tools.sh
. deploy/tools.sh

chart=deploy/helm/stakeout
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
need() { command -v "$1" >/dev/null 2>&1 || { echo "check: \`$1\` is missing" >&2; echo "hint: scripts/setup.sh --deploy" >&2; exit 2; }; }

# ok WHAT COMMAND...: it must succeed; what it says is shown when it does not
ok() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $what" >&2
        sed 's/^/    /' "$work/said" | tail -25 >&2
    fi
}
# refused WHAT PATTERN COMMAND...: it must fail, and say so in these words
refused() {
    local what=$1 pattern=$2
    shift 2
    if "$@" >"$work/said" 2>&1; then
        echo "it was taken" >"$work/said"
        ok "$what" false
    else
        cp "$work/said" "$work/why"
        ok "$what" grep -qE -- "$pattern" "$work/why"
    fi
}
# without WHAT PATTERN FILE: no line is like that
without() { ok "$1" none "$2" "$3"; }
none() { [ -e "$2" ] && ! grep -nE -- "$1" "$2"; }
# silent COMMAND...: it must succeed and say nothing
silent() {
    "$@" >"$work/noise" 2>&1 && [ ! -s "$work/noise" ] && return 0
    cat "$work/noise"
    return 1
}

# Highest exposure that `systemd-analyze security` may find, in tenths (0 is best, 100 worst).
declare -A exposure=([server]=15 [worker]=20)

units() {
    need systemd-analyze
    local u version
    version=$(systemd-analyze --version | awk 'NR == 1 { print int($2) }')
    mkdir -p "$work/units"
    # The program need not be installed here, so another one that is stands for it.
    for u in deploy/single/systemd/*.service; do
        sed 's|/usr/bin/stakeout |/bin/true |; /^Requires=docker.service$/d' "$u" >"$work/units/$(basename "$u")"
    done
    for u in server worker; do
        ok "units: stakeout-$u.service is read as it is meant" silent systemd-analyze verify --man=no "$work/units/stakeout-$u.service"
        # Older ones (Ubuntu 22.04) look at running services alone.
        if [ "$version" -lt 250 ]; then
            echo "skipped: exposure of stakeout-$u.service, systemd $version cannot tell it of a file" >&2
            continue
        fi
        ok "units: stakeout-$u.service is exposed at most ${exposure[$u]}/100" \
            systemd-analyze security --offline=true --threshold="${exposure[$u]}" "$work/units/stakeout-$u.service"
    done
    # Only the worker may have the engine's group, and nobody is root.
    without "units: the orchestrator has nothing of the engine" '^(SupplementaryGroups|BindPaths|ReadWritePaths)=' deploy/single/systemd/stakeout-server.service
    ok "units: the orchestrator is not root" grep -qx 'User=stakeout' deploy/single/systemd/stakeout-server.service
    ok "units: the worker is not root" grep -qx 'User=stakeout-worker' deploy/single/systemd/stakeout-worker.service
    ok "units: users" systemd-sysusers --dry-run --root="$work/root" "$PWD/deploy/single/sysusers.d/stakeout.conf"
    mkdir -p "$work/root/etc"
    printf 'root:x:0:0::/:/bin/sh\nstakeout:x:972:972::/:/bin/sh\nstakeout-worker:x:973:973::/:/bin/sh\n' >"$work/root/etc/passwd"
    printf 'root:x:0:\nstakeout:x:972:\nstakeout-worker:x:973:\n' >"$work/root/etc/group"
    if [ "$(id -u)" = 0 ]; then
        ok "units: folders" systemd-tmpfiles --create --root="$work/root" "$PWD/deploy/single/tmpfiles.d/stakeout.conf"
        ok "units: folders are their users' alone" test "$(stat -c '%u %a' "$work/root/var/lib/stakeout" "$work/root/var/lib/stakeout-worker" | tr '\n' ' ')" = '972 700 973 700 '
    fi

    # The installer, below a folder of its own.
    local install=deploy/single/install.sh root=$work/install
    ok "install: --help" $install --help
    refused "install: an unknown option" 'unknown option' $install --nonsense
    refused "install: no program" 'there is no program' $install --root "$root" --yes --program /nonexistent
    ok "install: --dry-run changes nothing" $install --root "$root" --dry-run
    ok "install: nothing was made" test ! -e "$root"
    ok "install: both" $install --root "$root" --yes --program /bin/true
    echo '# mine' >>"$root/etc/stakeout/server.env"
    ok "install: again" $install --root "$root" --yes --program /bin/true
    ok "install: settings stay" grep -q '^# mine$' "$root/etc/stakeout/server.env"
    ok "install: all is there" test -x "$root/usr/bin/stakeout" -a -e "$root/etc/systemd/system/stakeout-worker.service" -a -e "$root/usr/lib/sysusers.d/stakeout.conf"
    ok "install: uninstall" $install --root "$root" --uninstall --yes
    ok "install: settings stay after it" grep -q '^# mine$' "$root/etc/stakeout/server.env"
    ok "install: the rest is gone" test -z "$(find "$root/usr" "$root/etc/systemd" -type f)"
    ok "install: purge" $install --root "$root" --uninstall --purge --yes
    ok "install: nothing is left" test -z "$(find "$root" -type f)"
}

compose() {
    local c=(docker compose)
    docker compose version >/dev/null 2>&1 || { need docker-compose; c=(docker-compose); }
    cp deploy/compose/compose.yaml "$work/compose.yaml"
    if [ "$(id -u)" = 0 ]; then
        ok "compose: prepare" deploy/compose/prepare.sh --dir "$work"
        ok "compose: secrets are one user's alone" test -z "$(find "$work/secrets" -type f -not -perm 0400)"
        cp "$work/secrets/seal-key" "$work/seal-before"
        ok "compose: prepare again" deploy/compose/prepare.sh --dir "$work"
        ok "compose: a secret that is there stays" cmp "$work/seal-before" "$work/secrets/seal-key"
        refused "compose: what is not pinned is said" 'STAKEOUT_POSTGRES_IMAGE .* not pinned by digest' deploy/compose/prepare.sh --check --dir "$work"
    else
        cp deploy/compose/env.example "$work/.env"
    fi
    refused "compose: no image, no start" 'STAKEOUT_(POSTGRES|S3|SERVER)_IMAGE' "${c[@]}" --project-directory "$work" --env-file "$work/.env" -f "$work/compose.yaml" config
    local digest=sha256:0000000000000000000000000000000000000000000000000000000000000000
    sed "s|^\(STAKEOUT_[A-Z0-9]*_IMAGE=\)$|\1example.org/image@$digest|" deploy/compose/env.example >"$work/.env"
    ok "compose: the file" "${c[@]}" --project-directory "$work" --env-file "$work/.env" -f "$work/compose.yaml" --profile worker config
    cp "$work/said" "$work/config"
    # The socket is the worker's alone, and no secret stands in the environment.
    ok "compose: one service has the engine's socket" test "$(grep -c '^ *-\{0,1\} *\(source: \)\{0,1\}/var/run/docker.sock\(:.*\)\{0,1\}$' "$work/config")" = 1
    without "compose: no password in the environment" '^ +[A-Z0-9_]*(PASSWORD|SECRET|TOKEN|KEY): +[^/]' "$work/config"
    without "compose: no image but the operator's" '^ +image: +[^$]' deploy/compose/compose.yaml
}

chart() {
    local f v out
    for f in "$helm" "$kubeconform"; do need "$f"; done
    # Of nobody's home, and never to a cluster.
    export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm KUBECONFIG=/dev/null
    for f in "$chart"/ci/*-values.yaml; do
        ok "chart: lint with $(basename "$f")" "$helm" lint --strict --quiet "$chart" -f "$f"
        for v in $kubernetes_versions; do
            out=$work/$(basename "$f" .yaml)-$v.yaml
            ok "chart: $(basename "$f") for Kubernetes $v" "$helm" template farm "$chart" -n stakeout --kube-version "$v" -f "$f"
            cp "$work/said" "$out"
            # ServiceMonitor is of the Prometheus operator and has no schema in Kubernetes' own.
            ok "chart: $(basename "$f") is what Kubernetes $v takes" conforms "$v" "$out"
        done
    done
    # Debian's own Python has python3-yaml.
    ok "chart: pods are confined, and things find each other" /usr/bin/python3 deploy/check_chart.py "$work"/*-values-*.yaml
    refused "chart: a value that is none" 'dditional propert' "$helm" template farm "$chart" -f "$chart/ci/server-values.yaml" --kube-version 1.33.0 --set server.replicsa=3
    refused "chart: a digest that is none" 'image.digest' "$helm" template farm "$chart" -f "$chart/ci/server-values.yaml" --kube-version 1.33.0 --set image.digest=latest
    refused "chart: no secret" 'secrets.existingSecret is required' "$helm" template farm "$chart" -f "$chart/ci/server-values.yaml" --kube-version 1.33.0 --set secrets.existingSecret=
    refused "chart: a folder for artifacts" 'server.blobs' "$helm" template farm "$chart" -f "$chart/ci/server-values.yaml" --kube-version 1.33.0 --set server.blobs=/var/lib/blobs
    refused "chart: workers without a token" 'workers.tokenSecret is required' "$helm" template farm "$chart" -f "$chart/ci/workers-values.yaml" --kube-version 1.33.0 --set workers.tokenSecret=
    local version
    version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
    ok "chart: its appVersion is the workspace's, $version" grep -qx "appVersion: \"$version\"" "$chart/Chart.yaml"
}
# A file in which nothing was found, or nothing known, is no good file.
conforms() {
    "$kubeconform" -strict -summary -skip ServiceMonitor -kubernetes-version "$1" \
        -schema-location "$schemas/{{.NormalizedKubernetesVersion}}{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json" "$2" >"$work/conforms" 2>&1
    local code=$?
    cat "$work/conforms"
    [ $code = 0 ] && grep -qE 'Valid: ([3-9]|[0-9]{2,}),' "$work/conforms"
}

alerts() {
    need "$promtool"
    ok "alerts: rules" "$promtool" check rules deploy/prometheus/alerts.yaml
    ok "alerts: each one rings when it must" "$promtool" test rules deploy/prometheus/alerts.test.yaml
}

dashboard() {
    need python3
    need "$promtool"
    ok "dashboard: form" python3 deploy/check_dashboard.py deploy/grafana/stakeout.json "$work/dashboard.yaml"
    ok "dashboard: every query is PromQL" "$promtool" check rules "$work/dashboard.yaml"
}

docs() {
    need python3
    ok "docs: runbooks, metrics, times and tests are what they say" python3 deploy/check_docs.py
}

scripts() {
    need shellcheck
    ok "scripts: shellcheck" shellcheck -x deploy/check.sh deploy/tools.sh deploy/single/install.sh deploy/compose/prepare.sh
}

checks=("$@")
[ ${#checks[@]} -gt 0 ] || checks=(units compose chart alerts dashboard docs scripts)
for check in "${checks[@]}"; do
    case $check in
        units | compose | chart | alerts | dashboard | docs | scripts) "$check" ;;
        -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) echo "check: unknown check \`$check\`" >&2; echo "hint: see $0 --help" >&2; exit 2 ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
