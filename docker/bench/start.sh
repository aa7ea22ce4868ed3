#!/usr/bin/env bash
# Becomes one homeserver for a benchmark: the variables of ../complement/start.sh, but rooms and password hashes as users
# have them. The database is as durable as anywhere; rate limits stay off.
set -euo pipefail
export ROOM_VERSION=${ROOM_VERSION:-12} PASSWORD_HASH=${PASSWORD_HASH:-default}
exec "$(dirname "${BASH_SOURCE[0]}")/../complement/start.sh"
