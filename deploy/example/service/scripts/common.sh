# What the hooks share: where things are, and which process is ours. Sourced, never run.
# CodeDeploy's agent deploys to the machine's own /srv; a local engine names another root in SAYSO_TARGET.
root=${SAYSO_TARGET:-}
home=$root/srv/checkout
pid_file=$root/var/run/checkout.pid
log=$root/var/log/checkout.log
python=${PYTHON:-python3}

# Gives the running service's process id. A stale pid file may name a stranger by now, so its command line must fit too.
running() {
    [ -s "$pid_file" ] || return 1
    read -r pid <"$pid_file"
    if [ -d /proc/self ]; then
        line=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 1
    else
        line=$(ps -o args= -p "$pid") || return 1
    fi
    case "$line " in
        *" -m checkout $home "*) printf '%s\n' "$pid" ;;
        *) return 1 ;;
    esac
}
