#!/bin/sh
# Runs in a clean Debian that has rpm, where no service manager runs, with /mnt/old.rpm and /mnt/new.rpm.

files() {
  find / -xdev \( -path /mnt -o -path /tmp -o -path /var/lib/rpm -o -path /root/.rpmdb -o -path /var/log -o -path /var/cache \) -prune -o -print | sort
}
fail() { echo "FAILED: $*"; exit 1; }

rpm() { command rpm --nodeps "$@"; } # of Debian's packages, rpm knows nothing
# Red Hat's "filesystem" has these.
mkdir -p /usr/share/fish/vendor_completions.d /usr/share/zsh/site-functions
files >/tmp/before
rpm -i /mnt/old.rpm
parley version | grep -q '^parley 1\.2\.3 commit ' || fail "$(parley version)"
systemd-analyze verify --man=no /usr/lib/systemd/system/parley.service || fail "units"
sed -i 's|^#PARLEY_LISTEN=.*|PARLEY_LISTEN=happy://:12000|' /etc/default/parley
rpm -U /mnt/new.rpm
parley version | grep -q '^parley 1\.2\.4 ' || fail "$(parley version)"
grep -q '^PARLEY_LISTEN=happy' /etc/default/parley || fail "the settings are gone"
[ -e /usr/share/zsh/site-functions/_parley ] || fail "no completion for zsh"
rpm -e parley
# It keeps what the administrator has changed.
[ -e /etc/default/parley.rpmsave ] || fail "the settings are gone"
rm /etc/default/parley.rpmsave
files >/tmp/after
diff /tmp/before /tmp/after || fail "an erase leaves this (>) or takes this (<)"
echo "erased, nothing left"
