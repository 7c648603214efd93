#!/bin/sh
# The image that ours stand on, without an image registry: sh docker/base.sh [TAG [SUITE]]
#
# The engine's own if it has it, else from the registry if that answers, else by debootstrap from the package mirror that
# the machine uses (or DEBIAN_MIRROR). debootstrap needs root. Holds what the official slim image holds: bash, no Python, no
# curl, no certificates.
set -eu
tag=${1:-debian:bookworm-slim}
suite=${2:-bookworm}
limit=900 # seconds: debootstrap takes 31 s alone and 73 s beside a build

docker image inspect "$tag" >/dev/null 2>&1 && exit 0
timeout --foreground 120 docker pull -q "$tag" >/dev/null 2>&1 && exit 0

[ "$(id -u)" = 0 ] || { echo "$tag is not to be had: no registry answers, and debootstrap needs root" >&2; exit 1; }
PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null 2>&1 || {
  echo "$tag is not to be had: no registry answers, and debootstrap is missing: apt-get install debootstrap" >&2
  exit 1
}

work=$(mktemp -d "${TMPDIR:-/tmp}/base-image.XXXXXX")
# an interrupted debootstrap leaves its mounts
trap 'umount -l "$work/root/proc" "$work/root/sys" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
trap 'exit 143' INT TERM HUP
root=$work/root
mirror=${DEBIAN_MIRROR:-}
timeout --foreground "$limit" debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
  tail -n 20 "$work/log" >&2
  exit 1
}

# debootstrap copies the machine's own
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
mirror=$(awk '$1 == "deb" {print $2; exit}' "$root/etc/apt/sources.list")
printf 'deb %s %s main\n' "$mirror" "$suite" "$mirror" "$suite-updates" "$mirror-security" "$suite-security" \
  >"$root/etc/apt/sources.list"
# what the official image has too: without it, Python alone is 133 MB instead of 44
printf 'path-exclude=/usr/share/%s/*\n' doc man locale info lintian >"$root/etc/dpkg/dpkg.cfg.d/slim"
cat >"$root/etc/apt/apt.conf.d/slim" <<'A'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Keep-Downloaded-Packages "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
A
for folder in var/cache/apt/archives var/lib/apt/lists var/log \
  usr/share/doc usr/share/man usr/share/locale usr/share/info usr/share/lintian; do
  find "$root/$folder" -type f -delete
done
rm -f "$root"/var/cache/apt/*.bin
tar -C "$root" --numeric-owner -c . | docker import --change 'CMD ["bash"]' - "$tag" >/dev/null
