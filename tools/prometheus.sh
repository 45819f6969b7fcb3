#!/usr/bin/env bash
# Debian's prometheus and promtool, with which metrics, rules and a real scrape are tested. `prometheus.sh install CACHE`
# gets them where they are missing, and says what and why; it is quick and silent where there is nothing to do.
#
# The package is downloaded and unpacked into the cache, not installed: that needs no root, starts no daemon, and leaves
# the machine as it is.
set -euo pipefail
action=${1:-}
cache=${2:-}
folder=$cache/prometheus

is_there() {
    command -v prometheus > /dev/null && command -v promtool > /dev/null && return
    [ -x "$folder/usr/bin/prometheus" ] && "$folder/usr/bin/promtool" --version > /dev/null 2>&1
}

missing() {
    cat >&2 <<END
prometheus could not be had: $1
Tests that need it will fail. Install it and try again (Debian, Ubuntu: apt-get install prometheus; its daemon is not
needed, only prometheus and promtool in the PATH), or leave those tests out: ENSUE_WITHOUT_PROMETHEUS=1 make test
END
}

# apt-get with lists and caches of its own, below a folder: also for who is not root, and where no lists were fetched.
own_apt() {
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
    apt-get -qq -o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1/cache" -o "APT::Sandbox::User=$(id -un)" "${@:2}"
}

# Downloads the package into the working folder.
download() {
    apt-get -qq -o "APT::Sandbox::User=$(id -un)" download prometheus > /dev/null 2>&1 && return
    own_apt "$1" update > /dev/null 2>&1 && own_apt "$1" download prometheus > /dev/null 2>&1
}

install() {
    is_there && return
    [ -z "${ENSUE_WITHOUT_PROMETHEUS:-}" ] || return 0
    if ! command -v apt-get > /dev/null || ! command -v dpkg > /dev/null; then
        missing "there is no apt-get and dpkg"
        return
    fi
    echo "downloading Debian's prometheus into $folder, to test metrics, rules and a scrape (19 MB; nothing is installed)"
    local fresh=$folder.new.$$
    trap 'rm -rf "$fresh"' RETURN
    mkdir -p "$fresh/apt" "$fresh/unpacked"
    if ! (cd "$fresh" && download "$fresh/apt"); then
        missing "apt-get cannot download it"
        return
    fi
    dpkg -x "$fresh"/prometheus_*.deb "$fresh/unpacked"
    rm -rf "$folder"
    mv "$fresh/unpacked" "$folder"
    is_there || missing "what was downloaded does not run here"
}

case $action in
install)
    install
    ;;
*)
    echo "prometheus.sh install CACHE" >&2
    exit 2
    ;;
esac
