#!/usr/bin/env bash
# Installs Domovoi from this source tree as a service of systemd: /opt/domovoi, /etc/domovoi, /var/lib/domovoi, the user domovoi.
#
#   docker/install.sh [--dry-run] SERVER_NAME     such as example.org
#   docker/install.sh [--dry-run] --uninstall     takes the service and the program away; settings and data stay
set -euo pipefail

usage() {
  sed -n '4,5p' "$0" | sed 's/^# *//' >&2
  exit 64
}

dry_run=
uninstall=
server_name=
for argument in "$@"; do
  case $argument in
    --dry-run) dry_run=yes ;;
    --uninstall) uninstall=yes ;;
    -*) usage ;;
    *) [ -z "$server_name" ] || usage; server_name=$argument ;;
  esac
done
[ -n "$uninstall$server_name" ] || usage
[ -z "$uninstall" ] || [ -z "$server_name" ] || usage

run() {
  printf '+ %s\n' "$*"
  [ -n "$dry_run" ] || "$@"
}

source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
units=(domovoi.service domovoi-backup.service domovoi-backup.timer)

if [ -z "$dry_run" ] && [ "$(id -u)" != 0 ]; then
  echo 'Run it as root, or with --dry-run to see what it would do.' >&2
  exit 77
fi

if [ -n "$uninstall" ]; then
  run systemctl disable --now domovoi.service domovoi-backup.timer
  for unit in "${units[@]}"; do run rm -f "/etc/systemd/system/$unit"; done
  run systemctl daemon-reload
  run rm -rf /opt/domovoi
  echo 'Gone. /etc/domovoi, /var/lib/domovoi and the user domovoi are still there.'
  exit 0
fi

if ! [[ $server_name =~ ^[0-9A-Za-z.-]{1,230}(:[0-9]{1,5})?$ ]]; then
  echo "$server_name is no server name: give the part of user ids after the colon, such as example.org" >&2
  exit 64
fi

id domovoi >/dev/null 2>&1 || run useradd --system --home-dir /var/lib/domovoi --shell /usr/sbin/nologin domovoi
run install --directory --mode=0755 /opt/domovoi
for part in package.json package-lock.json homeserver bridges migrations README.md docs; do
  run cp -r "$source_tree/$part" /opt/domovoi/
done
run npm --prefix /opt/domovoi ci --omit=dev --no-audit --no-fund
run install --directory --owner=domovoi --group=domovoi --mode=0700 /var/lib/domovoi
run install --directory --owner=root --group=domovoi --mode=0750 /etc/domovoi
if [ ! -e /etc/domovoi/config.yaml ]; then
  echo '+ write /etc/domovoi/config.yaml'
  if [ -z "$dry_run" ]; then
    cat >/etc/domovoi/config.yaml <<YAML
server_name: $server_name
profile: family
data_dir: /var/lib/domovoi
listen: { host: 127.0.0.1 }
YAML
    chown root:domovoi /etc/domovoi/config.yaml
    chmod 0640 /etc/domovoi/config.yaml
  fi
fi
for unit in "${units[@]}"; do run install --mode=0644 "$source_tree/docker/systemd/$unit" /etc/systemd/system/; done
run systemctl daemon-reload
run systemctl enable --now domovoi.service domovoi-backup.timer
echo "Next: a reverse proxy with a certificate, as in docker/proxy, and your account:"
echo "  cd /var/lib/domovoi && sudo -u domovoi /opt/domovoi/node_modules/.bin/node /opt/domovoi/homeserver/cli/domovoi.ts register-user --admin NAME -c /etc/domovoi/config.yaml"
