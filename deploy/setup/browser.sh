#!/bin/sh
# Prints the path of a Chromium for the page's tests. CHROMIUM=... names one; otherwise one on PATH is taken, else one
# is installed: by root through the system's packages, by anybody else through Playwright.
set -eu
python=$(dirname "$0")/../../.venv/bin/python

# Prints the first browser that really starts (a name on PATH may be a stub that only says how to install it).
on_path() {
    for name in ${CHROMIUM:-chromium chromium-browser google-chrome google-chrome-stable}; do
        if path=$(command -v "$name") && "$path" --version >/dev/null 2>&1; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

from_system() {
    [ "$(id -u)" = 0 ] || return 1
    echo "No Chromium on PATH; installing the system's." >&2
    if command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium
    elif command -v dnf >/dev/null; then
        dnf install -q -y chromium
    elif command -v apk >/dev/null; then
        apk add --quiet chromium
    else
        return 1
    fi >&2
}

from_playwright() {
    echo "No Chromium on PATH; installing Playwright's." >&2
    "$python" -m playwright install chromium >&2 || return 1
    "$python" -c 'if True:
        from playwright.sync_api import sync_playwright
        with sync_playwright() as playwright:
            print(playwright.chromium.executable_path)'
}

on_path && exit
if [ -n "${CHROMIUM:-}" ]; then
    echo "CHROMIUM is $CHROMIUM, which does not start; name the path of a Chromium or Chrome." >&2
    exit 1
fi
if from_system && on_path; then exit; fi
from_playwright && exit
echo "No Chromium was found and none could be installed; install one, or name it: make test CHROMIUM=/path/to/chromium" >&2
exit 1
