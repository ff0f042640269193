//! User and group names to numbers, from the bytes of `/etc/passwd` and `/etc/group`. No NSS.
