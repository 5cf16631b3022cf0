#!/bin/bash
# Builds and runs the Dockerfiles and compose.yaml on a real engine, makes a call through them, and says which route ran.
# Where no engine answers, dockerd is started here, with its data in the cache folder, and ended afterwards.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${ARI_AGENT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ari-agent}
mkdir -p "$cache"

fail() {
    printf 'test-containers: %s\n' "$*" >&2
    exit 2
}

install_engine() {
    [ "$(id -u)" = 0 ] || fail "no Docker engine answers, and only root may start one: start Docker, or use sudo"
    command -v apt-get >/dev/null || fail "no Docker engine answers: install Docker and start it"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends docker.io >/dev/null
    # Debian 13 splits the command off.
    command -v docker >/dev/null || apt-get -qq install -y --no-install-recommends docker-cli >/dev/null
}

start_engine() {
    folder=$(mktemp -d "$cache/docker-XXXXXX")
    trap stop_engine EXIT
    # Every container lives on the host's network: no bridge, and no rule in the machine's firewall.
    dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/dockerd.pid" \
        --bridge=none --iptables=false --ip6tables=false --ip-forward=false \
        --host "unix://$folder/docker.sock" >"$folder/log" 2>&1 &
    engine=$!
    export DOCKER_HOST=unix://$folder/docker.sock
    for _ in {1..100}; do
        ! docker info >/dev/null 2>&1 || return 0
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 20 "$folder/log" >&2
    fail "dockerd does not start here: it needs a machine or container with all privileges"
}

# Run by the trap.
# shellcheck disable=SC2317,SC2329
stop_engine() {
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount --lazy
    rm -rf --one-file-system "$folder"
}

if docker info >/dev/null 2>&1; then
    route="the Docker engine of this machine"
else
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
        install_engine
    fi
    if docker info >/dev/null 2>&1; then
        route="the Docker engine that was just installed"
    else
        start_engine
        route="a dockerd started for this test"
    fi
fi
if ! docker compose version >/dev/null 2>&1 || ! docker buildx version >/dev/null 2>&1; then
    export DOCKER_CONFIG=$cache/docker-config
    [ -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ] || "$here/install.sh" plugins "$DOCKER_CONFIG/cli-plugins"
    route="$route, with compose and buildx unpacked from Debian packages"
fi

# Ports of its own, so that an Asterisk or a controller that runs here already does not matter.
export ARI_AGENT_SIP_PORT=${ARI_AGENT_SIP_PORT:-25060} ARI_AGENT_SIP_TLS_PORT=${ARI_AGENT_SIP_TLS_PORT:-25061}
export ARI_AGENT_SIP_WSS_PORT=${ARI_AGENT_SIP_WSS_PORT:-28089}
export ARI_AGENT_ARI_PORT=${ARI_AGENT_ARI_PORT:-28088} ARI_AGENT_BIND=${ARI_AGENT_BIND:-127.0.0.1:28080}
export ARI_AGENT_DEMO_AGENT_PORT=${ARI_AGENT_DEMO_AGENT_PORT:-28765}
export ARI_AGENT_DEMO_WEBHOOK_PORT=${ARI_AGENT_DEMO_WEBHOOK_PORT:-28766}
export ARI_AGENT_SIP_RTP_PORTS=${ARI_AGENT_SIP_RTP_PORTS:-26000-26399} ARI_AGENT_SIP_BIND=${ARI_AGENT_SIP_BIND:-127.0.0.1}

"$here/demo-in-containers.sh" --once
printf 'test-containers: a call went through the containers of compose.yaml; engine: %s (%s)\n' \
    "$route" "$(docker version --format '{{.Server.Version}}')"
