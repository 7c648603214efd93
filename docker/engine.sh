#!/bin/sh
# A container engine for one command: sh docker/engine.sh COMMAND [WORD...]
#
# An engine that answers is reused and left alone. Otherwise one is started with its own data, socket and process folder, and
# taken away again, whatever ends the command. Needs root, and a kernel that lets root mount and make network bridges; the
# package docker.io is installed if there is apt-get.
#
# `. docker/engine.sh` gives the two functions to a script, which owes: trap engine_down EXIT; trap 'exit 143' INT TERM HUP.
# engine_up returns 3, having said why, where no engine is possible.

ENGINE_READY_TENTHS=600 # a minute; without other work it answers after 0.4 s
ENGINE_INSTALL_S=300

engine_answers() { timeout 20 docker version >/dev/null 2>&1; }

engine_refuse() { # reason
  echo "no container engine on this machine: $1" >&2
  return 3
}

engine_up() {
  engine_pid=''
  engine_dir=''
  engine_answers && return 0
  if [ -n "${DOCKER_HOST:-}" ]; then
    engine_refuse "nothing answers at DOCKER_HOST"
    return 3
  fi
  [ "$(uname -s)" = Linux ] || { engine_refuse "an own one is started on Linux only"; return 3; }
  [ "$(id -u)" = 0 ] || { engine_refuse "nothing answers, and starting one needs root"; return 3; }
  PATH=$PATH:/usr/sbin:/sbin
  if ! command -v dockerd >/dev/null 2>&1 || ! command -v docker >/dev/null 2>&1; then
    engine_install || { engine_refuse "the package docker.io cannot be installed"; return 3; }
    engine_answers && return 0 # the package has started a service
  fi

  # two engines in one network would take the bridge and each other's rules
  engine_bridge=docker0
  if grep -q '^ *docker0:' /proc/net/dev; then
    if grep -qsx dockerd /proc/[0-9]*/comm; then
      engine_refuse "another one runs, whose bridge docker0 it would share: name its socket in DOCKER_HOST"
      return 3
    fi
    engine_bridge=''
  fi

  # short, since the path of a socket ends at 107 bytes
  engine_dir=$(mktemp -d "${ENGINE_TMP:-/tmp}/engine.XXXXXX") || { engine_refuse "no private folder"; return 3; }
  DOCKER_HOST=unix://$engine_dir/s
  export DOCKER_HOST
  engine_wrapper='exec'
  # a machine without systemd may have mounted none; in a mount namespace of the engine's own they end with it
  grep -q ' - cgroup' /proc/self/mountinfo || engine_wrapper=engine_with_cgroups
  # its own session: an interrupt at the keyboard must not reach it before its containers are gone
  (
    "$engine_wrapper" setsid dockerd --host "$DOCKER_HOST" --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
      --pidfile "$engine_dir/pid" --group "$(id -g)"
  ) >"$engine_dir/log" 2>&1 </dev/null &
  engine_pid=$!
  engine_tenths=0
  until engine_answers; do
    engine_tenths=$((engine_tenths + 2))
    if [ "$engine_tenths" -gt "$ENGINE_READY_TENTHS" ] || ! kill -0 "$engine_pid" 2>/dev/null; then
      engine_log=$(tail -n 20 "$engine_dir/log" 2>&1)
      engine_down
      engine_refuse "dockerd did not come up; the end of its log:"
      printf '%s\n' "$engine_log" >&2
      return 3
    fi
    sleep 0.2
  done
}

engine_with_cgroups() { # command
  # shellcheck disable=SC2016 # for the inner shell
  exec unshare --mount sh -c '
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for name in $(awk "/^[a-z]/ && \$4 == 1 {print \$1}" /proc/cgroups); do
      mkdir "/sys/fs/cgroup/$name"
      mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" || rmdir "/sys/fs/cgroup/$name"
    done
    exec "$@"' sh "$@"
}

engine_install() {
  command -v apt-get >/dev/null 2>&1 || return 1
  echo "installing docker.io" >&2
  timeout "$ENGINE_INSTALL_S" apt-get update -qq >/dev/null \
    && DEBIAN_FRONTEND=noninteractive timeout "$ENGINE_INSTALL_S" apt-get install -y -qq --no-install-recommends \
      docker.io iptables ca-certificates >/dev/null
}

engine_down() {
  if [ -n "${engine_pid:-}" ]; then
    timeout 60 docker ps -aq 2>/dev/null | xargs -r timeout 60 docker rm -f >/dev/null 2>&1
    timeout 60 docker network prune -f >/dev/null 2>&1
    kill "$engine_pid" 2>/dev/null
    engine_tenths=0
    while kill -0 "$engine_pid" 2>/dev/null; do
      engine_tenths=$((engine_tenths + 2))
      [ "$engine_tenths" -le 300 ] || { kill -9 "$engine_pid" 2>/dev/null; break; }
      sleep 0.2
    done
    wait "$engine_pid" 2>/dev/null
    engine_pid=''
    unset DOCKER_HOST
    [ -z "${engine_bridge:-}" ] || ip link delete "$engine_bridge" 2>/dev/null
  fi
  if [ -n "${engine_dir:-}" ]; then
    # what a killed engine leaves: its containerd, and mounts
    engine_left=$(cat "$engine_dir/exec/containerd/containerd.pid" 2>/dev/null)
    grep -qsx containerd "/proc/${engine_left:-none}/comm" && kill "$engine_left"
    awk -v d="$engine_dir/" 'index($2, d) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf --one-file-system "$engine_dir"
    engine_dir=''
  fi
  return 0
}

case ${0##*/} in
  engine.sh)
    set -u
    [ $# -gt 0 ] || { echo "usage: sh docker/engine.sh COMMAND [WORD...]" >&2; exit 2; }
    trap engine_down EXIT
    trap 'exit 143' INT TERM HUP
    engine_up || exit
    "$@"
    ;;
esac
