#!/bin/bash
# The entry of the Asterisk container: configure, tell the controller, run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

"$here/install.sh" configure /etc/asterisk
"$here/install.sh" ports /etc/asterisk
# The controller's container reads this as its own user (docker/Dockerfile.controller).
install -m 0600 -o 10001 -g 10001 /etc/asterisk/ari-agent.env /run/ari-agent/ari-agent.env
exec asterisk -f -n -U asterisk -G asterisk
