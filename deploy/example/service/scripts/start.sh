#!/bin/sh
# ApplicationStart: starts the service in a session of its own, so that it outlives the deployment.
set -eu
. "$(dirname "$0")/common.sh"

export PORT="${PORT:?is not set: it says which port checkout listens on; give it to this target}"
export HOST="${HOST:-127.0.0.1}"
export ENVIRONMENT="${ENVIRONMENT:-${DEPLOYMENT_GROUP_NAME:-local}}"
# A stale .pyc of the version before must never be mistaken for this one.
export PYTHONDONTWRITEBYTECODE=1
cd "$home"
# Without setsid (macOS) nohup at least survives the hang-up.
detach=$(command -v setsid || command -v nohup)
"$detach" "$python" -m checkout "$home" >>"$log" 2>&1 </dev/null &
echo $! >"$pid_file"
echo "checkout $(cat VERSION) is starting on $HOST:$PORT as process $!"
