#!/usr/bin/env bash
# Becomes one homeserver for a conformance suite, set up by the environment alone and with nothing that hinders a test:
# open registration, no rate limits, cheap password hashes, calls to this machine allowed.
#
#   SERVER_NAME                 as in user ids; may have a port
#   BIND_ADDR CLIENT_PORT       all APIs by plain HTTP
#   FED_PORT TLS_CERT TLS_KEY   the same by TLS, for other servers
#   CA_CERT                     authority to believe when calling other servers
#   DATA_DIR                    where this server keeps everything, and finds it again
#   APPSERVICES_DIR             *.yaml: application services, in the order of their file names
#   REGISTRATION_SHARED_SECRET  for /_synapse/admin/v1/register
# Optional: DATABASE_URL (else SQLite), ROOM_VERSION, PASSWORD_HASH (default|fast), SMTP_HOST and SMTP_PORT (no TLS), EXTRA_CONFIG
# (a YAML file that wins).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
umask 077

cat >"$DATA_DIR/config.yaml" <<YAML
server_name: "$SERVER_NAME"
public_url: "http://$BIND_ADDR:$CLIENT_PORT"
profile: community
data_dir: "$DATA_DIR"
listen: { host: "$BIND_ADDR", port: $CLIENT_PORT }
tls: { mode: files, port: $FED_PORT, cert: "$TLS_CERT", key: "$TLS_KEY" }
database: { url: "${DATABASE_URL:-sqlite:$DATA_DIR/domovoi.db}" }
registration: { mode: open, i_accept_abuse_risk: true, shared_secret: "$REGISTRATION_SHARED_SECRET" }
auth: { password_hash: ${PASSWORD_HASH:-fast} }
encryption: { default: "off" } # suites look at all events of a new room
federation: { device_names: true }
outgoing: { allow_ranges: [127.0.0.0/8], ca_file: "$CA_CERT" }
presence: full
rooms: { default_version: "${ROOM_VERSION:-11}" } # suites were written for older rooms
limits: { preset: "off" }
${SMTP_HOST:+mail: { host: "$SMTP_HOST", port: ${SMTP_PORT:-25}, encryption: none \}}
appservices:
$(find "$APPSERVICES_DIR" -name '*.yaml' -printf '  - "%p"\n' | sort)
YAML

export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PWD/.cache/node} # a suite starts many servers
exec node_modules/.bin/node --max-semi-space-size=16 homeserver/main.ts -c "$DATA_DIR/config.yaml" ${EXTRA_CONFIG:+-c "$EXTRA_CONFIG"}
