package sqlite

import (
	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/rondo"
)

// refuseNetwork refuses file systems without shared memory between machines: a second machine would not see the log's index.
func refuseNetwork(path string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return &rondo.Error{Kind: rondo.Unavailable, Message: "cannot ask for the file system of " + path, Err: err}
	}
	switch uint32(fs.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.AFS_SUPER_MAGIC,
		unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC:
		return rondo.Errorf(rondo.Unsupported, "database %s lies on a network file system: use a local disk", path)
	}
	return nil
}
