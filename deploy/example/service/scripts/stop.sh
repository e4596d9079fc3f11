#!/bin/sh
# ApplicationStop: ends the running version. Nothing running is fine: it is so the first time.
set -eu
. "$(dirname "$0")/common.sh"

if ! pid=$(running); then
    echo "checkout is not running here"
    rm -f "$pid_file"
    exit 0
fi
kill -TERM "$pid"
tries=100
while running >/dev/null && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "it does not end by itself; killing it"; kill -KILL "$pid"; }
    sleep 0.1
done
rm -f "$pid_file"
echo "checkout (process $pid) is stopped"
