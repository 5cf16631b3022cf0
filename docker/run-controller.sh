#!/bin/sh
# The entry of the controller's container: settings of the container's environment, passwords of the Asterisk beside it.
set -eu

if [ -r /run/ari-agent/ari-agent.env ]; then
    set -a
    # shellcheck source=/dev/null
    . /run/ari-agent/ari-agent.env
    set +a
fi
exec ari-agent "$@"
