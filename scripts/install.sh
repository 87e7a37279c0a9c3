#!/bin/sh
# Makes a virtual environment with this project in it: `sh scripts/install.sh .venv`.
#
# torch goes in first, by itself: with none there, whatever depends on it would pull the newest build and
# gigabytes of CUDA. Who wants another torch names it: `make TORCH='torch>=2.11,<2.14' test`.
set -eu

venv=${1:-.venv}
torch_range='torch>=2.11,<2.14'

stop() {
    echo "install: $*" >&2
    exit 2
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-python3 python python3.13 python3.12 python3.11}; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    stop "no Python 3.11 or newer among ${PYTHON:-python3, python, python3.11 to python3.13}; name one: make PYTHON=/path/to/python test"
}

make_venv() {
    found=$(find_python)
    rm -rf "$venv"
    "$found" -m venv "$venv" || stop "$found cannot make a virtual environment; on Debian and Ubuntu, install the package python3-venv"
}

pip_install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}

has_torch() {
    "$venv/bin/python" -c 'from importlib.metadata import version; v = version("torch").split("."); assert (2, 11) <= (int(v[0]), int(v[1])) < (3, 0)' 2>/dev/null
}

has_gpu() {
    [ -e /dev/nvidia0 ] || [ -e /proc/driver/nvidia/version ] || nvidia-smi -L >/dev/null 2>&1
}

install_torch() {
    if [ -n "${TORCH:-}" ]; then
        pip_install "$TORCH"
    elif has_torch; then
        :
    elif [ "$(uname -s)" != Linux ] || has_gpu; then
        pip_install "$torch_range"
    else
        echo "install: torch, its build for CPUs (some 200 MB)"
        # Some machines' pip settings offer this very wheel; elsewhere uv knows where the builds for CPUs are.
        pip_install 'torch==2.13.0+cpu' 2>/dev/null || uv_install_torch ||
            stop "no build of torch for CPUs was found; to take the one with gigabytes of CUDA: make TORCH='$torch_range' test"
    fi
}

uv_install_torch() {
    pip_install 'uv>=0.8' && "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --torch-backend=cpu "$torch_range"
}

"$venv/bin/python" -m pip --version >/dev/null 2>&1 && new_enough "$venv/bin/python" || make_venv
install_torch
echo "install: the project and what it needs"
pip_install -e '.[dev]'
touch "$venv/.installed"
