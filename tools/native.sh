#!/usr/bin/env bash
# What RocksDB needs to be built besides a C++ compiler: libclang, from which bindgen reads its header, and ccache, which
# is only for speed. `native.sh install CACHE` installs what is missing, and says what and why; it is quick and silent
# where there is nothing to do. `native.sh with CACHE COMMAND…` runs a command with what a build needs to know, and
# `native.sh env CACHE` prints that for a shell.
set -euo pipefail
action=$1
cache=$2
venv=$cache/libclang
here=$(cd "$(dirname "$0")" && pwd)

# The folder of a libclang that bindgen finds by itself, or that LIBCLANG_PATH names already.
found_libclang() {
    local folder
    for folder in "${LIBCLANG_PATH:-}" /usr/lib/llvm*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /usr/local/lib \
        /usr/local/lib64 /usr/local/llvm*/lib /opt/homebrew/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib; do
        [ -n "$folder" ] && compgen -G "$folder/libclang[-.]*" | grep -v libclang-cpp | grep -qE '\.(so|dylib)' && return
    done
    command -v llvm-config > /dev/null && compgen -G "$(llvm-config --libdir)/libclang.*" > /dev/null
}

# The folder of the libclang that was installed into the cache.
wheel_libclang() {
    compgen -G "$venv/lib/python3*/site-packages/clang/native" | head -n 1
}

can_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null
}

apt_install() {
    apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1 ||
        { apt-get update -qq > /dev/null 2>&1 && apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1; }
}

# The newest libclang that this Debian has, with the headers of its compiler.
apt_libclang() {
    local version
    apt_install libclang1-14 libclang-common-14-dev && return
    version=$(apt-cache search --names-only '^libclang1-[0-9]+$' | grep -oE '^libclang1-[0-9]+' | sort -t- -k2 -n |
        tail -n 1 | cut -d- -f2)
    [ -n "$version" ] && apt_install "libclang1-$version" "libclang-common-$version-dev"
}

install_libclang() {
    found_libclang && return
    [ -n "$(wheel_libclang)" ] && return
    local why="to read the header of RocksDB, which keeps the state on disk"
    if can_apt; then
        echo "installing libclang with apt-get, $why"
        apt_libclang && return
        echo "apt-get could not install it"
    fi
    if command -v python3 > /dev/null; then
        echo "installing libclang with pip into $venv, $why"
        python3 -m venv "$venv" && "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check libclang && return
        echo "pip could not install it"
    fi
    cat >&2 <<'END'
libclang is missing, with which the header of RocksDB is read. Install it and try again:
    Debian, Ubuntu:  apt-get install libclang1-14 libclang-common-14-dev   (or a later version)
    Fedora:          dnf install clang-libs clang-resource-filesystem
    Arch:            pacman -S clang
    macOS:           xcode-select --install
or build without the store on disk: cargo build --no-default-features --features cli
END
    return 2
}

install_ccache() {
    command -v ccache > /dev/null && return
    # It is asked for once: a build without it is as good, and only slower.
    [ -e "$cache/without-ccache" ] && return
    if can_apt; then
        echo "installing ccache with apt-get, so that RocksDB is compiled once and not for every build folder"
        apt_install ccache && return
    fi
    echo "ccache is missing: RocksDB takes 10 to 30 minutes to compile, and so again in every new build folder" >&2
    mkdir -p "$cache" && touch "$cache/without-ccache"
}

export_all() {
    local native
    export PATH=$here/ccache:$PATH
    export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}
    if ! found_libclang && native=$(wheel_libclang) && [ -n "$native" ]; then
        # The wheel has no headers of a compiler: those of gcc do.
        LIBCLANG_PATH=$native
        BINDGEN_EXTRA_CLANG_ARGS=-I$(gcc -print-file-name=include)
        export LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS
    fi
}

case $action in
install)
    command -v c++ > /dev/null || {
        echo "a C++ compiler is missing (Debian: apt-get install g++)" >&2
        exit 2
    }
    install_libclang
    install_ccache
    ;;
with)
    export_all
    exec "${@:3}"
    ;;
env)
    export_all
    for name in PATH CCACHE_DIR LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS; do
        [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
    done
    ;;
*)
    echo "native.sh install|with|env CACHE [COMMAND…]" >&2
    exit 2
    ;;
esac
