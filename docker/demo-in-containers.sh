#!/bin/bash
# `make demo` where a Docker engine answers: the services of compose.yaml, the demo round them, and nothing left behind.
# Arguments go to `ari-agent demo`; what it prints is all there is on standard output.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

compose() {
    docker compose --project-name ari-agent-demo --file "$here/compose.yaml" --profile demo "$@"
}

# From a registry where one can be reached, else made here; either way the Dockerfiles are the same.
for suite in sid trixie; do
    image=debian:$suite-slim
    if docker image inspect "$image" >/dev/null 2>&1; then
        echo "demo: $image is here" >&2
    elif timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then
        echo "demo: $image comes from the registry" >&2
    else
        echo "demo: no registry has $image, so it is made of Debian's packages" >&2
        docker import "$("$here/install.sh" base "$suite")" "$image" >/dev/null
    fi
done

down() {
    compose down --volumes --timeout 5 >/dev/null 2>&1
}
trap down EXIT
down
# Not `compose build`: that cannot be told to use the host's network, and a bridge is not there on every engine.
for part in asterisk controller; do
    docker build --quiet --network host --tag "ari-agent-$part" --file "$here/Dockerfile.$part" "$here/.." >&2
done
if ! compose up --detach --wait --no-build asterisk controller >&2; then
    compose logs --tail 30 >&2
    exit 1
fi
compose run --rm demo demo "$@"
