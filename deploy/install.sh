#!/bin/sh
# Installs poprelay on a systemd machine, or upgrades it: program, unit, example config. Run as root from the project's folder,
# after `cargo build --release`. `--remove` takes program and unit away again; config and state stay.
set -eu
cd "$(dirname "$0")/.."
root=${DESTDIR:-}

if [ "${1:-}" = --remove ]; then
  [ -n "$root" ] || systemctl disable --now poprelay.service || true
  rm -f "$root/usr/local/bin/poprelay" "$root/etc/systemd/system/poprelay.service"
  [ -n "$root" ] || systemctl daemon-reload
  echo "poprelay is removed. Its config is still in /etc/poprelay, its state in /var/lib/private/poprelay."
  exit 0
fi

binary=${BINARY:-target/release/poprelay}
[ -x "$binary" ] || { echo "there is no $binary yet: cargo build --release" >&2; exit 1; }

install -D -m 755 "$binary" "$root/usr/local/bin/poprelay"
install -D -m 644 systemd/poprelay.service "$root/etc/systemd/system/poprelay.service"
install -d -m 755 "$root/etc/poprelay"
install -m 644 config.example.toml "$root/etc/poprelay/config.example.toml"
[ -e "$root/etc/poprelay/config.toml" ] || install -m 644 config.example.toml "$root/etc/poprelay/config.toml"
[ -n "$root" ] || systemctl daemon-reload

echo "poprelay is installed. Next: edit /etc/poprelay/config.toml, then see \"Go real\" in README.md, steps 2 to 6."
