#!/usr/bin/env bash
# Writes the Neo4j connection of an env file to a Databricks secret scope. See --help and docs/secrets.md.
#
# It needs bash 3.2 (macOS has no newer one) and the Databricks CLI, but no Python: people who may write secrets often
# have no Python environment of this project. The CLI's listings need no JSON parser: no name in question has a
# character that JSON escapes, and `"name":"x"` occurs in no other place.
# shellcheck disable=SC2295  # variables inside ${…%%…} are patterns here, or text in quotes

set +xva # a trace would print the secrets, an export of all variables would pass them to every child process
set -euo pipefail
export LC_ALL=C # strings are bytes: no decoding can change them
# A variable that the caller exported stays exported when the script assigns it. The caller's own NEO4J_* do not count.
unset text rest body part key value char said wanted flat vault env_uri env_host env_protocol env_username \
  env_user env_password env_database host username password database protocol
unset NEO4J_URI NEO4J_HOST NEO4J_PROTOCOL NEO4J_USERNAME NEO4J_USER NEO4J_PASSWORD NEO4J_DATABASE

readonly WRONG_SETTINGS=2 SERVICE_FAILED=3
readonly KEYS="host username password database protocol"
readonly LONGEST_VALUE=131072 # bytes that a secret may have
readonly INSTALL="install the current one (macOS, Linux: brew install databricks/tap/databricks)"
readonly LF=$'\n' CR=$'\r' BOM=$'\xef\xbb\xbf'
# White space as Python defines it, without the line feed: characters of one, two and three bytes in UTF-8.
readonly SPACE_1=$'[ \t\v\f\x1c\x1d\x1e\x1f]' SPACE_2=$'\xc2[\x85\xa0]'
readonly SPACE_3A=$'\xe2\x80[\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\xa8\xa9\xaf]'
readonly SPACE_3B=$'\xe1\x9a\x80' SPACE_3C=$'\xe2\x81\x9f' SPACE_3D=$'\xe3\x80\x80'

usage() {
  cat <<'END'
Usage: ./setup_secrets.sh [options] [scope]

Writes the keys host, username, password, database and protocol to a Databricks secret scope, and creates the scope
if it does not exist. The values come from an env file, which is parsed and never run.

  scope                Name of the secret scope (default airline-neo4j-secrets).
  --env-file FILE      File with the connection (default .env).
  --profile NAME       Profile of the Databricks CLI (default the CLI's own choice).
  --reader PRINCIPAL   Who gets READ on the scope: a user's e-mail, a group, or the application id of a service
                       principal (default nobody).
  --dry-run            Print what would be done and write nothing (default write).
  --help               Print this page.

Exit codes: 0 done, 2 a setting is wrong or missing, 3 the CLI or the workspace failed.
END
}

die() { # code, line
  printf 'setup_secrets.sh: %s\n' "$2" >&2
  exit "$1"
}

# --- the command line ---------------------------------------------------------------------------------------------

scope="" env_file=.env profile="" reader="" dry_run="" vault=""

read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) dry_run=yes ;;
      --env-file | --profile | --reader)
        [ $# -gt 1 ] || die $WRONG_SETTINGS "$1 needs a value; see --help"
        set_option "$1" "$2"
        shift
        ;;
      --env-file=* | --profile=* | --reader=*) set_option "${1%%=*}" "${1#*=}" ;;
      -*) die $WRONG_SETTINGS "unknown option ${1%%=*}; see --help" ;;
      *) set_scope "$1" ;;
    esac
    shift
  done
  scope=${scope:-airline-neo4j-secrets}
}

set_option() { # option, value
  case $2 in "" | -*) die $WRONG_SETTINGS "$1 needs a value; see --help" ;; esac
  case $1 in
    --env-file) env_file=$2 ;;
    --profile) profile=$2 ;;
    --reader) reader=$2 ;;
  esac
}

set_scope() {
  [ -z "$scope" ] || die $WRONG_SETTINGS "two scopes are given, $scope and $1; run the script once for each"
  case $1 in
    "" | *[!A-Za-z0-9_.@-]*) die $WRONG_SETTINGS "the scope's name '$1' may have only letters, digits and _ . @ -" ;;
  esac
  [ ${#1} -le 128 ] || die $WRONG_SETTINGS "the scope's name is too long; it may have 128 characters"
  scope=$1
}

# --- the env file, read as python-dotenv 1.2 does without interpolation -------------------------------------------
# `rest` is the unread text; each take_… removes one part from its front, or fails if the part is not there.

read_env_file() {
  [ -f "$env_file" ] ||
    die $WRONG_SETTINGS \
      "$env_file does not exist; cp .env.sample .env and fill it in, or name another file with --env-file"
  [ -r "$env_file" ] || die $WRONG_SETTINGS "$env_file cannot be read; chmod u+r $env_file"
  is_text ||
    die $WRONG_SETTINGS "$env_file is not UTF-8 text; save it as UTF-8 (in Windows Notepad: Save as, Encoding UTF-8)"
  text=$(cat <"$env_file" && printf x) # $(…) drops line feeds at the end; the x keeps them
  text=$LF${text%x}
  text=${text//$CR$LF/$LF}
  text=${text//$CR/$LF}
  # Windows editors put a byte order mark at the start of a file; files joined by `cat` have it at the start of a line.
  while case $text in *"$LF$BOM"*) ;; *) false ;; esac do text=${text//$LF$BOM/$LF}; done
  text=${text#"$LF"}
  rest=$text
  while skip_blank_lines && [ -n "$rest" ]; do
    take_line || drop_line
  done
}

is_text() { # a shell variable drops a NUL, which UTF-16 has; bytes that are not UTF-8 would be changed
  # shellcheck disable=SC2094  # the pipeline only reads
  tr -d '\000' <"$env_file" | cmp -s - "$env_file" || return 1
  command -v iconv >/dev/null || return 0
  # shellcheck disable=SC2094
  iconv -f UTF-8 -t UTF-8 <"$env_file" 2>/dev/null | cmp -s - "$env_file"
}

skip_spaces() {
  while :; do
    case $rest in
      $SPACE_1*) rest=${rest:1} ;;
      $SPACE_2*) rest=${rest:2} ;;
      $SPACE_3A* | $SPACE_3B* | $SPACE_3C* | $SPACE_3D*) rest=${rest:3} ;;
      *) return 0 ;;
    esac
  done
}

skip_blank_lines() {
  skip_spaces
  while [ "${rest:0:1}" = "$LF" ]; do
    rest=${rest:1}
    skip_spaces
  done
}

take_line() {
  skip_export
  key="" value=""
  [ "${rest:0:1}" = "#" ] || take_key || return 1
  skip_spaces
  if [ "${rest:0:1}" = "=" ]; then
    rest=${rest:1}
    take_value || return 1
  fi
  take_line_end || return 1
  remember
}

skip_export() {
  case $rest in
    export$SPACE_1* | export$SPACE_2* | export$SPACE_3A* | export$SPACE_3B* | export$SPACE_3C* | export$SPACE_3D*)
      rest=${rest:6}
      skip_spaces
      ;;
  esac
}

take_key() {
  if [ "${rest:0:1}" = "'" ]; then
    body=${rest:1}
    key=${body%%\'*}
    [ "$key" != "$body" ] || return 1
    rest=${body:${#key}+1}
  else
    key=${rest%%[=#$LF]*}
    key=${key%%$SPACE_1*}
    key=${key%%$SPACE_2*}
    key=${key%%$SPACE_3A*}
    key=${key%%$SPACE_3B*}
    key=${key%%$SPACE_3C*}
    key=${key%%$SPACE_3D*}
    rest=${rest:${#key}}
  fi
  [ -n "$key" ]
}

take_value() {
  body=$rest
  skip_spaces
  case ${rest:0:1} in
    "'") take_quoted "['\\\\]" "'" "\\'" ;;
    '"') take_quoted '["\\]' '"' "\\'\"abfnrtv" ;;
    "#") [ "$body" != "$rest" ] || take_unquoted ;; # `KEY= # why` has no value, `KEY=#1` has
    *) take_unquoted ;;
  esac
}

take_quoted() { # pattern that ends plain characters, the quote, the characters that a backslash escapes
  body=${rest:1}
  while :; do
    part=${body%%$1*}
    [ "$part" != "$body" ] || return 1
    value=$value$part
    body=${body:${#part}}
    if [ "${body:0:1}" = "$2" ]; then
      rest=${body:1}
      return 0
    fi
    char=${body:1:1}
    [ -n "$char" ] || return 1
    unescape "$3"
    value=$value$char
    body=${body:2}
  done
}

unescape() { # escaped characters change; any other character keeps its backslash
  case $1 in *"$char"*) ;; *) char="\\$char" && return 0 ;; esac
  case $char in
    a) char=$'\a' ;;
    b) char=$'\b' ;;
    f) char=$'\f' ;;
    n) char=$LF ;;
    r) char=$CR ;;
    t) char=$'\t' ;;
    v) char=$'\v' ;;
  esac
}

take_unquoted() {
  body=${rest%%"$LF"*}
  rest=${rest:${#body}}
  while :; do # a # begins a comment only after white space
    part=${body%%#*}
    value=$value$part
    [ "$part" != "$body" ] || break
    if ends_with_space; then break; fi
    value="$value#"
    body=${body:${#part}+1}
  done
  while ends_with_space; do value=${value:0:${#value}-width}; done
}

ends_with_space() { # sets `width` to the bytes of that space
  case $value in
    *$SPACE_1) width=1 ;;
    *$SPACE_2) width=2 ;;
    *$SPACE_3A | *$SPACE_3B | *$SPACE_3C | *$SPACE_3D) width=3 ;;
    *) return 1 ;;
  esac
}

take_line_end() {
  skip_spaces
  if [ "${rest:0:1}" = "#" ]; then
    body=${rest%%"$LF"*}
    rest=${rest:${#body}}
  fi
  case $rest in "" | "$LF"*) rest=${rest:1} ;; *) return 1 ;; esac
}

drop_line() { # python-dotenv also skips such a line with a warning; never print the line, it may be the password
  body=${text:0:${#text}-${#rest}}
  body=${body//[!$LF]/}
  printf 'setup_secrets.sh: %s, line %d is not NAME=VALUE and is skipped\n' "$env_file" $((${#body} + 1)) >&2
  body=${rest%%"$LF"*}
  rest=${rest:${#body}}
}

env_uri="" env_host="" env_protocol="" env_username="" env_user="" env_password="" env_database=""

remember() { # the last line of a name wins, even an empty one
  case $key in
    NEO4J_URI) env_uri=$value ;;
    NEO4J_HOST) env_host=$value ;;
    NEO4J_PROTOCOL) env_protocol=$value ;;
    NEO4J_USERNAME) env_username=$value ;;
    NEO4J_USER) env_user=$value ;;
    NEO4J_PASSWORD) env_password=$value ;;
    NEO4J_DATABASE) env_database=$value ;;
  esac
}

# --- the five values ----------------------------------------------------------------------------------------------

host="" username="" password="" database="" protocol=""

find_values() {
  if is_set "$env_uri"; then
    case $env_uri in *://*) ;; *) die_address NEO4J_URI ;; esac
    protocol=${env_uri%%://*} host=${env_uri#*://}
    check_address NEO4J_URI
  else
    is_set "$env_host" || die_missing "NEO4J_URI (or NEO4J_HOST)"
    is_set "$env_protocol" || env_protocol=neo4j+s
    protocol=$env_protocol host=$env_host
    check_address "NEO4J_PROTOCOL with NEO4J_HOST"
  fi
  is_set "$env_username" || env_username=$env_user
  is_set "$env_username" || die_missing NEO4J_USERNAME
  is_set "$env_password" || die_missing NEO4J_PASSWORD
  is_set "$env_database" || env_database=neo4j
  # shellcheck disable=SC2034  # read as ${!key}
  username=$env_username password=$env_password database=$env_database
  check_lengths
}

is_set() { # a blank value counts as unset, as in the loader
  local rest=$1
  skip_blank_lines
  [ -n "$rest" ]
}

die_missing() {
  die $WRONG_SETTINGS "$1 is not set in $env_file; fill it in"
}

die_address() {
  die $WRONG_SETTINGS "$1 in $env_file is no Neo4j address; write it as neo4j+s://HOST, without user and password"
}

check_address() { # the name for the message
  case $protocol in neo4j | neo4j+s | neo4j+ssc | bolt | bolt+s | bolt+ssc) ;; *) die_address "$1" ;; esac
  case $host in "" | [:/?#]* | *://* | *@* | *[[:space:]]*) die_address "$1" ;; esac
}

check_lengths() {
  for key in $KEYS; do
    value=${!key}
    [ ${#value} -le $LONGEST_VALUE ] ||
      die $WRONG_SETTINGS "the $key in $env_file has more than $LONGEST_VALUE bytes; a secret cannot be longer"
  done
}

# --- the Databricks CLI -------------------------------------------------------------------------------------------

cli() {
  if [ -n "$profile" ]; then databricks "$@" --profile "$profile"; else databricks "$@"; fi
}

ask() { # runs a command without secrets; sets `said` to its output
  said=$(cli "$@" 2>&1 </dev/null)
}

reason() { # the first line of the CLI's error message
  local line=${said#*Error: }
  line=${line%%"$LF"*}
  printf '%s' "${line:-no message}"
}

check_cli() {
  command -v databricks >/dev/null ||
    die $SERVICE_FAILED "the Databricks CLI is not on the path; $INSTALL"
  said=$(databricks --version 2>&1 </dev/null) || die $SERVICE_FAILED "databricks --version fails: $(reason)"
  local version='([0-9]+)\.([0-9]+)\.[0-9]+'
  [[ $said =~ $version ]] ||
    die $SERVICE_FAILED "databricks --version names no version; $INSTALL"
  if [ "${BASH_REMATCH[1]}" -eq 0 ] && [ "${BASH_REMATCH[2]}" -lt 200 ]; then
    die $SERVICE_FAILED "${BASH_REMATCH[0]} is the legacy Databricks CLI; pip uninstall databricks-cli and $INSTALL"
  fi
}

check_login() {
  ask current-user me ||
    die $SERVICE_FAILED "not logged in to Databricks; databricks auth login${profile:+ --profile $profile} ($(reason))"
}

lists() { # member, value: whether the listing in `said` has it. Scope names ignore case.
  wanted=$(printf '"%s":"%s"' "$1" "$2" | tr '[:upper:]' '[:lower:]')
  flat=$(printf '%s' "$said" | tr -d '[:space:]' | tr '[:upper:]' '[:lower:]')
  case $flat in *"$wanted"*) return 0 ;; *) return 1 ;; esac
}

has_scope() { # sets `vault` to the name of the Azure Key Vault that holds the scope's secrets, if one does
  ask secrets list-scopes -o json ||
    die $SERVICE_FAILED "the secret scopes cannot be listed: $(reason); see databricks secrets list-scopes --debug"
  lists name "$scope" || return 1
  local before=${flat%%"$wanted"*} after=${flat#*"$wanted"}
  flat=${before##*\},\{}$wanted${after%%\},\{*} # the members of this scope; a vault's are no list
  case $flat in *'"backend_type":"azure_keyvault"'*) ;; *) return 0 ;; esac
  vault=${flat#*'"dns_name":"'}
  vault=${vault#https://}
  vault=${vault%%[!a-z0-9-]*}
}

make_scope() {
  if ask secrets create-scope "$scope"; then
    echo "created scope $scope"
    return
  fi
  # Somebody may have created it after the listing; any other error is a failure.
  case $said in
    *"already exists"*) echo "scope $scope exists" ;;
    *) die $SERVICE_FAILED "scope $scope cannot be created: $(reason); name a scope that you may create or write" ;;
  esac
}

put_value() { # key; printf is a builtin and writes into a pipe, so that no process list shows the value
  value=${!1}
  said=$(printf '%s' "$value" 2>/dev/null | cli secrets put-secret "$scope" "$1" 2>&1) && return 0
  case $said in *"$password"*) said="(its message repeats the password and is not shown)" ;; esac
  die $SERVICE_FAILED "key $1 of scope $scope cannot be written: $(reason); run again with WRITE on the scope"
}

check_keys() {
  ask secrets list-secrets "$scope" -o json ||
    die $SERVICE_FAILED "the keys of scope $scope cannot be listed: $(reason)"
  for key in $KEYS; do
    lists key "$key" || die $SERVICE_FAILED "key $key was written, but scope $scope does not list it; run again"
  done
}

grant() {
  [ -z "$dry_run" ] || { echo "would grant READ on $scope to $reader" && return 0; }
  ask secrets put-acl "$scope" "$reader" READ ||
    die $SERVICE_FAILED "READ on scope $scope cannot be granted to $reader: $(reason); needs MANAGE"
  echo "granted READ on $scope to $reader"
}

refuse_vault() { # Databricks only reads such a scope; the loader accepts these names
  [ -n "$vault" ] || return 0
  [ -z "$reader" ] || grant
  echo "scope $scope is the Azure Key Vault $vault. Write its secrets in Azure, each from a FILE that holds the value"
  echo "alone, without a line feed at its end:"
  for key in $KEYS; do
    echo "  az keyvault secret set --vault-name $vault --name neo4j-$key --file FILE"
  done
  echo "Only if a service principal calls the endpoint: also databricks-client-id and databricks-client-secret."
  die $WRONG_SETTINGS "Databricks cannot write scope $scope, and nothing was written; run the commands above"
}

# --- all of it ----------------------------------------------------------------------------------------------------

print_plan() {
  if has_scope; then refuse_vault && echo "scope $scope exists"; else echo "would create scope $scope"; fi
  echo "would write the keys $KEYS"
  [ -z "$reader" ] || grant
}

write_all() {
  if has_scope; then refuse_vault && echo "scope $scope exists"; else make_scope; fi
  for key in $KEYS; do put_value "$key"; done
  check_keys
  echo "wrote the keys $KEYS to $scope"
  [ -z "$reader" ] || grant
}

main() {
  read_arguments "$@"
  read_env_file
  find_values
  check_cli
  check_login
  if [ -n "$dry_run" ]; then print_plan; else write_all; fi
}

# If sourced, the script only defines functions: the tests compare its parser with python-dotenv.
[ "${BASH_SOURCE[0]}" != "$0" ] || main "$@"
