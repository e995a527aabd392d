#!/bin/sh
# Runs once, on an empty volume: the owner of the tables, and the role that serves (ADR 20).
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --quiet \
    --set owner="$(cat /run/secrets/owner_password)" \
    --set run="$(cat /run/secrets/run_password)" <<'SQL'
CREATE ROLE zavora_owner LOGIN PASSWORD :'owner';
CREATE ROLE zavora_run LOGIN PASSWORD :'run';
-- A migration that waits longer for a table would let everybody behind it wait, too.
ALTER ROLE zavora_owner SET lock_timeout = '1s';
CREATE DATABASE zavora OWNER zavora_owner;
REVOKE CONNECT ON DATABASE zavora FROM PUBLIC;
GRANT CONNECT ON DATABASE zavora TO zavora_run;
SQL
