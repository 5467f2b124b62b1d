#!/usr/bin/perl
# Tries what a hijacked daemon would try, and says of each whether it was allowed. Run inside the unit's sandbox, and outside
# of it as the control. Perl, because a minimal Debian has it and nothing is compiled for it.
use strict;
use warnings;
use POSIX ();
use Socket;

# System calls by number: x86_64, aarch64.
my $arm = (POSIX::uname())[4] =~ /aarch64/;
my %call = (mmap => $arm ? 222 : 9, unshare => $arm ? 97 : 272, io_uring_setup => 425, keyctl => $arm ? 219 : 250);

sub first_line { open(my $file, "<", $_[0]) or return ""; return <$file> // "" }
sub told { printf "probe %s %s\n", $_[0], $_[1] ? "allowed" : "refused" }

told("reads-homes", scalar(glob "/home/*"));
told("reads-root", opendir(my $r, "/root"));
told("reads-secret", open(my $s, "<", "/etc/poprelay/goto-client-secret"));
told("writes-etc", open(my $e, ">", "/etc/poprelay-probe"));
told("writes-config", open(my $c, ">>", "/etc/poprelay/config.toml"));
told("writes-usr", open(my $u, ">", "/usr/poprelay-probe"));
told("sees-init", -e "/proc/1/stat");
told("sees-meminfo", -e "/proc/meminfo");
told("sees-world", scalar(grep { first_line($_) =~ /simulate/ } glob "/proc/[0-9]*/cmdline"));
told("sees-foreign-tmp", -e "/tmp/foreign");
told("opens-raw-socket", socket(my $raw, PF_INET, SOCK_RAW, 1));
told("opens-packet-socket", socket(my $packet, 17, SOCK_RAW, 0));
told("opens-netlink", socket(my $netlink, 16, SOCK_RAW, 0));
told("opens-tcp", socket(my $tcp, PF_INET, SOCK_STREAM, 0));
told("maps-write-execute", syscall($call{mmap}, 0, 4096, 7, 0x22, -1, 0) != -1);
# An empty pointer is refused as such (EFAULT) by whoever gets to look at it.
syscall($call{io_uring_setup}, 1, 0);
told("asks-io-uring", $! !~ /permitted|implemented/);
syscall($call{keyctl}, 0, -3, 1);
told("asks-keyring", $! !~ /permitted/);
told("makes-setuid", -d "/var/lib/poprelay" && open(my $suid, ">", "/var/lib/poprelay/probe") && chmod(04755, "/var/lib/poprelay/probe"));
unlink "/var/lib/poprelay/probe";
told("runs-a-shell", system("/bin/sh", "-c", "true") == 0);
told("writes-state", open(my $state, ">", "/var/lib/poprelay/probe"));
unlink "/var/lib/poprelay/probe";
# The last: whoever is in a namespace of its own users has lost its rights outside.
told("makes-namespaces", syscall($call{unshare}, 0x10000000) != -1);
