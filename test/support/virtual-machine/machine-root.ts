/** Modules that the emulated machine's kernel needs in addition to its built-in features. */
export const MODULES = [
  ...['virtio_pci', 'virtio_net', 'virtio_blk', 'virtio_console', '9pnet_virtio', '9p'],
  // ext4 loads the last one by an alias that modules.dep does not have.
  ...['ext4', 'crc32c_generic', 'vhost_vsock', 'kvm-amd'],
];

/** Builds the root from this machine's /usr and /etc and a disk for /var, and switches to it. */
export const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in ${MODULES.toReversed().join(' ')}; do modprobe $module; done
mkdir /new
mount -t tmpfs -o mode=755 root /new
cd /new
mkdir dev etc proc root run sys tmp usr var
chmod 1777 tmp
for link in bin sbin lib lib64; do ln -s usr/$link $link; done
cp /trust.pem /commands .
for folder in usr etc; do
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro $folder $folder
done
mount -t devtmpfs dev dev
# QEMU is given its files as /dev/fd/3 and so on.
ln -s /proc/self/fd dev/fd
mkdir -p dev/pts dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs shm dev/shm
mount -t ext4 dev/vda var
mkdir -p var/lib var/log var/cache
mount -o move /proc proc
mount -o move /sys sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
exec switch_root /new /bin/sh /commands
`;

/** Reads one line of shell at a time. Writes its exit code and its output in base64. */
export const COMMANDS = `export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
# The driver makes the port in its own time.
until [ -e "$port" ]; do port=$(echo /dev/vport*p1); done
exec 3<>$port
echo up >&3
while IFS= read -r line <&3; do
  sh -c "$line" >/tmp/output 2>&1 </dev/null 3>&-
  echo "$? $(base64 -w0 /tmp/output)" >&3
done
`;
