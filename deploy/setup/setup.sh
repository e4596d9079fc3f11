#!/bin/sh
# Finds a Python that Sayso runs on and has it make .venv. Takes `dev` for the tools that the tests need.
# PYTHON=... names one; otherwise the newest suitable one on PATH is taken.
set -eu
folder=$(dirname "$0")

# Prints the version as 3.12, or nothing if that is no working Python (a name on PATH may be a stub that only fails).
version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

found=
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python "$folder/../../.venv/bin/python"}; do
    case $(version "$candidate") in
        3.11 | 3.12 | 3.13) exec "$candidate" "$folder/venv.py" "$@" ;;
        "") ;;
        *) found="$found, Python $(version "$candidate") as $candidate" ;;
    esac
done
found=${found#, }
if [ -n "${PYTHON:-}" ]; then
    found=${found:-nothing that works as $PYTHON}
fi
{
    echo "Sayso needs Python 3.11, 3.12 or 3.13; found ${found:-no Python at all}." \
        "Install one of these, or name it: make setup PYTHON=/path/to/python3.12"
} >&2
exit 1
