#!/bin/bash
# Runs once, on the empty primary: the roles and databases that the embedded stack makes too.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username tradestream --dbname template1 \
  --set replicator="$REPLICATOR_PASSWORD" --set registry="$REGISTRY_PASSWORD" \
  --set worker="$WORKER_PASSWORD" --set projector="$PROJECTOR_PASSWORD" \
  --set gateway="$GATEWAY_PASSWORD" --set monitor="$MONITOR_PASSWORD" <<'SQL'
CREATE EXTENSION pg_stat_statements;
CREATE ROLE tradestream_replicator LOGIN REPLICATION PASSWORD :'replicator';
CREATE ROLE tradestream_registry LOGIN PASSWORD :'registry';
CREATE ROLE tradestream_worker LOGIN PASSWORD :'worker';
CREATE ROLE tradestream_projector LOGIN PASSWORD :'projector';
CREATE ROLE tradestream_gateway LOGIN PASSWORD :'gateway';
CREATE ROLE tradestream_monitor LOGIN PASSWORD :'monitor';
GRANT pg_monitor TO tradestream_monitor;
CREATE DATABASE registry OWNER tradestream_registry;
REVOKE CONNECT ON DATABASE registry FROM PUBLIC;
SQL

cat > "$PGDATA/pg_hba.conf" <<'RULES'
local all all scram-sha-256
host all all all scram-sha-256
host replication tradestream_replicator all scram-sha-256
RULES
# Last, so that nothing above waits for a standby that cannot come before this ends.
echo "synchronous_standby_names = 'ANY 1 (\"replica-1\", \"replica-2\")'" >> "$PGDATA/postgresql.conf"
