#!/bin/bash
# The one recipe that installs Asterisk and its configuration: for the engine-less root, the Dockerfiles and the
# Vagrantfile alike. `install.sh help` says what it does.
set -euo pipefail
export LC_ALL=C
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly templates=${ARI_AGENT_TEMPLATES:-$here/../asterisk-conf}

# Where this machine says what it is and where its packages come from; tests have one of their own.
readonly etc=${ARI_AGENT_ETC:-/etc}

# Debian carries Asterisk 22 in this suite only.
readonly suite=sid
readonly asterisk_packages=(asterisk asterisk-modules openssl)
# SIPp and baresip: the callers of the demo and of the tests.
readonly caller_packages=(sip-tester baresip)
# Raise it when the recipe of the root changes in a way that its package list does not show.
readonly root_version=1

cache=${ARI_AGENT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ari-agent}

usage() {
    cat <<'TEXT'
install.sh root                 make the private root with Asterisk, SIPp and baresip in the cache folder, if it is
                                not there, and print its path
install.sh packages [callers]   install Asterisk in this machine or container (Debian with an Asterisk package)
install.sh configure DIRECTORY  fill the templates of asterisk-conf/ into DIRECTORY, make passwords and a certificate
install.sh ports DIRECTORY      fail if a port of that configuration is in use, naming its variable
install.sh venv DIRECTORY       make a Python virtual environment with pip, also where python3-venv is missing
install.sh machine              set this machine up: Asterisk and the controller as systemd services
install.sh base SUITE           make a tar file with a minimal Debian, for `docker import`, and print its path
install.sh flite                print the path of the speech synthesizer flite: this machine's, or one unpacked into the
                                cache folder
install.sh chromium [present]   print the path of the browser Chromium likewise; present: fetch nothing, and print
                                nothing where it is not there yet
install.sh plugins DIRECTORY    get Docker's compose and buildx into DIRECTORY, as $DOCKER_CONFIG/cli-plugins
install.sh mirror               print the Debian mirror that this machine uses

Cache folder: ARI_AGENT_CACHE, else XDG_CACHE_HOME/ari-agent, else ~/.cache/ari-agent.
Mirror: ARI_AGENT_DEBIAN_MIRROR, else the one in this machine's apt sources.

configure takes these from the environment, else from what DIRECTORY/ari-agent.env holds, else the default:
  ARI_AGENT_APP               ari_agent      the Stasis application
  ARI_AGENT_PROCESSES         1              how many controllers share the calls, as ari_agent_1, ari_agent_2 ...
  ARI_AGENT_ARI_BIND          127.0.0.1      where ARI listens
  ARI_AGENT_ARI_PORT          8088
  ARI_AGENT_ARI_USERNAME      ari_agent
  ARI_AGENT_ARI_PASSWORD      made
  ARI_AGENT_SIP_BIND          0.0.0.0        where SIP listens
  ARI_AGENT_SIP_PORT          5060           UDP and TCP
  ARI_AGENT_SIP_TLS_PORT      5061
  ARI_AGENT_SIP_WSS_BIND      127.0.0.1      where SIP over secure websockets listens, and ARI over TLS with it
  ARI_AGENT_SIP_WSS_PORT      8089
  ARI_AGENT_SIP_RTP_PORTS     10000-13999    Asterisk's own audio ports
  ARI_AGENT_SOFTPHONE_ACCOUNT softphone
  ARI_AGENT_SOFTPHONE_PASSWORD made
  ARI_AGENT_BROWSER_PHONE     on             the telephone in the console; off: no ICE, which takes memory for each call
  ARI_AGENT_BROWSER_PHONE_ACCOUNT browser-phone
  ARI_AGENT_BROWSER_PHONE_PASSWORD made
DIRECTORY/ari-agent.env (mode 0600) is what the controller needs to know of it, in the form of an environment file.
TEXT
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 2
}

say() {
    printf 'install.sh: %s\n' "$*" >&2
}

need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || fail "$1 is missing: install the package $2"
}

# ---- where packages come from ---------------------------------------------------------------------------------

# "URI SUITE" of every Debian source of this machine, in the one-line and in the deb822 format (sources.list(5)).
apt_sources() {
    local list
    for list in "$etc/apt/sources.list" "$etc"/apt/sources.list.d/*.list; do
        [ -f "$list" ] || continue
        sed -n 's/#.*//; s/\[[^]]*\]//; s/^[[:space:]]*deb[[:space:]]\{1,\}//p' "$list"
    done | awk 'NF >= 2 { print $1, $2 }'
    for list in "$etc"/apt/sources.list.d/*.sources; do
        [ -f "$list" ] || continue
        awk '
            function flush(  i, j, u, s, nu, ns) {
                nu = split(uris, u); ns = split(suites, s)
                if (types ~ /(^| )deb( |$)/ && enabled != "no")
                    for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++) print u[i], s[j]
                types = uris = suites = enabled = field = ""
            }
            /^[[:space:]]*#/ { next }
            /^[[:space:]]*$/ { flush(); next }
            /^[^[:space:]]/ {
                field = tolower(substr($0, 1, index($0, ":") - 1))
                sub(/^[^:]*:/, "")
            }
            field == "types" { types = types " " $0 }
            field == "uris" { uris = uris " " $0 }
            field == "suites" { suites = suites " " $0 }
            field == "enabled" { enabled = tolower($1) }
            END { flush() }
        ' "$list"
    done
}

# The mirror of the machine's own Debian release; nothing on a machine that is not Debian.
mirror() {
    if [ -n "${ARI_AGENT_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "$ARI_AGENT_DEBIAN_MIRROR"
        return
    fi
    local id='' codename='' uri release
    id=$(os_release ID)
    codename=$(os_release VERSION_CODENAME)
    [ "$id" = debian ] || return 0
    while read -r uri release; do
        case $release in
        "$codename" | sid | unstable | testing | stable | oldstable) ;;
        *) continue ;;
        esac
        case $uri in
        mirror+file:*) # Debian's cloud images: the first line of that file is the mirror
            uri=$(sed -n 's/[[:space:]].*//; /^https\{0,1\}:/ { p; q }' "$(mirror_list "${uri#mirror+file:}")")
            ;;
        esac
        case $uri in
        http:* | https:*)
            printf '%s\n' "${uri%/}"
            return
            ;;
        esac
    done < <(apt_sources)
}

# Within `etc`, wherever that is.
mirror_list() { # PATH
    local path=/${1#"${1%%[!/]*}"}
    printf '%s\n' "$etc${path#/etc}"
}

os_release() { # FIELD
    sed -n "s/^$1=//p" "$etc/os-release" | tr -d '"'
}

# Unpack packages of this machine's own release, with whatever they need and this machine lacks, without installing
# them: apt's lists and downloads stay in the cache folder, and the machine as it is.
unpack() { # DIRECTORY PACKAGE...
    local directory=$1 lists=$1.apt apt
    apt=(
        apt-get -qq -o Debug::NoLocking=1 -o APT::Sandbox::User=root
        -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists" -o Dir::Cache::Archives="$lists/archives"
    )
    shift
    rm -rf "$directory" "$lists"
    mkdir -p "$directory" "$lists/lists/partial" "$lists/archives/partial"
    "${apt[@]}" update >&2 || fail "apt-get update failed: check this machine's apt sources"
    "${apt[@]}" install --download-only --no-install-recommends -y "$@" >/dev/null ||
        fail "could not download $*: check this machine's apt sources"
    local deb
    for deb in "$lists"/archives/*.deb; do
        dpkg-deb -x "$deb" "$directory"
    done
    rm -rf "$lists"
}

# The path of a file that belongs to a package: the machine's own, or one unpacked into the cache folder.
borrow() { # PACKAGE PATH
    local found
    found=$(compgen -G "$2" | tail -n 1) || found=$(compgen -G "$cache/tools/$1$2" | tail -n 1) || {
        say "the package $1 is not installed: unpacking it into $cache/tools"
        unpack "$cache/tools/$1.partial" "$1"
        rm -rf "${cache:?}/tools/$1"
        mv "$cache/tools/$1.partial" "$cache/tools/$1"
        found=$(compgen -G "$cache/tools/$1$2" | tail -n 1) || fail "the package $1 has no $2"
    }
    printf '%s\n' "$found"
}

# Programs that tests use: no part of the root, whose programs run in namespaces of their own, and so only for root.
# Prints the path of the machine's own, or of a script that runs the one in the cache folder with what is beside it.
get_tool() { # PACKAGE PATH
    local program tree=$cache/tools/$1
    need flock util-linux
    mkdir -p "$cache"
    exec 9>"$cache/$1.lock"
    flock 9
    program=$(borrow "$1" "$2")
    if [ "$program" != "$2" ] && [ ! -x "$tree/run" ]; then
        with_what_is_beside "$tree" "$program" >"$tree/run.partial"
        chmod +x "$tree/run.partial"
        mv "$tree/run.partial" "$tree/run"
    fi
    [ "$program" = "$2" ] || program=$tree/run
    printf '%s\n' "$program"
}

with_what_is_beside() { # DIRECTORY PROGRAM
    # Fonts: this machine's, if it has any, and those of the directory.
    if [ -d "$1/usr/share/fonts" ]; then
        cat >"$1/fonts.conf" <<TEXT
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$1/usr/share/fonts</dir>
  <cachedir>$1/fonts</cachedir>
</fontconfig>
TEXT
    fi
    cat <<TEXT
#!/bin/sh
export LD_LIBRARY_PATH='$(find "$1/lib" "$1/usr/lib" \( -name '*.so' -o -name '*.so.[0-9]*' \) -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)'
[ ! -e '$1/fonts.conf' ] || export FONTCONFIG_FILE='$1/fonts.conf'
exec '$2' "\$@"
TEXT
}

# Debian's /usr/bin/chromium is a script that knows one place; this is what it runs.
readonly chromium=/usr/lib/chromium/chromium

get_chromium() { # [present]
    local present
    if [ "${1:-}" = present ]; then
        for present in "$chromium" "$cache/tools/chromium/run"; do
            [ ! -x "$present" ] || {
                printf '%s\n' "$present"
                break
            }
        done
    else
        get_tool chromium "$chromium"
    fi
}

# ---- the private root -----------------------------------------------------------------------------------------

root_path() {
    local recipe
    recipe="$root_version $suite $(dpkg --print-architecture 2>/dev/null) ${asterisk_packages[*]} ${caller_packages[*]}"
    printf '%s/root-%s\n' "$cache" "$(printf '%s' "$recipe" | sha256sum | cut -c1-12)"
}

make_root() {
    need dpkg dpkg
    local root
    root=$(root_path)
    if [ ! -d "$root" ]; then
        [ "$(id -u)" = 0 ] || fail "must be root to make the root with Asterisk: run it with sudo, or start Docker"
        need apt-get apt
        need flock util-linux
        unshare -m true 2>/dev/null || fail "may not make mount namespaces: in a container, run it with --privileged"
        mkdir -p "$cache"
        (
            flock --nonblock 9 || {
                say "waiting for another process that makes the same root"
                flock 9
            }
            [ -d "$root" ] || build_root "$root"
        ) 9>"$cache/root.lock"
    fi
    printf '%s\n' "$root"
}

build_root() { # DIRECTORY; the caller holds the lock
    local root=$1 partial=$1.partial
    rm -rf --one-file-system "$cache"/root-*.partial
    say "making $root with Asterisk from Debian $suite: about 30 s, once"
    debootstrapped "$suite" "$partial" \
        --include="$(IFS=,; printf '%s' "${asterisk_packages[*]},${caller_packages[*]}")" 9>&-
    # Where a running Asterisk has its own files bound: see ari_agent/demo/enclosure.py.
    mkdir -p "$partial"/{etc,run,var/lib,var/log,var/spool}/asterisk "$partial/mnt"
    touch "$partial/etc/resolv.conf" "$partial/etc/hosts"
    chroot "$partial" /usr/sbin/asterisk -V >&2
    mv "$partial" "$root"
}

# A tar file with a minimal Debian, in the place of an image of a registry: `docker import FILE debian:SUITE-slim`.
make_base() { # SUITE
    local base=$cache/base-$1.tar
    mkdir -p "$cache"
    if [ ! -e "$base" ]; then
        [ "$(id -u)" = 0 ] || fail "must be root to make a base image: run it with sudo"
        say "making $base"
        # The certificate authorities that this machine trusts beside the public ones: its network may need them.
        # shellcheck disable=SC2016 # mmdebstrap runs the hooks with the new root as $1
        debootstrapped "$1" "$base.partial.tar" --customize-hook='mkdir -p "$1/usr/local/share/ca-certificates"' \
            --customize-hook='find /usr/local/share/ca-certificates -name "*.crt" -exec cp {} "$1/usr/local/share/ca-certificates/" ";"'
        mv "$base.partial.tar" "$base"
    fi
    printf '%s\n' "$base"
}

# Docker's compose and buildx, where the machine has the engine alone: Go programs that need nothing but libc.
get_plugins() { # DIRECTORY
    local uri keyring lists=$cache/apt-$suite apt deb
    uri=$(mirror)
    [ -n "$uri" ] || fail "Docker's compose plugin is missing: install the package docker-compose-v2"
    keyring=$(borrow debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg)
    mkdir -p "$1" "$lists/lists/partial"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$uri" "$suite" >"$lists/sources.list"
    apt=(apt-get -qq -o APT::Sandbox::User=root -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists"
        -o Dir::Etc::SourceList="$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null)
    "${apt[@]}" update >&2
    (cd "$lists" && "${apt[@]}" download docker-compose docker-buildx >&2)
    for deb in "$lists"/*.deb; do
        dpkg-deb -x "$deb" "$lists/unpacked"
    done
    cp "$lists"/unpacked/usr/libexec/docker/cli-plugins/docker-* "$1"
    rm -rf "$lists"
}

debootstrapped() { # SUITE TARGET OPTION...
    local program keyring uri source=() options=() setting
    program=$(borrow mmdebstrap /usr/bin/mmdebstrap)
    keyring=$(borrow debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg)
    uri=$(mirror)
    # Without a mirror (the machine is no Debian) mmdebstrap takes Debian's own.
    [ -z "$uri" ] || source=("deb [signed-by=$keyring] $uri $1 main")
    # What this machine's apt needs to reach its mirror.
    for setting in Acquire::Check-Valid-Until Acquire::http::Proxy Acquire::https::Proxy; do
        setting=$(apt-config dump --no-empty "$setting" 2>/dev/null) || continue
        [ -z "$setting" ] || options+=("--aptopt=$setting")
    done
    borrowed_perl "$program" --quiet --variant=minbase --keyring="$keyring" "${options[@]}" "${@:3}" \
        "$1" "$2" "${source[@]}" >"$cache/mmdebstrap.log" 2>&1 || {
        tail -n 15 "$cache/mmdebstrap.log" >&2
        fail "mmdebstrap failed, see $cache/mmdebstrap.log; another mirror: ARI_AGENT_DEBIAN_MIRROR=http://..."
    }
}

# Run a Perl program; one that was unpacked finds its interpreter and libraries beside itself.
borrowed_perl() { # PROGRAM ARGUMENT...
    local tree=${1%/usr/bin/*}
    if [ -z "$tree" ]; then
        "$@"
        return
    fi
    local libraries perl=perl
    libraries=$(find "$tree/usr/share/perl" "$tree"/usr/lib/*/perl "$tree"/usr/lib/*/perl-base "$tree/usr/share/perl5" \
        -maxdepth 1 -type d 2>/dev/null | paste -sd:)
    [ ! -x "$tree/usr/bin/perl" ] || perl=$tree/usr/bin/perl
    PERL5LIB=$libraries LD_LIBRARY_PATH=$(compgen -G "$tree/usr/lib/*-linux-*" | paste -sd:) "$perl" "$@"
}

# ---- packages of this machine or container --------------------------------------------------------------------

install_packages() {
    local packages=("${asterisk_packages[@]}")
    [ "${1:-}" != callers ] || packages+=("${caller_packages[@]}")
    [ "$(id -u)" = 0 ] || fail "must be root to install packages: run it with sudo"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}"
    rm -rf /var/lib/apt/lists/*
}

# ---- configuration --------------------------------------------------------------------------------------------

# The value of a setting: from the environment, else what was chosen before, else the default.
setting() { # NAME DEFAULT
    local name=ARI_AGENT_$1 kept
    if [ -n "${!name:-}" ]; then
        printf '%s\n' "${!name}"
        return
    fi
    kept=$(sed -n "s/^$name=//p" "$env_file" 2>/dev/null | head -n 1) || true
    printf '%s\n' "${kept:-$2}"
}

made_password() {
    head -c 18 /dev/urandom | base64 | tr '+/' '-_'
}

check() { # NAME PATTERN WHAT-IT-MAY-BE
    [[ ${values[$1]} =~ ^($2)$ ]] || fail "ARI_AGENT_$1 must be $3"
}

check_port() { # NAME
    check "$1" '[0-9]{1,5}' "a port, 1 to 65535, not '${values[$1]}'"
    ((10#${values[$1]} >= 1 && 10#${values[$1]} <= 65535)) || fail "ARI_AGENT_$1 must be a port, 1 to 65535"
}

configure() { # DIRECTORY
    local directory=$1
    local env_file=$directory/ari-agent.env
    declare -A values=(
        [APP]=$(setting APP ari_agent)
        [PROCESSES]=$(setting PROCESSES 1)
        [ARI_BIND]=$(setting ARI_BIND 127.0.0.1)
        [ARI_PORT]=$(setting ARI_PORT 8088)
        [ARI_USERNAME]=$(setting ARI_USERNAME ari_agent)
        [ARI_PASSWORD]=$(setting ARI_PASSWORD "$(made_password)")
        [API_KEY]=$(setting API_KEY "key_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')")
        [SIP_BIND]=$(setting SIP_BIND 0.0.0.0)
        [SIP_PORT]=$(setting SIP_PORT 5060)
        [SIP_TLS_PORT]=$(setting SIP_TLS_PORT 5061)
        [SIP_WSS_BIND]=$(setting SIP_WSS_BIND 127.0.0.1)
        [SIP_WSS_PORT]=$(setting SIP_WSS_PORT 8089)
        [SIP_RTP_PORTS]=$(setting SIP_RTP_PORTS 10000-13999)
        [SOFTPHONE_ACCOUNT]=$(setting SOFTPHONE_ACCOUNT softphone)
        [SOFTPHONE_PASSWORD]=$(setting SOFTPHONE_PASSWORD "$(made_password)")
        [BROWSER_PHONE]=$(setting BROWSER_PHONE on)
        [BROWSER_PHONE_ACCOUNT]=$(setting BROWSER_PHONE_ACCOUNT browser-phone)
        [BROWSER_PHONE_PASSWORD]=$(setting BROWSER_PHONE_PASSWORD "$(made_password)")
        [ENTITY_ID]=$(setting ENTITY_ID "02$(od -An -N5 -tx1 /dev/urandom | tr ' ' :)")
        [ETC]=/etc/asterisk
    )
    local name
    for name in APP ARI_USERNAME SOFTPHONE_ACCOUNT BROWSER_PHONE_ACCOUNT; do
        check "$name" '[A-Za-z0-9_-]{1,40}' "1 to 40 letters, digits, _ or -"
    done
    for name in ARI_PASSWORD SOFTPHONE_PASSWORD BROWSER_PHONE_PASSWORD API_KEY; do
        check "$name" '[A-Za-z0-9_.~-]{8,200}' "8 to 200 letters, digits, _ . ~ or -"
    done
    for name in ARI_BIND SIP_BIND SIP_WSS_BIND; do
        check "$name" '[0-9.]+|\[[0-9A-Fa-f:.]+\]' "an IPv4 address, or an IPv6 address in []"
    done
    for name in ARI_PORT SIP_PORT SIP_TLS_PORT SIP_WSS_PORT; do
        check_port "$name"
    done
    check PROCESSES '[1-9]|[1-5][0-9]|6[0-4]' "how many controllers there are, 1 to 64"
    values[APPS]=${values[APP]}
    [ "${values[PROCESSES]}" = 1 ] ||
        values[APPS]=$(seq --separator='&' --format="${values[APP]}_%.0f" "${values[PROCESSES]}")
    check BROWSER_PHONE 'on|off' "on or off"
    check ENTITY_ID '([0-9a-f]{2}:){5}[0-9a-f]{2}' "six bytes in hexadecimal, as in 02:00:00:00:00:01"
    check SIP_RTP_PORTS '[0-9]{1,5}-[0-9]{1,5}' "a range of ports, as in 10000-13999"
    values[ICE]=yes
    [ "${values[BROWSER_PHONE]}" = on ] || values[ICE]=no
    values[RTP_START]=${values[SIP_RTP_PORTS]%-*}
    values[RTP_END]=${values[SIP_RTP_PORTS]#*-}
    ((10#${values[RTP_START]} >= 1024 && 10#${values[RTP_END]} <= 65535 &&
        10#${values[RTP_END]} - 10#${values[RTP_START]} >= 3)) ||
        fail "ARI_AGENT_SIP_RTP_PORTS must hold 4 ports or more between 1024 and 65535"

    mkdir -p "$directory"/{keys,sounds,pjsip.d,extensions.d}
    local template
    for template in "$templates"/*.conf; do
        render "$template" "$directory/${template##*/}"
    done
    cp "$templates"/sounds/*.wav "$directory/sounds/"
    local music
    for music in hold relaxing_sound uplifting_beats; do
        mkdir -p "$directory/sounds/$music"
        cp "$templates/sounds/$music"/*.wav "$directory/sounds/$music/"
    done
    [ -s "$directory/keys/asterisk.key" ] || make_certificate "$directory/keys"
    give_to_asterisk "$directory"

    local ari_host=${values[ARI_BIND]}
    [ "$ari_host" != 0.0.0.0 ] || ari_host=127.0.0.1
    write "$env_file" 600 "$(
        printf '%s\n' "# What the controller needs to know of this Asterisk. Made by install.sh; keep it to yourself."
        printf 'ARI_AGENT_ARI_URL=http://%s:%s/ari\n' "$ari_host" "${values[ARI_PORT]}"
        for name in APP PROCESSES ARI_BIND ARI_PORT ARI_USERNAME ARI_PASSWORD API_KEY SIP_BIND SIP_PORT SIP_TLS_PORT \
            SIP_WSS_BIND SIP_WSS_PORT SIP_RTP_PORTS SOFTPHONE_ACCOUNT SOFTPHONE_PASSWORD BROWSER_PHONE \
            BROWSER_PHONE_ACCOUNT BROWSER_PHONE_PASSWORD ENTITY_ID; do
            printf 'ARI_AGENT_%s=%s\n' "$name" "${values[$name]}"
        done
    )"
}

# Fill one template. Files that hold a password can be read by their owner only.
render() { # TEMPLATE TARGET; reads `values`
    local text name mode=644
    text=$(<"$1")
    [[ $text != *_PASSWORD@* ]] || mode=600
    for name in "${!values[@]}"; do
        text=${text//"@$name@"/"${values[$name]}"}
    done
    [[ ! $text =~ @[A-Z_]+@ ]] || fail "$1 uses ${BASH_REMATCH[0]}, which is no setting"
    write "$2" "$mode" "$text"
}

# Write a file at once and whole; what was there before and was different stays beside it as *.old.
write() { # FILE MODE TEXT
    local partial
    partial=$(mktemp "$1.XXXXXX")
    printf '%s\n' "$3" >"$partial"
    chmod "$2" "$partial"
    if [ -e "$1" ] && ! cmp -s "$partial" "$1"; then
        cp -p "$1" "$1.old"
    fi
    mv "$partial" "$1"
}

# A certificate for SIP over TLS and websockets, valid for ten years, that phones have to be told to trust.
make_certificate() { # DIRECTORY
    local host pem
    host=$(hostname 2>/dev/null || printf asterisk)
    [[ $host =~ ^[A-Za-z0-9.-]{1,63}$ ]] || host=asterisk
    pem=$(run_openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$host" \
        -addext "subjectAltName=DNS:$host,DNS:localhost,IP:127.0.0.1" -keyout - 2>/dev/null) ||
        fail "openssl could not make the certificate for SIP over TLS: install the package openssl"
    write "$1/asterisk.key" 600 "$(sed -n '/BEGIN.*KEY/,/END.*KEY/p' <<<"$pem")"
    write "$1/asterisk.crt" 644 "$(sed -n '/BEGIN CERT/,/END CERT/p' <<<"$pem")"
}

# The machine's own openssl, else the private root's.
run_openssl() {
    if command -v openssl >/dev/null; then
        openssl "$@"
    else
        chroot "$(root_path)" openssl "$@"
    fi
}

# Asterisk runs as its own user, in a private root with that root's numbers: ARI_AGENT_ASTERISK_OWNER=UID:GID.
give_to_asterisk() { # DIRECTORY
    local owner=${ARI_AGENT_ASTERISK_OWNER:-}
    [ "$(id -u)" = 0 ] || return 0
    [ -n "$owner" ] || ! getent passwd asterisk >/dev/null || owner=asterisk:asterisk
    [ -z "$owner" ] || chown -R "$owner" "$1"
}

# ---- ports ----------------------------------------------------------------------------------------------------

check_ports() { # DIRECTORY
    local env_file=$1/ari-agent.env
    [ -r "$env_file" ] || fail "$1 is not configured: run install.sh configure $1"
    fail_if_busy tcp ARI_PORT
    fail_if_busy tcp SIP_PORT
    fail_if_busy udp SIP_PORT
    fail_if_busy tcp SIP_TLS_PORT
    fail_if_busy tcp SIP_WSS_PORT
}

# The kernel's own tables (proc(5)): local address in hexadecimal, state 0A = listening, 07 = a bound UDP socket.
fail_if_busy() { # tcp|udp NAME
    local port state=0A tables=()
    port=$(setting "$2" '')
    [ "$1" = tcp ] || state=07
    mapfile -t tables < <(compgen -G "/proc/net/$1*")
    if awk -v port="$(printf ':%04X' "$port")" -v state="$state" \
        'substr($2, length($2) - 4) == port && $4 == state { busy = 1 } END { exit !busy }' "${tables[@]}"; then
        fail "port $port/$1 is in use: choose another with ARI_AGENT_$2"
    fi
}

# ---- Python ---------------------------------------------------------------------------------------------------

# A virtual environment with pip. Debian and Ubuntu split pip off: without python3-venv its wheel is borrowed.
make_venv() { # DIRECTORY; one that works is kept, unless PYTHON asks for another interpreter
    local python=${PYTHON:-} candidate wheel
    if [ -z "$python" ]; then
        ! "$1/bin/python" -c 'import pip' 2>/dev/null || return 0
        for candidate in python3 python3.13 python3.12 python3.11; do
            if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
                python=$candidate
                break
            fi
        done
    fi
    [ -n "$python" ] || fail "Python 3.11 or later is missing: install the package python3, or set PYTHON"
    new_enough "$python" || fail "$python is older than Python 3.11: set PYTHON to a later one"
    rm -rf "$1"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv "$1"
        return
    fi
    "$python" -m venv --without-pip "$1"
    wheel=$(borrow python3-pip-whl '/usr/share/python-wheels/pip-*.whl')
    "$1/bin/python" "$wheel/pip" install --quiet --no-index "$wheel"
}

new_enough() { # PYTHON
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# ---- a machine of its own -------------------------------------------------------------------------------------

# Asterisk and the controller as services of this machine: the private root under /var/lib/ari-agent, configuration in
# /etc/ari-agent, Python in /opt/ari-agent. Run again after an update of the clone; passwords stay.
set_up_machine() {
    [ "$(id -u)" = 0 ] || fail "must be root to set a machine up: run it with sudo"
    need systemctl systemd
    local root owner folder
    cache=/var/lib/ari-agent
    root=$(make_root)
    owner=$(sed -n 's/^asterisk:[^:]*:\([0-9]*:[0-9]*\):.*/\1/p' "$root/etc/passwd")
    for folder in lib log spool; do
        install -d -o "${owner%:*}" -g "${owner#*:}" "$cache/$folder"
    done
    ARI_AGENT_ASTERISK_OWNER=$owner configure /etc/ari-agent/asterisk
    mkdir -p /opt/ari-agent
    make_venv /opt/ari-agent/venv
    /opt/ari-agent/venv/bin/python -m pip install --quiet "$here/..[postgresql,speech]"
    sed "s|@ROOT@|$root|" "$here/ari-agent-asterisk.service" >/etc/systemd/system/ari-agent-asterisk.service
    cp "$here/ari-agent.service" /etc/systemd/system/ari-agent.service
    systemctl daemon-reload
    systemctl enable ari-agent-asterisk.service ari-agent.service
    systemctl restart ari-agent-asterisk.service ari-agent.service
    say "Asterisk and ari-agent run; account and passwords: /etc/ari-agent/asterisk/ari-agent.env"
}

case ${1:-help} in
root) make_root ;;
packages) install_packages "${2:-}" ;;
machine) set_up_machine ;;
configure) configure "${2:?usage: install.sh configure DIRECTORY}" ;;
ports) check_ports "${2:?usage: install.sh ports DIRECTORY}" ;;
venv) make_venv "${2:?usage: install.sh venv DIRECTORY}" ;;
base) make_base "${2:?usage: install.sh base SUITE}" ;;
plugins) get_plugins "${2:?usage: install.sh plugins DIRECTORY}" ;;
flite) get_tool flite /usr/bin/flite ;;
chromium) get_chromium "${2:-}" ;;
mirror) mirror ;;
help | -h | --help) usage ;;
*)
    usage >&2
    fail "unknown command $1"
    ;;
esac
