#!/bin/bash
# A standby of the primary: copied from it at the first start, streaming ever after.
set -euo pipefail

export PGPASSWORD="$REPLICATOR_PASSWORD"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chown postgres: "$PGDATA"
  chmod 0700 "$PGDATA"
  gosu postgres pg_basebackup --pgdata "$PGDATA" --wal-method stream --checkpoint fast --write-recovery-conf \
    --dbname "host=primary port=5432 user=tradestream_replicator application_name=$NODE_NAME"
fi
exec docker-entrypoint.sh postgres -c "cluster_name=$NODE_NAME" "$@"
