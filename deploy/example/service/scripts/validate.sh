#!/bin/sh
# ValidateService: the new version answers, is healthy, and is really the new one; it has 30 seconds for that.
set -eu
. "$(dirname "$0")/common.sh"

url=http://${HOST:-127.0.0.1}:${PORT:?is not set: it says which port checkout listens on; give it to this target}
if "$python" "$(dirname "$0")/validate.py" "$url" "$home" 30; then
    exit 0
fi
echo "The last lines of $log:"
tail -n 10 "$log" || true
exit 1
