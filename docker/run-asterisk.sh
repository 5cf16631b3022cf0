#!/bin/bash
# The entry of the Asterisk container: configure, tell the controller, run.
# ARI_AGENT_KAMAILIO: the address that Kamailio's calls come from, where it is in front of this Asterisk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

"$here/install.sh" configure /etc/asterisk
"$here/install.sh" ports /etc/asterisk
rm -f /etc/asterisk/{pjsip.d,extensions.d}/kamailio.conf
if [ -n "${ARI_AGENT_KAMAILIO:-}" ]; then
    sed "s|^match = .*|match = $ARI_AGENT_KAMAILIO|" "$here/kamailio/pjsip.conf" >/etc/asterisk/pjsip.d/kamailio.conf
    cp "$here/kamailio/extensions.conf" /etc/asterisk/extensions.d/kamailio.conf
fi
# The controller's container reads this as its own user (docker/Dockerfile.controller).
install -m 0600 -o 10001 -g 10001 /etc/asterisk/ari-agent.env /run/ari-agent/ari-agent.env
exec asterisk -f -n -U asterisk -G asterisk
