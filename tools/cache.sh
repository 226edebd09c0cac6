# Sourced by the scripts that build tools: the cache folder ($cache), and how it is filled.
# shellcheck shell=bash
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
say() { echo "${0##*/}: $*" >&2; }
cache=${SWITCHBOARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/switchboard}
mkdir -p "$cache"; cache=$(cd -- "$cache" && pwd -P)

# Two builds at once take turns, and an interrupted one leaves nothing that is taken for whole. The compiler inherits the lock: should
# the script be killed, the next one waits until nothing runs any more.
fill() { # folder
  mkdir -p "$1"
  exec 9>"$1/.lock"
  flock 9
  rm -f "$1"/.*.part
}
