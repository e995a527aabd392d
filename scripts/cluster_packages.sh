#!/bin/sh
# Install what `make cluster` needs from Debian. Its services are the system's own: none is started.
set -eu
policy=/usr/sbin/policy-rc.d
[ "$(id -u)" = 0 ] || { echo 'make cluster-packages needs root' >&2; exit 1; }
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    etcd-server haproxy nginx-light prometheus prometheus-alertmanager \
    nftables iproute2 util-linux
