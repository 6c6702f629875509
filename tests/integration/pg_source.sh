#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts a private PostgreSQL (TLS on, scram over TCP), runs leat_pg_test against it, stops it.
#     [PG_PORT=…] tests/integration/pg_source.sh BUILD-DIRECTORY [parts of test names]
set -euo pipefail
build=$(realpath "$1")
shift
bin=${PG_BIN:-$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | sort -V | tail -1)")}
rows=${LEAT_PG_ROWS:-200000}
dir=$(mktemp -d)
silent=
as=()
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    as=(setpriv --reuid postgres --regid postgres --clear-groups)
    chown postgres: "$dir"
fi
finish() {
    "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
    if [ -n "$silent" ]; then kill "$silent" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap finish EXIT
cd "$dir"
port=${PG_PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
"${as[@]}" "$bin/initdb" -D data -U postgres --auth=trust -E UTF8 --no-sync >/dev/null
"${as[@]}" openssl req -new -x509 -days 30 -nodes -subj /CN=localhost -out data/server.crt -keyout data/server.key 2>/dev/null
"${as[@]}" chmod 600 data/server.key
cat >>data/postgresql.conf <<END
port = $port
unix_socket_directories = '$dir'
listen_addresses = '127.0.0.1'
wal_level = logical
ssl = on
fsync = off
END
cat >data/pg_hba.conf <<END
local all all trust
host all barred_user 192.0.2.1/32 scram-sha-256
host all tcp_user,plain_user,nobody 127.0.0.1/32 scram-sha-256
END
"${as[@]}" "$bin/pg_ctl" -D data -l log -w start >/dev/null
psql -X -q -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres <<END
CREATE ROLE tcp_user LOGIN REPLICATION PASSWORD 's3cret';
CREATE ROLE plain_user LOGIN PASSWORD 's3cret';
CREATE ROLE barred_user LOGIN PASSWORD 's3cret';
CREATE DATABASE leat_test;
GRANT CREATE ON DATABASE leat_test TO plain_user;
\c leat_test
CREATE TABLE public.narrow AS SELECT i AS id, i * 2 AS n, now() AS at, 'row ' || i AS note FROM generate_series(1, $rows) i;
GRANT SELECT ON public.narrow TO tcp_user;
END
# A port that accepts and says nothing.
exec 9< <(exec python3 -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(16)
print(s.getsockname()[1], flush=True); time.sleep(600)')
silent=$!
read -r silent_port <&9
export LEAT_PG_URL="host=$dir port=$port dbname=leat_test user=postgres" LEAT_PG_HOST="host=127.0.0.1 port=$port"
export LEAT_PG_ROWS=$rows LEAT_SILENT_PORT=$silent_port
"$build/leat_pg_test" "$@"
