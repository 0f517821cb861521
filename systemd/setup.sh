#!/bin/sh
# What `make install`, `make uninstall` and `make wheelhouse` do.  Variables: PREFIX, DESTDIR, WHEELHOUSE, EXTRAS, PYTHON.
set -eu
umask 022 # the service's user has to read what root installs

name=oss-vod-watcher
prefix=${PREFIX:-/usr/local}
stage=${DESTDIR:-}
export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

absolute() { case $1 in /*) echo "${1%/}" ;; *) echo "$PWD/${1%/}" ;; esac }

case $prefix in /*) ;; *) fail "PREFIX has to begin with a slash: $prefix" ;; esac
prefix=${prefix%/}
[ -z "$stage" ] || stage=$(absolute "$stage")
home=$prefix/lib/$name
etc=/etc/$name
state=/var/lib/$name
# systemd looks into the lib of /usr and /usr/local; for any other prefix into /etc.
case $prefix in /usr | /usr/local) lib=$prefix/lib ;; *) lib=/etc ;; esac

# A service sees no home folder (ProtectHome=yes), so an interpreter of a version manager is no use to it.
python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.13 /usr/bin/python3 /usr/local/bin/python3 \
            python3.11 python3.12 python3.13 python3
    fi
    why=
    for candidate; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$candidate" -c 'import sys; sys.exit(not sys.base_prefix.startswith(("/root/", "/home/")))'; then
            no="$candidate lies in a home folder, which services do not see: say make PYTHON=/usr/bin/python3.11 install"
        elif ! "$candidate" -c 'import ensurepip' 2>/dev/null; then
            no="$candidate cannot make virtual environments; as root: apt-get install python3-venv"
        else
            echo "$candidate"
            return
        fi
        why=${why:-$no}
    done
    fail "${why:-no Python 3.11 or later: install one, or say make PYTHON=/path/to/python3.11 install}"
}

requirement() { # of this checkout, or of a wheel
    extras=${EXTRAS:+[$EXTRAS]}
    if [ -z "${WHEELHOUSE:-}" ]; then
        echo ".$extras"
    else
        echo "$name$extras==$(sed -n 's/^__version__.* = "\(.*\)"$/\1/p' watcher/__init__.py)"
    fi
}

# Shebangs and pyvenv.cfg name the folder in which the environment was made.
move_paths() { # from, to
    "$1/bin/python" - "$1" "$2" <<'END'
import pathlib, sys

built, final = (argument.encode() for argument in sys.argv[1:])
for path in [*pathlib.Path(sys.argv[1], "bin").iterdir(), pathlib.Path(sys.argv[1], "pyvenv.cfg")]:
    if path.is_file() and not path.is_symlink() and built in (content := path.read_bytes()):
        path.write_bytes(content.replace(built, final))
END
}

install_program() {
    interpreter=$(python)
    mkdir -p "$stage$prefix/lib" "$stage$prefix/bin"
    # Made beside its place, and put there whole: what fails leaves the present version as it is.
    new=$(cd "$stage$prefix/lib" && pwd -P)/$name.new
    rm -rf "$new"
    trap 'rm -rf "$new"' EXIT
    "$interpreter" -m venv "$new"
    if [ -n "${WHEELHOUSE:-}" ]; then
        set -- --no-index --find-links "$(absolute "$WHEELHOUSE")"
    else
        set -- --use-pep517
    fi
    "$new/bin/python" -m pip install --quiet --no-compile -c constraints.txt "$@" "$(requirement)"
    # An installed program needs no installer: this script makes a new environment each time.  (-B: pip imports some of what
    # it installed, and would leave it compiled under the path of here.)
    "$new/bin/python" -B -m pip uninstall --quiet --yes pip setuptools 2>/dev/null
    move_paths "$new" "$home"
    # Some of the SDKs' own files are for Python 2 and do not compile; nothing imports them.
    "$new/bin/python" -W ignore -m compileall -qq -j 0 -s "$new" -p "$home" "$new/lib" || true
    rm -rf "$stage$home"
    mv "$new" "$stage$home"
    ln -sfn "../lib/$name/bin/$name" "$stage$prefix/bin/$name"
}

install_files() {
    mkdir -p "$stage$lib/systemd/system" "$stage$lib/sysusers.d" "$stage$lib/tmpfiles.d" "$stage$etc"
    for unit in systemd/*.service systemd/*.timer; do
        sed "s#/usr/local/bin/#$prefix/bin/#" "$unit" >"$stage$lib/systemd/system/${unit#systemd/}"
    done
    install -m 644 systemd/$name.sysusers.conf "$stage$lib/sysusers.d/$name.conf"
    install -m 644 systemd/$name.tmpfiles.conf "$stage$lib/tmpfiles.d/$name.conf"
    install -m 644 config/watcher.example.toml "$stage$etc/watcher.example.toml"
}

has() { command -v "$1" >/dev/null; }

systemd_runs() { [ -z "$stage" ] && [ -d /run/systemd/system ] && has systemctl; }

need_root() {
    [ -n "$stage" ] || [ "$(id -u)" = 0 ] || fail "As root, please, or with DESTDIR=... for a package."
}

install_all() {
    need_root
    echo "Installing into $stage$prefix, which takes about a minute ..." >&2
    install_program
    install_files
    if [ -z "$stage" ] && has systemd-sysusers; then
        systemd-sysusers "$lib/sysusers.d/$name.conf"
        systemd-tmpfiles --create "$lib/tmpfiles.d/$name.conf"
    fi
    if systemd_runs; then systemctl daemon-reload; fi
    if [ -e "$stage$etc/watcher.toml" ]; then
        echo "Installed. Configuration and ledger stay as they were. The old version runs until a restart:"
        echo "  systemctl try-restart $name.service '$name@*.service'"
    else
        echo "Installed. Next: copy $etc/watcher.example.toml to $etc/watcher.toml, and edit it."
        echo "README.md shows the other commands, under \"Run it as a service\"."
    fi
}

uninstall_all() {
    need_root
    if systemd_runs; then
        systemctl stop "$name*"
        systemctl reset-failed "$name*" 2>/dev/null || true
        systemctl --quiet disable $name.service $name@.service $name-scan.timer 2>/dev/null || true
    fi
    for unit in systemd/*.service systemd/*.timer; do rm -f "$stage$lib/systemd/system/${unit#systemd/}"; done
    rm -f "$stage$lib/sysusers.d/$name.conf" "$stage$lib/tmpfiles.d/$name.conf" "$stage$etc/watcher.example.toml" \
        "$stage$prefix/bin/$name"
    rm -rf "$stage$home"
    rmdir "$stage$etc" 2>/dev/null || true # only if it is empty
    if systemd_runs; then systemctl daemon-reload; fi
    echo "Uninstalled. Kept: the configuration in $etc, the ledgers in $state, the keys in /etc/credstore, and the user $name."
    echo "Without its ledger the program would send every file to VOD again."
}

make_wheelhouse() {
    interpreter=$(python)
    target=${WHEELHOUSE:-dist/wheelhouse}
    WHEELHOUSE=
    rm -rf "$target" "$target.new" "$target.venv"
    trap 'rm -rf "$target.new" "$target.venv"' EXIT
    mkdir -p "$target.new"
    "$interpreter" -m venv "$target.venv"
    # Some of the SDKs come as source only; built in isolation, they need nothing of this machine but Python.
    "$target.venv/bin/python" -m pip wheel --quiet --use-pep517 -c constraints.txt -w "$target.new" "$(requirement)"
    mv "$target.new" "$target"
    echo "$(find "$target" -name '*.whl' | wc -l) wheels in $target, for $("$interpreter" -V) on $(uname -m). On the other machine:"
    echo "  make install WHEELHOUSE=$target"
}

case ${1:-} in
install) install_all ;;
uninstall) uninstall_all ;;
wheelhouse) make_wheelhouse ;;
*) fail "usage: make install | uninstall | wheelhouse" ;;
esac
