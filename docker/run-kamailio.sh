#!/bin/bash
# The entry of the Kamailio container, and a way to run Kamailio without one: writes the lists that kamailio.cfg reads.
#
#   ARI_AGENT_ASTERISKS        required   the Asterisks, joined by commas: 10.0.0.11:5060,10.0.0.12:5060
#   ARI_AGENT_CALLERS          required   addresses and networks whose calls are let in: 192.0.2.0/28,198.51.100.7
#   ARI_AGENT_KAMAILIO_LISTEN  all        where SIP listens, UDP and TCP, joined by commas: 10.0.0.5:5060; behind NAT
#                                         with the outer address: 10.0.0.5:5060/203.0.113.5:5060
#   ARI_AGENT_KAMAILIO_FOLDER  /run/kamailio   where the lists and the socket of kamcmd are
#
# Arguments go to kamailio: `run-kamailio.sh -c` checks all of it and starts nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${ARI_AGENT_KAMAILIO_FOLDER:-/run/kamailio}

fail() {
    printf 'run-kamailio.sh: %s\n' "$*" >&2
    exit 2
}

# Each item of a list on a line of its own.
items() { # TEXT
    tr -s ', ' '[\n*]' <<<"$1" | sed '/^$/d'
}

readonly address='([0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9A-Fa-f:]+\]'
mkdir -p "$folder"

asterisks=''
priority=1000
for item in $(items "${ARI_AGENT_ASTERISKS:-}"); do
    [[ $item =~ ^($address):[0-9]{1,5}$ ]] ||
        fail "ARI_AGENT_ASTERISKS has '$item'; each must be an address and a port, as in 10.0.0.11:5060"
    # Group, where, flags, priority: of those with equally many calls, the first one is taken. They are counted by duid.
    asterisks+="1 sip:$item 0 $((priority--)) duid=$item"$'\n'
done
[ -n "$asterisks" ] || fail "ARI_AGENT_ASTERISKS must name the Asterisks, as in 10.0.0.11:5060,10.0.0.12:5060"

callers=''
for item in $(items "${ARI_AGENT_CALLERS:-}"); do
    # No /0: everybody's calls are nobody's trunk.
    [[ $item =~ ^(([0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)(/([1-9][0-9]{0,2}))?$ ]] ||
        fail "ARI_AGENT_CALLERS has '$item'; each must be an address or a network, as in 192.0.2.0/28"
    whole=32
    [[ $item != *:* ]] || whole=128
    # Group, address, bits.
    callers+="1 ${BASH_REMATCH[1]} ${BASH_REMATCH[4]:-$whole}"$'\n'
done
[ -n "$callers" ] || fail "ARI_AGENT_CALLERS must name the addresses that calls come from, as in 192.0.2.0/28"

listen=()
for item in $(items "${ARI_AGENT_KAMAILIO_LISTEN:-}"); do
    [[ $item =~ ^($address):[0-9]{1,5}(/($address):[0-9]{1,5})?$ ]] ||
        fail "ARI_AGENT_KAMAILIO_LISTEN has '$item'; each must be an address and a port, as in 10.0.0.5:5060"
    listen+=(-l "udp:$item" -l "tcp:$item")
done

printf '%s' "$asterisks" >"$folder/dispatcher.list"
printf '%s' "$callers" >"$folder/address.list"
exec kamailio -f "$here/kamailio/kamailio.cfg" -Y "$folder" -DD -E "${listen[@]}" \
    -A "ASTERISKS_FILE=\"$folder/dispatcher.list\"" \
    -A "CALLERS_FILE=\"$folder/address.list\"" \
    -A "CONTROL_SOCKET=\"unix:$folder/kamailio_ctl\"" "$@"
