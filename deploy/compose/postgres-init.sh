#!/bin/sh
# Runs once, when the volume is new: a database and a user for each of the two that need one.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set litellm_password="$(cat /run/secrets/litellm_db_password)" \
  --set langfuse_password="$(cat /run/secrets/langfuse_db_password)" <<'SQL'
CREATE ROLE litellm LOGIN PASSWORD :'litellm_password';
CREATE ROLE langfuse LOGIN PASSWORD :'langfuse_password';
CREATE DATABASE litellm OWNER litellm;
CREATE DATABASE langfuse OWNER langfuse;
SQL
