# The words of the scenarios: sourced by each. A check is a sentence and a command that must succeed.
set -u
failed=0
world=http://127.0.0.1:7777

check() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %s\n' "$sentence"
  else
    printf 'FAILED  %s\n' "$sentence"
    printf '%s\n' "$output" | tail -n 20 | cut -c 1-400 | sed 's/^/        | /'
    failed=1
  fi
}

# Asks every 50 ms, for at most so many seconds, until the command succeeds.
within() {
  local until=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    [ "$SECONDS" -lt "$until" ] || { printf '%s\n' "$output"; return 1; }
    sleep 0.05
  done
}

not() { ! "$@"; }
# Is a text in what a command prints? The whole is printed for whoever asks why not.
says() {
  local text=$1 output
  shift
  output=$("$@" 2>&1)
  printf '%s\n' "$output"
  grep -qF -- "$text" <<<"$output"
}
property() { systemctl show --property="$2" --value "$1"; }
equal() { [ "$1" = "$2" ] || { printf 'there is:  %s\nexpected:  %s\n' "$1" "$2"; return 1; }; }
journal() { journalctl --sync && journalctl --no-pager --all "$@"; }
# How many lines of the journal a query finds.
lines() { journal -q -o cat "$@" | wc -l; }
sim() { curl -sS --max-time 5 "$world/sim/$1" "${@:2}"; }
status_says() { says "$1" property poprelay StatusText; }
end() { exit "$failed"; }

# The played GoTo and chat, beside the service as the internet is.
start_world() {
  systemd-run --quiet --collect --unit=world /usr/bin/poprelay simulate --listen 127.0.0.1:7777 --rate 0 "$@"
  within 10 curl -sS -o /dev/null "$world/sim/channels"
}

# A config for that world. The secrets are where the README has them put.
configure() {
  printf 'the client secret\n' | install -m 600 /dev/stdin /etc/poprelay/goto-client-secret
  printf '%s/slack/desk\n' "$world" | install -m 600 /dev/stdin /etc/poprelay/front-desk.url
  sed "s|WORLD|$world|" >/etc/poprelay/config.toml <<'CONFIG'
[connections.main]
client_id = "the client id"
client_secret = { credential = "goto-client-secret" }
account_keys = ["1234567890123456789"]
api_url = "WORLD"
auth_url = "WORLD"
[sinks.front-desk]
type = "slack"
url = { credential = "front-desk.url" }
[operator]
sink = "front-desk"
[state]
dir = "/var/lib/poprelay"
CONFIG
  mkdir -p /etc/systemd/system/poprelay.service.d
  cat >/etc/systemd/system/poprelay.service.d/override.conf <<'DROPIN'
[Service]
LoadCredential=goto-client-secret:/etc/poprelay/goto-client-secret
LoadCredential=front-desk.url:/etc/poprelay/front-desk.url
DROPIN
  systemctl daemon-reload
}

# A person with a browser elsewhere: reads the address, consents, pastes where the browser ended.
log_in() {
  local out=/run/login.out at
  mkfifo /run/login.in
  poprelay login --paste "$@" </run/login.in >$out 2>&1 &
  local login=$!
  exec 9>/run/login.in
  within 10 grep -q 'http://127' $out || { cat $out; return 1; }
  at=$(curl -sS -o /dev/null -w '%{redirect_url}' "$(grep -o 'http://127[^ ]*' $out | head -n 1)")
  printf '%s\n' "$at" >&9
  exec 9>&-
  wait $login
  local code=$?
  cat $out
  rm -f /run/login.in
  return $code
}
