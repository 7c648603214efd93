#!/bin/sh
# An image to build in behind a private CA: sh docker/build_base.sh [BASE [TAG [CA-BUNDLE]]]
#
# pip, npm and go do not look at the machine's certificates from inside a container; one variable each tells them. Only
# build stages stand on this image, so that no image of a service holds the CA.
set -eu
base=${1:-debian:bookworm-slim}
tag=${2:-deeplake-conformance/build-base}
ca=${3:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}}
[ -r "$ca" ] || { echo "no CA bundle can be read at $ca: name one as the third word" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/build-base.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM HUP
cp -L "$ca" "$work/ca.crt"
chmod 644 "$work/ca.crt"
# outside /etc/ssl/certs, whose bundle the package ca-certificates writes anew
cat >"$work/Dockerfile" <<D
FROM $base
COPY ca.crt /usr/local/share/build-ca.crt
ENV PIP_CERT=/usr/local/share/build-ca.crt NODE_EXTRA_CA_CERTS=/usr/local/share/build-ca.crt \
    SSL_CERT_FILE=/usr/local/share/build-ca.crt
D
timeout --foreground 120 docker build --quiet --tag "$tag" "$work" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
