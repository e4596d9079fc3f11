#!/bin/sh
# BeforeInstall: checks what the service needs, before anything is changed.
set -eu
. "$(dirname "$0")/common.sh"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' || {
    echo "checkout needs Python 3.8 or newer; $python is not"
    exit 1
}
: "${PORT:?is not set: it says which port checkout listens on; give it to this target}"
mkdir -p "$home" "$(dirname "$pid_file")" "$(dirname "$log")"
# ApplicationStop runs the script of the revision before this one, which may be missing or broken.
sh "$(dirname "$0")/stop.sh"
