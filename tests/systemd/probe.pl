#!/usr/bin/perl
# Tries the actions of a hijacked daemon and prints for each whether it was allowed. Runs inside the unit's sandbox, and
# outside as the control. Perl, because a minimal Debian has it and no build is needed.
use strict;
use warnings;
use POSIX ();
use Socket;

# System calls by number: x86_64, aarch64.
my $arm = (POSIX::uname())[4] =~ /aarch64/;
my %call = (mmap => $arm ? 222 : 9, unshare => $arm ? 97 : 272, io_uring_setup => 425, keyctl => $arm ? 219 : 250);

sub first_line { open(my $file, "<", $_[0]) or return ""; return <$file> // "" }
sub report { printf "probe %s %s\n", $_[0], $_[1] ? "allowed" : "refused" }

report("reads-homes", scalar(glob "/home/*"));
report("reads-root", opendir(my $r, "/root"));
report("reads-secret", open(my $s, "<", "/etc/poprelay/goto-client-secret"));
report("writes-etc", open(my $e, ">", "/etc/poprelay-probe"));
report("writes-config", open(my $c, ">>", "/etc/poprelay/config.toml"));
report("writes-usr", open(my $u, ">", "/usr/poprelay-probe"));
report("sees-init", -e "/proc/1/stat");
report("sees-meminfo", -e "/proc/meminfo");
report("sees-simulator", scalar(grep { first_line($_) =~ /simulate/ } glob "/proc/[0-9]*/cmdline"));
report("sees-foreign-tmp", -e "/tmp/foreign");
report("opens-raw-socket", socket(my $raw, PF_INET, SOCK_RAW, 1));
report("opens-packet-socket", socket(my $packet, 17, SOCK_RAW, 0));
report("opens-netlink", socket(my $netlink, 16, SOCK_RAW, 0));
report("opens-tcp", socket(my $tcp, PF_INET, SOCK_STREAM, 0));
report("maps-write-execute", syscall($call{mmap}, 0, 4096, 7, 0x22, -1, 0) != -1);
# A null pointer gives EFAULT if the system call is allowed.
syscall($call{io_uring_setup}, 1, 0);
report("asks-io-uring", $! !~ /permitted|implemented/);
syscall($call{keyctl}, 0, -3, 1);
report("asks-keyring", $! !~ /permitted/);
report("makes-setuid", -d "/var/lib/poprelay" && open(my $suid, ">", "/var/lib/poprelay/probe") && chmod(04755, "/var/lib/poprelay/probe"));
unlink "/var/lib/poprelay/probe";
report("runs-a-shell", system("/bin/sh", "-c", "true") == 0);
report("writes-state", open(my $state, ">", "/var/lib/poprelay/probe"));
unlink "/var/lib/poprelay/probe";
# Last: a process in a new user namespace has lost its rights outside.
report("makes-namespaces", syscall($call{unshare}, 0x10000000) != -1);
